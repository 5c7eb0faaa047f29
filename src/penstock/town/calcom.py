"""Cal.com API v2: event types, slots, bookings, and the public booking page.

Its habits: a missing or wrong `cal-api-version` is a 404, a slot that is taken a 400, statuses are lower case here and
upper case in the webhooks.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from penstock.town import appointments
from penstock.town.agenda import Booking, EventType, SlotTaken
from penstock.town.calcom_news import BookingNews
from penstock.town.clock import parse_instant, stamp
from penstock.town.state import TownState
from penstock.town.timetable import NotDelivered
from penstock.town.wire import bearer, body_as_object, hurt, text

BOOKINGS: Final = ("2024-08-13", "2026-02-25")
EVENT_TYPES: Final = ("2024-06-14",)
SLOTS: Final = ("2024-09-04",)
BOUNDS: Final[dict[str, Callable[[Booking, datetime], bool]]] = {
    "afterStart": lambda booking, bound: booking.start >= bound,
    "beforeEnd": lambda booking, bound: booking.end <= bound,
    "afterUpdatedAt": lambda booking, bound: booking.updated_at > bound,
}
Endpoint = Callable[[Request], Awaitable[Response]]


class CalCom:
    """The endpoints over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town
        self._agenda = town.agenda

    def routes(self) -> list[Route]:
        """Paths below the vendor's base URL, /v2 included; the booking page stands beside it."""
        keyed = self._keyed
        one = "/v2/bookings/{uid}"
        return [
            Route("/v2/slots", self._guarded(SLOTS, self.slots), methods=["GET"]),
            Route("/v2/event-types", keyed(EVENT_TYPES, self.event_types), methods=["GET"]),
            Route("/v2/event-types/{id:int}", keyed(EVENT_TYPES, self.event_type), methods=["GET"]),
            Route("/v2/bookings", keyed(BOOKINGS, self.bookings), methods=["GET"]),
            Route("/v2/bookings", keyed(BOOKINGS, self.create), methods=["POST"]),
            Route(one, keyed(BOOKINGS, self.booking), methods=["GET"]),
            Route(one + "/cancel", keyed(BOOKINGS, self.cancel), methods=["POST"]),
            Route(one + "/reschedule", keyed(BOOKINGS, self.reschedule), methods=["POST"]),
            Route("/book/{username}/{slug}", self.page, methods=["GET"]),
            Route("/book/{username}/{slug}", self.book_on_page, methods=["POST"]),
        ]

    # --- event types and slots ----------------------------------------------------------------------------------------
    async def event_types(self, request: Request) -> Response:
        """The event type of `username` and `eventSlug`."""
        username, slug = (request.query_params.get(name, "") for name in ("username", "eventSlug"))
        if not username or not slug:
            return _success([])
        return _success([_event_type(self._agenda.named(username, slug))])

    async def event_type(self, request: Request) -> Response:
        """One event type by id."""
        kind = self._agenda.event_type(request.path_params["id"])
        return _success(_event_type(kind)) if kind else _not_found(request, "Event type not found")

    async def slots(self, request: Request) -> Response:
        """Free slots by local date; dates without any are absent."""
        query = request.query_params
        try:
            zone = query.get("timeZone") or "UTC"
            first, last = _day(query["start"], zone), _day(query["end"], zone)
            kind = self._kind(query.get("eventTypeId"), query.get("username"), query.get("eventTypeSlug"))
        except (KeyError, ValueError, ZoneInfoNotFoundError) as error:
            return _bad_request(request, f"invalid query: {error}")
        if kind is None:
            return _not_found(request, "Event type not found")
        days: dict[str, list[dict[str, str]]] = defaultdict(list)
        for start in self._agenda.free(kind, first, last, zone):
            local = start.astimezone(ZoneInfo(zone))
            slot = {"start": local.isoformat(timespec="milliseconds")}
            if query.get("format") == "range":
                slot["end"] = (local + timedelta(minutes=30)).isoformat(timespec="milliseconds")
            days[local.date().isoformat()].append(slot)
        return _success(days)

    def _kind(self, number: object, username: object, slug: object) -> EventType | None:
        if text(username) and text(slug):
            return self._agenda.named(text(username), text(slug))
        if not text(number):
            raise ValueError("eventTypeId, or username and eventTypeSlug, must be given")
        return self._agenda.event_type(int(text(number)))

    # --- bookings -----------------------------------------------------------------------------------------------------
    async def create(self, request: Request) -> Response:
        """Book a slot for an attendee."""
        try:
            sent = await body_as_object(request)
            kind = self._kind(sent.get("eventTypeId"), sent.get("username"), sent.get("eventTypeSlug"))
            start = _start(sent)
            attendee = _attendee(sent.get("attendee"))
            metadata = _metadata(sent.get("metadata"))
        except (KeyError, ValueError, ZoneInfoNotFoundError) as error:
            return _bad_request(request, f"invalid booking: {error}")
        if kind is None:
            return _not_found(request, "Event type not found")
        try:
            booking = appointments.create(
                self._town,
                kind,
                start,
                attendee,
                metadata=metadata,
                responses=dict(sent.get("bookingFieldsResponses") or {}),
                guests=list(sent.get("guests") or []),
            )
        except SlotTaken:
            return _bad_request(request, "User either already has booking at this time or is not available")
        await self._overtake("BOOKING_CREATED", booking)
        return _success(_booking(booking), status=201)

    async def bookings(self, request: Request) -> Response:
        """A page of bookings, oldest start first."""
        query = request.query_params
        wanted = set(filter(None, query.get("status", "").split(",")))
        now = self._town.clock.now()
        try:
            take, skip = int(query.get("take", "100")), int(query.get("skip", "0"))
            bounds = {name: parse_instant(query[name]) for name in BOUNDS if name in query}
            kind = int(query["eventTypeId"]) if "eventTypeId" in query else None
        except ValueError as error:
            return _bad_request(request, f"invalid query: {error}")
        email = query.get("attendeeEmail", "").casefold()
        found = [
            booking
            for booking in sorted(self._agenda.bookings.values(), key=lambda booking: (booking.start, booking.uid))
            if (not wanted or _period(booking, now) in wanted)
            and (not email or booking.attendee.get("email", "").casefold() == email)
            and (kind is None or booking.event_type.id == kind)
            and all(BOUNDS[name](booking, bound) for name, bound in bounds.items())
        ]
        page = found[skip : skip + max(1, min(take, 250))]
        pagination = {
            "totalItems": len(found),
            "remainingItems": max(0, len(found) - skip - len(page)),
            "returnedItems": len(page),
            "itemsPerPage": take,
            "currentPage": skip // max(1, take) + 1,
            "totalPages": -(-len(found) // max(1, take)),
            "hasNextPage": skip + len(page) < len(found),
            "hasPreviousPage": skip > 0,
        }
        return _success([_booking(booking) for booking in page], pagination=pagination)

    async def booking(self, request: Request) -> Response:
        """One booking by uid."""
        found = self._agenda.bookings.get(request.path_params["uid"])
        return _success(_booking(found)) if found else _not_found(request, "Booking not found")

    async def cancel(self, request: Request) -> Response:
        """Cancel a booking once."""
        booking = self._agenda.bookings.get(request.path_params["uid"])
        if booking is None:
            return _not_found(request, "Booking not found")
        if booking.status != "accepted":
            return _bad_request(request, "Booking is already cancelled")
        reason = text((await _optional_body(request)).get("cancellationReason"))
        appointments.cancel(self._town, booking, reason, by=f"{booking.event_type.username}@brokers.example")
        await self._overtake("BOOKING_CANCELLED", booking)
        return _success(_booking(booking))

    async def reschedule(self, request: Request) -> Response:
        """Move a booking; the answer is the new one."""
        booking = self._agenda.bookings.get(request.path_params["uid"])
        if booking is None or booking.status != "accepted":
            return _not_found(request, "Booking not found")
        try:
            sent = await body_as_object(request)
            reason, by = text(sent.get("reschedulingReason")), text(sent.get("rescheduledBy"))
            moved = appointments.reschedule(self._town, booking, _start(sent), reason, by)
        except SlotTaken:
            return _bad_request(request, "User either already has booking at this time or is not available")
        except (KeyError, ValueError) as error:
            return _bad_request(request, f"invalid booking: {error}")
        return _success(_booking(moved), status=201)

    async def _overtake(self, trigger: str, booking: Booking) -> None:
        """With that fault on, the webhook arrives before the response (and once more when time moves on)."""
        if self._town.faults.overtakes("calcom", f"{trigger} {booking.uid}"):
            try:
                await BookingNews(self._town, trigger, booking).perform()
            except NotDelivered:
                return

    # --- the booking page ---------------------------------------------------------------------------------------------
    async def page(self, request: Request) -> Response:
        """The public page with the free slots of the coming week. Opening it books nothing."""
        kind = self._agenda.named(request.path_params["username"], request.path_params["slug"])
        today = self._town.clock.now().date()
        free = self._agenda.free(kind, today, today + timedelta(days=7), "America/New_York")
        choices = "".join(f'<option value="{stamp(start)}">{start:%a %d %b %H:%M} UTC</option>' for start in free)
        name, email = (html.escape(request.query_params.get(field, ""), quote=True) for field in ("name", "email"))
        return HTMLResponse(
            f"<!doctype html><html lang=en><title>Book with {html.escape(kind.username)}</title><h1>Choose a time</h1>"
            f"<form method=post><p><label>Time <select name=start>{choices}</select></label>"
            f'<p><label>Name <input name=name value="{name}" required></label>'
            f'<p><label>Email <input name=email type=email value="{email}" required></label>'
            "<p><button>Book</button></form></html>"
        )

    async def book_on_page(self, request: Request) -> Response:
        """Book what the form of the page says."""
        kind = self._agenda.named(request.path_params["username"], request.path_params["slug"])
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        attendee = {"name": form.get("name", ""), "email": form.get("email", ""), "timeZone": "America/New_York"}
        try:
            metadata = appointments.metadata_of(dict(request.query_params))
            appointments.create(self._town, kind, parse_instant(form.get("start", "")), attendee, metadata=metadata)
        except (ValueError, SlotTaken):
            return HTMLResponse("<h1>This time is no longer free</h1>", status_code=409)
        return HTMLResponse("<h1>You are booked</h1>")

    # --- guards -------------------------------------------------------------------------------------------------------
    def _keyed(self, versions: tuple[str, ...], endpoint: Endpoint) -> Endpoint:
        """Like `_guarded`, with an API key."""

        async def guarded(request: Request) -> Response:
            if not bearer(request):
                return _error(request, 401, "UnauthorizedException", "No authentication method provided")
            return await endpoint(request)

        return self._guarded(versions, guarded)

    def _guarded(self, versions: tuple[str, ...], endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the version header and the faults."""

        async def guarded(request: Request) -> Response:
            if request.headers.get("cal-api-version") not in versions:
                return _not_found(request, f"Cannot {request.method} {_path(request)}")
            body = (await request.body()).decode(errors="replace")
            item = f"{request.method} {request.url.path}?{request.url.query} {body}"
            if blow := self._town.faults.strike("calcom", item):
                busy = _error(request, 429, "ThrottlerException", "Too Many Requests")
                busy.headers.update({"Retry-After": "1", "X-RateLimit-Limit-Default": "120"})
                busy.headers.update({"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "1"})
                broken = _error(request, 500, "InternalServerErrorException", "Internal server error")
                return await hurt(request, blow, busy=busy, broken=broken)
            return await endpoint(request)

        return guarded


def _event_type(kind: EventType) -> dict[str, Any]:
    return {
        "id": kind.id,
        "title": kind.slug.replace("-", " ").capitalize(),
        "slug": kind.slug,
        "description": "",
        "lengthInMinutes": 30,
        "locations": [{"type": "integration", "integration": "cal-video"}],
        "bookingFields": [],
        "price": 0,
        "currency": "usd",
        "users": [{"id": kind.id, "username": kind.username}],
    }


def _booking(booking: Booking) -> dict[str, Any]:
    kind, attendee = booking.event_type, booking.attendee
    link = f"https://video.example/{booking.uid}"
    found: dict[str, Any] = {
        "id": booking.id,
        "uid": booking.uid,
        "title": f"{kind.slug} between {kind.username} and {attendee.get('name', '')}",
        "description": "",
        "hosts": [
            {
                "id": kind.id,
                "name": kind.username,
                "email": f"{kind.username}@brokers.example",
                "username": kind.username,
                "timeZone": "America/New_York",
            }
        ],
        "status": booking.status,
        "start": stamp(booking.start),
        "end": stamp(booking.end),
        "duration": 30,
        "eventTypeId": kind.id,
        "eventType": {"id": kind.id, "slug": kind.slug},
        "location": link,
        "meetingUrl": link,
        "absentHost": False,
        "attendees": [{"language": "en", "absent": False, **attendee}],
        "guests": booking.guests,
        "bookingFieldsResponses": booking.responses,
        "metadata": booking.metadata,
        "createdAt": stamp(booking.created_at),
        "updatedAt": stamp(booking.updated_at),
    }
    if booking.status == "cancelled":
        found["reschedulingReason" if booking.moved_to else "cancellationReason"] = booking.reason
    optional = {"rescheduledFromUid": booking.moved_from, "rescheduledToUid": booking.moved_to}
    return found | {name: uid for name, uid in optional.items() if uid}


def _period(booking: Booking, now: datetime) -> str:
    if booking.status != "accepted":
        return "cancelled"
    return "upcoming" if booking.end > now else "past"


def _start(sent: dict[str, Any]) -> datetime:
    start = parse_instant(text(sent["start"]))
    if start.minute % 30 or start.second:
        raise ValueError("start must be the start of a slot")
    return start


def _attendee(sent: object) -> dict[str, str]:
    if not isinstance(sent, dict) or not text(sent.get("name")):
        raise ValueError("attendee.name must be given")
    attendee = {name: text(sent.get(name)) for name in ("name", "email", "timeZone", "phoneNumber")}
    if not attendee["email"] and not attendee["phoneNumber"]:
        raise ValueError("attendee.email or attendee.phoneNumber must be given")
    ZoneInfo(attendee["timeZone"])
    return {name: value for name, value in attendee.items() if value}


def _metadata(sent: object) -> dict[str, str]:
    if sent is None:
        return {}
    if not isinstance(sent, dict) or not all(isinstance(value, str) for value in sent.values()):
        raise ValueError("metadata must be an object of strings")
    if len(sent) > 50 or any(len(name) > 40 or len(value) > 500 for name, value in sent.items()):
        raise ValueError("metadata may have 50 keys of 40 characters with values of 500")
    return dict(sent)


def _day(given: str, zone: str) -> date:
    if "T" not in given:
        return date.fromisoformat(given)
    instant = datetime.fromisoformat(given)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone)).date()


async def _optional_body(request: Request) -> dict[str, Any]:
    return await body_as_object(request) if await request.body() else {}


def _success(data: object, *, status: int = 200, **more: object) -> Response:
    return JSONResponse({"status": "success", "data": data, **more}, status_code=status)


def _bad_request(request: Request, message: str) -> Response:
    return _error(request, 400, "BadRequestException", message)


def _not_found(request: Request, message: str) -> Response:
    return _error(request, 404, "NotFoundException", message)


def _error(request: Request, status: int, code: str, message: str) -> Response:
    path = _path(request)
    error = {"code": code, "message": message, "details": {}}
    body = {"status": "error", "timestamp": stamp(datetime.now(UTC)), "path": path, "error": error}
    return JSONResponse(body, status_code=status)


def _path(request: Request) -> str:
    """The path as the vendor knows it, without the prefix it has in town."""
    return "/v2" + request.url.path.partition("/v2")[2]
