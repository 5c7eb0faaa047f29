"""Trouble on demand, the same in every run, and never billed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiosmtplib
import httpx
import pytest

from penstock.town.dice import Dice
from penstock.town.faults import Faults
from penstock.town.server import start_town

TRACE = "/batchdata/api/v1/property/skip-trace"
KEY = {"Authorization": "Bearer key"}


async def set_faults(bench, **rates: dict[str, float]) -> httpx.Response:
    return await bench.client.put("/town/faults", json=rates)


def trace(house: int) -> dict[str, Any]:
    return {"requests": [{"propertyAddress": {"street": f"{house} Oak St", "zip": "33602"}}]}


@pytest.mark.parametrize(
    ("fault", "vendor", "path", "status", "shape"),
    [
        ("rate_429", "batchdata", TRACE, 429, {"status"}),
        ("rate_500", "batchdata", TRACE, 500, {"status"}),
        ("rate_429", "vapi", "/vapi/call", 429, {"message", "error", "statusCode"}),
        ("rate_429", "calcom", "/calcom/v2/bookings", 429, {"status", "timestamp", "path", "error"}),
        ("rate_429", "melissa", "/melissa/v4/WEB/GlobalEmail/doGlobalEmail", 429, {"message"}),
    ],
)
async def test_each_vendor_fails_in_its_own_shape_and_bills_nothing(bench, fault, vendor, path, status, shape):
    assert (await set_faults(bench, **{vendor: {fault: 1.0}})).status_code == 204
    body = trace(1) | {
        "CustomerID": "x",
        "assistantId": "a",
        "phoneNumberId": "p",
        "customer": {"number": "+18134567890"},
    }
    answer = await bench.client.post(path, headers={**KEY, "cal-api-version": "2024-08-13"}, json=body)
    assert answer.status_code == status
    assert set(answer.json()) == shape
    assert status != 429 or answer.headers["retry-after"] == "1"
    assert bench.state.truth.grade()["billed"] == {}


async def test_faults_come_at_their_rate_and_do_not_depend_on_the_order_of_requests():
    def struck(order: list[int]) -> dict[tuple[int, int], Any]:
        faults = Faults(Dice(7))
        faults.configure({"melissa": {"rate_429": 0.2, "reset": 0.1}})
        blows: dict[tuple[int, int], Any] = {}
        for attempt in range(2):
            for item in order:
                blows[item, attempt] = faults.strike("melissa", str(item))
        return blows

    one, other = struck(list(range(500))), struck(list(reversed(range(500))))
    assert one == other
    assert 0.16 < list(one.values()).count("rate_429") / 1000 < 0.24
    assert 0.07 < list(one.values()).count("reset") / 1000 < 0.13
    assert any(one[item, 0] != one[item, 1] for item in range(500))


@pytest.mark.parametrize("wrong", [{"acme": {}}, {"vapi": {"hiccup": 0.1}}, {"vapi": {"reset": 2}}, {"vapi": 3}])
async def test_unknown_faults_are_refused(bench, wrong):
    answer = await set_faults(bench, **wrong)
    assert answer.status_code == 400 and answer.json()["detail"]


async def test_a_duplicated_webhook_is_the_same_bytes_twice(bench):
    await set_faults(
        bench, calcom={"duplicate_webhook": 1.0}, vapi={"duplicate_webhook": 1.0}, mail={"duplicate_webhook": 1.0}
    )
    sent = {
        "eventTypeId": 7,
        "start": "2026-12-01T14:00:00Z",
        "attendee": {"name": "A", "email": "a@b.example", "timeZone": "UTC"},
    }
    await bench.client.post("/calcom/v2/bookings", headers={**KEY, "cal-api-version": "2024-08-13"}, json=sent)
    await bench.write(bench.someone("late").mailboxes[0].email)
    await bench.advance(hours=1)
    first, second = bench.product.bookings
    assert first[0] == second[0]
    assert len(bench.product.mails) == 2 and bench.product.mails[0] == bench.product.mails[1]


async def test_a_webhook_can_arrive_before_the_response(bench):
    await set_faults(bench, calcom={"webhook_before_response": 1.0}, vapi={"webhook_before_response": 1.0})
    server = {"server": {"url": f"{bench.product.url}/voice"}}
    sent = {
        "assistantId": "a",
        "phoneNumberId": "p",
        "customer": {"number": "+18134567890"},
        "assistantOverrides": server,
    }
    answer = await bench.client.post("/vapi/call", headers=KEY, json=sent)
    assert [message["status"] for message in bench.product.voice] == ["ringing"]
    assert bench.product.voice[0]["call"]["id"] == answer.json()["id"]
    await bench.advance(minutes=15)
    assert bench.product.intents().count("status-update") == 2  # ringing is not told again


async def test_smtp_greylists_and_hangs_up(bench):
    email = bench.someone().mailboxes[0].email
    await set_faults(bench, smtp={"rate_429": 1.0})
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await bench.write(email)
    assert caught.value.recipients[0].code == 451
    await set_faults(bench, smtp={"reset": 1.0})
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await bench.write(email)
    assert bench.state.truth.grade()["emails"]["received"] == 0


async def test_a_reset_cuts_the_connection_and_a_timeout_never_answers():
    with start_town(seed=7) as town:
        async with httpx.AsyncClient(base_url=town.http_url, headers=KEY, timeout=20) as client:
            (await client.put("/town/faults", json={"batchdata": {"reset": 1.0}})).raise_for_status()
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await client.post(TRACE, json=trace(1))
            (await client.put("/town/faults", json={"batchdata": {"timeout": 1.0}})).raise_for_status()
            started = time.monotonic()
            with pytest.raises(httpx.ReadTimeout):
                await client.post(TRACE, json=trace(1), timeout=0.5)
            assert time.monotonic() - started >= 0.5
            (await client.put("/town/faults", json={})).raise_for_status()
            answers = await asyncio.gather(*(client.post(TRACE, json=trace(house)) for house in range(5)))
            assert all(answer.status_code == 200 for answer in answers)
            assert (await client.get("/truth")).json()["paid_twice"] == 0
