"""The chore of identity: keys for companies that somebody wrote by hand."""

from penstock.core.context import Context
from penstock.identity.company_merge import make_keys


async def make_missing_keys(ctx: Context, org_id: int) -> int:
    """Make the keys of companies written by hand or renamed; gives how many."""
    async with ctx.db.tenant(org_id) as db:
        return await make_keys(db)
