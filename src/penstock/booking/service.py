"""What a booking changes: the appointment, the lead, the fee, and who is told. All in the caller's transaction.

The calendar may tell of a booking twice, late, or out of order, and a call may have booked it first; so every function
looks at what is there and does what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import billing, journey
from penstock.booking.handoffs import Handoff, give_to, hand_off
from penstock.booking.notifications import Notice, tell_broker
from penstock.booking.rules import spoken
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.sqlfile import load

SQL = load(__package__)


@dataclass(frozen=True, slots=True)
class Slot:
    """A booking as the calendar knows it. `previous_uid` is set after a move; `organizer` is a calendar user name."""

    uid: str
    start: datetime
    end: datetime
    title: str | None = None
    meeting_url: str | None = None
    previous_uid: str | None = None
    organizer: str | None = None


async def find_lead(
    ctx: Context, db: AsyncConnection, org_id: int, *, lead_id: object, email: str | None
) -> UUID | None:
    """The lead a booking is for: by the id in its metadata, else by the attendee's address."""
    try:
        wanted = UUID(str(lead_id)) if lead_id else None
    except ValueError:
        wanted = None
    found: UUID | None = await scalar(db, SQL["lead_by_id"], lead_id=wanted) if wanted else None
    if found is None and email:
        found = await scalar(db, SQL["lead_by_email"], forms=ctx.sealer.forms(org_id, email.strip().lower()))
    return found


async def known(db: AsyncConnection, *uids: str | None) -> RowMapping | None:
    """The appointment under any of these uids, locked; also one that was moved away from them."""
    return await one(db, SQL["appointment_by_uid"], uids=[uid for uid in uids if uid])


async def record_booking(ctx: Context, db: AsyncConnection, org_id: int, lead_id: UUID, slot: Slot) -> bool:
    """A lead has an appointment: converts the lead, bills the broker, tells them. False if it was known already."""
    await execute(db, SQL["lock_lead"], lead_id=lead_id)
    if await known(db, slot.uid) is not None:
        return False
    added = await _add(db, org_id, lead_id, slot, "accepted")
    if added is None:
        return False
    await _follow_booking(ctx, db, org_id, lead_id, added["id"], slot)
    return True


async def _follow_booking(
    ctx: Context, db: AsyncConnection, org_id: int, lead_id: UUID, appointment: UUID, slot: Slot
) -> None:
    """What a booking changes besides itself. Where no broker can have it, `give_out` does the rest when one can."""
    await execute(db, SQL["convert_lead"], lead_id=lead_id)
    await execute(db, SQL["lock_assignment"], lead_id=lead_id)
    await execute(db, SQL["stop_enrollments"], lead_id=lead_id)
    broker: UUID | None = await scalar(db, SQL["coordinate"], id=appointment)
    charged = await _charge(db, org_id, lead_id, appointment, broker)
    details = {"appointment": str(appointment), "starts_at": slot.start.isoformat(), "charged": charged}
    await journey.announce(db, org_id, [journey.Event("appointment_booked", lead_id, stage="booking", details=details)])
    handed = await hand_off(
        ctx,
        db,
        org_id,
        lead_id=lead_id,
        broker_id=broker,
        kind="booking",
        said=_said(slot.start),
        cause=_cause(appointment),
    )
    if broker is not None:
        await _tell(
            ctx, db, org_id, broker, lead_id, appointment, "appointment_booked", "New appointment", slot, handed
        )


async def _charge(db: AsyncConnection, org_id: int, lead_id: UUID, appointment: UUID, broker: UUID | None) -> bool:
    charge = await billing.record_event(
        db, org_id, lead_id=lead_id, event_type="appointment_set", reference=str(appointment), broker_id=broker
    )
    return charge is not None


def _said(start: datetime) -> str:
    return f"Appointment on {start.isoformat()}"


def _cause(appointment: UUID) -> str:
    return f"appointment:{appointment}"


async def give_out(ctx: Context, db: AsyncConnection, org_id: int, appointment_id: UUID) -> str | None:
    """An appointment that nobody could have goes to a broker, who is billed and told; gives the outcome in a word.

    None where there still is nobody, or another worker has it.
    """
    waiting = await one(db, SQL["unattended"], id=appointment_id)
    if waiting is None:
        return None
    lead_id, start = waiting["lead_id"], waiting["starts_at"]
    told = lead_id and await scalar(
        db, SQL["attended_at_that_time"], lead_id=lead_id, id=appointment_id, starts_at=start
    )
    broker: UUID | None = await scalar(db, SQL["coordinate"], id=appointment_id)
    if broker is None:
        return None
    handed = await give_to(ctx, db, org_id, cause=_cause(appointment_id), broker_id=broker)
    if told:
        return "known"
    if lead_id is not None:
        await _charge(db, org_id, lead_id, appointment_id, broker)
    slot = Slot(waiting["uid"], start, waiting["ends_at"], waiting["title"], waiting["meeting_url"])
    await _tell(ctx, db, org_id, broker, lead_id, appointment_id, "appointment_booked", "New appointment", slot, handed)
    return "given out"


async def act_on_typed(ctx: Context, db: AsyncConnection, org_id: int, appointment_id: UUID) -> str | None:
    """An appointment that somebody typed by hand changes what one from the calendar would, and so does moving or
    cancelling it; gives the outcome in a word, None where another worker has it. One that names only a company is its
    people's: the one under way, if any."""
    typed = await one(db, SQL["typed_appointment"], id=appointment_id)
    if typed is None:
        return None
    lead_id = typed["lead_id"] or await scalar(db, SQL["lead_at_company"], company_id=typed["company_id"])
    await execute(db, SQL["lock_lead"], lead_id=lead_id)
    await execute(db, SQL["act_on_appointment"], id=appointment_id, lead_id=lead_id)
    start: datetime = typed["starts_at"]
    slot = Slot(typed["uid"], start, typed["ends_at"], typed["title"], typed["meeting_url"])
    booked = await scalar(db, SQL["handed_over"], cause=_cause(appointment_id))
    if typed["status"] not in ("accepted", "pending"):
        if not booked or typed["status"] != "cancelled":
            return "known"
        await _cancel(ctx, db, org_id, typed, slot)
        return "cancelled"
    if booked:
        await _follow_up(ctx, db, org_id, typed, "appointment_moved", "Appointment moved", slot)
        return "moved"
    if lead_id is None:
        await _hand_over(ctx, db, org_id, typed, slot)
        return "without a lead"
    if await scalar(db, SQL["known_at_that_time"], lead_id=lead_id, id=appointment_id, starts_at=start):
        return "known"
    await _follow_booking(ctx, db, org_id, lead_id, appointment_id, slot)
    return "booked"


async def _hand_over(ctx: Context, db: AsyncConnection, org_id: int, typed: RowMapping, slot: Slot) -> None:
    """A meeting with a company that has no lead: somebody is told; there is nothing that could be billed."""
    broker: UUID | None = await scalar(db, SQL["coordinate"], id=typed["id"])
    about = {"company_id": typed["company_id"], "contact_id": typed["contact_id"], "broker_id": broker}
    handed = await hand_off(ctx, db, org_id, kind="booking", said=_said(slot.start), cause=_cause(typed["id"]), **about)
    if broker is not None:
        await _tell(ctx, db, org_id, broker, None, typed["id"], "appointment_booked", "New appointment", slot, handed)


async def record_move(ctx: Context, db: AsyncConnection, org_id: int, lead_id: UUID | None, slot: Slot) -> str:
    """The appointment has another time and uid. A move of a booking we never heard of is a booking.

    The new uid may have been heard of before the move: then its cancellation, which overtook the move, holds for the
    appointment that moved.
    """
    before = await one(db, SQL["appointment_at"], uid=slot.previous_uid)
    after = await one(db, SQL["appointment_at"], uid=slot.uid)
    if before is None and after is not None:
        await execute(db, SQL["came_from"], id=after["id"], uid=slot.previous_uid)
        return "known"
    if before is None:
        if lead_id is None:
            return "unmatched"
        return "booked" if await record_booking(ctx, db, org_id, lead_id, slot) else "known"
    if after is not None:
        await execute(db, SQL["forget_appointment"], id=after["id"])
    await execute(
        db,
        SQL["move_appointment"],
        id=before["id"],
        uid=slot.uid,
        starts_at=slot.start,
        ends_at=slot.end,
        meeting_url=slot.meeting_url,
    )
    await _follow_up(ctx, db, org_id, before, "appointment_moved", "Appointment moved", slot)
    if after is not None and after["status"] in ("cancelled", "rejected"):
        how = {"status": after["status"], "reason": after["cancellation_reason"]}
        return await record_cancellation(ctx, db, org_id, before["lead_id"], slot, **how)
    return "moved"


async def record_cancellation(
    ctx: Context, db: AsyncConnection, org_id: int, lead_id: UUID | None, slot: Slot, *, status: str, reason: str | None
) -> str:
    """The appointment will not take place (`status`: cancelled or rejected). The fee is credited if not invoiced yet.

    A cancellation that comes before its booking leaves a cancelled appointment, which the late booking then meets.
    """
    appointment = await known(db, slot.uid)
    if appointment is None:
        if lead_id is None:
            return "unmatched"
        await _add(db, org_id, lead_id, slot, status, reason)
        return "cancelled before booked"
    if not await execute(db, SQL["set_appointment_status"], id=appointment["id"], status=status, reason=reason):
        return "known"
    await _cancel(ctx, db, org_id, appointment, slot)
    return "cancelled"


async def _cancel(ctx: Context, db: AsyncConnection, org_id: int, appointment: RowMapping, slot: Slot) -> None:
    """What a cancellation changes besides the appointment. The fee is for another one of the lead, if one stands."""
    lead_id = appointment["lead_id"]
    await execute(db, SQL["lock_lead"], lead_id=lead_id)
    await billing.credit_event(db, event_type="appointment_set", reference=str(appointment["id"]))
    other = await one(db, SQL["other_appointment"], lead_id=lead_id, id=appointment["id"])
    if other is not None:
        await _charge(db, org_id, lead_id, other["id"], other["broker_id"])
    else:
        await execute(db, SQL["reopen_sale"], lead_id=lead_id)
        await execute(db, SQL["release_assignment"], lead_id=lead_id)
    await _follow_up(ctx, db, org_id, appointment, "appointment_cancelled", "Appointment cancelled", slot)


async def record_no_show(db: AsyncConnection, uid: str) -> str:
    """The person did not come. The broker knows that first-hand, so nobody is told."""
    appointment = await known(db, uid)
    if appointment is None:
        return "unmatched"
    if not await execute(db, SQL["set_appointment_status"], id=appointment["id"], status="no_show", reason=None):
        return "known"
    return "no_show"


async def _add(
    db: AsyncConnection, org_id: int, lead_id: UUID, slot: Slot, status: str, reason: str | None = None
) -> RowMapping | None:
    return await one(
        db,
        SQL["add_appointment"],
        org_id=org_id,
        lead_id=lead_id,
        organizer=slot.organizer,
        uid=slot.uid,
        status=status,
        starts_at=slot.start,
        ends_at=slot.end,
        title=slot.title,
        meeting_url=slot.meeting_url,
        rescheduled_from=slot.previous_uid,
        reason=reason,
    )


async def _follow_up(
    ctx: Context, db: AsyncConnection, org_id: int, appointment: RowMapping, kind: str, subject: str, slot: Slot
) -> None:
    if appointment["broker_id"] is not None:
        who = (appointment["broker_id"], appointment["lead_id"], appointment["id"])
        await _tell(ctx, db, org_id, *who, kind, subject, slot)
    details = {"appointment": str(appointment["id"]), "starts_at": slot.start.isoformat()}
    await journey.announce(db, org_id, [journey.Event(kind, appointment["lead_id"], stage="booking", details=details)])


async def _tell(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    broker_id: UUID,
    lead_id: UUID | None,
    appointment_id: UUID,
    kind: str,
    subject: str,
    slot: Slot,
    handed: Handoff | None = None,
) -> None:
    lead = await one(db, SQL["lead_for_booking"], lead_id=lead_id)
    broker = await one(db, SQL["broker"], broker_id=broker_id)
    if broker is None:
        return
    if lead is not None:
        whom = lead["full_name"] or lead["first_name"] or "a lead"
    else:
        whom = await scalar(db, SQL["whom_with"], id=appointment_id)
    when = spoken(slot.start, ZoneInfo(broker["timezone"]))
    lines = [f"{subject}: {whom}", f"When: {when}"]
    if slot.meeting_url:
        lines.append(f"Where: {slot.meeting_url}")
    if handed is not None and handed.about_company:
        lines += ["", handed.about_company, ""]
    if lead_id is not None:
        lines.append(f"Lead: {ctx.settings.api.public_url}/v1/leads/{lead_id}")
    data = {
        "lead_id": str(lead_id) if lead_id else None,
        "appointment_id": str(appointment_id),
        "broker_id": str(broker_id),
        "uid": slot.uid,
        "starts_at": slot.start.isoformat(),
        "ends_at": slot.end.isoformat(),
        "meeting_url": slot.meeting_url,
        **({"handoff_id": handed.id} if handed is not None else {}),
    }
    # One may be moved there and back again: each move is told by the transaction that acts on it.
    occasion = await scalar(db, SQL["this_transaction"]) if kind == "appointment_moved" else slot.uid
    key = f"{kind}:{appointment_id}:{occasion}:{slot.start.timestamp():.0f}"
    await tell_broker(
        ctx, db, org_id, broker_id, Notice(kind, lead_id, key, f"{subject}: {when}", "\n".join(lines) + "\n", data)
    )
