"""People and their appointments: choosing a slot, booking by link, thinking better of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from penstock.town import odds
from penstock.town.agenda import Booking, EventType
from penstock.town.calcom_news import announce
from penstock.town.clock import stamp
from penstock.town.people import Person
from penstock.town.state import TownState
from penstock.town.timetable import Event
from penstock.town.wire import ten_digits

DAYS_AHEAD: Final = (1, 7)
BOOK_PATH: Final = "/book/"


def choose_slot(town: TownState, kind: EventType, person: Person, *key: object) -> datetime | None:
    """A free start the person likes within the coming week, at their local working hours; None if all is taken."""
    today = town.clock.now().astimezone(ZoneInfo(person.zone)).date()
    first, last = (today + timedelta(days=days) for days in DAYS_AHEAD)
    free = town.agenda.free(kind, first, last, person.zone)
    return town.dice.pick(free, "slot", person.id, *key) if free else None


def booking_link(link: str) -> tuple[str, str, dict[str, str]] | None:
    """Username, slug and query of a booking page, or None if the link is something else."""
    parts = urlsplit(link)
    _, found, names = parts.path.partition(BOOK_PATH)
    username, slash, slug = names.strip("/").partition("/")
    if not found or not slash or "/" in slug:
        return None
    return username, slug, dict(parse_qsl(parts.query))


def book_by_link(town: TownState, link: str, person: Person, email: str) -> Booking | None:
    """The person visits the booking page, takes a slot they like, and fills in their own name; None if none is free."""
    if not (found := booking_link(link)):
        return None
    username, slug, query = found
    kind = town.agenda.named(username, slug)
    if not (start := choose_slot(town, kind, person, "link")):
        return None
    attendee = {
        "name": person.name,
        "email": email,
        "timeZone": person.zone,
        "phoneNumber": f"+1{person.own_number().number}",
    }
    return create(town, kind, start, attendee, metadata=metadata_of(query))


def metadata_of(query: dict[str, str]) -> dict[str, str]:
    """`metadata[lead_id]=42` of a booking link as {"lead_id": "42"}."""
    return {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[") and name.endswith("]")}


def create(town: TownState, kind: EventType, start: datetime, attendee: dict[str, str], **more: Any) -> Booking:
    """Book, announce it, and let the attendee change their mind later. Raises SlotTaken."""
    booking = town.agenda.book(kind, start, attendee, **more)
    town.truth.bookings["created"] += 1
    announce(town, "BOOKING_CREATED", booking)
    person = attendee_of(town, attendee)
    if person:
        town.mood(person).stance = "booked"
        _think_again(town, booking, person)
    return booking


def cancel(town: TownState, booking: Booking, reason: str, by: str) -> None:
    """Cancel and announce it."""
    town.agenda.cancel(booking, reason)
    town.truth.bookings["cancelled"] += 1
    announce(
        town,
        "BOOKING_CANCELLED",
        booking,
        status="CANCELLED",
        cancelledBy=by,
        cancellationReason=reason,
        requestReschedule=False,
    )


def reschedule(town: TownState, booking: Booking, start: datetime, reason: str, by: str) -> Booking:
    """Move to another slot: a new booking with a new uid takes over. Raises SlotTaken."""
    moved = town.agenda.book(
        booking.event_type,
        start,
        booking.attendee,
        metadata=booking.metadata,
        responses=booking.responses,
        guests=booking.guests,
        moved_from=booking.uid,
    )
    town.agenda.cancel(booking, reason, moved_to=moved.uid)
    town.truth.bookings["rescheduled"] += 1
    announce(
        town,
        "BOOKING_RESCHEDULED",
        moved,
        rescheduleId=booking.id,
        rescheduleUid=booking.uid,
        rescheduleStartTime=stamp(booking.start),
        rescheduleEndTime=stamp(booking.end),
        rescheduledBy=by,
    )
    return moved


def attendee_of(town: TownState, attendee: dict[str, str]) -> Person | None:
    """Who of the town the attendee is, by phone number, then by mail address."""
    number = ten_digits(attendee.get("phoneNumber", ""))
    return town.person_of(number) or town.person_at(attendee.get("email", ""))


def _think_again(town: TownState, booking: Booking, person: Person) -> None:
    """A few people cancel or move their appointment before it comes."""
    key = ("second thoughts", person.id, booking.start.isoformat())
    change = town.dice.weighted({"cancel": odds.CANCELS, "move": odds.RESCHEDULES}, *key)
    share = 0.1 + 0.7 * town.dice.roll("when", *key)
    if change:
        due = town.clock.after((booking.start - town.clock.now()) * share)
        town.timetable.add(due, SecondThoughts(town, booking, person, change))


class SecondThoughts(Event):
    """The attendee cancels, or moves to another slot (and cancels where none is free)."""

    def __init__(self, town: TownState, booking: Booking, person: Person, change: str) -> None:
        super().__init__(actor=person.id, key=f"{person.id} second thoughts {booking.uid}")
        self._town, self._booking, self._person, self._change = town, booking, person, change

    def prepare(self) -> None:
        """Slots are scarce, so the choice is made here, in key order."""
        town, booking = self._town, self._booking
        if booking.status != "accepted":
            return
        by = booking.attendee.get("email", "")
        slot = choose_slot(town, booking.event_type, self._person, "again") if self._change == "move" else None
        if slot:
            reschedule(town, booking, slot, "something came up", by)
        else:
            cancel(town, booking, "no longer needed", by)

    async def perform(self) -> None:
        """Nothing is left to do: the news of it are events of their own."""
