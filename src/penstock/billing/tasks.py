"""The monthly invoice run: on the first day of the month at 02:00, org time, and whenever somebody asks for it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from penstock.billing import rules
from penstock.billing.service import SQL, close_period
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import scalar


async def issue_month(ctx: Context, org_id: int, slot: datetime) -> dict[str, Any]:
    """The timetable's run: every month that was over at `slot`, org time, is invoiced. Idempotent."""
    return asdict(await close_period(ctx, org_id, await _month_start(ctx, org_id, slot)))


async def pump(ctx: Context, org_id: int) -> int:
    """Invoice every month that is over by now; gives how many lines were written (`penstock run billing`)."""
    return (await close_period(ctx, org_id, await _month_start(ctx, org_id, clock.now()))).lines


async def _month_start(ctx: Context, org_id: int, at: datetime) -> datetime:
    async with ctx.db.tenant(org_id) as db:
        zone = ZoneInfo(await scalar(db, SQL["org_timezone"], org_id=org_id))
    return datetime.combine(rules.month_of(at.astimezone(zone).date()), time(0), zone)
