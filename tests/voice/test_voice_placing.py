"""Who is called, from which number, once."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from voice_cast import all_of, do, look, make_consented, the_call

from factories import make_lead
from ground import BROKER_ID, several_lines
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.providers.voice.calls import CallOrder, CallState
from penstock.providers.voice.vapi import Vapi
from penstock.voice import placing, script, tasks
from penstock.voice.placing import SQL

NOON_IN_TAMPA = datetime(2026, 11, 30, 17, tzinfo=UTC)


def dialled(town: Any) -> list[dict[str, Any]]:
    """The calls that the vendor was asked for."""
    headers = {"Authorization": "Bearer town-key-0001"}
    found: list[dict[str, Any]] = httpx.get(f"{town.http_url}/vapi/call", headers=headers).json()
    return found


def fault(town: Any, **rates: float) -> None:
    httpx.put(f"{town.http_url}/town/faults", json={"vapi": rates}).raise_for_status()


async def reserve_only(ctx: Context) -> placing.Reserved:
    """A reservation whose worker goes no further."""
    async with ctx.db.tenant(1) as db:
        (due,) = await rows(db, SQL["due"], limit=10)
    reserved = await placing.reserve(ctx, 1, due)
    assert reserved is not None
    return reserved


async def bury_worker(ctx: Context) -> None:
    """This process signed in as a worker, and its number belongs to nobody any more."""
    async with ctx.db.owner() as db:
        await db.exec_driver_sql(
            "insert into app.workers (id, host, pid, started_at, last_seen_at) values "
            f"('{ctx.worker_id}', 'another-machine', 1, now() - interval '1 day', now() - interval '1 hour')"
        )
    object.__setattr__(ctx, "worker_id", uuid.uuid4())


async def test_who_consented_is_called_from_a_local_number_with_a_lawful_opening(town_ctx: Context, town: Any) -> None:
    lead_id = await make_consented(town_ctx)
    assert await tasks.pump(town_ctx, 1) == 1
    (asked,) = dialled(town)
    assert asked["customer"]["number"] == "+18135550142"
    assert asked["phoneNumberId"] == "pn-fl"
    said = asked["assistantOverrides"]["firstMessage"]
    assert said.startswith("Hello, this is an automated AI assistant with a sales call for Acme Home Equity LLC.")
    assert script.spoken_number("+18135550199") in said
    call = await the_call(town_ctx)
    assert (call["state"], call["vapi_call_id"]) == ("placed", asked["id"])
    assert asked["customer"]["externalId"] == str(call["id"])
    lead = await look(town_ctx, "select id, vapi_call_id, call_attempt_count, next_call_at from app.leads")
    assert (lead["id"], lead["vapi_call_id"], lead["call_attempt_count"]) == (lead_id, asked["id"], 1)
    assert lead["next_call_at"] > clock.now() + timedelta(hours=12)
    assignment = await look(town_ctx, "select status, attempts from app.lead_number_assignments")
    assert tuple(assignment.values()) == ("active", 1)
    diary = await all_of(town_ctx, "select event_type from app.pipeline_events where stage = 'voice'")
    assert [row["event_type"] for row in diary] == ["call_initiated"]
    attempt = await look(town_ctx, "select state, channel from app.contact_attempts")
    assert tuple(attempt.values()) == ("in_call", "voice_ai")


async def test_who_did_not_consent_is_never_called(town_ctx: Context, town: Any) -> None:
    columns = {"campaign_status": "active", "added_to_campaign_at": clock.now()}
    await make_lead(town_ctx, phone="+18135550142", broker_id=BROKER_ID, **columns)
    assert await tasks.pump(town_ctx, 1) == 0
    assert dialled(town) == []


async def test_outside_the_window_nothing_is_dialled_and_the_lead_waits_for_it(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    clock.hold(datetime(2026, 12, 1, 3, tzinfo=UTC))  # 22:00 in Tampa
    await tasks.pump(town_ctx, 1)
    assert dialled(town) == []
    lead = await look(town_ctx, "select next_call_at, call_attempt_count from app.leads")
    assert lead["call_attempt_count"] == 0
    opens = lead["next_call_at"].astimezone(UTC)
    assert datetime(2026, 12, 1, 13, tzinfo=UTC) <= opens <= datetime(2026, 12, 1, 13, 15, tzinfo=UTC)
    denied = await look(town_ctx, "select verdict, reason from app.contact_decisions")
    assert tuple(denied.values()) == ("DENY", "TIME_QUIET_HOURS")
    assert await look(town_ctx, "select 1 as x from app.calls") is None


async def test_a_number_that_was_just_given_is_checked_before_it_is_called(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    await do(town_ctx, "update app.contact_points set verified = false, verified_at = null where kind = 'phone'")
    await tasks.pump(town_ctx, 1)
    assert dialled(town) == []
    lead = await look(town_ctx, "select next_call_at from app.leads")
    assert lead["next_call_at"] == clock.now() + placing.CHECKED_BY


async def test_two_workers_call_a_person_once(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    await asyncio.gather(*(tasks.pump(several_lines(town_ctx), 1) for _ in range(3)))
    assert len(dialled(town)) == 1
    assert len(await all_of(town_ctx, "select 1 as x from app.calls")) == 1


async def test_a_worker_that_died_before_dialling_is_followed_by_one_call(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    await reserve_only(town_ctx)
    assert await tasks.pump(town_ctx, 1) == 0  # it may still be at it
    await bury_worker(town_ctx)
    assert await tasks.pump(town_ctx, 1) == 0  # nobody knows yet whether it dialled
    assert dialled(town) == []
    assert (await the_call(town_ctx))["state"] == "in_doubt"
    clock.hold(clock.now() + placing.TRUST_ABSENCE_AFTER)
    await tasks.pump(town_ctx, 1)
    assert len(dialled(town)) == 1
    call = await the_call(town_ctx)
    assert (call["state"], call["attempt_no"]) == ("placed", 1)


async def test_a_worker_that_died_after_dialling_is_followed_by_no_second_call(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    reserved = await reserve_only(town_ctx)
    placed = await placing.caller(town_ctx).place(reserved.order)  # and then nothing is written down
    await bury_worker(town_ctx)
    await tasks.pump(town_ctx, 1)
    assert [call["id"] for call in dialled(town)] == [placed.call_id]
    call = await the_call(town_ctx)
    assert (call["state"], call["vapi_call_id"]) == ("placed", placed.call_id)
    assert (await look(town_ctx, "select call_attempt_count as n from app.leads"))["n"] == 1


async def test_a_call_that_the_vendor_lists_late_is_not_dialled_again(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_consented(town_ctx)
    reserved = await reserve_only(town_ctx)
    placed = await placing.caller(town_ctx).place(reserved.order)  # and the worker dies at once
    await bury_worker(town_ctx)
    with monkeypatch.context() as vendor:

        async def unlisted(*_: Any, **__: Any) -> None:
            return None

        vendor.setattr(Vapi, "find", unlisted)
        await tasks.pump(town_ctx, 1)
    assert (await the_call(town_ctx))["state"] == "in_doubt"
    clock.hold(clock.now() + placing.TRUST_ABSENCE_AFTER)
    await tasks.pump(town_ctx, 1)
    assert [call["id"] for call in dialled(town)] == [placed.call_id]
    assert (await the_call(town_ctx))["vapi_call_id"] == placed.call_id


async def test_an_answer_that_never_came_is_looked_up_and_not_dialled_again(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    fault(town, reset=1.0)
    await tasks.pump(town_ctx, 1)
    assert (await the_call(town_ctx))["state"] == "in_doubt"
    fault(town)
    clock.hold(clock.now() + placing.TRUST_ABSENCE_AFTER)
    await tasks.pump(town_ctx, 1)
    call = await the_call(town_ctx)
    assert call["state"] == "placed"
    assert len(dialled(town)) == 1


async def test_an_answer_that_nobody_can_read_is_looked_up_and_not_dialled_again(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_consented(town_ctx)
    take = Vapi.place

    async def garbled(vendor: Vapi, order: CallOrder) -> CallState:
        await take(vendor, order)
        raise TypeError("an answer about Ada")

    with monkeypatch.context() as vendor:
        vendor.setattr(Vapi, "place", garbled)
        assert await tasks.pump(town_ctx, 1) == 1
    assert (await the_call(town_ctx))["state"] == "in_doubt"
    await tasks.pump(town_ctx, 1)
    assert (await the_call(town_ctx))["state"] == "placed"
    assert len(dialled(town)) == 1


async def test_a_call_that_cannot_be_looked_up_is_put_aside_and_others_are_called(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_consented(town_ctx)
    stuck = await reserve_only(town_ctx)
    await bury_worker(town_ctx)
    await make_consented(town_ctx, "+18135550143", first_name="Eve")

    async def garbled(*_: Any, **__: Any) -> None:
        raise AttributeError("a list with Ada in it")

    with monkeypatch.context() as vendor:
        vendor.setattr(Vapi, "find", garbled)
        assert await tasks.pump(town_ctx, 1) == 1
    assert [call["customer"]["number"] for call in dialled(town)] == ["+18135550143"]
    aside = await look(town_ctx, "select stage, item, error from app.dlq")
    assert tuple(aside.values()) == ("voice", f"call:{stuck.call_id}", "AttributeError")
    clock.hold(clock.now() + placing.TRUST_ABSENCE_AFTER)
    await tasks.pump(town_ctx, 1)
    assert len(dialled(town)) == 2
    assert await look(town_ctx, "select 1 as x from app.dlq") is None


async def test_a_call_that_can_never_be_looked_up_holds_a_line_for_half_an_hour_and_is_never_dialled_again(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LINES", 1)
    await make_consented(town_ctx)
    stuck = await reserve_only(town_ctx)
    await bury_worker(town_ctx)
    await make_consented(town_ctx, "+18135550143", first_name="Eve")

    async def garbled(*_: Any, **__: Any) -> None:
        raise AttributeError("a list with Ada in it")

    monkeypatch.setattr(Vapi, "find", garbled)
    await tasks.pump(town_ctx, 1)
    clock.hold(clock.now() + timedelta(minutes=30))
    await tasks.pump(town_ctx, 1)
    assert dialled(town) == [], "it may be under way"
    clock.hold(clock.now() + timedelta(seconds=1))
    await tasks.pump(town_ctx, 1)
    monkeypatch.setattr(tasks, "LINES", 10)
    clock.hold(clock.now() + timedelta(days=2))
    await tasks.pump(town_ctx, 1)
    assert {call["customer"]["number"] for call in dialled(town)} == {"+18135550143"}
    kept = await look(town_ctx, "select state from app.calls where id = :id", id=stuck.call_id)
    assert kept["state"] == "reserved"


async def test_a_busy_vendor_costs_no_attempt_and_the_lead_is_tried_later(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    fault(town, rate_429=1.0)
    await tasks.pump(town_ctx, 1)
    assert (await the_call(town_ctx))["state"] == "failed"
    assert (await look(town_ctx, "select call_attempt_count as n from app.leads"))["n"] == 0
    assert (await look(town_ctx, "select state from app.contact_attempts"))["state"] == "failed"
    assert (await look(town_ctx, "select stage from app.dlq"))["stage"] == "voice"
    fault(town)
    async with town_ctx.db.tenant(1) as db:
        await dlq.retry(db, None)
    await tasks.pump(town_ctx, 1)
    call = await the_call(town_ctx)
    assert (call["state"], call["attempt_no"]) == ("placed", 1)
    assert await look(town_ctx, "select 1 as x from app.dlq") is None


PRICE = "select status, price_cents, cost_cents from app.vendor_calls"


async def test_a_call_is_in_the_ledger_at_its_highest_price_before_anybody_dials(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    await reserve_only(town_ctx)
    assert tuple((await look(town_ctx, PRICE)).values()) == ("reserved", 75, 75)
    assert dialled(town) == []


async def test_a_call_that_no_cap_has_room_for_waits_an_hour_and_leaves_nothing_behind(
    town_ctx: Context, town: Any
) -> None:
    await make_consented(town_ctx)
    await do(town_ctx, "insert into app.spend_caps (org_id, scope, cap_cents) values (1, 'org_day', 74)")
    assert await tasks.pump(town_ctx, 1) == 1
    assert dialled(town) == []
    for table in ("calls", "vendor_calls", "contact_attempts"):
        assert await look(town_ctx, f"select 1 as x from app.{table}") is None
    waits = await look(town_ctx, "select next_call_at, call_attempt_count from app.leads")
    assert tuple(waits.values()) == (clock.now() + timedelta(hours=1), 0)
    await do(town_ctx, "update app.spend_caps set cap_cents = 75 where scope = 'org_day'")
    clock.hold(clock.now() + timedelta(hours=1))
    await tasks.pump(town_ctx, 1)
    assert len(dialled(town)) == 1


async def test_a_call_that_was_never_placed_costs_nothing_and_its_next_try_is_paid_anew(
    town_ctx: Context, town: Any
) -> None:
    await make_consented(town_ctx)
    fault(town, rate_429=1.0)
    await tasks.pump(town_ctx, 1)
    assert tuple((await look(town_ctx, PRICE)).values()) == ("released", 75, 0)
    fault(town)
    async with town_ctx.db.tenant(1) as db:
        await dlq.retry(db, None)
    await tasks.pump(town_ctx, 1)
    now = await look(town_ctx, "select v.status from app.calls c join app.vendor_calls v on v.id = c.vendor_call_id")
    assert now["status"] == "reserved"
    assert (await look(town_ctx, "select sum(cost_cents) as cents from app.vendor_calls"))["cents"] == 75


async def test_a_suppression_between_reservation_and_dialling_stops_the_call(town_ctx: Context, town: Any) -> None:
    from penstock import compliance

    await make_consented(town_ctx)
    reserved = await reserve_only(town_ctx)
    async with town_ctx.db.tenant(1) as db:
        await compliance.suppress(
            town_ctx, db, 1, reason="SUPP_OPT_OUT", method="reply", actor="test", lead_id=reserved.lead_id
        )
    await placing.place(town_ctx, 1, reserved)
    assert dialled(town) == []
    assert (await the_call(town_ctx))["state"] == "failed"


async def test_an_opening_that_would_be_unlawful_is_never_spoken(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    await do(town_ctx, "update app.orgs set support_phone = '+19005550199'")  # who calls back would pay for it
    await tasks.pump(town_ctx, 1)
    assert dialled(town) == []
    refused = await look(town_ctx, "select verdict, reason from app.contact_decisions")
    assert tuple(refused.values()) == ("DENY", "CONTENT_MISSING_ELEMENT")


async def test_a_broker_without_numbers_is_told_in_the_dlq(town_ctx: Context, town: Any) -> None:
    await make_consented(town_ctx)
    await do(town_ctx, "update app.phone_numbers set is_active = false")
    await tasks.pump(town_ctx, 1)
    assert "no number to call from" in (await look(town_ctx, "select error from app.dlq"))["error"]


async def test_the_number_that_called_before_calls_again(town_ctx: Context) -> None:
    await make_consented(town_ctx)
    await do(
        town_ctx,
        "insert into app.lead_number_assignments (org_id, lead_id, number_id)"
        " select 1, l.id, n.id from app.leads l, app.phone_numbers n where n.vendor_number_id = 'pn-pa'",
    )
    await tasks.pump(town_ctx, 1)
    used = await look(
        town_ctx, "select n.vendor_number_id as v from app.calls c join app.phone_numbers n on n.id = c.number_id"
    )
    assert used["v"] == "pn-pa"


async def test_no_more_calls_are_placed_than_the_vendor_has_lines(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LINES", 2)
    for n in range(3):
        await make_consented(town_ctx, f"+1813555014{n}", first_name=f"Ada{n}", last_name=f"Sample{n}")
    await tasks.pump(town_ctx, 1)
    assert len(dialled(town)) == 2
