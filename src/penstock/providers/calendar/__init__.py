"""Calendar: free slots, bookings, and what the calendar tells us by webhook."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import httpx

from penstock.providers import Account
from penstock.providers.calendar import calcom
from penstock.providers.calendar.bookings import Booking, BookingOrder, CalendarEvent, EventType


class Calendar(Protocol):
    """A vendor that keeps brokers' calendars."""

    async def slots(self, event: EventType, *, first: date, last: date, zone: str) -> Sequence[datetime]:
        """The free starts from `first` to `last`, both included, as days in `zone`; aware, in order."""

    async def book(self, order: BookingOrder) -> Booking:
        """Book one slot.

        Raises Conflict (slot taken), ProviderUnclear (look it up first), ProviderBusy, ProviderRefused.
        """

    async def get(self, uid: str) -> Booking:
        """One booking."""

    async def find(self, *, metadata: Mapping[str, str], email: str | None, start: datetime) -> Booking | None:
        """The live booking at `start` that carries `metadata`: how an unclear booking is settled."""

    async def cancel(self, uid: str, *, reason: str) -> Booking:
        """Cancel a booking; doing it twice does no harm."""

    def verify(self, raw: bytes, headers: Mapping[str, str], *, secret: str) -> bool:
        """Whether these raw webhook bytes come from the vendor."""

    def parse(self, raw: bytes) -> CalendarEvent:
        """One verified webhook in our words. Raises InvalidInput."""


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Calendar]] = {"calcom": calcom.Calcom}
