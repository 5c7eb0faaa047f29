"""From a lead whose call is due to a call that rings: number, gate, row, and only then the vendor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import booking, compliance, journey
from penstock import enrichment as bank
from penstock.core import clock, dlq, workers
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, ProviderBusy, ProviderError, reason_of
from penstock.core.http import ProviderUnclear
from penstock.core.receipts import put_aside
from penstock.core.sqlfile import load
from penstock.providers import account
from penstock.providers.voice import REGISTRY, VoiceCaller
from penstock.providers.voice.calls import CallOrder
from penstock.voice import rules, script
from penstock.voice.rules import PoolNumber
from penstock.voice.script import Recording
from penstock.voice.tools import TOOLS

SQL = load(__package__)
LONGEST_CALL = timedelta(minutes=5)
SHORTEST_CALL = timedelta(minutes=1)
ASK_AGAIN = timedelta(days=1)  # where nothing but a change of facts lifts the refusal
CAP_ASKED_AGAIN = timedelta(hours=1)
CHECKED_BY = timedelta(minutes=15)  # a number just given is being checked
# Since the reservation: the last of three tries to ask may begin a minute later, and a call that was asked for a moment
# ago may not be listed yet, whoever asked.
TRUST_ABSENCE_AFTER = timedelta(minutes=3)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A call that may be placed now, its row committed."""

    call_id: UUID
    lead_id: UUID
    attempt_id: int
    order: CallOrder


def caller(ctx: Context) -> VoiceCaller:
    """The voice vendor of the settings."""
    return REGISTRY["vapi"](ctx.http, account(ctx.settings, "vapi"))


class OverCap(Exception):
    """A spend cap leaves no room for a call of the longest duration."""


async def reserve(ctx: Context, org_id: int, due: RowMapping) -> Reserved | None:
    """Choose the number, ask the gate, write the row and its price: one transaction.

    None if the lead is not to be called now. Raises OverCap, with nothing written.
    """
    async with ctx.db.tenant(org_id) as db:
        if due["contact_point_id"] is None or due["verified_at"] is None:
            # No living number the consent names; or the check of the number that was just given is on its way.
            wait = ASK_AGAIN if due["contact_point_id"] is None else CHECKED_BY
            await execute(db, SQL["postpone"], lead_id=due["lead_id"], at=clock.now() + wait)
            return None
        phone = ctx.sealer.open(org_id, due["phone"])
        number = await _choose_number(db, org_id, due, area_code=phone[2:5])
        if number is None:
            error = "the lead's broker has no number to call from: add one to app.phone_numbers"
            await dlq.put(db, org_id, stage="voice", item=str(due["lead_id"]), payload={}, error=error)
            return None
        decision, attempt_id = await _ask_gate(ctx, db, org_id, due)
        if attempt_id is None:
            later = decision.next_permitted_at or clock.now() + ASK_AGAIN
            await execute(db, SQL["postpone"], lead_id=due["lead_id"], at=later)
            return None
        call_id = await _reserve_row(ctx, db, org_id, due, number["id"], attempt_id)
        # Should no report ever come, the lead is still tried again when an unanswered call would be.
        zone = ZoneInfo(decision.zones[0] if decision.zones else due["timezone"])
        planned = rules.next_attempt_at(due["attempts"] + 1, clock.now(), zone)
        await execute(db, SQL["postpone"], lead_id=due["lead_id"], at=planned)
        order = await _order(ctx, db, due, call_id, number, phone, decision.obligations)
        await _reserve_price(ctx, db, org_id, due, call_id, attempt_id, seconds=order.max_duration_s)
        return Reserved(call_id, due["lead_id"], attempt_id, order)


async def _ask_gate(
    ctx: Context, db: AsyncConnection, org_id: int, due: RowMapping
) -> tuple[compliance.Decision, int | None]:
    """The gate's final word on this attempt, kept as proof, and the attempt it reserved."""
    reservation = await compliance.reserve(
        ctx,
        db,
        org_id,
        lead_id=due["lead_id"],
        contact_point_id=due["contact_point_id"],
        intent=compliance.Intent(channel="voice_ai", seller_id=org_id, lint=_lint(ctx, due)),
        reference=f"{due['lead_id']}/{due['attempts'] + 1}",
    )
    return reservation.decision, reservation.attempt_id


async def _choose_number(db: AsyncConnection, org_id: int, due: RowMapping, *, area_code: str) -> RowMapping | None:
    """The number that calls this lead: the one that called it before, else the best of the broker's pool."""
    midnight = datetime.combine(clock.now().astimezone(ZoneInfo(due["timezone"])), time(0), ZoneInfo(due["timezone"]))
    pool = await rows(db, SQL["pool"], lead_id=due["lead_id"], broker_id=due["broker_id"], since=midnight)
    by_id = {row["id"]: row for row in pool if row["assigned"]} or {row["id"]: row for row in pool}
    best = rules.best_number(
        [PoolNumber(n["id"], n["e164"], n["state"], n["health_score"], n["used_today"]) for n in by_id.values()],
        state=due["state"],
        area_code=area_code,
    )
    if best is None:
        return None
    await execute(db, SQL["release_other_numbers"], lead_id=due["lead_id"], number_id=best.id)
    await execute(db, SQL["assign_number"], org_id=org_id, lead_id=due["lead_id"], number_id=best.id)
    return by_id[best.id]


async def _reserve_row(
    ctx: Context, db: AsyncConnection, org_id: int, due: RowMapping, number_id: int, attempt_id: int
) -> UUID:
    """The row of the call, committed before anybody dials. Its id is what the vendor and its webhooks know it by."""
    reserved = await scalar(
        db,
        SQL["reserve_call"],
        org_id=org_id,
        lead_id=due["lead_id"],
        contact_id=due["contact_id"],
        contact_point_id=due["contact_point_id"],
        number_id=number_id,
        attempt_no=due["attempts"] + 1,
        attempt_id=attempt_id,
        worker_id=ctx.worker_id,
    )
    if reserved is None:
        raise Conflict("this attempt has a call already")
    return UUID(str(reserved))


async def _reserve_price(
    ctx: Context, db: AsyncConnection, org_id: int, due: RowMapping, call_id: UUID, attempt_id: int, *, seconds: int
) -> None:
    """What the call costs at most, in the ledger before anybody dials. What it did cost is known when it is over."""
    request = bank.CallRequest(
        vendor="vapi",
        operation="call",
        request_key=f"{call_id}/{attempt_id}",
        price_cents=ctx.settings.vendors.vapi.cents_per_minute * seconds / 60,
        fresh_days=1,
        stage="voice",
        lead_id=due["lead_id"],
        contact_id=due["contact_id"],
        contact_point_id=due["contact_point_id"],
        playbook=due["playbook"],
    )
    (claim,) = await bank.reserve(ctx, db, org_id, [request])
    if claim.outcome is not bank.Outcome.RESERVED:
        raise OverCap(claim.outcome.value)
    await execute(db, SQL["pay_with"], call_id=call_id, vendor_call_id=claim.call_id)


async def wait_for_room(ctx: Context, org_id: int, lead_id: UUID) -> None:
    """A cap is reached: the lead is due again in an hour."""
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["postpone"], lead_id=lead_id, at=clock.now() + CAP_ASKED_AGAIN)


async def _order(
    ctx: Context,
    db: AsyncConnection,
    due: RowMapping,
    call_id: UUID,
    number: RowMapping,
    phone: str,
    obligations: tuple[str, ...],
) -> CallOrder:
    recording = _recording(obligations)
    said = _opening(ctx, due, recording)
    links = await booking.links_for(ctx, db, [due["lead_id"]])
    variables = {
        "first_name": _name(due),
        "legal_name": due["legal_name"],
        "callback_number": due["support_phone"],
        "closing": said.closing,
        "recording": recording.value,
        "booking_url": links.get(due["lead_id"], ""),
    }
    return CallOrder(
        reference=str(call_id),
        assistant_id=ctx.settings.vendors.vapi.assistant_id,
        phone_number_id=number["vendor_number_id"],
        customer_number=phone,
        customer_name=due["full_name"] or _name(due),
        first_message=said.text,
        variables=variables,
        metadata={"lead_id": str(due["lead_id"]), "recording": recording.value},
        server_url=ctx.settings.api.public_url.rstrip("/") + "/webhooks/vapi",
        max_duration_s=_longest(obligations),
        tools=TOOLS,
    )


def _name(due: RowMapping) -> str:
    return str(due["first_name"] or due["full_name"] or "the home owner")


def _opening(ctx: Context, due: RowMapping, recording: Recording) -> script.Script:
    return script.opening(
        legal_name=due["legal_name"],
        callback_number=due["support_phone"],
        first_name=_name(due),
        purpose=ctx.playbooks[due["playbook"]].call_purpose,
        recording=recording,
    )


def _lint(ctx: Context, due: RowMapping) -> frozenset[str]:
    """What the gate is told of the words to be said: empty if they are lawful whichever way the call is recorded."""
    words = (_opening(ctx, due, recording) for recording in Recording)
    found = [sentence for said in words for sentence in script.lint(said.parts, callback_number=due["support_phone"])]
    if found:
        log.warning("opening_refused", playbook=due["playbook"], reasons=sorted(set(found)))
    return frozenset({"CONTENT_MISSING_ELEMENT"}) if found else frozenset()


def _recording(obligations: tuple[str, ...]) -> Recording:
    """What the gate says about recording; where it says nothing, nothing is recorded."""
    modes = [word.removeprefix("RECORDING:") for word in obligations if word.startswith("RECORDING:")]
    return Recording(modes[0]) if modes else Recording.OFF


def _longest(obligations: tuple[str, ...]) -> int:
    """Seconds the call may last: five minutes, less where the calling window closes before."""
    ends = [
        datetime.fromisoformat(word.removeprefix("HANGUP_BY:")) for word in obligations if word.startswith("HANGUP_BY:")
    ]
    left = min((end - clock.now() for end in ends), default=LONGEST_CALL)
    return int(max(SHORTEST_CALL, min(LONGEST_CALL, left)).total_seconds())


async def place(ctx: Context, org_id: int, reserved: Reserved) -> None:
    """Ask the vendor to dial, and record what is known of it. No transaction is open meanwhile."""
    began = clock.stopwatch()
    if reserved.attempt_id not in await compliance.last_look(ctx, org_id, [reserved.attempt_id]):
        async with ctx.db.tenant(org_id) as db:
            await never_placed(ctx, db, org_id, reserved.call_id)
        return
    try:
        state = await caller(ctx).place(reserved.order)
    except Exception as error:
        async with ctx.db.tenant(org_id) as db:
            if isinstance(error, ProviderError) and not isinstance(error, ProviderUnclear):
                await never_placed(ctx, db, org_id, reserved.call_id, error)
            else:  # it may ring: no answer came, or one that nobody can read
                log.warning("call_unclear", call=str(reserved.call_id), error=reason_of(error))
                await execute(db, SQL["doubt"], call_id=reserved.call_id)
    else:
        async with ctx.db.tenant(org_id) as db:
            took_ms = round((clock.stopwatch() - began) * 1000)
            await note_placed(ctx, db, org_id, reserved.call_id, state.call_id, duration_ms=took_ms)


async def note_placed(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    call_id: UUID,
    vendor_call_id: str,
    *,
    duration_ms: int | None = None,
) -> None:
    """The vendor has the call. Counted once, whether our request or a webhook says so first."""
    placed = await one(db, SQL["placed"], call_id=call_id, vapi_call_id=vendor_call_id)
    if placed is None:
        return
    await compliance.complete(ctx, db, org_id, attempt_ids=[placed["attempt_id"]], state="in_call")
    details = {"call": str(call_id), "attempt": placed["attempt_no"], "number": placed["number_id"]}
    event = journey.Event("call_initiated", placed["lead_id"], stage="voice", details=details, duration_ms=duration_ms)
    await journey.announce(db, org_id, [event])
    await dlq.clear(db, org_id, stage="voice", items=[str(placed["lead_id"])])


async def never_placed(
    ctx: Context, db: AsyncConnection, org_id: int, call_id: UUID, error: ProviderError | None = None
) -> None:
    """The vendor never had the call: the attempt is given back. With an error the lead waits in the DLQ."""
    call = await one(db, SQL["never_placed"], call_id=call_id)
    if call is None:
        return
    await bank.release(db, org_id, [call["vendor_call_id"]], error=str(error or "the call was never placed"))
    await compliance.complete(ctx, db, org_id, attempt_ids=[call["attempt_id"]], state="failed")
    await execute(db, SQL["postpone"], lead_id=call["lead_id"], at=clock.now())
    if error is not None:
        retry_in_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
        item, payload = str(call["lead_id"]), {"call": str(call_id)}
        await dlq.put(db, org_id, stage="voice", item=item, payload=payload, error=str(error), retry_in_s=retry_in_s)


async def settle(ctx: Context, org_id: int) -> int:
    """Look up every call whose fate nobody knows before anybody dials again; gives how many were settled."""
    async with ctx.db.tenant(org_id) as db:
        unsure = await rows(db, SQL["in_doubt"], dead=await workers.dead(db))
    settled = 0
    for call in unsure:
        try:
            settled += await _settle(ctx, org_id, call)
        except ProviderError as error:
            log.warning("call_still_in_doubt", call=str(call["id"]), error=str(error))
        except Exception as error:
            await put_aside(ctx, org_id, stage="voice", item=item_of(call["id"]), error=error)
    return settled


async def _settle(ctx: Context, org_id: int, call: RowMapping) -> bool:
    """True if it is known now whether the vendor has the call."""
    found = await caller(ctx).find(str(call["id"]), since=call["reserved_at"] - timedelta(minutes=1))
    async with ctx.db.tenant(org_id) as db:
        await dlq.clear(db, org_id, stage="voice", items=[item_of(call["id"])])
        if found is not None:
            await note_placed(ctx, db, org_id, call["id"], found.call_id)
        elif clock.now() - call["reserved_at"] >= TRUST_ABSENCE_AFTER:
            await never_placed(ctx, db, org_id, call["id"])
        else:
            await execute(db, SQL["doubt"], call_id=call["id"])
            return False
    return True


def item_of(call_id: UUID) -> str:
    """How the DLQ names a call that could not be looked up; until its time there it is left alone."""
    return f"call:{call_id}"
