"""Pump of the stage."""

from penstock.core.context import Context


async def pump(ctx: Context, org_id: int) -> int:
    """Nothing is due yet."""
    return 0
