"""Pump of the stage."""

from __future__ import annotations

from penstock.core.context import Context
from penstock.reports.making import make_due


async def pump(ctx: Context, org_id: int) -> int:
    """Make every report that is due; gives how many."""
    return await make_due(ctx, org_id)
