"""The pump of the booking stage: calendar webhooks become appointments."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.booking import service
from penstock.booking.service import SQL, Slot
from penstock.core import dlq, receipts
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import InvalidInput
from penstock.core.receipts import Done
from penstock.providers.calendar import calcom
from penstock.providers.calendar.bookings import CalendarEvent, Change

LENGTH = timedelta(minutes=30)  # where a webhook leaves the end out


async def pump(ctx: Context, org_id: int) -> int:
    """Act on every stored calendar webhook, on what was typed by hand, and on what had nobody who could have it.

    Gives how many were handled.
    """

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        event = calcom.parse_event(ctx.sealer.open(org_id, receipt["payload_sealed"]).encode())
        outcome, lead_id = await _act(ctx, db, org_id, event)
        return Done(outcome, lead_id)

    return await receipts.drain(ctx, org_id, stage="booking", due=SQL["due"], act=act) + await _typed(ctx, org_id)


async def _typed(ctx: Context, org_id: int) -> int:
    """Appointments typed by hand or without a broker, each in a transaction; one that fails waits in the DLQ."""
    handled = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            batch = [row["appointment_id"] for row in await rows(db, SQL["typed_due"], limit=receipts.BATCH)]
        taken = 0
        for appointment_id in batch:
            item = f"appointment:{appointment_id}"
            try:
                async with ctx.db.tenant(org_id) as db:
                    typed = await service.act_on_typed(ctx, db, org_id, appointment_id)
                    if typed is None and await service.give_out(ctx, db, org_id, appointment_id) is None:
                        continue
                    await dlq.clear(db, org_id, stage="booking", items=[item])
            except Exception as error:
                await receipts.put_aside(ctx, org_id, stage="booking", item=item, error=error)
            taken += 1
        if not taken:  # none is left, or others have them
            return handled
        handled += taken


async def _act(ctx: Context, db: AsyncConnection, org_id: int, event: CalendarEvent) -> tuple[str, object]:
    """What one event changes: its outcome in a word, and the lead."""
    if event.change is Change.NO_SHOW:
        appointment = await service.known(db, event.uid)
        outcome = await service.record_no_show(db, event.uid) if event.no_show else "ignored"
        return outcome, appointment["lead_id"] if appointment else None
    if event.change in (Change.UNKNOWN, Change.REQUESTED, Change.ENDED):
        return "ignored", None
    named = event.metadata.get("lead_id")
    lead_id = await service.find_lead(ctx, db, org_id, lead_id=named, email=event.attendee_email)
    appointment = await service.known(db, event.uid, event.previous_uid)
    if appointment is not None:
        lead_id = appointment["lead_id"]  # what we booked ourselves, or moved, is surer than what the webhook says
    slot = _slot(event)
    if event.change is Change.RESCHEDULED:
        return await service.record_move(ctx, db, org_id, lead_id, slot), lead_id
    if event.change is Change.CREATED:
        if lead_id is None:
            return "unmatched", None
        return ("booked" if await service.record_booking(ctx, db, org_id, lead_id, slot) else "known"), lead_id
    status = "rejected" if event.change is Change.REJECTED else "cancelled"
    cancelled = await service.record_cancellation(ctx, db, org_id, lead_id, slot, status=status, reason=event.reason)
    return cancelled, lead_id


def _slot(event: CalendarEvent) -> Slot:
    if not event.uid or event.start is None:
        raise InvalidInput("the calendar event names no uid or no start")
    return Slot(
        uid=event.uid,
        start=event.start,
        end=event.end or event.start + LENGTH,
        title=event.raw.get("title"),
        meeting_url=event.meeting_url,
        previous_uid=event.previous_uid,
        organizer=event.organizer_username,
    )
