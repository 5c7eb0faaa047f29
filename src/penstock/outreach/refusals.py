"""What follows when a step may not be done now: it waits for its time, is held until somebody mends it, or the sequence
ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.compliance import Decision
from penstock.core import clock, dlq
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load
from penstock.outreach.rules import CONTENT, RETRY_DENIED, RETRY_FORBIDDEN, UNUSABLE, ends_sequence, working_hour

SQL = load(__package__)
# Why a sequence was stopped, where the database asks for it too: app.end_with_removal, app.back_in_line.
TAKEN_OUT = "taken out of the campaign"
NO_SLOT = "no slot of the campaign"


async def turn_away(db: AsyncConnection, org_id: int, refused: Sequence[tuple[RowMapping, Decision]]) -> None:
    """Steps the gate refused: moved to when it would allow them, stopped where waiting does not help, held in the DLQ
    where our own words are at fault."""
    reasons = {row["enrollment_id"]: ends_sequence(decision.reasons) for row, decision in refused}
    invalid = [enrollment for enrollment, reason in reasons.items() if reason == "ID_INVALID"]
    replaced = {row["enrollment_id"] for row in await rows(db, SQL["replaced"], org_id=org_id, ids=invalid)}
    reasons |= dict.fromkeys(replaced)  # in this very moment: the next look follows it to the new one
    ended = {enrollment: reason for enrollment, reason in reasons.items() if reason is not None}
    await stop(db, org_id, ended)
    waiting = [(row, decision) for row, decision in refused if row["enrollment_id"] not in ended]
    for row, decision in waiting:
        if wrong := CONTENT.intersection(decision.reasons):
            await hold(db, org_id, row["enrollment_id"], row["current_step"] + 1, ", ".join(sorted(wrong)))
    moved = [(row, decision) for row, decision in waiting if not CONTENT.intersection(decision.reasons)]
    await execute(
        db,
        SQL["postpone"],
        org_id=org_id,
        ids=[row["enrollment_id"] for row, _ in moved],
        steps=[row["current_step"] for row, _ in moved],
        ats=[
            clock.now() + RETRY_FORBIDDEN if row["enrollment_id"] in replaced else again_at(decision)
            for row, decision in moved
        ],
    )
    given_up = {row["lead_id"]: why for row, _ in refused if (why := reasons[row["enrollment_id"]]) in UNUSABLE}
    await execute(
        db, SQL["give_up"], org_id=org_id, lead_ids=list(given_up), reasons=[str(why) for why in given_up.values()]
    )
    await journey.announce(
        db,
        org_id,
        [
            journey.Event(
                "contact_denied",
                row["lead_id"],
                stage="outreach",
                details={"channel": "email", "reason": decision.reason, "step": row["current_step"] + 1},
            )
            for row, decision in refused
        ],
    )


def again_at(decision: Decision) -> datetime:
    """When to ask again: in the next working hour after the gate opens, or in a day if only an act cures it."""
    if decision.next_permitted_at is None:
        return clock.now() + RETRY_DENIED
    return working_hour(decision.next_permitted_at, zone(decision))


def zone(decision: Decision) -> str:
    return decision.zones[0] if decision.zones else "UTC"


async def hold(
    db: AsyncConnection, org_id: int, enrollment_id: int, step: int, error: str, retry_in_s: float | None = None
) -> None:
    await dlq.put(
        db,
        org_id,
        stage="outreach",
        item=str(enrollment_id),
        payload={"step": step},
        error=error,
        retry_in_s=retry_in_s,
    )


async def stop(db: AsyncConnection, org_id: int, reasons: Mapping[int, str]) -> None:
    stopped = await rows(db, SQL["stop"], org_id=org_id, ids=list(reasons), reasons=list(reasons.values()))
    await journey.announce(
        db,
        org_id,
        [
            journey.Event("sequence_stopped", row["lead_id"], stage="outreach", details={"reason": row["stop_reason"]})
            for row in stopped
        ],
    )
