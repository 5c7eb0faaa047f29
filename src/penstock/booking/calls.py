"""Booking while the person is on the line: an assistant asks for slots, or for one slot to be booked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import RowMapping

from penstock.booking import rules, service
from penstock.booking.service import SQL, Slot
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import one, rows
from penstock.core.errors import Conflict, ProviderError
from penstock.core.http import ProviderUnclear
from penstock.providers import account
from penstock.providers.calendar import REGISTRY, Calendar
from penstock.providers.calendar.bookings import Booking, BookingOrder, EventType

LOOK_AHEAD = timedelta(days=7)
TROUBLE = "I cannot reach the calendar right now. Offer that the broker sends a link to book."
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the assistant should say; `failed` if the wish could not be met."""

    text: str
    failed: bool = False


def calendar(ctx: Context) -> Calendar:
    """The calendar of the settings. Raises NotConfigured."""
    return REGISTRY["calcom"](ctx.http, account(ctx.settings, "calcom"))


async def offer_slots(ctx: Context, org_id: int, lead_id: UUID, *, wish: str | None = None) -> Spoken:
    """Free starts of the lead's broker in words, in the lead's time zone; `wish`: an ISO instant near which to look."""
    async with ctx.db.tenant(org_id) as db:
        lead = await one(db, SQL["lead_for_booking"], lead_id=lead_id)
    event = _event_of(lead)
    if lead is None or event is None:
        return Spoken("This lead has no broker with a calendar.", failed=True)
    try:
        return Spoken(await _free(ctx, lead, event, rules.parse_start(wish)))
    except ProviderError as error:
        log.warning("slots_failed", lead=str(lead_id), error=str(error))
        return Spoken(TROUBLE, failed=True)


async def book_for_call(
    ctx: Context,
    org_id: int,
    lead_id: UUID,
    *,
    start: object,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
) -> Spoken:
    """Book the slot a person chose on a call. Asked twice it books once and says the same.

    The appointment is recorded at once; the calendar's own webhook then finds it known.
    """
    async with ctx.db.tenant(org_id) as db:
        lead = await one(db, SQL["lead_for_booking"], lead_id=lead_id)
        booked = await one(db, SQL["live_appointment"], lead_id=lead_id)
        points = await rows(db, SQL["best_points"], contact_id=lead["contact_id"]) if lead else []
    event, at = _event_of(lead), rules.parse_start(start)
    if lead is None or event is None:
        return Spoken("This lead has no broker with a calendar.", failed=True)
    zone = _zone(lead)
    if booked is not None:
        return Spoken(f"The appointment is booked for {rules.spoken(booked['starts_at'], zone)}.")
    if at is None or at < clock.now():
        return Spoken("That is not a time that can be booked. Ask for slots first.", failed=True)
    known = {point["kind"]: ctx.sealer.open(org_id, point["value"]) for point in points}
    order = BookingOrder(
        event=event,
        start=at,
        name=name or lead["full_name"] or lead["first_name"] or "Home owner",
        zone=zone.key,
        email=email or known.get("email"),
        phone=phone or known.get("phone"),
        notes="booked on a call",
        metadata={"lead_id": str(lead_id)},
    )
    return await _book(ctx, org_id, lead, order, zone)


async def _book(ctx: Context, org_id: int, lead: RowMapping, order: BookingOrder, zone: ZoneInfo) -> Spoken:
    try:
        booking = await _book_once(calendar(ctx), order)
    except Conflict:
        return await _next_best(ctx, lead, order)
    except ProviderError as error:
        log.warning("booking_failed", lead=str(lead["id"]), error=str(error))
        return Spoken(TROUBLE, failed=True)
    async with ctx.db.tenant(org_id) as db:
        await service.record_booking(
            ctx,
            db,
            org_id,
            lead["id"],
            Slot(
                uid=booking.uid,
                start=booking.start,
                end=booking.end,
                title=booking.raw.get("title"),
                meeting_url=booking.meeting_url,
                organizer=order.event.username or None,
            ),
        )
    return Spoken(f"Booked for {rules.spoken(booking.start, zone)}.")


async def _book_once(cal: Calendar, order: BookingOrder) -> Booking:
    """The booking, also if it stands already: a taken slot, or an answer that never came, may be our own booking."""
    try:
        return await cal.book(order)
    except (Conflict, ProviderUnclear):
        ours = await cal.find(metadata=order.metadata, email=order.email, start=order.start)
        if ours is None:
            raise
        return ours


async def _next_best(ctx: Context, lead: RowMapping, order: BookingOrder) -> Spoken:
    try:
        offered = await _free(ctx, lead, order.event, order.start)
    except ProviderError:
        return Spoken("That time was just taken.", failed=True)
    return Spoken(f"That time was just taken. {offered}", failed=True)


async def _free(ctx: Context, lead: RowMapping, event: EventType, wish: datetime | None) -> str:
    zone, now = _zone(lead), clock.now()
    first = max(wish or now, now).astimezone(zone).date()
    free = await calendar(ctx).slots(event, first=first, last=first + LOOK_AHEAD, zone=zone.key)
    offered = rules.offer(free, now=now, wish=wish)
    if not offered:
        return "There is no free time in the next days. Offer that the broker sends a link to book."
    return "Free: " + "; ".join(f"{rules.spoken(at, zone)} ({at.astimezone(zone).isoformat()})" for at in offered)


def _event_of(lead: RowMapping | None) -> EventType | None:
    """What can be booked with the lead's broker: by name, as in the booking link; by number where there is no name."""
    if lead is None:
        return None
    number, username, slug = (lead[f"calendar_{part}"] for part in ("event_type_id", "username", "event_slug"))
    if username and slug:
        return EventType(username=username, slug=slug)
    return EventType(event_type_id=number) if number else None


def _zone(lead: RowMapping) -> ZoneInfo:
    return rules.zone_of(lead["postal_code"], lead["broker_timezone"] or lead["timezone"])
