"""The pump of outreach: steps that are due are put to the gate, written, sent and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance
from penstock.compliance import Intent, Request
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import reason_of
from penstock.core.sqlfile import load
from penstock.outreach import handwork, post
from penstock.outreach.post import Draft, Fate, Outcome, Posted
from penstock.outreach.refusals import NO_SLOT, TAKEN_OUT, hold, stop, turn_away, zone
from penstock.outreach.rules import RETRY_CHECKING, RETRY_FORBIDDEN
from penstock.outreach.sequences import address_failed, advance, leave_address, step_of

SQL = load(__package__)
PLANNED = 200
"""Steps asked about at once."""
AUTHORISED = 25
"""Emails that one transaction authorises: no more than this many can be in doubt when a worker dies."""
log = structlog.get_logger(__name__)
Made = TypeVar("Made")


async def recover(ctx: Context, org_id: int) -> int:
    """Put in doubt what a dead worker was sending; gives how many messages. They count as sent, now and for ever."""
    return await post.settle(ctx, org_id)


async def pump(ctx: Context, org_id: int) -> int:
    """Try every step that is due; gives how many were tried."""
    await post.settle(ctx, org_id)
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["follow_primaries"], org_id=org_id)
    tried = await _leave_dead_addresses(ctx, org_id)
    while True:
        due, planned = await _plan_due(ctx, org_id)
        for start in range(0, len(planned), AUTHORISED):
            await _send(ctx, org_id, planned[start : start + AUTHORISED])
        if not due:
            return tried
        tried += due


async def _leave_dead_addresses(ctx: Context, org_id: int) -> int:
    """Sequences whose address turned red go on with the person's next best one, or end; gives how many."""
    left = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            dead = await rows(db, SQL["dead_addresses"], limit=PLANNED)
        for row in dead:
            async with ctx.db.tenant(org_id) as db:  # each by itself: it locks everybody who carries the address
                await address_failed(
                    ctx,
                    db,
                    org_id,
                    lead_id=row["lead_id"],
                    contact_point_id=row["contact_point_id"],
                    enrollment_id=row["enrollment_id"],
                    step=row["current_step"] + 1,
                    detail="called dead by a check",
                )
        if not dead:
            return left
        left += len(dead)


async def _plan_due(ctx: Context, org_id: int) -> tuple[int, list[RowMapping]]:
    """The next steps that are due, put to the gate: how many they are, and the emails of them that may go on."""
    due: Sequence[RowMapping] = ()
    try:
        async with ctx.db.tenant(org_id) as db:
            await execute(db, SQL["lock_writing"], org_id=org_id)
            due = await rows(db, SQL["due"], ids=None, limit=PLANNED)
            return len(due), await _plan(ctx, db, org_id, due)
    except Exception as error:
        if not due:
            raise
        fault = error
    return len(due), await _alone(ctx, org_id, due, _plan_again, fault)


async def _plan_again(ctx: Context, db: AsyncConnection, org_id: int, seen: Sequence[RowMapping]) -> list[RowMapping]:
    """The same steps as they are now: another worker may have moved one on."""
    await execute(db, SQL["lock_writing"], org_id=org_id)
    due = await rows(db, SQL["due"], ids=[row["enrollment_id"] for row in seen], limit=PLANNED)
    return await _plan(ctx, db, org_id, due)


async def _alone(
    ctx: Context,
    org_id: int,
    due: Sequence[RowMapping],
    work: Callable[[Context, AsyncConnection, int, Sequence[RowMapping]], Awaitable[Sequence[Made]]],
    fault: Exception,
) -> list[Made]:
    """What failed for many at once, by `fault`, is done for each by itself: one strange step waits in the DLQ, the
    others go on. Where every one of them fails alike it is not the steps: `fault` is raised, and nothing waits.

    Of an error that is not ours only its type is kept: its text may hold what nobody should read.
    """
    log.warning("batch_failed", steps=len(due), error=type(fault).__name__)
    made: list[Made] = []
    failed: list[tuple[RowMapping, Exception]] = []
    for row in due:
        try:
            async with ctx.db.tenant(org_id) as db:
                made += await work(ctx, db, org_id, [row])
        except Exception as error:
            failed.append((row, error))
    if 1 < len(due) == len(failed) and len({type(why) for _, why in failed}) == 1:
        raise fault
    for row, why in failed:
        log.warning("step_failed", lead_id=str(row["lead_id"]), error=type(why).__name__)
        async with ctx.db.tenant(org_id) as db:
            await hold(db, org_id, row["enrollment_id"], row["current_step"] + 1, reason_of(why))
    return made


async def _plan(ctx: Context, db: AsyncConnection, org_id: int, due: Sequence[RowMapping]) -> list[RowMapping]:
    """Ask the gate about all of them at once; gives the emails that may go on, and moves or stops the others.

    Steps that a person does become tasks here.
    """
    hopeless = {row["enrollment_id"]: reason for row in due if (reason := _hopeless(ctx, row)) is not None}
    await stop(db, org_id, hopeless)
    going = [row for row in due if row["enrollment_id"] not in hopeless]
    await handwork.prepare(ctx, db, org_id, [row for row in going if step_of(ctx, row).channel != "email"])
    asked = await _with_good_address(db, org_id, [row for row in going if step_of(ctx, row).channel == "email"])
    requests = [
        Request(
            row["lead_id"],
            row["contact_point_id"],
            Intent(channel="email", seller_id=org_id, campaign_id=row["campaign_id"]),
        )
        for row in asked
    ]
    decisions = await compliance.decide_many(ctx, db, org_id, requests) if requests else []
    answered = list(zip(asked, decisions, strict=True))
    await turn_away(db, org_id, [(row, decision) for row, decision in answered if not decision.allowed])
    return [row for row, decision in answered if decision.allowed]


def _hopeless(ctx: Context, row: RowMapping) -> str | None:
    """Why a sequence has nothing left to do, whatever the gate says."""
    if row["campaign_status"] not in ("active", "paused"):
        return str(row["campaign_status"])
    if row["was_removed"]:  # while the feeder was at it
        return TAKEN_OUT
    if not row["is_meant"]:  # somebody else holds the slot now: the company is talked to through them
        return NO_SLOT
    if row["current_step"] >= len(ctx.playbooks[row["playbook"]].sequence):
        return "sequence is over"
    return "no address" if row["contact_point_id"] is None else None


async def _with_good_address(db: AsyncConnection, org_id: int, due: Sequence[RowMapping]) -> list[RowMapping]:
    """Those that may be mailed to as they stand. An address that is being checked, or not sealed yet, waits; one that
    is no longer good enough gives way to the person's next one, or the sequence ends."""
    waiting = [row for row in due if row["address"] in ("checking", "replaced")]
    await execute(
        db,
        SQL["postpone"],
        org_id=org_id,
        ids=[row["enrollment_id"] for row in waiting],
        steps=[row["current_step"] for row in waiting],
        ats=[clock.now() + RETRY_CHECKING] * len(waiting),
    )
    for row in due:
        if row["address"] == "unsure":
            await leave_address(
                db,
                org_id,
                lead_id=row["lead_id"],
                enrollment_id=row["enrollment_id"],
                step=row["current_step"] + 1,
                reason="address not good enough any more",
            )
    return [row for row in due if row["address"] == "good"]


async def _send(ctx: Context, org_id: int, planned: Sequence[RowMapping]) -> None:
    """Authorise, hand over and record a handful of emails."""
    try:
        async with ctx.db.tenant(org_id) as db:
            posted = await _authorise(ctx, db, org_id, planned)
    except Exception as error:
        posted = await _alone(ctx, org_id, planned, _authorise, error)
    allowed = await post.still_allowed(ctx, org_id, posted)
    room = asyncio.Semaphore(ctx.settings.mail.connections)
    outcomes = await asyncio.gather(*(_hand_over(ctx, email, allowed, room) for email in posted))
    results = list(zip(posted, outcomes, strict=True))
    async with ctx.db.tenant(org_id) as db:
        sent = [email for email, outcome in results if outcome.fate is Fate.SENT]
        await post.record_sent(ctx, db, org_id, sent)
        await dlq.clear(db, org_id, stage="outreach", items=[str(email.enrollment_id) for email in sent])
    for email, outcome in results:
        if outcome.fate is not Fate.SENT:
            async with ctx.db.tenant(org_id) as db:  # each by itself: it may lock other people than the email's
                await _not_sent(ctx, db, org_id, email, outcome)


async def _hand_over(ctx: Context, email: Posted, allowed: frozenset[int], room: asyncio.Semaphore) -> Outcome:
    if email.attempt_id not in allowed:
        return Outcome(Fate.FORBIDDEN, "forbidden after it was reserved")
    async with room:
        return await post.hand_over(ctx, email)


async def _authorise(ctx: Context, db: AsyncConnection, org_id: int, planned: Sequence[RowMapping]) -> list[Posted]:
    """Steps through the gate; what may not go now is moved, stopped or held, what may is written down and moved on."""
    await execute(db, SQL["lock_writing"], org_id=org_id)
    held = await rows(db, SQL["still_due"], org_id=org_id, ids=[row["enrollment_id"] for row in planned])
    held = [row for row in held if _is_email(ctx, row)]  # another worker may have moved one on
    threads = await _threads(db, org_id, held)
    drafts = [_draft(ctx, row, threads.get(row["enrollment_id"], ())) for row in held]
    posted, refused = [], []
    for row, answer in zip(held, await post.authorise(ctx, db, org_id, drafts), strict=True):
        if answer.decision is None:
            await hold(db, org_id, row["enrollment_id"], row["current_step"] + 1, answer.error)
        elif answer.posted is None:
            refused.append((row, answer.decision))
        elif await advance(ctx, db, org_id, row, zone(answer.decision)):
            posted.append(answer.posted)
        else:  # a reply ended the sequence a moment ago
            ended = Outcome(Fate.FORBIDDEN, "sequence ended")
            await post.record_not_sent(ctx, db, org_id, answer.posted, ended)
    await turn_away(db, org_id, refused)
    return posted


async def _threads(db: AsyncConnection, org_id: int, held: Sequence[RowMapping]) -> dict[int, list[str]]:
    """The Message-IDs that each sequence sent so far, oldest first."""
    found = await rows(
        db,
        SQL["threads"],
        org_id=org_id,
        ids=[row["enrollment_id"] for row in held],
        lead_ids=[row["lead_id"] for row in held],
    )
    return {row["enrollment_id"]: row["message_ids"] for row in found}


def _draft(ctx: Context, row: RowMapping, thread: Sequence[str]) -> Draft:
    step = row["current_step"] + 1
    return Draft(
        lead_id=row["lead_id"],
        contact_point_id=row["contact_point_id"],
        template=step_of(ctx, row).template,
        persona=row["persona"],
        subject_key=f"enrollment:{row['enrollment_id']}",
        step=step,
        enrollment_id=row["enrollment_id"],
        campaign_id=row["campaign_id"],
        thread=thread,
    )


def _is_email(ctx: Context, row: RowMapping) -> bool:
    sequence = ctx.playbooks[row["playbook"]].sequence
    return row["current_step"] < len(sequence) and step_of(ctx, row).channel == "email"


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
        return
    if outcome.fate is Fate.UNCLEAR:
        return
    # The step is due again: soon, with the gate to say what happened meanwhile, or when the DLQ lets it.
    forbidden = outcome.fate is Fate.FORBIDDEN
    again_at = clock.now() + (RETRY_FORBIDDEN if forbidden else timedelta())
    await execute(db, SQL["step_back"], org_id=org_id, id=email.enrollment_id, step=email.step, at=again_at)
    if not forbidden:
        await hold(db, org_id, email.enrollment_id, email.step, outcome.detail, outcome.retry_in_s)
