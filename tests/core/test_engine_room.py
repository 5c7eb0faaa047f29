"""The ground under everything: tenancy, time, sealing, jobs, diary."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from factories import make_contactable, make_lead
from ground import START
from penstock import journey
from penstock.api.app import create_app
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import one, rows, scalar
from penstock.core.sealing import Sealer


async def test_a_lead_made_through_the_front_door_is_seen_by_its_org(ctx: Context) -> None:
    lead = await make_lead(ctx, email="ada@home.example")
    async with ctx.db.tenant(1) as db:
        seen = await one(db, text("select email, status, property_city from api.leads where id = :id"), id=lead)
    assert seen is not None and seen["property_city"] == "Tampa"
    assert ctx.sealer.open(1, seen["email"]) == "ada@home.example"


async def test_time_in_sql_is_the_held_clock(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select app.now()")) == START
    with clock.held_at(START + timedelta(days=3)):
        async with ctx.db.tenant(1) as db:
            assert await scalar(db, text("select app.now()")) == START + timedelta(days=3)


async def test_events_and_the_nudge_vanish_with_a_rollback(ctx: Context) -> None:
    lead = await make_lead(ctx)
    with pytest.raises(RuntimeError):
        async with ctx.db.tenant(1) as db:
            await journey.announce(db, 1, [journey.Event("lead_enriched", lead, "enrichment")])
            raise RuntimeError
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.pipeline_events")) == 0
        assert await scalar(db, text("select count(*) from public.procrastinate_jobs")) == 0


async def test_many_events_leave_one_nudge_a_stage(ctx: Context) -> None:
    leads = [await make_lead(ctx) for _ in range(3)]
    async with ctx.db.tenant(1) as db:
        await journey.announce(db, 1, [journey.Event("lead_enriched", lead, "enrichment") for lead in leads])
        await journey.announce(db, 1, [journey.Event("email_verified", lead, "verification") for lead in leads])
        tasks = await rows(db, text("select task_name from public.procrastinate_jobs order by task_name"))
    assert [t["task_name"] for t in tasks] == ["pump.scoring", "pump.verification"]


async def test_a_status_that_may_not_follow_is_refused(ctx: Context) -> None:
    lead = await make_contactable(ctx)
    with pytest.raises(DBAPIError, match="may not go from"):
        async with ctx.db.tenant(1) as db:
            await db.execute(text("update app.leads set campaign_status = 'unsubscribed' where id = :id"), {"id": lead})
            await db.execute(text("update app.leads set campaign_status = 'queued' where id = :id"), {"id": lead})


async def test_consent_without_its_record_is_refused(ctx: Context) -> None:
    lead = await make_contactable(ctx)
    with pytest.raises(DBAPIError, match="no consent record"):
        async with ctx.db.tenant(1) as db:
            await db.execute(
                text("update app.leads set consent = true, consented_at = app.now() where id = :id"), {"id": lead}
            )


async def test_converted_without_an_appointment_is_refused_at_commit(ctx: Context) -> None:
    lead = await make_contactable(ctx)
    with pytest.raises(DBAPIError, match="no appointment"):
        async with ctx.db.tenant(1) as db:
            await db.execute(text("update app.leads set campaign_status = 'converted' where id = :id"), {"id": lead})


async def test_the_diary_is_append_only(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        await journey.announce(db, 1, [journey.Event("lead_enriched", lead, "enrichment")])
    for statement in ("delete from app.pipeline_events", "update app.pipeline_events set event_type = 'x'"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with ctx.db.tenant(1) as db:
                await db.execute(text(statement))


async def test_what_waits_in_the_dlq_is_not_due_until_its_time(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        after = await dlq.put(db, 1, stage="scoring", item=str(lead), payload={}, error="boom")
        assert await scalar(db, text("select count(*) from app.scoring_due")) == 0
    assert after is not None and timedelta(seconds=45) < after - START < timedelta(seconds=75)
    with clock.held_at(after):
        async with ctx.db.tenant(1) as db:
            assert await scalar(db, text("select count(*) from app.scoring_due")) == 1


def test_waits_double_and_end_with_a_person() -> None:
    waits = [dlq.next_try(START, attempts, 0.5) for attempts in range(1, dlq.GIVE_UP_AFTER + 1)]
    assert waits[0] == START + timedelta(minutes=1) and waits[1] == START + timedelta(minutes=2)
    assert waits[-1] is None
    assert max(w - START for w in waits if w) <= dlq.LONGEST_WAIT


def test_sealing_is_deterministic_per_org_and_survives_a_rotation() -> None:
    old, both = Sealer({1: b"a" * 32}), Sealer({1: b"a" * 32, 2: b"b" * 32})
    sealed = old.seal(1, "ada@home.example")
    assert sealed == old.seal(1, "ada@home.example") != old.seal(2, "ada@home.example")
    assert both.open(1, sealed) == "ada@home.example"
    assert both.seal(1, "ada@home.example").startswith("s2.")
    assert sealed in both.forms(1, "ada@home.example")
    with pytest.raises(ValueError, match="another org"):
        old.open(2, sealed)


async def test_work_that_met_a_taken_key_is_done_again_and_a_real_fault_is_not(ctx: Context) -> None:
    tries: list[int] = []

    async def work(db: AsyncConnection) -> int:
        tries.append(1)
        if len(tries) < 3:
            await db.execute(
                text("insert into app.campaigns (org_id, playbook, name) select 1, playbook, name from app.campaigns")
            )
        return len(tries)

    assert await ctx.db.again(1, work) == 3
    with pytest.raises(DBAPIError):
        await ctx.db.again(1, lambda db: db.execute(text("select 1/0")))


async def test_a_value_that_postgresql_cannot_hold_is_the_callers_mistake(ctx: Context) -> None:
    transport = httpx.ASGITransport(create_app(ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.example") as client:
        answer = await client.post("/v1/token", json={"email": "a\u0000@b.example", "password": "x"})
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_input"
