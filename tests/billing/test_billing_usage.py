"""Usage is told to the payment service once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest
from billing_house import House, every, open_house
from sqlalchemy import text

from ground import START, several_lines
from penstock import billing
from penstock.billing import checkout, reconcile, usage
from penstock.core import clock, http, workers
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotConfigured
from penstock.insight import alerts
from penstock.providers.payments import Usage

EVENTS = "/stripe/v1/billing/meter_events"


@pytest.fixture
async def house(ctx: Context) -> AsyncIterator[House]:
    async with open_house(ctx, START) as made:
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors are asked once a run: what fails comes by the DLQ, without waiting."""
    monkeypatch.setattr(http, "TRIES", 1)


async def firing(house: House) -> dict[str, str]:
    async with house.ctx.db.tenant(1) as db:
        return alerts.judge(await alerts.read(db))


async def test_leads_beyond_the_trial_are_told_and_those_of_the_trial_are_not(house: House) -> None:
    await house.subscribe(trial=3)
    leads = await house.leads(10)
    await usage.pump(house.ctx, 1)
    assert (await house.counted(), await house.states()) == (7, {"free": 3, "sent": 7})
    async with house.ctx.db.tenant(1) as db:
        told = await rows(db, text("select lead_id from app.pipeline_events where event_type = 'usage_reported'"))
        assert await scalar(db, text("select count(*) from app.usage_due")) == 0
    assert {row["lead_id"] for row in told} == set(leads[3:])
    assert await usage.pump(house.ctx, 1) == 0


async def test_nothing_is_told_before_there_is_a_subscription(house: House) -> None:
    await house.leads(2)
    async with house.ctx.db.tenant(1) as db:
        await execute(db, text("update app.usage_events set meter_state = 'due'"))
    assert await usage.pump(house.ctx, 1) == 0
    assert await house.states() == {"due": 2}


@pytest.mark.usefixtures("impatient")
async def test_faults_on_the_way_neither_double_nor_lose_anything(house: House) -> None:
    await house.subscribe()
    await house.leads(60)
    house.town.faults.configure({"stripe": {"rate_429": 0.08, "rate_500": 0.08, "reset": 0.08}})
    lost = every(6)
    house.lose = lambda path: path == EVENTS and lost()  # counted, and the answer never comes
    for _ in range(44):  # 22 hours: as long as identifiers are remembered
        await usage.pump(house.ctx, 1)
        if await house.states() == {"sent": 60}:
            break
        await house.move(minutes=30)
    house.lose = lambda path: False
    house.town.faults.configure({})
    grade = house.town.truth.grade()
    assert await house.states() == {"sent": 60}
    assert (await house.counted(), grade["usage"]["events"], grade["usage_counted_twice"]) == (60, 60, 0)
    assert grade["usage"]["repeated"] > 0
    async with house.ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.dlq")) == 0


async def test_two_workers_at_once_tell_each_line_once(house: House) -> None:
    await house.subscribe()
    await house.leads(40)
    others = [house.other_worker() for _ in range(3)]
    for worker in others:
        await workers.register(worker)
    await asyncio.gather(*(usage.pump(ctx, 1) for ctx in map(several_lines, others)))
    assert await house.states() == {"sent": 40}
    told = house.town.truth.grade()["usage"]
    assert (told["events"], told["repeated"]) == (40, 0)


async def dies_on_the_wire(house: House, *, counted: int) -> None:
    """A worker claims the lines, tells the first ones, and is gone before it can write that down."""
    gone = house.other_worker()
    desk = usage.Desk(gone, 1, checkout.service(gone), "leads_generated")
    async with gone.db.tenant(1) as db:
        lines = await rows(db, usage.SQL["claim"], worker=str(gone.worker_id), limit=100)
    for line in sorted(lines, key=lambda line: int(line["id"]))[:counted]:
        await desk.vendor.tell(desk.event, usage._usage(desk, line, line["quantity"]))


@pytest.mark.parametrize("counted", [0, 2, 5])
async def test_what_a_dead_worker_had_on_the_wire_is_told_again_under_the_same_name(house: House, counted: int) -> None:
    await house.subscribe()
    await house.leads(5)
    await dies_on_the_wire(house, counted=counted)
    assert await house.states() == {"sending": 5}
    await house.move(hours=2)
    await usage.pump(house.ctx, 1)
    assert (await house.states(), await house.counted()) == ({"sent": 5}, 5)
    assert house.town.truth.grade()["usage"] == {"events": 5, "repeated": counted, "cancelled": 0}


@pytest.mark.parametrize(
    ("counted", "states", "sum_there"),
    [(0, {"sent": 5}, 5), (5, {"sent": 5}, 5), (2, {"refused": 5}, 2)],
)
async def test_after_a_day_what_was_counted_is_looked_up_first(
    house: House, counted: int, states: dict[str, int], sum_there: int
) -> None:
    await house.subscribe()
    await house.leads(3)
    await usage.pump(house.ctx, 1)  # others of the same day, of which we know
    await house.leads(5)
    await dies_on_the_wire(house, counted=counted)
    await house.move(hours=30)
    await usage.pump(house.ctx, 1)
    assert await house.states() == {
        "sent": 3 + states.get("sent", 0),
        **{k: v for k, v in states.items() if k != "sent"},
    }
    assert (await house.counted(), house.town.truth.grade()["usage_counted_twice"]) == (3 + sum_there, 0)
    assert ("usage_refused" in await firing(house)) is ("refused" in states)


async def test_a_service_that_was_away_for_days_leaves_nothing_in_doubt(house: House, impatient: None) -> None:
    await house.subscribe()
    await house.leads(8)
    house.town.faults.configure({"stripe": {"rate_429": 1.0}})
    await usage.pump(house.ctx, 1)
    await house.move(hours=30)
    await usage.pump(house.ctx, 1)
    async with house.ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.usage_events where meter_tried_at is not null")) == 0
    house.town.faults.configure({})
    await house.move(hours=7)
    await usage.pump(house.ctx, 1)
    assert (await house.states(), await house.counted()) == ({"sent": 8}, 8)


async def test_usage_that_is_refused_waits_for_a_person(house: House) -> None:
    await house.subscribe()
    await house.leads(2)
    async with house.ctx.db.tenant(1) as db:
        await execute(
            db, text("update app.usage_events set occurred_at = occurred_at - interval '40 days' where id = 1")
        )
    await usage.pump(house.ctx, 1)
    assert await house.states() == {"refused": 1, "sent": 1}
    assert (await firing(house))["usage_refused"].startswith("1 lines")


async def test_a_wrong_key_refuses_nothing_for_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.subscribe()
    await house.leads(2)
    vendor = checkout.service(house.ctx)

    async def no_entry(*_: object) -> None:
        raise NotConfigured("stripe does not take our key (401)")

    monkeypatch.setattr(type(vendor), "tell", no_entry)
    await usage.pump(house.ctx, 1)
    assert await house.states() == {"due": 2}
    monkeypatch.undo()
    await house.move(minutes=15)
    await usage.pump(house.ctx, 1)
    assert await house.states() == {"sent": 2}


# --- taking back ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("hours", "cancelled"), [(1, 1), (30, 0)])
async def test_a_credit_of_told_usage_is_taken_back_there(house: House, hours: int, cancelled: int) -> None:
    await house.subscribe()
    leads = await house.leads(3)
    await usage.pump(house.ctx, 1)
    await house.move(hours=hours)
    async with house.ctx.db.tenant(1) as db:
        credited = await billing.credit(db, 1, lead_id=leads[0], reason="wrong roof", actor="ops")
    assert credited.told
    await usage.pump(house.ctx, 1)
    assert (await house.states(), await house.counted()) == ({"sent": 2, "withdrawn": 1}, 2)
    assert house.town.truth.grade()["usage"]["cancelled"] == cancelled
    await house.move(days=2)
    assert (await reconcile.compare(house.ctx, 1, until=clock.now())).differences == ()


async def test_what_is_on_an_invoice_is_not_taken_back(house: House) -> None:
    await house.subscribe()
    (lead,) = await house.leads(1)
    await usage.pump(house.ctx, 1)
    await house.move(days=31)
    await usage.pump(house.ctx, 1)
    with pytest.raises(Conflict, match="on an invoice"):
        async with house.ctx.db.tenant(1) as db:
            await billing.credit(db, 1, lead_id=lead, reason="late", actor="ops")


async def test_a_lead_that_went_into_another_charged_one_is_not_told(house: House) -> None:
    await house.subscribe()
    kept, gone = await house.leads(2)
    async with house.ctx.db.tenant(1) as db:
        await execute(db, text("update app.leads set merged_into = :kept where id = :gone"), kept=kept, gone=gone)
    await usage.pump(house.ctx, 1)
    assert (await house.states(), await house.counted()) == ({"sent": 1, "withdrawn": 1}, 1)


# --- comparing --------------------------------------------------------------------------------------------------------
async def test_the_nightly_comparison_names_customer_and_day_of_a_difference(house: House) -> None:
    customer = await house.subscribe()
    await house.leads(3)
    await usage.pump(house.ctx, 1)
    await house.move(hours=14)
    slot = clock.now()
    assert (await reconcile.reconcile_usage(house.ctx, 1, slot))["differences"] == []
    vendor = checkout.service(house.ctx)
    await vendor.forget("leads_generated", "ps-1-2")
    await vendor.tell("leads_generated", Usage("by-hand", customer, Decimal(2), START - timedelta(days=1)))
    found = (await reconcile.reconcile_usage(house.ctx, 1, slot))["differences"]
    assert [(one["customer"], one["day"], one["ours"], one["theirs"]) for one in found] == [
        (customer, "2026-11-29", 0.0, 2.0),
        (customer, "2026-11-30", 3.0, 2.0),
    ]


async def test_what_is_still_on_the_wire_is_no_difference(house: House) -> None:
    await house.subscribe()
    await house.leads(4)
    await dies_on_the_wire(house, counted=2)
    await house.move(hours=14)
    assert (await reconcile.compare(house.ctx, 1, until=clock.now())).differences == ()
    with pytest.raises(InvalidInput):
        await reconcile.compare(house.ctx, 1, until=clock.now(), days=36)


async def test_a_difference_raises_an_alert_until_the_books_agree(house: House) -> None:
    run = text(
        "insert into app.timetable_runs (org_id, job, slot, state, started_at, result)"
        " values (1, 'reconcile_usage', app.now() + make_interval(days => :day), 'done', app.now(),"
        " cast(:result as jsonb))"
    )
    found = '{"differences": [{"broker": "Bea", "customer": "cus_1", "day": "2026-11-30", "ours": 3, "theirs": 2}]}'
    async with house.ctx.db.tenant(1) as db:
        await execute(db, run, day=0, result=found)
    assert "Bea (cus_1) on 2026-11-30" in (await firing(house))["usage_differs"]
    async with house.ctx.db.tenant(1) as db:
        await execute(db, run, day=1, result='{"differences": []}')
    assert await firing(house) == {}


async def test_an_answer_that_never_came_is_unclear_and_said_so_in_the_dlq(house: House, impatient: None) -> None:
    await house.subscribe()
    await house.leads(1)
    house.lose = lambda path: path == EVENTS
    await usage.pump(house.ctx, 1)
    async with house.ctx.db.tenant(1) as db:
        entry = await one(db, text("select stage, item, error from app.dlq"))
    assert entry is not None and (entry["stage"], entry["item"]) == ("billing.usage", "usage:1")
    assert "did not answer" in entry["error"]
