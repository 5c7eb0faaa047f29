"""Cal.com, API version 2: slots, bookings and signed webhooks.

Wire facts: cal.com API documentation, calcom/cal.com source of the webhook sender. Every resource has its own version
header, and a wrong one is answered with 404. There is no idempotency key: look a booking up before asking again.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import httpx

from penstock.core.errors import Conflict, InvalidInput, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account
from penstock.providers.calendar.bookings import Booking, BookingOrder, CalendarEvent, Change, EventType

VENDOR = "calcom"
BOOKINGS_VERSION = "2024-08-13"
SLOTS_VERSION = "2024-09-04"
NO_SECRET = "no-secret-provided"  # noqa: S105  # what Cal.com writes where a signature should be
CHANGES = {
    "BOOKING_CREATED": Change.CREATED,
    "BOOKING_REQUESTED": Change.REQUESTED,
    "BOOKING_RESCHEDULED": Change.RESCHEDULED,
    "BOOKING_CANCELLED": Change.CANCELLED,
    "BOOKING_REJECTED": Change.REJECTED,
    "BOOKING_NO_SHOW_UPDATED": Change.NO_SHOW,
    "MEETING_ENDED": Change.ENDED,
}


class Calcom:
    """Cal.com over the shared client."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def slots(self, event: EventType, *, first: date, last: date, zone: str) -> Sequence[datetime]:
        """The free starts, in order."""
        return parse_slots(await ask_json(self._client, build_slots(self._account, event, first, last, zone)))

    async def book(self, order: BookingOrder) -> Booking:
        """Book one slot; a slot that is gone raises Conflict."""
        try:
            body = await ask_json(self._client, build_request(self._account, order))
        except ProviderRefused as refused:
            if " answered 400:" in str(refused):
                raise Conflict("the calendar refused this slot: it may be taken") from refused
            raise
        return parse_booking(body)

    async def get(self, uid: str) -> Booking:
        """One booking."""
        return parse_booking(
            await ask_json(self._client, _call(self._account, "GET", f"/bookings/{quote(uid, safe='')}"))
        )

    async def find(self, *, metadata: Mapping[str, str], email: str | None, start: datetime) -> Booking | None:
        """The live booking at `start` that carries `metadata`, looked for among the attendee's upcoming ones."""
        query = {"status": "upcoming", "take": "100", "afterStart": _iso(start)}
        if email:
            query["attendeeEmail"] = email
        body = await ask_json(self._client, _call(self._account, "GET", "/bookings", query=query))
        for item in (body or {}).get("data") or []:
            booking = parse_booking({"data": item})
            if booking.start == start and metadata.items() <= booking.metadata.items():
                return booking
        return None

    async def cancel(self, uid: str, *, reason: str) -> Booking:
        """Cancel a booking."""
        path = f"/bookings/{quote(uid, safe='')}/cancel"
        call = _call(self._account, "POST", path, json={"cancellationReason": reason}, repeatable=True)
        return parse_booking(await ask_json(self._client, call))

    def verify(self, raw: bytes, headers: Mapping[str, str], *, secret: str) -> bool:
        """Whether the bytes were signed with our secret."""
        return verify(raw, headers, secret=secret)

    def parse(self, raw: bytes) -> CalendarEvent:
        """One verified webhook in our words."""
        return parse_event(raw)


def _call(
    account: Account,
    method: str,
    path: str,
    *,
    version: str = BOOKINGS_VERSION,
    query: Mapping[str, str] | None = None,
    json: Any = None,
    repeatable: bool | None = None,
) -> Request:
    return Request(
        vendor=VENDOR,
        method=method,
        url=account.url("/v2" + path),
        headers=account.bearer() | {"cal-api-version": version},
        query=dict(query or {}),
        json=json,
        timeout_s=account.timeout_s,
        repeatable=method == "GET" if repeatable is None else repeatable,
    )


def build_slots(account: Account, event: EventType, first: date, last: date, zone: str) -> Request:
    """The read of free slots."""
    query = {"start": first.isoformat(), "end": last.isoformat(), "timeZone": zone} | _event_query(event)
    return _call(account, "GET", "/slots", version=SLOTS_VERSION, query=query)


def _event_query(event: EventType) -> dict[str, str]:
    if event.event_type_id is not None:
        return {"eventTypeId": str(event.event_type_id)}
    return {"eventTypeSlug": event.slug, "username": event.username}


def parse_slots(body: object) -> list[datetime]:
    """The starts of an answer, in order; days without a free slot are absent from it."""
    days = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(days, Mapping):
        raise ProviderUnclear("calcom answered no slots object")
    return sorted(datetime.fromisoformat(slot["start"]) for day in days.values() for slot in day)


def build_request(account: Account, order: BookingOrder) -> Request:
    """The POST that books."""
    attendee: dict[str, str] = {"name": order.name, "timeZone": order.zone, "language": "en"}
    if order.email:
        attendee["email"] = order.email
    if order.phone:
        attendee["phoneNumber"] = order.phone
    event: dict[str, Any] = (
        {"eventTypeId": order.event.event_type_id}
        if order.event.event_type_id is not None
        else {"eventTypeSlug": order.event.slug, "username": order.event.username}
    )
    body = event | {"start": _iso(order.start), "attendee": attendee, "metadata": dict(order.metadata)}
    if order.notes:
        body["bookingFieldsResponses"] = {"notes": order.notes}
    return _call(account, "POST", "/bookings", json=body)


def parse_booking(body: object) -> Booking:
    """A booking of the API in our words."""
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping) or not data.get("uid"):
        raise ProviderUnclear("calcom answered without a booking uid")
    attendees = data.get("attendees") or [{}]
    return Booking(
        uid=str(data["uid"]),
        status=str(data.get("status") or "").lower(),
        start=datetime.fromisoformat(data["start"]),
        end=datetime.fromisoformat(data["end"]),
        meeting_url=data.get("meetingUrl") or data.get("location"),
        attendee_email=attendees[0].get("email"),
        metadata=data.get("metadata") or {},
        raw=data,
    )


def verify(raw: bytes, headers: Mapping[str, str], *, secret: str) -> bool:
    """X-Cal-Signature-256 = lower-case hex HMAC-SHA256 of the raw body. An empty secret verifies nothing."""
    named = {name.lower(): value for name, value in headers.items()}
    given = named.get("x-cal-signature-256", "")
    if not secret or given == NO_SECRET:
        return False
    expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def parse_event(raw: bytes) -> CalendarEvent:
    """One webhook in our words. Triggers we do not know give UNKNOWN and are to be answered with 2xx all the same."""
    try:
        body = json.loads(raw)
        trigger, payload = str(body["triggerEvent"]), body.get("payload") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput("the webhook is not a Cal.com event") from error
    uid = str(payload.get("uid") or payload.get("bookingUid") or "")
    attendees, organizer = payload.get("attendees") or [{}], payload.get("organizer") or {}
    metadata = payload.get("metadata") or {}
    return CalendarEvent(
        change=CHANGES.get(trigger, Change.UNKNOWN),
        trigger=trigger,
        uid=uid,
        dedupe_key=f"{trigger}:{uid}:{body.get('createdAt') or hashlib.sha256(raw).hexdigest()}",
        created_at=_instant(body.get("createdAt")),
        previous_uid=payload.get("rescheduleUid"),
        start=_instant(payload.get("startTime")),
        end=_instant(payload.get("endTime")),
        attendee_name=attendees[0].get("name"),
        attendee_email=attendees[0].get("email"),
        attendee_zone=attendees[0].get("timeZone"),
        organizer_email=organizer.get("email"),
        organizer_username=organizer.get("username"),
        meeting_url=metadata.get("videoCallUrl"),
        reason=payload.get("cancellationReason") or payload.get("rejectionReason"),
        no_show=any(item.get("noShow") for item in attendees),
        metadata=metadata,
        raw=payload,
    )


def _instant(value: object) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
