"""A lead is taken out of the trial or charged once, ever, whoever gives leads at the same time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from factories import make_contactable
from ground import BROKER_ID, START
from penstock import billing
from penstock.billing import standing, subscriptions
from penstock.billing.standing import Standing
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.playbook import Playbook

MAKE = text(
    "insert into app.leads (org_id, playbook, assigned_broker_id, source, vendor_record_id)"
    " select 1, 'roofing', cast(:broker as uuid), 'test', 'r' || gen_random_uuid() from generate_series(1, :count)"
    " returning id"
)


def playbook(ctx: Context) -> Playbook:
    return ctx.playbooks["roofing"]


async def make_leads(ctx: Context, count: int) -> list[UUID]:
    async with ctx.db.tenant(1) as db:
        return [row["id"] for row in await rows(db, MAKE, broker=str(BROKER_ID), count=count)]


async def give(ctx: Context, leads: Sequence[UUID]) -> int:
    """What a scan does: ask, give as many as allowed, write them down; gives how many."""
    async with ctx.db.tenant(1) as db:
        may = await billing.allowance(db, 1, BROKER_ID, playbook=playbook(ctx))
        chosen = leads if may.left is None else leads[: may.left]
        await billing.record_leads(db, 1, broker_id=BROKER_ID, playbook=playbook(ctx), lead_ids=chosen)
        return len(chosen)


async def subscribe(ctx: Context, tier: str = "professional") -> None:
    async with ctx.db.tenant(1) as db:
        await subscriptions.set_by_hand(db, 1, BROKER_ID, tier=tier, actor="test")


async def the_books(ctx: Context) -> dict[str, Any]:
    async with ctx.db.tenant(1) as db:
        found = await one(
            db,
            text(
                "select count(*) as lines, count(*) filter (where in_trial) as trial,"
                " count(*) filter (where not in_trial) as paid,"
                " coalesce(sum(unit_cents), 0) as cents from app.usage_events where withdrawn_at is null"
            ),
        )
        left = await scalar(db, text("select trial_leads_remaining from app.subscriptions"))
    assert found is not None
    return {**found, "left": left}


async def test_a_trial_counts_down_and_stops_with_its_reason(ctx: Context) -> None:
    leads = await make_leads(ctx, 30)
    assert await give(ctx, leads[:10]) == 10
    assert await give(ctx, leads[10:]) == 15
    async with ctx.db.tenant(1) as db:
        may = await billing.allowance(db, 1, BROKER_ID)
    assert (may.left, may.in_trial) == (0, False) and may.reason is not None and "subscribe" in may.reason
    assert await the_books(ctx) == {"lines": 25, "trial": 25, "paid": 0, "cents": 0, "left": 0}


async def test_scans_at_once_share_one_trial(ctx: Context) -> None:
    leads = await make_leads(ctx, 60)
    given = await asyncio.gather(*(give(ctx, leads[start : start + 12]) for start in range(0, 60, 12)))
    assert sum(given) == 25
    assert (await the_books(ctx))["left"] == 0


async def test_who_subscribes_uses_up_the_trial_and_then_pays_the_price_of_the_tier(ctx: Context) -> None:
    leads = await make_leads(ctx, 40)
    await give(ctx, leads[:20])
    await subscribe(ctx)
    assert await give(ctx, leads[20:]) == 20
    assert await the_books(ctx) == {"lines": 40, "trial": 25, "paid": 15, "cents": 15 * 2500, "left": 0}


async def test_a_lead_is_written_down_once_however_often_it_is_given(ctx: Context) -> None:
    leads = await make_leads(ctx, 5)
    for _ in range(3):
        await give(ctx, leads)
    await give(ctx, [*leads, *leads])
    assert await the_books(ctx) == {"lines": 5, "trial": 5, "paid": 0, "cents": 0, "left": 20}


async def test_more_leads_than_allowed_are_refused_as_a_whole(ctx: Context) -> None:
    leads = await make_leads(ctx, 26)
    with pytest.raises(Conflict, match="26 leads"):
        async with ctx.db.tenant(1) as db:
            await billing.record_leads(db, 1, broker_id=BROKER_ID, playbook=playbook(ctx), lead_ids=leads)
    assert await the_books(ctx) == {"lines": 0, "trial": 0, "paid": 0, "cents": 0, "left": None}


async def test_a_month_may_have_a_limit_and_the_next_month_begins_anew(ctx: Context) -> None:
    await subscribe(ctx, "enterprise")
    async with ctx.db.tenant(1) as db:
        await subscriptions.set_cap(db, 1, BROKER_ID, leads=30, actor="test")
    leads = await make_leads(ctx, 80)
    assert await give(ctx, leads[:40]) == 30
    assert await give(ctx, leads[40:]) == 0
    clock.hold(START + timedelta(days=2))
    assert await give(ctx, leads[40:]) == 30


@pytest.mark.parametrize("status", ["past_due", "paused", "cancelled"])
async def test_only_an_active_subscription_gets_leads(ctx: Context, status: str) -> None:
    await subscribe(ctx)
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.subscriptions set status = :status"), status=status)
        may = await billing.allowance(db, 1, BROKER_ID)
    assert may.left == 0 and may.reason


async def test_a_credit_gives_a_trial_lead_back_and_takes_a_charge_off_once(ctx: Context) -> None:
    leads = await make_leads(ctx, 26)
    await subscribe(ctx)
    await give(ctx, leads)
    async with ctx.db.tenant(1) as db:
        first = await billing.credit(db, 1, lead_id=leads[0], reason="moved away", actor="ops")
        last = await billing.credit(db, 1, lead_id=leads[25], reason="wrong roof", actor="ops")
    assert (first.in_trial, last.in_trial, last.told) == (True, False, False)
    assert await the_books(ctx) == {"lines": 24, "trial": 24, "paid": 0, "cents": 0, "left": 1}
    with pytest.raises(Conflict, match="already"):
        async with ctx.db.tenant(1) as db:
            await billing.credit(db, 1, lead_id=leads[0], reason="again", actor="ops")
    with pytest.raises(NotFound):
        async with ctx.db.tenant(1) as db:
            await billing.credit(db, 1, lead_id=uuid4(), reason="never", actor="ops")
    async with ctx.db.tenant(1) as db:
        why = await rows(db, text("select details ->> 'reason' as why from app.audit_logs where action = 'credited'"))
    assert sorted(row["why"] for row in why) == ["moved away", "wrong roof"]


async def test_a_credited_lead_that_is_given_again_is_not_charged_again(ctx: Context) -> None:
    (lead,) = await make_leads(ctx, 1)
    await give(ctx, [lead])
    async with ctx.db.tenant(1) as db:
        await billing.credit(db, 1, lead_id=lead, reason="wrong roof", actor="ops")
    await give(ctx, [lead])
    assert (await the_books(ctx))["left"] == 25


async def test_leads_of_nobody_are_refused(ctx: Context) -> None:
    with pytest.raises(NotFound):
        async with ctx.db.tenant(1) as db:
            await billing.allowance(db, 1, uuid4())


@pytest.mark.parametrize("seed", range(4))
async def test_scans_credits_and_a_subscription_at_once_keep_the_books_balanced(ctx: Context, seed: int) -> None:
    draw, leads = random.Random(seed), await make_leads(ctx, 80)

    async def scan() -> None:
        for _ in range(4):
            await give(ctx, draw.sample(leads, draw.randint(1, 20)))

    async def take_back() -> None:
        for lead in draw.sample(leads, 12):
            with suppress(NotFound, Conflict):
                async with ctx.db.tenant(1) as db:
                    await billing.credit(db, 1, lead_id=lead, reason="test", actor="test")

    async def pay() -> None:
        await asyncio.sleep(0)
        await subscribe(ctx)

    await asyncio.gather(scan(), take_back(), scan(), pay(), scan(), take_back())
    books = await the_books(ctx)
    async with ctx.db.tenant(1) as db:
        once = await scalar(db, text("select count(*) = count(distinct lead_id) from app.usage_events"))
    assert once and books["lines"] == books["trial"] + books["paid"] > 0
    assert (books["trial"] + books["left"], books["cents"]) == (25, books["paid"] * 2500)


async def test_messages_and_talk_are_facts_of_the_logs_that_cost_nothing(ctx: Context) -> None:
    lead = await make_contactable(ctx, broker_id=BROKER_ID)
    nobodys = await make_contactable(ctx)
    told = text(
        "insert into app.message_log (lead_id, direction, channel, state, sent_at)"
        " select cast(:lead as uuid), d, 'email', s, at from (values ('outbound', 'sent', app.now()),"
        " ('outbound', 'sent', app.now() - interval '1 day'), ('outbound', 'failed', null),"
        " ('inbound', 'received', app.now())) v (d, s, at)"
    )
    talked = text(
        "insert into app.calls (org_id, lead_id, contact_id, contact_point_id, number_id, attempt_no, state, outcome,"
        "   started_at, ended_at)"
        " select 1, l.id, l.contact_id, p.id, n.id, v.no, 'ended', 'voicemail',"
        "   app.now() - make_interval(secs => v.s), app.now()"
        "   from app.leads l join app.contact_points p on p.contact_id = l.contact_id and p.kind = 'phone'"
        "   cross join lateral (select min(id) as id from app.phone_numbers) n, (values (1, 61), (2, 60)) v (no, s)"
        "  where l.id = cast(:lead as uuid)"
    )
    async with ctx.db.tenant(1) as db:
        for one in (lead, nobodys):
            await execute(db, told, lead=one)
        await execute(db, talked, lead=lead)
        found = await rows(
            db, text("select broker_id, day, metric, quantity, cost_usd from api.billing_usage order by metric, day")
        )
    assert [(str(row["day"]), row["metric"], row["quantity"], row["cost_usd"]) for row in found] == [
        ("2026-11-29", "emails_sent", 1, 0),
        ("2026-11-30", "emails_sent", 1, 0),
        ("2026-11-30", "voice_minutes", 3, 0),
    ]
    assert {row["broker_id"] for row in found} == {BROKER_ID}


async def test_used_days_are_those_of_the_org_and_a_broker_sees_only_their_own(ctx: Context) -> None:
    clock.hold(START + timedelta(hours=14))  # the next day in UTC and in Tampa, the same in Los Angeles
    await give(ctx, await make_leads(ctx, 3))
    seen = text("select broker_id, day, metric, quantity, cost_usd, details from api.billing_usage")
    async with ctx.db.tenant(1, role="authenticated", sub=str(BROKER_ID)) as db:
        (mine,) = await rows(db, seen)
        month = await scalar(db, text("select monthly_lead_count from api.subscriptions"))
    async with ctx.db.tenant(1, role="authenticated", sub=str(uuid4())) as db:
        assert await rows(db, seen) == []
    assert (str(mine["day"]), mine["metric"], mine["quantity"], mine["cost_usd"]) == (
        "2026-11-30", "leads_generated", 3.0, 0.0,
    )  # fmt: skip
    assert (mine["details"]["in_trial"], month) == (3, 3)


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.integers(1, 20)),
        st.tuples(st.just("credit"), st.integers(0, 60)),
        st.just(("subscribe", 0)),
        st.just(("cap", 0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_in_whatever_order_leads_given_are_trial_used_and_charged(steps: list[Step]) -> None:
    """The pure rules, driven as the ledger drives them: the same sums must come out on every path."""
    now, trial, paid, given = Standing("trial", "active", 25), 0, 0, 0
    for what, number in steps:
        if what == "subscribe":
            now = Standing("professional", "active", now.trial_left, now.month_leads, now.monthly_cap)
        elif what == "cap":
            now = Standing(now.tier, now.status, now.trial_left, now.month_leads, 40)
        elif what == "credit" and trial:
            trial, given = trial - 1, given - 1
            now = Standing(now.tier, now.status, now.trial_left + 1, now.month_leads - 1, now.monthly_cap)
        elif what == "give":
            may = standing.allowance(now)
            count = number if may.left is None else min(number, may.left)
            free = min(count, now.trial_left)
            trial, paid, given = trial + free, paid + count - free, given + count
            now = Standing(now.tier, now.status, now.trial_left - free, now.month_leads + count, now.monthly_cap)
        assert given == trial + paid and trial + now.trial_left == 25
        assert now.tier != "trial" or paid == 0
        assert now.monthly_cap is None or standing.allowance(now).left is not None
        assert (standing.allowance(now).left == 0) == (standing.allowance(now).reason is not None)


def test_a_tier_without_a_price_is_an_error_that_names_it() -> None:
    from penstock.playbooks import load_all

    with pytest.raises(InvalidInput, match="no price for a lead in the tier platinum"):
        standing.unit_cents(load_all([])["roofing"], "platinum")
