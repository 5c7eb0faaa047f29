"""What the vendor reports of a call becomes facts: outcome, cost, the number's health, what follows for the lead."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock import enrichment as bank
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import ProviderError
from penstock.core.sqlfile import load
from penstock.providers.voice.calls import Ending, ServerMessage
from penstock.voice import rules, tools
from penstock.voice.placing import caller, item_of, note_placed
from penstock.voice.rules import MAX_ATTEMPTS, Outcome
from penstock.voice.script import Recording

SQL = load(__package__)
log = structlog.get_logger(__name__)


async def find_call(db: AsyncConnection, message: ServerMessage) -> RowMapping | None:
    """Our call that a message is about, locked; by our own id in it, else by the vendor's."""
    try:
        ours = UUID(message.reference) if message.reference else None
    except ValueError:
        ours = None
    return await one(db, SQL["call_for_update"], call_id=ours, vapi_call_id=message.call_id)


async def act(ctx: Context, db: AsyncConnection, org_id: int, message: ServerMessage) -> tuple[str, UUID | None]:
    """What one message changes: its outcome in a word, and the lead. Copies and latecomers change nothing."""
    call = await find_call(db, message)
    if call is None:
        return "unmatched", None
    if call["state"] == "ended":
        return "known", call["lead_id"]
    await note_placed(ctx, db, org_id, call["id"], message.call_id)
    if message.kind == "status-update" and message.status == "in-progress":
        await execute(db, SQL["answered"], call_id=call["id"], at=message.at or clock.now())
        return "answered", call["lead_id"]
    if message.kind == "end-of-call-report":
        return (await _ended(ctx, db, org_id, call, message)).value, call["lead_id"]
    return "noted", call["lead_id"]


async def _ended(ctx: Context, db: AsyncConnection, org_id: int, call: RowMapping, message: ServerMessage) -> Outcome:
    ending = message.ending or Ending.UNKNOWN
    result = rules.outcome(ending, message.structured)
    answered_at = call["started_at"] or message.started_at
    never_rang = result is Outcome.VENDOR_FAULT and answered_at is None
    await _settle_price(db, org_id, call, message.cost_cents, talked=ending is Ending.TALKED)
    state: Literal["failed", "done"] = "failed" if never_rang else "done"
    await compliance.complete(ctx, db, org_id, attempt_ids=[call["attempt_id"]], state=state)
    if never_rang:
        await _did_not_start(db, org_id, call, message)
    else:
        wish = rules.callback_at(message.structured.get("callback_at"), now=clock.now(), fallback=None)
        callback = wish if result is Outcome.CALLBACK else None
        await _store(ctx, db, org_id, call, message, result, callback)
        health = rules.health_after(call["health_score"], result)
        await execute(db, SQL["set_health"], number_id=call["number_id"], health=health)
        await _follow_up(ctx, db, org_id, call, result, callback)
    await dlq.clear(db, org_id, stage="voice", items=[item_of(call["id"])])
    details = {"call": str(call["id"]), "outcome": result.value, "ended_reason": message.ended_reason}
    await journey.announce(
        db, org_id, [journey.Event("call_completed", call["lead_id"], stage="voice", details=details)]
    )
    return result


async def _store(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    call: RowMapping,
    message: ServerMessage,
    result: Outcome,
    callback: datetime | None,
) -> None:
    transcript = message.transcript if may_keep_transcript(message) else None
    await execute(
        db,
        SQL["ended"],
        call_id=call["id"],
        vapi_call_id=message.call_id,
        outcome=result.value,
        ended_reason=message.ended_reason,
        cost_cents=message.cost_cents,
        summary=ctx.sealer.seal(org_id, message.summary) if message.summary else None,
        transcript=ctx.sealer.seal(org_id, transcript) if transcript else None,
        callback_at=callback,
        started_at=message.started_at,
        ended_at=message.ended_at or message.at,
    )


def may_keep_transcript(message: ServerMessage) -> bool:
    """Whether the words may be stored: announced where that is enough, else only after a spoken yes (REC-01)."""
    mode = message.metadata.get("recording")
    declined = message.structured.get("recording_consent") is False
    agreed = message.structured.get("recording_consent") is True
    return agreed or (mode == Recording.ANNOUNCE and not declined)


async def _did_not_start(db: AsyncConnection, org_id: int, call: RowMapping, message: ServerMessage) -> None:
    """The vendor took the order and never rang the person: the attempt is not used up, the lead waits in the DLQ."""
    reason = message.ended_reason or "no reason given"
    await execute(db, SQL["did_not_start"], call_id=call["id"], outcome=Outcome.VENDOR_FAULT.value, ended_reason=reason)
    await execute(db, SQL["postpone"], lead_id=call["lead_id"], at=clock.now())
    payload = {"call": str(call["id"])}
    await dlq.put(db, org_id, stage="voice", item=str(call["lead_id"]), payload=payload, error=f"the vendor: {reason}")


async def _follow_up(
    ctx: Context, db: AsyncConnection, org_id: int, call: RowMapping, result: Outcome, callback: datetime | None
) -> None:
    """What the outcome means for the lead. The next attempt was planned when the call was reserved."""
    lead_id = call["lead_id"]
    if result is Outcome.DO_NOT_CALL:
        await tools.opt_out(ctx, db, org_id, lead_id, call["contact_id"], call["phone"])
        await execute(db, SQL["end_assignment"], lead_id=lead_id, status="released")
    elif result is Outcome.NOT_INTERESTED:
        await _stop(db, lead_id, "not interested, said on a call", assignment="released")
    elif result is Outcome.BAD_NUMBER:
        # The consent names this number and no other: nobody is called until the person gives a new one.
        await execute(db, SQL["number_is_dead"], contact_point_id=call["contact_point_id"])
        await execute(db, SQL["end_assignment"], lead_id=lead_id, status="released")
    elif callback is not None and call["attempt_no"] < MAX_ATTEMPTS:
        await execute(db, SQL["postpone"], lead_id=lead_id, at=callback)
    elif call["attempt_no"] >= MAX_ATTEMPTS and not await scalar(db, SQL["ever_talked"], lead_id=lead_id):
        await _stop(db, lead_id, "unreachable", assignment="unreachable")
        event = journey.Event("lead_unreachable", lead_id, stage="voice", details={"attempts": call["attempt_no"]})
        await journey.announce(db, org_id, [event])


async def _stop(db: AsyncConnection, lead_id: UUID, reason: str, *, assignment: str) -> None:
    await execute(db, SQL["stop_contact"], lead_id=lead_id, reason=reason)
    await execute(db, SQL["end_assignment"], lead_id=lead_id, status=assignment)
    await execute(db, SQL["stop_enrollments"], lead_id=lead_id, reason=reason)


async def _settle_price(db: AsyncConnection, org_id: int, call: RowMapping, cents: int, *, talked: bool) -> None:
    """What was reserved for the call becomes what it cost; nothing, where the vendor took nothing."""
    if cents:
        await bank.charge(db, org_id, call["vendor_call_id"], cents=Decimal(cents), found=talked)
    else:
        await bank.release(db, org_id, [call["vendor_call_id"]], error="the vendor charged nothing")


async def reconcile(ctx: Context, org_id: int, call: RowMapping) -> bool:
    """A call without a word for half an hour: ask the vendor, and act on its answer as if it had been reported."""
    try:
        state = await caller(ctx).get(call["vapi_call_id"])
    except ProviderError as error:
        log.warning("call_not_found_again", call=str(call["id"]), error=str(error))
        return False
    if state.status != "ended":
        return False
    analysis, artifact = state.raw.get("analysis") or {}, state.raw.get("artifact") or {}
    structured = analysis.get("structuredData")
    report = ServerMessage(
        kind="end-of-call-report",
        call_id=state.call_id,
        dedupe_key="",
        ended_reason=state.ended_reason,
        ending=state.ending,
        reference=str(call["id"]),
        metadata=state.metadata,
        started_at=state.started_at,
        ended_at=state.ended_at,
        cost_cents=state.cost_cents,
        summary=analysis.get("summary"),
        transcript=artifact.get("transcript"),
        structured=structured if isinstance(structured, dict) else {},
    )
    async with ctx.db.tenant(org_id) as db:
        await act(ctx, db, org_id, report)
    return True
