"""Pump of the stage: takes in what came or changed."""

from __future__ import annotations

from penstock.contagion import passes
from penstock.core.context import Context


async def pump(ctx: Context, org_id: int) -> int:
    """Score what the noted changes reach, or everything on the first work of a day; gives how many places."""
    if not await passes.worth_while(ctx, org_id):
        return 0
    done = await passes.bring_up_to_date(ctx, org_id)
    return sum(scored.properties for scored in done.values())
