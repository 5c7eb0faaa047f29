"""05:30: the list of leads that may be called is read anew, without locking out those who read it meanwhile."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import scalar

_REFRESH = text("refresh materialized view concurrently api.mv_contactable_leads")
_COUNT = text("select count(*) from api.mv_contactable_leads where org_id = cast(:org_id as int)")


async def refresh(ctx: Context, org_id: int, slot: datetime) -> dict[str, Any]:
    """Refresh `api.mv_contactable_leads`; gives the org's leads in it and the milliseconds it took.

    Runs outside a transaction, as CONCURRENTLY asks; PostgreSQL itself lets two refreshes only run one after the other.
    An error goes up to the timetable, which records it as a failed slot; the alert `refresh_failed` reads that.
    """
    started = clock.stopwatch()
    async with ctx.db.autocommit() as db:
        await db.execute(_REFRESH)
        leads = await scalar(db, _COUNT, org_id=org_id)
    return {"leads": leads, "duration_ms": round((clock.stopwatch() - started) * 1000)}
