"""Real calls in the town: it dials, the person talks, the assistant books, and the vendor reports."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from voice_cast import PHONE, all_of, do, look, make_call, make_consented, message, post, serving, the_call

from penstock import billing
from penstock.booking import tasks as booking_tasks
from penstock.core import clock
from penstock.core.context import Context
from penstock.providers.voice.calls import CallState
from penstock.providers.voice.vapi import Vapi, parse_call
from penstock.voice import tasks

USED = "select quantity from api.billing_usage where metric = 'voice_minutes'"


async def let_time_pass(town: Any, *, minutes: int) -> None:
    """The town and we go from instant to instant together; what happens there is posted to us."""
    end = clock.now() + timedelta(minutes=minutes)
    async with httpx.AsyncClient(base_url=town.http_url, timeout=60) as client:
        while (due := (await client.get("/town/next")).json()["next"]) and datetime.fromisoformat(due) <= end:
            clock.hold(max(clock.now(), datetime.fromisoformat(due)))
            (await client.post("/town/advance", json={"to": due})).raise_for_status()
        clock.hold(end)
        (await client.put("/town/clock", json={"now": end.isoformat()})).raise_for_status()


def somebody_who_books(town: Any) -> str:
    """The number of a living owner that ends in 06: whoever answers it agrees to an appointment."""
    with httpx.Client(base_url=town.http_url) as client:
        for house in range(60, 400):
            where = {"address": f"{house} Example Ave", "city": "Tampa", "state": "FL", "zip": "33602"}
            found = client.get("/town/people", params=where)
            for person in found.json().get("residents", []) if found.status_code == 200 else []:
                for phone in person["phones"]:
                    right = person["role"] == "owner" and not person["deceased"] and phone["alive"]
                    if right and phone["number"].endswith("06"):
                        return f"+1{phone['number']}"
    raise AssertionError("nobody with such a number lives in 400 houses")


async def test_a_call_ends_with_an_appointment_and_an_invoice(town_ctx: Context, town: Any) -> None:
    async with serving(town_ctx, town):
        lead_id = await make_consented(town_ctx, somebody_who_books(town))
        await tasks.pump(town_ctx, 1)
        await let_time_pass(town, minutes=60)
        await tasks.pump_receipts(town_ctx, 1)
        await booking_tasks.pump(town_ctx, 1)
    call = await the_call(town_ctx)
    assert (call["state"], call["outcome"]) == ("ended", "booked")
    assert call["cost_cents"] > 0
    assert (await all_of(town_ctx, USED))[0]["quantity"] == minutes_talked(town) > 0
    appointment = await look(town_ctx, "select lead_id, status, starts_at from app.appointments")
    assert (appointment["lead_id"], appointment["status"]) == (lead_id, "accepted")
    assert appointment["starts_at"] > clock.now()
    lead = await look(town_ctx, "select campaign_status::text from app.leads")
    assert lead["campaign_status"] == "converted"
    outcomes = {row["outcome"] for row in await all_of(town_ctx, "select outcome from app.webhook_receipts")}
    assert outcomes <= {"answered", "noted", "booked", "known"}
    closed = await billing.close_period(town_ctx, 1, clock.now() + timedelta(seconds=1))
    assert (closed.lines, closed.total_cents) == (1, 25_000)
    assert await look(town_ctx, "select 1 as x from app.dlq") is None
    assert await tasks.pump(town_ctx, 1) == 0  # nobody calls somebody who has an appointment


def minutes_talked(town: Any) -> int:
    """Minutes for which the vendor wants money."""
    return int(httpx.get(f"{town.http_url}/truth").json()["billed"]["vapi"]["items"])


async def test_duplicate_webhooks_and_webhooks_before_the_response_change_nothing(town_ctx: Context, town: Any) -> None:
    faults = {name: {"duplicate_webhook": 1.0, "webhook_before_response": 1.0} for name in ("vapi", "calcom")}
    httpx.put(f"{town.http_url}/town/faults", json=faults).raise_for_status()
    async with serving(town_ctx, town):
        await make_consented(town_ctx, somebody_who_books(town))
        await tasks.pump(town_ctx, 1)
        await let_time_pass(town, minutes=60)
        for _ in range(2):
            await tasks.pump_receipts(town_ctx, 1)
            await booking_tasks.pump(town_ctx, 1)
    assert (await the_call(town_ctx))["outcome"] == "booked"
    assert (await all_of(town_ctx, USED))[0]["quantity"] == minutes_talked(town)
    for table in ("appointments", "billing_events", "calls", "vendor_calls"):
        assert (await look(town_ctx, f"select count(*) as n from app.{table}"))["n"] == 1, table
    initiated = await all_of(town_ctx, "select 1 as x from app.pipeline_events where event_type = 'call_initiated'")
    assert len(initiated) == 1


async def test_a_report_that_was_lost_is_asked_for(town_ctx: Context, town: Any) -> None:
    async with serving(town_ctx, town):
        await make_consented(town_ctx, PHONE[:-2] + "02")  # busy, always
        await tasks.pump(town_ctx, 1)
        await let_time_pass(town, minutes=45)
    await do(town_ctx, "delete from app.webhook_receipts")
    assert (await the_call(town_ctx))["state"] == "placed"
    await tasks.pump(town_ctx, 1)
    call = await the_call(town_ctx)
    assert (call["state"], call["outcome"], call["ended_reason"]) == ("ended", "no_answer", "customer-busy")


def vendor_says(monkeypatch: pytest.MonkeyPatch, **body: Any) -> None:
    """What the vendor answers when it is asked for a call."""

    async def get(_: Vapi, call_id: str) -> CallState:
        return parse_call({"id": call_id, "status": "ended", **body})

    monkeypatch.setattr(Vapi, "get", get)


async def test_a_lost_report_with_an_unreadable_time_still_ends_its_call(
    town_ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_call(town_ctx)
    vendor_says(monkeypatch, startedAt="yesterday", endedAt=[], endedReason="customer-busy")
    clock.hold(clock.now() + timedelta(minutes=31))
    assert await tasks.recover(town_ctx, 1) == 1
    call = await the_call(town_ctx)
    assert (call["outcome"], call["started_at"], call["ended_at"]) == ("no_answer", None, clock.now())


async def test_a_lost_report_that_nobody_can_read_is_put_aside_and_others_are_called(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await make_call(town_ctx)
    clock.hold(clock.now() + timedelta(minutes=31))
    monkeypatch.setattr(tasks, "LINES", 1)  # the silent call holds none: it is long over
    await make_consented(town_ctx, "+18135550143", first_name="Eve")
    vendor_says(monkeypatch, analysis="They talked to Ada.")
    assert await tasks.pump(town_ctx, 1) == 1
    aside = await look(town_ctx, "select stage, item, error from app.dlq")
    assert tuple(aside.values()) == ("voice", f"call:{call['id']}", "AttributeError")
    states = "select state from app.calls order by reserved_at"
    assert [row["state"] for row in await all_of(town_ctx, states)] == ["placed", "placed"]

    vendor_says(monkeypatch, endedReason="customer-busy")
    assert await tasks.recover(town_ctx, 1) == 0  # not before its time
    clock.hold(clock.now() + timedelta(minutes=2))
    assert await tasks.recover(town_ctx, 1) == 1
    assert [row["state"] for row in await all_of(town_ctx, states)] == ["ended", "placed"]
    assert await look(town_ctx, "select 1 as x from app.dlq") is None


async def test_no_credit_at_the_vendor_leaves_the_lead_waiting_with_its_attempt(town_ctx: Context, town: Any) -> None:
    async with serving(town_ctx, town):
        await make_consented(town_ctx, PHONE[:-2] + "04")
        await tasks.pump(town_ctx, 1)
        await let_time_pass(town, minutes=30)
        await tasks.pump_receipts(town_ctx, 1)
    assert (await the_call(town_ctx))["state"] == "failed"
    assert (await look(town_ctx, "select call_attempt_count as n from app.leads"))["n"] == 0


def asking(call: Any, name: str, arguments: Any, *, shape: str = "openapi") -> bytes:
    function = {"id": "tc-1", "type": "function", "function": {"name": name, "arguments": arguments}}
    plain = {"id": "tc-1", "name": name, "parameters": arguments}
    return message("tool-calls", call, toolCallList=[function if shape == "openapi" else plain])


async def test_the_assistant_books_in_either_shape_and_asked_twice_books_once(town_ctx: Context, town: Any) -> None:
    call = await make_call(town_ctx)
    start = '{"start": "2026-12-02T15:00:00Z"}'
    first = await post(town_ctx, asking(call, "book_appointment", start))
    second = await post(town_ctx, asking(call, "book_appointment", {"start": "2026-12-02T15:00:00Z"}, shape="guide"))
    for answer in (first, second):
        assert answer.status_code == 200
        (item,) = answer.json()["results"]
        assert (item["toolCallId"], item["name"]) == ("tc-1", "book_appointment")
        assert "Wednesday, December 2 at 10:00 AM EST" in item["result"]
    assert (await look(town_ctx, "select count(*) as n from app.appointments"))["n"] == 1


async def test_slots_are_offered_while_the_person_waits(town_ctx: Context, town: Any) -> None:
    call = await make_call(town_ctx)
    (item,) = (await post(town_ctx, asking(call, "check_slots", {}))).json()["results"]
    assert item["result"].startswith("Free: ")


async def test_what_fails_is_said_with_http_200(ctx: Context) -> None:
    call = await make_call(ctx)
    for name, arguments in (("book_appointment", {"start": "soon"}), ("sing", {}), ("check_slots", {})):
        answer = await post(ctx, asking(call, name, arguments))  # no calendar is connected here
        assert answer.status_code == 200
        assert "error" in answer.json()["results"][0]


async def test_an_opt_out_on_the_line_is_in_force_before_the_assistant_says_goodbye(ctx: Context) -> None:
    call = await make_call(ctx)
    answer = await post(ctx, asking(call, "opt_out", {}))
    assert "off our list" in answer.json()["results"][0]["result"]
    lead = await look(ctx, "select campaign_status::text, consent from app.leads")
    assert tuple(lead.values()) == ("unsubscribed", False)
