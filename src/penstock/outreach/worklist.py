"""What people do with their tasks: look, do, skip. Doing asks the gate again, and is written down like a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock.compliance import Decision
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sqlfile import load
from penstock.outreach.handwork import GATE, TASKS, Words, request_for

SQL = load(__package__)


@dataclass(frozen=True)
class Task:
    """A task as a person reads it: `row` without the sealed text, `text` in the clear, the number to dial if it is a
    call, and what the gate says to doing it now (None once it is closed)."""

    row: RowMapping
    text: str
    phone: str | None
    decision: Decision | None


@dataclass(frozen=True)
class Done:
    """Whether the task was done. If the gate said no, nothing was, and `decision` says why and when it may be; if the
    sequence waits, the gate was not asked, and `waits_for` says for what."""

    task_id: int
    done: bool
    decision: Decision | None
    waits_for: str | None = None


async def listing(
    db: AsyncConnection,
    *,
    state: str | None = "open",
    channel: str | None = None,
    campaign_id: int | None = None,
    lead_id: UUID | None = None,
    due_before: datetime | None = None,
    limit: int = 200,
) -> list[RowMapping]:
    """The tasks that the transaction may see, the ones due longest first; `state` None: in every state, and also those
    that wait, as an email of their sequence would (`waits_for`)."""
    return await rows(
        db,
        TASKS["listing"],
        state=state,
        channel=channel,
        campaign_id=campaign_id,
        lead_id=lead_id,
        due_before=due_before,
        limit=limit,
    )


async def seen(db: AsyncConnection, task_id: int) -> None:
    """Raises NotFound for a task that the transaction may not see."""
    await _task(db, task_id)


async def show(ctx: Context, db: AsyncConnection, org_id: int, task_id: int) -> Task:
    """One task with its text, and the gate's word for this moment. Raises NotFound."""
    row = await _task(db, task_id)
    words, phone = await _words(ctx, db, org_id, row)
    text = ctx.sealer.open(org_id, row["body_sealed"] or "")
    decision = None
    if row["state"] == "open" and row["channel"] in GATE:
        asked = request_for(org_id, row["lead_id"], row["campaign_id"], row["channel"], words)
        (decision,) = await compliance.decide_many(ctx, db, org_id, [asked])
    return Task(row, text, phone, decision)


async def done(
    ctx: Context, db: AsyncConnection, org_id: int, task_id: int, *, actor: str, note: str | None = None
) -> Done:
    """A person is about to do it: reserve the attempt, write the message down, close the task.

    In the caller's transaction, which must commit also where the gate says no, so that its answer is kept. `note`: what
    was said instead of the prepared text. Raises NotFound, and Conflict for a task that is closed.
    """
    row = await _open(db, org_id, task_id)
    if row["channel"] not in GATE:
        raise InvalidInput(f"a task on {row['channel']} cannot be put to the gate", fix="skip it")
    if row["waits_for"] is not None:
        return Done(task_id, False, None, row["waits_for"])
    words, _ = await _words(ctx, db, org_id, row)
    asked = request_for(org_id, row["lead_id"], row["campaign_id"], row["channel"], words)
    (made,) = await compliance.reserve_many(ctx, db, org_id, [compliance.Wanted(asked, f"task:{task_id}")])
    if made.attempt_id is None:
        return Done(task_id, False, made.decision)
    text = (note or "").strip() or ctx.sealer.open(org_id, row["body_sealed"] or "")
    await execute(
        db,
        TASKS["write_down"],
        org_id=org_id,
        id=task_id,
        contact_point_id=words.contact_point_id,
        persona=row["persona"],
        body_sealed=ctx.sealer.seal(org_id, text),
        attempt_id=made.attempt_id,
    )
    await compliance.complete(ctx, db, org_id, attempt_ids=[made.attempt_id])
    if row["step"] is not None:
        await execute(db, SQL["count_step"], org_id=org_id, lead_ids=[row["lead_id"]], steps=[row["step"]])
    await _close(db, org_id, row, "done", actor, decision_id=made.decision.ledger_seq)
    return Done(task_id, True, made.decision)


async def skip(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    task_id: int,
    *,
    actor: str,
    reason: str,
    do_not_contact: bool = False,
) -> None:
    """Close a task undone, with the reason. `do_not_contact`: the person asked for it, and is left alone everywhere.

    Raises NotFound, Conflict, InvalidInput.
    """
    if not reason.strip():
        raise InvalidInput("a task is skipped for a reason", fix="say why, in a few words")
    if not do_not_contact:
        await _close(db, org_id, await _open(db, org_id, task_id), "skipped", actor, reason=reason.strip())
        return
    row = await _task(db, task_id)
    who: dict[str, Any] = {"contact_id": row["contact_id"], "lead_id": row["lead_id"]}
    await compliance.suppress(ctx, db, org_id, reason="SUPP_OPT_OUT", method="staff", actor=actor, raw=reason, **who)
    if await one(db, TASKS["close_after_opt_out"], org_id=org_id, id=task_id, actor=actor, reason=reason) is not None:
        await _announce_closed(db, org_id, row, "skipped")


async def _task(db: AsyncConnection, task_id: int) -> RowMapping:
    row = await one(db, TASKS["task"], id=task_id)
    if row is None:
        raise NotFound(f"there is no task {task_id}", fix="penstock task list shows them")
    return row


async def _open(db: AsyncConnection, org_id: int, task_id: int) -> RowMapping:
    """The task with its sequence held. Raises Conflict when it is closed already."""
    row = await _task(db, task_id)
    await rows(db, TASKS["hold_enrollment"], org_id=org_id, id=row["enrollment_id"])
    row = await _task(db, task_id)
    if row["state"] != "open":
        raise Conflict(f"task {task_id} is {row['state']}", fix="penstock task list shows the open ones")
    return row


async def _words(ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping) -> tuple[Words, str | None]:
    """What the gate is asked about: the prepared text was linted when the task was made."""
    if row["channel"] != "phone":
        return Words(row["subject"] or "", "", frozenset(), None), None
    found = await one(db, TASKS["reach"], org_id=org_id, lead_ids=[row["lead_id"]])
    point = found["phone"] if found is not None else None
    number = await one(db, TASKS["phone"], id=point)
    plain = ctx.sealer.open(org_id, number["value"]) if number is not None else None
    return Words(row["subject"] or "", "", frozenset(), point), plain


async def _close(
    db: AsyncConnection,
    org_id: int,
    row: RowMapping,
    state: str,
    actor: str,
    *,
    reason: str | None = None,
    decision_id: int | None = None,
) -> None:
    closed = await one(
        db,
        TASKS["close"],
        org_id=org_id,
        id=row["id"],
        state=state,
        actor=actor,
        reason=reason,
        decision_id=decision_id,
    )
    if closed is None:
        raise Conflict(f"task {row['id']} was closed by somebody else a moment ago")
    await _announce_closed(db, org_id, row, state)


async def _announce_closed(db: AsyncConnection, org_id: int, row: RowMapping, state: str) -> None:
    details = {"task": row["id"], "channel": row["channel"], "step": row["step"], "state": state}
    await journey.announce(db, org_id, [journey.Event("task_closed", row["lead_id"], "outreach", details)])
