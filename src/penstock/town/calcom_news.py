"""Cal.com's webhooks: what a booking looks like to a subscriber, signed over the raw body."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from penstock.town.agenda import LENGTH, Booking
from penstock.town.clock import stamp
from penstock.town.state import TownState
from penstock.town.timetable import Event


class BookingNews(Event):
    """One webhook about one booking. The body is fixed when the booking changes, and the same on every try."""

    def __init__(self, town: TownState, trigger: str, booking: Booking, **changes: Any) -> None:
        super().__init__(actor=f"booking {booking.uid}", key=f"booking {booking.uid} {booking.news:02d}")
        booking.news += 1
        self._town = town
        created = town.clock.now()
        body = {"triggerEvent": trigger, "createdAt": stamp(created), "payload": payload(booking, created, **changes)}
        self._body = json.dumps(body, separators=(",", ":")).encode()
        self._tellings = 1 + town.faults.doubles("calcom", self.key)

    async def perform(self) -> None:
        """Tell the subscriber, twice if that fault is on."""
        if not (url := self._town.webhooks.calcom_url):
            return
        while self._tellings:
            answer = await self._town.post.send("POST", url, body=self._body, headers=self._headers())
            self._tellings -= 1
            if answer.is_error:
                self._town.truth.refusals["calcom"] += 1

    def _headers(self) -> dict[str, str]:
        secret = self._town.webhooks.calcom_secret
        signature = (
            hmac.new(secret.encode(), self._body, hashlib.sha256).hexdigest() if secret else "no-secret-provided"
        )
        return {
            "Content-Type": "application/json",
            "X-Cal-Signature-256": signature,
            "X-Cal-Webhook-Version": "2021-10-20",
        }


def announce(town: TownState, trigger: str, booking: Booking, **changes: Any) -> None:
    """Send the news as soon as time moves on."""
    town.timetable.add(town.clock.after(timedelta(minutes=1)), BookingNews(town, trigger, booking, **changes))


def payload(booking: Booking, now: datetime, **changes: Any) -> dict[str, Any]:
    """The `payload` of BOOKING_CREATED; the other triggers change or add what `changes` names."""
    kind, attendee = booking.event_type, booking.attendee
    zone = attendee.get("timeZone") or "UTC"
    offset = now.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    first, _, last = attendee.get("name", "").partition(" ")
    return {
        "type": kind.slug,
        "title": f"{kind.slug} between {kind.username} and {attendee.get('name', '')}",
        "description": "",
        "additionalNotes": str(booking.responses.get("notes", "")),
        "customInputs": {},
        "startTime": _seconds(booking.start),
        "endTime": _seconds(booking.end),
        "organizer": {
            "id": kind.id,
            "name": kind.username,
            "email": f"{kind.username}@brokers.example",
            "username": kind.username,
            "timeZone": "America/New_York",
            "language": {"locale": "en"},
            "timeFormat": "h:mma",
            "utcOffset": -300,
        },
        "responses": {
            "name": {"label": "your_name", "value": attendee.get("name", "")},
            "email": {"label": "email_address", "value": attendee.get("email", "")},
            "attendeePhoneNumber": {"label": "phone_number", "value": attendee.get("phoneNumber", "")},
            "location": {"label": "location", "value": {"optionValue": "", "value": "integrations:daily"}},
            "notes": {"label": "additional_notes", "value": str(booking.responses.get("notes", ""))},
        },
        "userFieldsResponses": {},
        "attendees": [
            {
                "email": attendee.get("email", ""),
                "name": attendee.get("name", ""),
                "firstName": first,
                "lastName": last,
                "timeZone": zone,
                "language": {"locale": "en"},
                "utcOffset": int(offset.total_seconds() // 60),
                "phoneNumber": attendee.get("phoneNumber") or None,
            }
        ],
        "location": "integrations:daily",
        "destinationCalendar": None,
        "eventTypeId": kind.id,
        "uid": booking.uid,
        "bookingId": booking.id,
        "eventTitle": kind.slug,
        "eventDescription": "",
        "requiresConfirmation": None,
        "price": 0,
        "currency": "usd",
        "length": LENGTH.seconds // 60,
        "metadata": {"videoCallUrl": f"https://video.example/{booking.uid}", **booking.metadata},
        "status": "ACCEPTED",
        "smsReminderNumber": None,
        "hashedLink": None,
        **changes,
    }


def _seconds(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
