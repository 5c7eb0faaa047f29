"""06:00 on weekdays: the best contactable leads enter the sequence, up to each broker's daily cap.

One mechanism for both worlds: a place comes through the standing campaign of its playbook, a person at a company
through the campaigns that mean them, one of a company at a time.
"""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import text

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.sqlfile import load
from penstock.outreach.rules import TIME_TO_ANSWER
from penstock.playbook import Playbook

SQL = load(__package__)
_TIMEZONE = text("select timezone from app.orgs where id = cast(:org_id as int)")


async def feed(ctx: Context, org_id: int, slot: datetime | None = None) -> dict[str, int]:
    """Put the day's leads into their campaigns; gives how many were queued and fed.

    Safe to run twice and by two workers at once: what a broker got since local midnight counts against the cap. `slot`
    is the
    instant of the timetable that called; a late run feeds for the day on which it runs.
    """
    found = [book for book in ctx.playbooks.values() if book.sequence and book.personas]
    books = {
        "playbooks": [book.name for book in found],
        "names": [book.sequence_name if has_standing_campaign(book) else None for book in found],
        "personas": ["|".join(persona.name for persona in book.personas) for book in found],
        "targets": ["|".join(book.targets) for book in found],
    }
    standing = [book for book in found if has_standing_campaign(book)]
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["lock_feeder"], org_id=org_id)
        names = [book.sequence_name for book in standing]
        await execute(
            db, SQL["ensure_campaigns"], org_id=org_id, playbooks=[book.name for book in standing], names=names
        )
        queued = await execute(db, SQL["queue_ready"], org_id=org_id)
        zone = str(await scalar(db, _TIMEZONE, org_id=org_id))
        starts = day_start(clock.now(), zone)
        fed = await rows(db, SQL["feed"], org_id=org_id, day_starts=starts, time_to_answer=TIME_TO_ANSWER, **books)
        await journey.announce(
            db,
            org_id,
            [
                journey.Event(
                    "campaign_queued",
                    row["lead_id"],
                    stage="outreach",
                    details={"campaign_id": row["campaign_id"], "persona": row["persona"]},
                )
                for row in fed
            ],
        )
    return {"queued": queued, "fed": len(fed)}


def has_standing_campaign(book: Playbook) -> bool:
    """Whether all whom the playbook is about belong to one campaign for ever; people at companies are meant by name."""
    return book.subject != "company"


def day_start(at: datetime, zone: str) -> datetime:
    """Local midnight before `at` in `zone`."""
    local = at.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), time(), local.tzinfo)
