"""How likely a lead ends won: counted from how earlier leads ended, and said only where enough of them have."""

from __future__ import annotations

from datetime import datetime

from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.sqlfile import load

SQL = load(__package__)


async def learn(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    """Write `leads.conversion_probability` anew (percent); gives how many changed.

    A lead's chance is (won + 10 p) / (finished + 10) among leads of its playbook, tier, and state (replied or not, met
    or not), p being the playbook's share of won. Below twenty finished leads of a playbook its leads keep null.
    """
    async with ctx.db.tenant(org_id) as db:
        return {"changed": await execute(db, SQL["learn"], org_id=org_id)}
