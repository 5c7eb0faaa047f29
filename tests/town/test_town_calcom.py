"""Cal.com on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

KEY = {"Authorization": "Bearer cal_1"}
BOOKINGS = {**KEY, "cal-api-version": "2024-08-13"}
SLOTS = {"cal-api-version": "2024-09-04"}
ADA = {"name": "Ada Sample", "email": "ada@lakemail.example", "timeZone": "America/New_York", "language": "en"}


async def book(bench, start: str = "2026-12-01T14:00:00Z", **more: Any) -> Any:
    sent = {"eventTypeId": 7, "start": start, "attendee": ADA, "metadata": {"lead_id": "42"}, **more}
    return await bench.client.post("/calcom/v2/bookings", headers=BOOKINGS, json=sent)


async def free(bench, **more: str) -> dict[str, list[dict[str, str]]]:
    query = {"start": "2026-12-01", "end": "2026-12-06", "eventTypeId": "7", "timeZone": "America/New_York", **more}
    answer = await bench.client.get("/calcom/v2/slots", headers=SLOTS, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_slots_are_a_half_hour_grid_on_working_days(bench):
    days = await free(bench)
    assert list(days) == ["2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04"]  # the weekend is absent
    starts = [slot["start"] for slot in days["2026-12-01"]]
    assert (len(starts), starts[0], starts[-1]) == (
        16,
        "2026-12-01T09:00:00.000-05:00",
        "2026-12-01T16:30:00.000-05:00",
    )
    assert "end" in (await free(bench, format="range"))["2026-12-01"][0]


async def test_today_offers_only_what_is_still_to_come(bench):
    days = await free(bench, start="2026-11-30", end="2026-11-30")
    assert days["2026-11-30"][0]["start"] == "2026-11-30T12:30:00.000-05:00"


async def test_a_booking_takes_its_slot_and_is_announced(bench):
    answer = await book(bench)
    assert answer.status_code == 201
    made = answer.json()["data"]
    assert (made["status"], made["duration"], made["eventTypeId"]) == ("accepted", 30, 7)
    assert (made["start"], made["end"]) == ("2026-12-01T14:00:00.000Z", "2026-12-01T14:30:00.000Z")
    assert made["metadata"] == {"lead_id": "42"} and made["attendees"][0]["absent"] is False
    assert "2026-12-01T09:00:00.000-05:00" not in [slot["start"] for slot in (await free(bench))["2026-12-01"]]
    assert (await bench.client.get(f"/calcom/v2/bookings/{made['uid']}", headers=BOOKINGS)).json()["data"] == made
    await bench.advance(minutes=15)
    told = json.loads(bench.product.bookings[0][0])
    assert (told["triggerEvent"], told["payload"]["uid"], told["payload"]["status"]) == (
        "BOOKING_CREATED",
        made["uid"],
        "ACCEPTED",
    )


async def test_a_taken_slot_is_a_400(bench):
    assert (await book(bench)).status_code == 201
    again = await book(bench)
    assert again.status_code == 400
    assert again.json()["error"]["code"] == "BadRequestException"
    assert (await book(bench, eventTypeId=8)).status_code == 201  # another host is free


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "2026-11-30T14:00:00Z"},
        {"start": "2026-12-01T14:10:00Z"},
        {"start": "tomorrow"},
        {"attendee": {"name": "Ada", "timeZone": "UTC"}},
        {"attendee": ADA | {"timeZone": "Mars/Olympus"}},
        {"metadata": {"lead": 42}},
        {"metadata": {"x" * 41: "y"}},
        {"eventTypeId": None},
    ],
)
async def test_a_booking_that_makes_no_sense_is_a_400(bench, wrong):
    answer = await book(bench, **wrong)
    assert answer.status_code == 400
    assert answer.json()["status"] == "error" and answer.json()["path"] == "/v2/bookings"


async def test_cancelling_frees_the_slot_and_is_announced(bench):
    uid = (await book(bench)).json()["data"]["uid"]
    path = f"/calcom/v2/bookings/{uid}/cancel"
    cancelled = await bench.client.post(path, headers=BOOKINGS, json={"cancellationReason": "ill"})
    assert cancelled.json()["data"]["status"] == "cancelled"
    assert cancelled.json()["data"]["cancellationReason"] == "ill"
    assert (await bench.client.post(path, headers=BOOKINGS, json={})).status_code == 400
    assert (await book(bench)).status_code == 201
    await bench.advance(minutes=30)
    told = [json.loads(body) for body, _ in bench.product.bookings]
    first = [news["triggerEvent"] for news in told if news["payload"]["uid"] == uid]
    assert (len(told), first) == (3, ["BOOKING_CREATED", "BOOKING_CANCELLED"])


async def test_rescheduling_gives_a_new_uid(bench):
    old = (await book(bench)).json()["data"]
    path = f"/calcom/v2/bookings/{old['uid']}/reschedule"
    new = (await bench.client.post(path, headers=BOOKINGS, json={"start": "2026-12-02T15:00:00Z"})).json()["data"]
    assert new["uid"] != old["uid"] and new["rescheduledFromUid"] == old["uid"]
    before = (await bench.client.get(f"/calcom/v2/bookings/{old['uid']}", headers=BOOKINGS)).json()["data"]
    assert (before["status"], before["rescheduledToUid"]) == ("cancelled", new["uid"])


async def test_bookings_are_listed_by_page_and_filter(bench):
    uids = [(await book(bench, f"2026-12-01T{hour}:00:00Z")).json()["data"]["uid"] for hour in (14, 15, 16)]

    async def listed(**query: str) -> tuple[list[str], dict[str, Any]]:
        answer = (await bench.client.get("/calcom/v2/bookings", headers=BOOKINGS, params=query)).json()
        return [booking["uid"] for booking in answer["data"]], answer["pagination"]

    first, pagination = await listed(take="2")
    assert first == uids[:2] and pagination["hasNextPage"] and pagination["totalItems"] == 3
    assert (await listed(take="2", skip="2"))[0] == uids[2:]
    assert (await listed(attendeeEmail="ADA@lakemail.example", status="upcoming"))[0] == uids
    assert (await listed(attendeeEmail="bob@lakemail.example"))[0] == []
    assert (await listed(status="cancelled,past"))[0] == []
    assert (await listed(afterStart="2026-12-01T15:00:00Z"))[0] == uids[1:]
    assert (await listed(afterUpdatedAt="2026-11-30T17:00:00Z"))[0] == []


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v2/slots?start=2026-12-01&end=2026-12-02&eventTypeId=7", {}),
        ("GET", "/v2/bookings", {**KEY, "cal-api-version": "2024-09-04"}),
        ("POST", "/v2/bookings", KEY),
        ("GET", "/v2/event-types/7", BOOKINGS),
    ],
)
async def test_a_missing_or_wrong_version_header_is_a_404(bench, method, path, headers):
    answer = await bench.client.request(method, f"/calcom{path}", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NotFoundException"
    assert answer.json()["path"] == path.partition("?")[0]


async def test_bookings_need_a_key_and_slots_do_not(bench):
    answer = await bench.client.get("/calcom/v2/bookings", headers={"cal-api-version": "2024-08-13"})
    assert answer.status_code == 401
    assert await free(bench)


async def test_event_types_are_found_by_id_and_by_name(bench):
    headers = {**KEY, "cal-api-version": "2024-06-14"}
    by_id = (await bench.client.get("/calcom/v2/event-types/7", headers=headers)).json()["data"]
    assert (by_id["id"], by_id["lengthInMinutes"]) == (7, 30)
    query = {"username": "grace", "eventSlug": "intro"}
    (named,) = (await bench.client.get("/calcom/v2/event-types", headers=headers, params=query)).json()["data"]
    assert (await bench.client.get(f"/calcom/v2/event-types/{named['id']}", headers=headers)).json()["data"] == named
    assert (await bench.client.get("/calcom/v2/event-types/123456", headers=headers)).status_code == 404
    unknown = await bench.client.get(
        "/calcom/v2/slots", headers=SLOTS, params={"start": "2026-12-01", "end": "2026-12-02", "eventTypeId": "123456"}
    )
    assert unknown.status_code == 404


async def test_the_booking_page_books_on_post_and_never_on_get(bench):
    page = await bench.client.get("/calcom/book/grace/intro?metadata[lead_id]=42&name=Ada")
    assert page.status_code == 200 and 'value="Ada"' in page.text
    assert bench.state.truth.grade()["bookings"]["created"] == 0
    form = {"start": "2026-12-01T14:00:00.000Z", "name": "Ada", "email": "ada@lakemail.example"}
    done = await bench.client.post("/calcom/book/grace/intro?metadata[lead_id]=42", data=form)
    assert done.status_code == 200
    assert (await bench.client.post("/calcom/book/grace/intro", data=form)).status_code == 409
    (booking,) = bench.state.agenda.bookings.values()
    assert booking.metadata == {"lead_id": "42"}
