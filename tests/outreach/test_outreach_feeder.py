"""The morning feeder: best first, never over the cap, never a person twice."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_contactable
from ground import BROKER_ID
from penstock import onboarding
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.outreach.feeder import day_start, feed
from penstock.playbooks.equity import PLAYBOOK

OTHER = uuid.UUID("b0000000-0000-4000-8000-000000000002")


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def set_cap(ctx: Context, cap: int, broker: uuid.UUID = BROKER_ID) -> None:
    await change(ctx, "update app.brokers set daily_cap = :cap where id = :id", cap=cap, id=broker)


async def second_broker(ctx: Context, cap: int) -> None:
    profile = onboarding.BrokerProfile(
        name="Ben Broker", email="ben@acme.example", company="Acme", phone="+18135550197", timezone="America/New_York",
        calendar_username="ben", calendar_event_slug="equity-call", calendar_event_type_id=8,
    )  # fmt: skip
    await onboarding.add_broker(ctx, 1, profile, broker_id=OTHER)
    await set_cap(ctx, cap, OTHER)


async def fed_by_broker(ctx: Context) -> dict[uuid.UUID, int]:
    found = await sql(
        ctx,
        "select l.assigned_broker_id, count(*) as n from app.enrollments e join app.leads l on l.org_id = "
        "e.org_id and l.id = e.lead_id group by 1",
    )
    return {row["assigned_broker_id"]: row["n"] for row in found}


async def test_a_fed_lead_is_active_assigned_voiced_enrolled_and_in_the_diary(ctx: Context) -> None:
    lead = await make_contactable(ctx)
    assert await feed(ctx, 1) == {"queued": 0, "fed": 1}
    (row,) = await sql(
        ctx,
        "select l.campaign_status, l.assigned_broker_id, l.assigned_persona, l.added_to_campaign_at, "
        "e.state, e.current_step,"
        " e.next_execution_at, e.persona, p.kind from app.leads l join app.enrollments e on e.org_id = "
        "l.org_id and e.lead_id = l.id"
        " join app.contact_points p on p.org_id = e.org_id and p.id = e.contact_point_id where l.id = :id",
        id=lead,
    )
    assert (row["campaign_status"], row["assigned_broker_id"], row["added_to_campaign_at"]) == (
        "active",
        BROKER_ID,
        clock.now(),
    )
    assert (row["state"], row["current_step"], row["next_execution_at"], row["kind"]) == (
        "active",
        0,
        clock.now(),
        "email",
    )
    assert row["persona"] == row["assigned_persona"] in {persona.name for persona in PLAYBOOK.personas}
    events = await sql(
        ctx, "select event_type from app.pipeline_events where lead_id = :id and stage = 'outreach'", id=lead
    )
    assert [event["event_type"] for event in events] == ["campaign_queued"]


async def test_contactable_leads_that_nobody_queued_are_queued_first(ctx: Context) -> None:
    await make_contactable(ctx)
    await change(ctx, "update app.leads set campaign_status = 'new'")
    assert await feed(ctx, 1) == {"queued": 1, "fed": 1}


async def test_the_best_leads_go_first_and_the_cap_holds_over_the_day(ctx: Context) -> None:
    scores = [50, 95, 70, 88, 60]
    leads = {score: await make_contactable(ctx, lead_score=score, last_name=f"N{score}") for score in scores}
    for score, lead in leads.items():
        await change(ctx, "update app.leads set lead_score = :s where id = :id", s=score, id=lead)
    await set_cap(ctx, 2)
    assert (await feed(ctx, 1))["fed"] == 2
    assert (await feed(ctx, 1))["fed"] == 0
    active = await sql(ctx, "select lead_score from app.leads where campaign_status = 'active'")
    assert sorted(row["lead_score"] for row in active) == [88, 95]
    clock.hold(clock.now() + timedelta(days=1))
    assert (await feed(ctx, 1))["fed"] == 2
    active = await sql(ctx, "select lead_score from app.leads where campaign_status = 'active'")
    assert sorted(row["lead_score"] for row in active) == [60, 70, 88, 95]


async def test_a_lead_of_a_broker_goes_to_that_broker_and_the_rest_is_shared_out(ctx: Context) -> None:
    await second_broker(ctx, 3)
    await set_cap(ctx, 3)
    mine = [await make_contactable(ctx, last_name=f"Own{n}", broker_id=OTHER) for n in range(2)]
    for n in range(10):
        await make_contactable(ctx, last_name=f"Free{n}")
    assert (await feed(ctx, 1))["fed"] == 6
    assert await fed_by_broker(ctx) == {BROKER_ID: 3, OTHER: 3}
    owners = await sql(
        ctx, "select assigned_broker_id from app.leads where id = any(:ids) and campaign_status = 'active'", ids=mine
    )
    assert [row["assigned_broker_id"] for row in owners] == [OTHER, OTHER]


async def test_a_broker_on_leave_gets_nobody(ctx: Context) -> None:
    await make_contactable(ctx)
    await change(ctx, "update app.brokers set is_active = false")
    assert (await feed(ctx, 1))["fed"] == 0


async def test_one_person_with_three_places_is_written_to_about_one(ctx: Context) -> None:
    leads = [await make_contactable(ctx, last_name="Threefold", address=f"{n} Elm St") for n in range(3)]
    await change(
        ctx, "update app.leads set contact_id = (select contact_id from app.leads where id = :id)", id=leads[0]
    )
    assert (await feed(ctx, 1))["fed"] == 1
    assert (await feed(ctx, 1))["fed"] == 0


@pytest.mark.parametrize(
    "obstacle",
    [
        "update app.contact_points set verified = false where kind = 'email'",
        "update app.contact_points set status = 'red' where kind = 'email'",
        "update app.contacts set is_deceased = true",
        "update app.contacts set is_litigator = true",
        "update app.contacts set needs_review_since = app.now()",
        "insert into app.suppressions (org_id, kind, contact_id, reason, method, actor) select 1, "
        "'contact', id, 'SUPP_OPT_OUT', 'test', 'test' from app.contacts",
        "insert into app.suppressions (org_id, kind, value, reason, method, actor) select 1, 'email', "
        "value, 'SUPP_HARD_BOUNCE', 'test', 'test'"
        " from app.contact_points where kind = 'email'",
        "update app.leads set lead_status = 'enriched'",
        "update app.campaigns set is_active = false",
    ],
)
async def test_nobody_who_must_not_or_cannot_be_written_to_is_fed(ctx: Context, obstacle: str) -> None:
    await feed(ctx, 1)  # makes the campaign
    await make_contactable(ctx)
    await change(ctx, obstacle)
    assert (await feed(ctx, 1))["fed"] == 0


async def test_two_feeders_at_once_feed_what_one_would(ctx: Context) -> None:
    for n in range(12):
        await make_contactable(ctx, last_name=f"Pair{n}")
    await set_cap(ctx, 8)
    results = await asyncio.gather(feed(ctx, 1), feed(ctx, 1))
    assert sum(result["fed"] for result in results) == 8
    assert await scalar_of(ctx, "select count(*) from app.pipeline_events where event_type = 'campaign_queued'") == 8


@pytest.mark.parametrize("seed", range(4))
async def test_any_mix_of_leads_and_brokers_keeps_the_promises(ctx: Context, seed: int) -> None:
    """Never over a cap; nobody left out who is better than somebody fed into the same pool; each person once."""
    dice = random.Random(seed)
    caps = {BROKER_ID: dice.randint(0, 4), OTHER: dice.randint(0, 4)}
    await second_broker(ctx, caps[OTHER])
    await set_cap(ctx, caps[BROKER_ID])
    for n in range(12):
        lead = await make_contactable(
            ctx, last_name=f"Mix{seed}x{n}", broker_id=dice.choice([None, None, BROKER_ID, OTHER])
        )
        await change(ctx, "update app.leads set lead_score = :s where id = :id", s=dice.randint(40, 60), id=lead)
    before = {
        row["id"]: row["assigned_broker_id"] for row in await sql(ctx, "select id, assigned_broker_id from app.leads")
    }
    await asyncio.gather(feed(ctx, 1), feed(ctx, 1))
    counts = await fed_by_broker(ctx)
    assert all(counts.get(broker, 0) <= cap for broker, cap in caps.items())
    leads = await sql(ctx, "select id, lead_score, campaign_status, contact_id from app.leads")
    for pool in (None, BROKER_ID, OTHER):
        fed = [row["lead_score"] for row in leads if before[row["id"]] == pool and row["campaign_status"] == "active"]
        left = [row["lead_score"] for row in leads if before[row["id"]] == pool and row["campaign_status"] == "queued"]
        assert not fed or not left or min(fed) >= max(left)
    if any(row["campaign_status"] == "queued" and before[row["id"]] is None for row in leads):
        assert counts == {broker: cap for broker, cap in caps.items() if cap}
    fed_contacts = [row["contact_id"] for row in leads if row["campaign_status"] == "active"]
    assert len(fed_contacts) == len(set(fed_contacts))


async def test_the_same_leads_get_the_same_voices(ctx: Context) -> None:
    for n in range(20):
        await make_contactable(ctx, last_name=f"Voice{n}")
    await feed(ctx, 1)
    voices = {row["persona"] for row in await sql(ctx, "select persona from app.enrollments")}
    assert len(voices) > 3


def test_the_day_begins_at_local_midnight() -> None:
    assert (
        day_start(datetime.fromisoformat("2026-11-30T07:30:00+00:00"), "America/Los_Angeles").isoformat()
        == "2026-11-29T00:00:00-08:00"
    )


async def scalar_of(ctx: Context, statement: str) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text(statement))
