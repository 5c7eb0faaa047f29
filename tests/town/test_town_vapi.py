"""VAPI on the wire, and what happens on the line."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from penstock.town import odds

KEY = {"Authorization": "Bearer sk_1"}


def order(bench, number: str, **overrides: Any) -> dict[str, Any]:
    return {
        "assistantId": "a-1",
        "phoneNumberId": "pn-1",
        "name": "lead-42",
        "customer": {"number": f"+1{number}", "name": "Ada Sample", "externalId": "lead-42"},
        "assistantOverrides": {
            "variableValues": {"booking_url": "http://town.test/calcom/book/grace/intro"},
            "metadata": {"lead_id": "42"},
            "firstMessage": "Hi Ada, this is an automated assistant.",
            "server": {"url": f"{bench.product.url}/voice"},
            **overrides,
        },
    }


async def dial(bench, number: str, **overrides: Any) -> dict[str, Any]:
    answer = await bench.client.post("/vapi/call", headers=KEY, json=order(bench, number, **overrides))
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def talk(monkeypatch):
    """Make everybody pick up and say one thing."""

    def set_odds(outcome: str, **more: float) -> None:
        monkeypatch.setattr(odds, "CALL", {"answered": 1.0})
        monkeypatch.setattr(odds, "TALK", {outcome: 1.0})
        monkeypatch.setattr(odds, "CANCELS", 0.0)
        monkeypatch.setattr(odds, "RESCHEDULES", 0.0)

    return set_odds


async def test_a_call_is_queued_and_can_be_read(bench):
    call = await dial(bench, bench.someone().own_number().number)
    assert call["status"] == "queued"
    assert call["type"] == "outboundPhoneCall"
    assert call["assistantOverrides"]["metadata"] == {"lead_id": "42"}
    assert call["subscriptionLimits"] == {
        "concurrencyBlocked": False,
        "concurrencyLimit": 10,
        "remainingConcurrentCalls": 9,
    }
    assert (await bench.client.get(f"/vapi/call/{call['id']}", headers=KEY)).json()["id"] == call["id"]
    listed = (await bench.client.get("/vapi/call", headers=KEY, params={"createdAtLt": "2030-01-01T00:00:00Z"})).json()
    assert [item["id"] for item in listed] == [call["id"]]
    assert (
        await bench.client.get("/vapi/call", headers=KEY, params={"createdAtGt": "2030-01-01T00:00:00Z"})
    ).json() == []


async def test_a_talk_is_told_step_by_step_and_signed(bench, talk):
    talk("callback")
    call = await dial(bench, bench.someone().own_number().number)
    assert bench.product.voice == []
    await bench.advance(minutes=15)
    told = [(message["type"], message.get("status")) for message in bench.product.voice]
    assert told == [
        ("status-update", "ringing"),
        ("status-update", "in-progress"),
        ("status-update", "ended"),
        ("end-of-call-report", None),
    ]
    report = bench.product.voice[-1]
    assert report["call"]["id"] == call["id"]
    assert report["endedReason"] == "customer-ended-call"
    assert report["analysis"]["structuredData"]["outcome"] == "callback"
    assert report["analysis"]["structuredData"]["callback_at"] > report["endedAt"] > report["startedAt"]
    assert "AI: Hi Ada" in report["artifact"]["transcript"] and "\nUser: " in report["artifact"]["transcript"]
    for sent in bench.product.voice_headers:
        signed = f"{sent['x-timestamp']}.{sent['raw']}".encode()
        assert sent["x-signature"] == hmac.new(b"vapi-secret", signed, hashlib.sha256).hexdigest()
    after = (await bench.client.get(f"/vapi/call/{call['id']}", headers=KEY)).json()
    assert (after["status"], after["endedReason"]) == ("ended", "customer-ended-call")


async def test_who_agrees_has_the_assistant_book_a_free_slot(bench, talk):
    talk("booked")
    person = bench.someone()

    async def book(arguments: dict[str, str], message: dict[str, Any]) -> dict[str, str]:
        attendee = {
            "name": arguments["name"],
            "phoneNumber": message["customer"]["number"],
            "timeZone": "America/New_York",
        }
        booking = {"username": "grace", "eventTypeSlug": "intro", "start": arguments["start"], "attendee": attendee}
        headers = {**KEY, "cal-api-version": "2024-08-13"}
        answer = await bench.client.post("/calcom/v2/bookings", headers=headers, json=booking)
        assert answer.status_code == 201, answer.text
        return {"result": "Booked"}

    bench.product.tool_answer = book
    await dial(bench, person.own_number().number)
    await bench.advance(minutes=30)
    asked = next(message for message in bench.product.voice if message["type"] == "tool-calls")
    function = asked["toolCallList"][0]["function"]
    assert function["name"] == "book_appointment"
    assert json.loads(function["arguments"])["start"].endswith("Z")
    assert bench.product.voice[-1]["analysis"]["structuredData"] == {"outcome": "booked"}
    assert bench.state.truth.grade()["bookings"]["created"] == 1
    assert bench.state.mood(person).stance == "booked"
    assert len(bench.product.bookings) == 1


async def test_who_is_refused_a_slot_names_another_and_then_wants_a_call_back(bench, talk):
    talk("booked")
    starts: list[str] = []

    async def refuse(arguments: dict[str, str], message: dict[str, Any]) -> dict[str, str]:
        starts.append(arguments["start"])
        return {"error": "that time is taken"}

    bench.product.tool_answer = refuse
    await dial(bench, bench.someone().own_number().number)
    await bench.advance(minutes=15)
    assert len(starts) == 2
    assert bench.product.voice[-1]["analysis"]["structuredData"]["outcome"] == "callback"


async def test_two_people_who_book_at_once_ask_for_different_slots(bench, talk, monkeypatch):
    talk("booked")
    starts: list[str] = []

    async def note(arguments: dict[str, str], message: dict[str, Any]) -> dict[str, str]:
        starts.append(arguments["start"])
        return {"result": "fine"}

    bench.product.tool_answer = note
    monkeypatch.setattr(bench.state.dice, "pick", lambda options, *key: options[0])  # everybody likes the first best
    people = [bench.household(f"{house} Elm St").owner for house in range(1, 9)]
    for person in people:
        await dial(bench, person.own_number().number)
    await bench.advance(minutes=15)
    assert len(starts) == len(set(starts)) > 3


@pytest.mark.parametrize(
    ("ending", "reason", "rings"),
    [
        ("01", "voicemail", True),
        ("02", "customer-busy", True),
        ("03", "customer-did-not-answer", True),
        ("04", "call.start.error-subscription-insufficient-credits", False),
        ("05", "customer-ended-call", True),
    ],
)
async def test_the_last_two_digits_can_decide(bench, ending, reason, rings):
    await dial(bench, f"81345678{ending}")
    await bench.advance(minutes=15)
    assert bench.product.voice[-1]["endedReason"] == reason
    assert bench.product.voice[-1]["analysis"]["structuredData"] == {}
    assert bench.state.truth.grade()["calls"]["placed"] == rings
    assert ("hang" in bench.product.intents()) == (ending == "05")


async def test_a_dead_number_cannot_be_connected(bench):
    phones = (phone for house in range(1, 200) for phone in bench.household(f"{house} Oak St").owner.phones)
    dead = next(phone for phone in phones if not phone.alive and phone.number[-2:] > "06")
    await dial(bench, dead.number)
    await bench.advance(minutes=15)
    assert bench.product.voice[-1]["endedReason"] == "twilio-failed-to-connect-call"


async def test_the_wrong_person_says_so(bench, talk):
    talk("booked")
    await dial(bench, bench.someone(role="stranger").own_number().number)
    await bench.advance(minutes=15)
    assert "wrong number" in bench.product.voice[-1]["artifact"]["transcript"]
    assert bench.state.truth.grade()["calls"]["wrong_party"] == 1


async def test_the_eleventh_live_call_is_blocked_and_fails_to_start(bench):
    calls = [await dial(bench, f"813456{number}") for number in range(7810, 7821)]
    assert [call["subscriptionLimits"]["concurrencyBlocked"] for call in calls] == [False] * 10 + [True]
    await bench.advance(minutes=15)
    reasons = {message["endedReason"] for message in bench.product.voice if message["call"]["id"] == calls[-1]["id"]}
    assert reasons == {"call.start.error-subscription-concurrency-limit-reached"}
    assert bench.state.truth.grade()["calls"]["placed"] == 10


async def test_only_the_messages_asked_for_are_sent(bench, talk):
    talk("not_interested")
    await dial(bench, bench.someone().own_number().number, serverMessages=["end-of-call-report"])
    await bench.advance(minutes=15)
    assert bench.product.intents() == ["end-of-call-report"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"customer": {}}, 400, "customer.number"),
        ({"customer": {"number": "8135550100"}}, 400, "E.164"),
        ({"phoneNumberId": None}, 400, "phoneNumberId"),
        ({"assistant": {}}, 400, "assistantId"),
        ({"customers": []}, 400, "customers"),
    ],
)
async def test_bad_orders_are_refused_in_nest_shape(bench, change, status, words):
    sent = {name: value for name, value in {**order(bench, "8134567890"), **change}.items() if value is not None}
    answer = await bench.client.post("/vapi/call", headers=KEY, json=sent)
    assert answer.status_code == status
    assert answer.json()["statusCode"] == status and answer.json()["error"] == "Bad Request"
    assert words in str(answer.json()["message"])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pk_public"}])
async def test_without_the_private_key_nothing_is_dialled(bench, headers):
    answer = await bench.client.post("/vapi/call", headers=headers, json=order(bench, "8134567890"))
    assert answer.status_code == 401
    assert "private key" in answer.json()["message"]
    assert (await bench.client.get("/vapi/call/nope", headers=KEY)).status_code == 404


async def test_talk_time_is_billed_by_the_minute(bench, talk):
    talk("not_interested")
    await dial(bench, bench.someone().own_number().number)
    await bench.advance(minutes=15)
    billed = bench.state.truth.grade()["billed"]["vapi"]
    assert billed["calls"] == 1 and billed["cents"] == 12 * billed["items"]
    assert bench.product.voice[-1]["cost"] == pytest.approx(billed["cents"] / 100)
