"""Scores, promise and route."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from factories import make_lead
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.scoring.tasks import pump


async def lead_row(ctx: Context, lead: Any) -> Any:
    async with ctx.db.tenant(1) as db:
        return await one(db, text("select * from app.leads where id = :id"), id=lead)


async def test_a_verified_email_and_mobile_of_an_older_owner_make_a_contactable_lead(ctx: Context) -> None:
    lead = await make_lead(ctx, email="ada@home.example", phone="+18135550123")
    assert await pump(ctx, 1) == 1
    row = await lead_row(ctx, lead)
    assert row["quality_score"] == 90 and row["lead_status"] == "contactable" and row["campaign_status"] == "queued"
    assert 0 < row["lead_score"] <= 100
    assert await pump(ctx, 1) == 0


async def test_nobody_is_ruled_out_before_the_waterfall_is_exhausted(ctx: Context) -> None:
    lead = await make_lead(ctx)
    await pump(ctx, 1)
    assert (await lead_row(ctx, lead))["lead_status"] == "new"
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                """
                update app.leads
                   set waterfall_exhausted_at = app.now(), facts_changed_at = app.now() + interval '1 second'
                 where id = :id
                """
            ),
            id=lead,
        )
    await pump(ctx, 1)
    row = await lead_row(ctx, lead)
    assert (
        row["lead_status"] == "do_not_contact"
        and "below 40" in row["status_reason"]
        and row["campaign_status"] == "new"
    )


async def test_a_lead_that_was_ruled_out_comes_back_when_a_purchase_lifts_it(ctx: Context) -> None:
    lead = await make_lead(ctx, waterfall_exhausted_at=None)
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.leads set waterfall_exhausted_at = app.now() where id = :id"), id=lead)
    await pump(ctx, 1)
    assert (await lead_row(ctx, lead))["lead_status"] == "do_not_contact"
    async with ctx.db.tenant(1) as db:
        await scalar(
            db,
            text("select api.merge_contact_point(cast(:id as uuid), 'email', :v, 'test', 90, true)"),
            id=str(lead),
            v=ctx.sealer.seal(1, "a@home.example"),
        )
        await execute(
            db, text("update app.leads set facts_changed_at = app.now() + interval '1 second' where id = :id"), id=lead
        )
    await pump(ctx, 1)
    row = await lead_row(ctx, lead)
    assert row["lead_status"] == "contactable" and row["campaign_status"] == "queued"


async def test_a_lead_with_a_phone_alone_is_not_queued_for_mail(ctx: Context) -> None:
    lead = await make_lead(ctx, phone="+18135550123")
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.properties set mak = '1234567890', apn = 'A1'"))
    await pump(ctx, 1)
    row = await lead_row(ctx, lead)
    assert (
        row["lead_status"] == "contactable" and row["campaign_status"] == "new" and "phone only" in row["status_reason"]
    )


async def test_a_converted_lead_keeps_its_place_while_its_score_follows_the_facts(ctx: Context) -> None:
    lead = await make_lead(ctx, email="ada@home.example", campaign_status="paused")
    await pump(ctx, 1)
    row = await lead_row(ctx, lead)
    assert row["campaign_status"] == "paused" and row["quality_score"] == 60


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    email=st.booleans(),
    phone=st.sampled_from([None, "mobile", "voip", "landline"]),
    mak=st.booleans(),
    apn=st.booleans(),
    occupied=st.booleans() | st.none(),
    age=st.integers(40, 90) | st.none(),
    value=st.sampled_from([None, 99_999, 100_000]),
    equity=st.sampled_from([None, 0, 1]),
)
async def test_the_score_is_the_documented_table(
    ctx: Context,
    email: bool,
    phone: str | None,
    mak: bool,
    apn: bool,
    occupied: bool | None,
    age: int | None,
    value: int | None,
    equity: int | None,
) -> None:
    lead = await make_lead(
        ctx,
        email="x@home.example" if email else None,
        phone="+18135550123" if phone else None,
        line_type=phone or "mobile",
        last_name=f"N{id(object())}",
    )
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                """
                update app.properties p
                   set mak = :mak, apn = :apn, owner_occupied = :occ, property_value = :v, estimated_equity = :e
                  from app.leads l
                 where l.id = :id and p.id = l.property_id
                """
            ),
            mak=str(lead.int)[:10] if mak else None,
            apn=str(lead)[:8] if apn else None,
            occ=occupied,
            v=value,
            e=equity,
            id=lead,
        )
        await execute(
            db,
            text("update app.contacts c set age = :age from app.leads l where l.id = :id and c.id = l.contact_id"),
            age=age,
            id=lead,
        )
        scored = await scalar(db, text("select api.compute_quality_score(cast(:id as uuid))"), id=str(lead))
    expected = (
        40 * email
        + 30 * (phone in ("mobile", "voip"))
        + 10 * (mak and apn)
        + 10 * bool(occupied)
        + 10 * bool(age and age >= 62 and value and value >= 100_000 and equity and equity > 0)
    )
    assert scored == expected


async def test_scoring_writes_one_diary_line_a_change(ctx: Context) -> None:
    lead = await make_lead(ctx, email="ada@home.example")
    await pump(ctx, 1)
    async with ctx.db.tenant(1) as db:
        lines = await rows(
            db, text("select event_type from app.pipeline_events where lead_id = :id order by id"), id=lead
        )
    assert [line["event_type"] for line in lines] == ["lead_scored", "lead_routed"]
