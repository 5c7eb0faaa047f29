"""The pump of outreach: steps that are due are put to the gate, written, sent and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock.compliance.facts import Decision, Intent
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import InvalidInput
from penstock.core.sqlfile import load
from penstock.outreach import post
from penstock.outreach.post import Draft, Fate, Outcome, Posted
from penstock.outreach.rules import RETRY_DENIED, ends_sequence, next_step_at, working_hour
from penstock.outreach.sequences import address_failed

SQL = load(__package__)
PLANNED = 200
"""Steps asked about at once."""
AUTHORISED = 25
"""Emails that one transaction authorises: no more than this many can be in doubt when a worker dies."""
log = structlog.get_logger(__name__)


async def pump(ctx: Context, org_id: int) -> int:
    """Try every step that is due; gives how many were tried."""
    await post.settle(ctx, org_id)
    tried = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            due = await rows(db, SQL["due"], limit=PLANNED)
            planned = await _plan(ctx, db, org_id, due)
        for start in range(0, len(planned), AUTHORISED):
            await _send(ctx, org_id, planned[start : start + AUTHORISED])
        if not due:
            return tried
        tried += len(due)


async def _plan(ctx: Context, db: AsyncConnection, org_id: int, due: Sequence[RowMapping]) -> list[int]:
    """Ask the gate about all of them at once; gives the enrollments that may go on, and moves or stops the others."""
    gone = [row for row in due if row["campaign_status"] not in ("active", "paused")]
    await _stop(db, org_id, {row["enrollment_id"]: row["campaign_status"] for row in gone})
    open_ = [row for row in due if row["campaign_status"] in ("active", "paused")]
    asked = [row for row in open_ if row["contact_point_id"] is not None]
    await _stop(db, org_id, {row["enrollment_id"]: "no address" for row in open_ if row["contact_point_id"] is None})
    decisions = await compliance.decide_many(
        ctx,
        db,
        org_id,
        [
            compliance.Request(
                lead_id=row["lead_id"],
                contact_point_id=row["contact_point_id"],
                intent=Intent(channel="email", seller_id=org_id, campaign_id=row["campaign_id"]),
            )
            for row in asked
        ],
    )
    refused = [(row, answer) for row, answer in zip(asked, decisions, strict=True) if not answer.allowed]
    await _refused(db, org_id, refused)
    return [row["enrollment_id"] for row, answer in zip(asked, decisions, strict=True) if answer.allowed]


async def _send(ctx: Context, org_id: int, enrollment_ids: Sequence[int]) -> None:
    """Authorise, hand over and record a handful of emails."""
    async with ctx.db.tenant(org_id) as db:
        held = await rows(db, SQL["hold"], org_id=org_id, ids=list(enrollment_ids))
        threads = {
            row["enrollment_id"]: row["message_ids"]
            for row in await rows(
                db,
                SQL["threads"],
                org_id=org_id,
                ids=[row["enrollment_id"] for row in held],
                lead_ids=[row["lead_id"] for row in held],
            )
        }
        posted = [
            email
            for row in held
            if (email := await _authorise(ctx, db, org_id, row, threads.get(row["enrollment_id"], ()))) is not None
        ]
    room = asyncio.Semaphore(ctx.settings.mail.connections)
    outcomes = await asyncio.gather(*(_hand_over(ctx, email, room) for email in posted))
    async with ctx.db.tenant(org_id) as db:
        await _record(ctx, db, org_id, list(zip(posted, outcomes, strict=True)))


async def _hand_over(ctx: Context, email: Posted, room: asyncio.Semaphore) -> Outcome:
    async with room:
        return await post.hand_over(ctx, email)


async def _authorise(
    ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping, thread: Sequence[str]
) -> Posted | None:
    """One step through the gate; None when it may not go now, with the enrollment moved, stopped or held."""
    playbook = ctx.playbooks[row["playbook"]]
    step = row["current_step"] + 1
    if step > len(playbook.sequence):
        await _stop(db, org_id, {row["enrollment_id"]: "sequence is over"})
        return None
    draft = Draft(
        lead_id=row["lead_id"],
        contact_point_id=row["contact_point_id"],
        template=playbook.sequence[step - 1].template,
        persona=row["persona"],
        subject_key=f"enrollment:{row['enrollment_id']}",
        step=step,
        enrollment_id=row["enrollment_id"],
        campaign_id=row["campaign_id"],
        thread=thread,
    )
    try:
        async with db.begin_nested():
            decision, email = await post.authorise(ctx, db, org_id, draft)
    except InvalidInput as error:
        await _hold(db, org_id, row["enrollment_id"], step, str(error))
        return None
    if email is None:
        await _refused(db, org_id, [(row, decision)])
        return None
    days = [step.day for step in playbook.sequence]
    zone = decision.zones[0] if decision.zones else "UTC"
    next_at = next_step_at(clock.now(), days, step, zone)
    await execute(db, SQL["advance"], org_id=org_id, id=row["enrollment_id"], step=step, next_at=next_at)
    if row["campaign_status"] == "paused":
        await execute(db, SQL["resume_leads"], org_id=org_id, lead_id=row["lead_id"])
    return email


async def _refused(db: AsyncConnection, org_id: int, refused: Sequence[tuple[RowMapping, Decision]]) -> None:
    """Steps the gate refused: moved to when it would allow them, or stopped where waiting does not help."""
    ended = {
        row["enrollment_id"]: reason for row, answer in refused if (reason := ends_sequence(answer.reasons)) is not None
    }
    moved = {row["enrollment_id"]: _again_at(answer) for row, answer in refused if row["enrollment_id"] not in ended}
    await _stop(db, org_id, ended)
    await execute(db, SQL["postpone"], org_id=org_id, ids=list(moved), ats=list(moved.values()))
    await journey.announce(
        db,
        org_id,
        [
            journey.Event(
                "contact_denied",
                row["lead_id"],
                stage="outreach",
                details={"channel": "email", "reason": answer.reason, "step": row["current_step"] + 1},
            )
            for row, answer in refused
        ],
    )


def _again_at(answer: Decision) -> Any:
    """When to ask again: at the person's next working hour after the gate opens, or in a day if only an act can cure
    it."""
    if answer.next_permitted_at is None:
        return clock.now() + RETRY_DENIED
    return working_hour(answer.next_permitted_at, answer.zones[0] if answer.zones else "UTC")


async def _record(ctx: Context, db: AsyncConnection, org_id: int, results: Sequence[tuple[Posted, Outcome]]) -> None:
    sent = [email for email, outcome in results if outcome.fate is Fate.SENT]
    await post.record_sent(ctx, db, org_id, sent)
    await dlq.clear(db, org_id, stage="outreach", items=[str(email.enrollment_id) for email in sent])
    for email, outcome in results:
        if outcome.fate is not Fate.SENT:
            await _not_sent(ctx, db, org_id, email, outcome)


async def _not_sent(ctx: Context, db: AsyncConnection, org_id: int, email: Posted, outcome: Outcome) -> None:
    assert email.enrollment_id is not None
    log.warning("email_not_sent", lead_id=str(email.lead_id), fate=str(outcome.fate), detail=outcome.detail)
    await post.record_not_sent(ctx, db, org_id, email, outcome)
    if outcome.fate is Fate.NO_MAILBOX:
        await address_failed(
            ctx,
            db,
            org_id,
            lead_id=email.lead_id,
            contact_point_id=email.contact_point_id,
            enrollment_id=email.enrollment_id,
            step=email.step,
            detail=outcome.detail,
        )
    elif outcome.fate is not Fate.UNCLEAR:
        await execute(db, SQL["step_back"], org_id=org_id, id=email.enrollment_id, step=email.step)
        await _hold(db, org_id, email.enrollment_id, email.step, outcome.detail, outcome.retry_in_s)


async def _hold(
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


async def _stop(db: AsyncConnection, org_id: int, reasons: dict[int, str]) -> None:
    stopped = await rows(db, SQL["stop"], org_id=org_id, ids=list(reasons), reasons=list(reasons.values()))
    await journey.announce(
        db,
        org_id,
        [
            journey.Event("sequence_stopped", row["lead_id"], stage="outreach", details={"reason": row["stop_reason"]})
            for row in stopped
        ],
    )
