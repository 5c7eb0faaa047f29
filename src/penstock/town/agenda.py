"""The calendars behind Cal.com: event types of hosts, free slots, bookings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from penstock.town.clock import Clock
from penstock.town.dice import Dice

LENGTH: Final = timedelta(minutes=30)
OPENS: Final = time(9)
SLOTS_A_DAY: Final = 16  # 09:00 to 17:00
PLAIN_IDS: Final = range(1, 100_000)  # every one of these is an event type "intro" of its own host
NAMED_IDS: Final = 1_000_000  # ids of event types that were asked for by username and slug start here


class SlotTaken(Exception):
    """The host is not free then."""


@dataclass(frozen=True, slots=True)
class EventType:
    """What can be booked: half an hour with one host."""

    id: int
    username: str
    slug: str


@dataclass
class Booking:
    """One appointment. `status` is accepted, cancelled or (when it was moved) rescheduled."""

    id: int
    uid: str
    event_type: EventType
    start: datetime
    attendee: dict[str, str]  # name, email, timeZone, phoneNumber
    metadata: dict[str, str]
    responses: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    status: str = "accepted"
    reason: str = ""
    moved_from: str = ""
    moved_to: str = ""
    guests: list[str] = field(default_factory=list)
    news: int = 0  # how often subscribers were to be told, so that they hear in the right order

    @property
    def end(self) -> datetime:
        """Half an hour after the start."""
        return self.start + LENGTH


class Agenda:
    """All calendars. A host has one agenda over all of their event types."""

    def __init__(self, dice: Dice, clock: Clock) -> None:
        self._dice = dice
        self._clock = clock
        self._types: dict[int, EventType] = {}
        self._taken: dict[tuple[str, datetime], str] = {}  # host and start -> booking uid, or who holds it
        self.bookings: dict[str, Booking] = {}

    def event_type(self, number: int) -> EventType | None:
        """The event type with this id: a plain one, or one that was named before."""
        if number in PLAIN_IDS:
            return EventType(number, f"host{number}", "intro")
        return self._types.get(number)

    def named(self, username: str, slug: str) -> EventType:
        """The event type of this host and slug; plain hosts keep their plain id."""
        plain = username.removeprefix("host")
        if slug == "intro" and plain != username and plain.isdecimal() and int(plain) in PLAIN_IDS:
            return EventType(int(plain), username, slug)
        number = NAMED_IDS + self._dice.number("event type", username, slug) % 9_000_000
        return self._types.setdefault(number, EventType(number, username, slug))

    def free(self, kind: EventType, first: date, last: date, zone: str) -> list[datetime]:
        """Free starts (UTC) of the working days from `first` to `last` (included), as a guest in `zone` sees them."""
        now = self._clock.now()
        starts: list[datetime] = []
        for offset in range(max(0, (last - first).days + 1)):
            day = first + timedelta(days=offset)
            if day.weekday() < 5:
                opening = datetime.combine(day, OPENS, ZoneInfo(zone)).astimezone(UTC)
                starts += [opening + LENGTH * position for position in range(SLOTS_A_DAY)]
        return [start for start in starts if start > now and not self._clashes(kind.username, start)]

    def hold(self, kind: EventType, start: datetime, holder: str) -> None:
        """Keep a free slot for somebody who is about to book it; others no longer see it."""
        self._taken[kind.username, start] = holder

    def release(self, kind: EventType, start: datetime, holder: str) -> None:
        """Give a held slot back, unless it was booked meanwhile."""
        if self._taken.get((kind.username, start)) == holder:
            del self._taken[kind.username, start]

    def book(
        self,
        kind: EventType,
        start: datetime,
        attendee: dict[str, str],
        *,
        metadata: dict[str, str] | None = None,
        responses: dict[str, Any] | None = None,
        guests: list[str] | None = None,
        moved_from: str = "",
    ) -> Booking:
        """A new accepted booking; a hold gives way to it. Raises SlotTaken for the past and where another overlaps."""
        now = self._clock.now()
        if start <= now or self._clashes(kind.username, start, bookings_only=True):
            raise SlotTaken(start.isoformat())
        nth = sum((old.event_type.username, old.start) == (kind.username, start) for old in self.bookings.values())
        key = ("booking", kind.username, start.isoformat(), nth)
        booking = Booking(
            id=1000 + self._dice.number(*key) % 1_000_000_000,
            uid="bk_" + self._dice.token(*key)[:22],
            event_type=kind,
            start=start,
            attendee=attendee,
            metadata=metadata or {},
            responses=responses or {},
            created_at=now,
            updated_at=now,
            guests=guests or [],
            moved_from=moved_from,
        )
        self.bookings[booking.uid] = booking
        self._taken[kind.username, start] = booking.uid
        return booking

    def cancel(self, booking: Booking, reason: str, *, moved_to: str = "") -> None:
        """End a booking and free its slot."""
        booking.status = "cancelled"
        booking.reason = reason
        booking.moved_to = moved_to
        booking.updated_at = self._clock.now()
        self.release(booking.event_type, booking.start, booking.uid)

    def _clashes(self, username: str, start: datetime, *, bookings_only: bool = False) -> bool:
        """True if the host has something within half an hour of `start`."""
        shifts = (timedelta(), timedelta(minutes=15), timedelta(minutes=-15))
        takers = (self._taken.get((username, start + shift)) for shift in shifts)
        return any(taker and (not bookings_only or taker in self.bookings) for taker in takers)
