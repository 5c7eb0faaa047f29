"""Bookings in our own words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class EventType:
    """What can be booked: by the vendor's id, or by a person's user name and the event's slug."""

    event_type_id: int | None = None
    username: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class BookingOrder:
    """One booking to make. `start` aware; `metadata` values are texts (50 keys, 500 characters)."""

    event: EventType
    start: datetime
    name: str
    zone: str
    email: str | None = None
    phone: str | None = None
    notes: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as the vendor knows it. status: accepted, pending, cancelled, rejected."""

    uid: str
    status: str
    start: datetime
    end: datetime
    meeting_url: str | None = None
    attendee_email: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


class Change(StrEnum):
    """What a calendar webhook tells."""

    CREATED = "created"
    REQUESTED = "requested"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NO_SHOW = "no_show"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One webhook of the calendar. After a reschedule `uid` is the new booking and `previous_uid` the old one."""

    change: Change
    trigger: str
    uid: str
    dedupe_key: str
    created_at: datetime | None = None
    previous_uid: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    attendee_name: str | None = None
    attendee_email: str | None = None
    attendee_zone: str | None = None
    organizer_email: str | None = None
    organizer_username: str | None = None
    meeting_url: str | None = None
    reason: str | None = None
    no_show: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
