"""Cal.com: requests, signature and webhooks."""

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.core.errors import Conflict, InvalidInput
from penstock.core.http import make_client
from penstock.providers import Account
from penstock.providers.calendar import calcom
from penstock.providers.calendar.bookings import BookingOrder, Change, EventType

ACCOUNT = Account("https://api.cal.com", "cal_key")
START = datetime(2025, 6, 10, 14, tzinfo=UTC)
ORDER = BookingOrder(
    event=EventType(username="rep", slug="intro"),
    start=START,
    name="Ada Sample",
    zone="America/New_York",
    phone="+18135550100",
    metadata={"lead_id": "42"},
)
VECTOR = b'{"triggerEvent":"BOOKING_CREATED","createdAt":"2030-01-02T03:04:05.000Z","payload":{"uid":"bk_1"}}'
SIGNATURE = "8eb26f4afd39fcf042a6e6f15705e7687232062bb1273d075dcffd1715c9d27c"


def booking(**changes: Any) -> dict[str, Any]:
    return {
        "uid": "bk_1",
        "status": "accepted",
        "start": "2025-06-10T14:00:00.000Z",
        "end": "2025-06-10T14:30:00.000Z",
        "meetingUrl": "https://app.example.test/video/bk_1",
        "attendees": [{"name": "Ada Sample", "email": "ada@example.com"}],
        "metadata": {"lead_id": "42"},
    } | changes


def test_a_booking_request_carries_the_bookings_version_and_utc() -> None:
    request = calcom.build_request(ACCOUNT, ORDER)
    assert request.headers["cal-api-version"] == "2024-08-13"
    assert request.json["start"] == "2025-06-10T14:00:00Z"
    assert (request.json["eventTypeSlug"], request.json["username"]) == ("intro", "rep")
    assert "email" not in request.json["attendee"]
    assert not request.repeatable


def test_slots_are_asked_under_their_own_version() -> None:
    request = calcom.build_slots(ACCOUNT, EventType(7), date(2025, 6, 10), date(2025, 6, 12), "America/New_York")
    assert request.headers["cal-api-version"] == "2024-09-04"
    assert request.query["eventTypeId"] == "7"


def test_slots_read_as_aware_instants_in_order() -> None:
    body = {
        "data": {
            "2025-06-11": [{"start": "2025-06-11T10:00:00.000-04:00"}],
            "2025-06-10": [{"start": START.isoformat()}],
        }
    }
    assert calcom.parse_slots(body) == [START, datetime(2025, 6, 11, 14, tzinfo=UTC)]


def test_a_booking_reads_in_our_words() -> None:
    read = calcom.parse_booking({"status": "success", "data": booking()})
    assert (read.uid, read.status, read.start, read.metadata) == ("bk_1", "accepted", START, {"lead_id": "42"})


def vendor(handler: Any, path: str) -> httpx.AsyncClient:
    app = Starlette(routes=[Route(path, handler, methods=["GET", "POST"])])
    return make_client(transport=httpx.ASGITransport(app))


async def test_a_slot_that_is_gone_is_a_conflict() -> None:
    async def taken(_: Request) -> Response:
        return JSONResponse({"status": "error", "error": {"code": "BadRequestException"}}, status_code=400)

    async with vendor(taken, "/v2/bookings") as client:
        with pytest.raises(Conflict):
            await calcom.Calcom(client, Account("http://cal.example", "k")).book(ORDER)


async def test_an_unclear_booking_is_found_again_by_start_and_metadata() -> None:
    async def listing(_: Request) -> Response:
        others = [booking(uid="bk_0", metadata={"lead_id": "7"}), booking(uid="bk_2", start="2025-06-10T15:00:00.000Z")]
        return JSONResponse({"status": "success", "data": [*others, booking()]})

    async with vendor(listing, "/v2/bookings") as client:
        calendar = calcom.Calcom(client, Account("http://cal.example", "k"))
        found = await calendar.find(metadata={"lead_id": "42"}, email=None, start=START)
        missing = await calendar.find(metadata={"lead_id": "43"}, email=None, start=START)
    assert found is not None
    assert found.uid == "bk_1"
    assert missing is None


def test_the_documented_signature_is_accepted_and_no_other() -> None:
    assert calcom.verify(VECTOR, {"X-Cal-Signature-256": SIGNATURE}, secret="cal-secret")
    assert not calcom.verify(VECTOR + b" ", {"X-Cal-Signature-256": SIGNATURE}, secret="cal-secret")
    assert not calcom.verify(VECTOR, {"X-Cal-Signature-256": "no-secret-provided"}, secret="cal-secret")
    assert not calcom.verify(VECTOR, {}, secret="cal-secret")
    assert not calcom.verify(VECTOR, {"X-Cal-Signature-256": SIGNATURE}, secret="")


def event(trigger: str, **payload: Any) -> bytes:
    body = {"triggerEvent": trigger, "createdAt": "2025-06-03T14:05:00.000Z", "payload": {"uid": "bk_1", **payload}}
    return json.dumps(body).encode()


def test_a_created_booking_reads_with_its_people_and_our_metadata() -> None:
    read = calcom.parse_event(
        event(
            "BOOKING_CREATED",
            startTime="2025-06-10T14:00:00Z",
            endTime="2025-06-10T14:30:00Z",
            attendees=[{"email": "ada@example.com", "name": "Ada Sample", "timeZone": "America/New_York"}],
            organizer={"email": "rep@example.com", "username": "rep"},
            metadata={"lead_id": "42", "videoCallUrl": "https://app.example.test/v"},
        )
    )
    assert (read.change, read.uid, read.start, read.attendee_email) == (
        Change.CREATED,
        "bk_1",
        START,
        "ada@example.com",
    )
    assert (read.metadata["lead_id"], read.organizer_username) == ("42", "rep")
    assert read.dedupe_key == "BOOKING_CREATED:bk_1:2025-06-03T14:05:00.000Z"


def test_a_reschedule_names_the_old_booking() -> None:
    read = calcom.parse_event(event("BOOKING_RESCHEDULED", uid="bk_2", rescheduleUid="bk_1"))
    assert (read.change, read.uid, read.previous_uid) == (Change.RESCHEDULED, "bk_2", "bk_1")


def test_a_no_show_reads_from_its_flat_payload() -> None:
    raw = event(
        "BOOKING_NO_SHOW_UPDATED", uid="", bookingUid="bk_1", attendees=[{"email": "a@b.example", "noShow": True}]
    )
    read = calcom.parse_event(raw)
    assert (read.change, read.uid, read.no_show) == (Change.NO_SHOW, "bk_1", True)


def test_an_unknown_trigger_is_unknown_and_a_strange_body_is_invalid() -> None:
    assert calcom.parse_event(event("OOO_CREATED")).change is Change.UNKNOWN
    for raw in (b"", b"[]", b"{}", b"[" * 100_000):
        with pytest.raises(InvalidInput):
            calcom.parse_event(raw)
