"""Funnel, diary, alerts, refresh and metrics over a real database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from factories import make_contactable, make_lead
from ground import BROKER_ID, START
from penstock import insight, journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import InvalidInput, NotFound
from penstock.insight import alerts, diary, refresh, spend


async def run(ctx: Context, statement: str, org_id: int = 1, **params: Any) -> None:
    async with ctx.db.tenant(org_id) as db:
        await execute(db, text(statement), **params)


BUY = """
insert into app.vendor_calls (org_id, stage, vendor, operation, request_hash, window_start, status, price_cents,
                              cost_cents, lead_id, found, reserved_at, answered_at)
values (1, :stage, :vendor, :operation, gen_random_uuid()::text, '2026-11-01', 'applied', cast(:cents as numeric),
        cast(:cents as numeric), cast(:lead as uuid), true, cast(:at as timestamptz), cast(:at as timestamptz))
"""
BOOK = """
insert into app.appointments (org_id, lead_id, broker_id, uid, starts_at, ends_at, created_at)
values (1, cast(:lead as uuid), cast(:broker as uuid), gen_random_uuid()::text, app.now(),
        app.now() + interval '1 hour', app.now())
"""
UPLOAD = """
insert into app.uploads (org_id, name, source, playbook, content_sha256, actor, state, rows_read, inserted, updated,
                         duplicate_in_file, rejected, created_at)
values (1, 'a.csv', 'test', 'equity', 'x', 'test', 'done', 10, 6, 1, 2, 1, app.now())
"""
WRITE = """
insert into app.message_log (org_id, at, lead_id, direction, channel, state)
values (1, app.now(), cast(:id as uuid), 'outbound', 'email', 'sent')
"""
CHECK_SIGNATURE = """
insert into app.signature_checks (org_id, at, route, ok)
values (1, app.now() - make_interval(mins => :minutes), 'x', :ok)
"""
REFUSE_DUPLICATE = """
insert into app.audit_logs (org_id, at, actor, action, object_type, details)
values (1, app.now() - make_interval(mins => :minutes), 'key:x', 'refused', 'upload',
        jsonb_build_object('reason', 'duplicate'))
"""
RUN_SLOT = """
insert into app.timetable_runs (org_id, job, slot, state, started_at, error)
values (1, :job, app.now() + make_interval(days => :day), :state, app.now(), :error)
"""


async def buy(
    ctx: Context,
    lead_id: UUID,
    vendor: str,
    operation: str,
    cents: float,
    at: datetime = START,
    stage: str = "enrichment",
) -> None:
    await run(ctx, BUY, stage=stage, vendor=vendor, operation=operation, cents=cents, lead=lead_id, at=at)


async def happened(ctx: Context, *events: journey.Event) -> None:
    async with ctx.db.tenant(1) as db:
        await journey.announce(db, 1, list(events))


async def booked(ctx: Context, lead_id: UUID) -> None:
    await run(ctx, BOOK, lead=lead_id, broker=BROKER_ID)


async def test_a_diary_tells_what_was_given_back_from_what_was_bought(ctx: Context) -> None:
    lead = await make_lead(ctx)
    bought = {"stage": "voice", "vendor": "vapi", "operation": "call", "cents": 75, "lead": lead, "at": START}
    for status in ("applied", "released", "reserved"):
        await run(ctx, BUY, **bought)
        await run(
            ctx,
            "update app.vendor_calls set status = :status, cost_cents = case :status when 'released' then 0 else 75 end"
            " where id = (select max(id) from app.vendor_calls)",
            status=status,
        )
    async with ctx.db.tenant(1) as db:
        told = [line.what for line in await diary.of_lead(db, lead) if line.stage == "voice"]
    assert told == ["bought call", "gave back call", "reserved call"]


async def test_the_funnel_counts_how_far_leads_came_and_what_it_cost(ctx: Context) -> None:
    first, second = await make_contactable(ctx), await make_lead(ctx)
    await buy(ctx, first, "melissa", "append", 5)
    await buy(ctx, first, "batchdata", "skip_trace", 15)
    await buy(ctx, second, "melissa", "append", 5)
    await booked(ctx, first)
    await happened(
        ctx,
        journey.Event("email_sent", first, stage="outreach", duration_ms=10),
        journey.Event("email_sent", first, stage="outreach", duration_ms=30),
        journey.Event("email_sent", second, stage="outreach"),
    )
    async with ctx.db.tenant(1) as db:
        found = await insight.funnel(db)
        later = await insight.funnel(db, since=START + timedelta(days=1))
    assert {name: found.stages[name] for name in ("leads", "verified", "contactable", "booked", "emailed")} == {
        "leads": 2, "verified": 1, "contactable": 1, "booked": 1, "emailed": 0,
    }  # fmt: skip
    assert found.spend_cents.by_vendor == {"batchdata": 15, "melissa": 10}
    assert (found.spend_cents.total, found.spend_cents.per_appointment) == (25, 25)
    sent = next(event for event in found.events if event.event == "email_sent")
    assert (sent.events, sent.leads, sent.mean_ms) == (3, 2, 20)
    assert later.stages["leads"] == 0 and later.spend_cents.total == 0 and later.spend_cents.per_appointment is None


async def test_the_funnel_counts_rows_by_what_became_of_them(ctx: Context) -> None:
    await run(ctx, UPLOAD)
    async with ctx.db.tenant(1) as db:
        found = await insight.funnel(db)
    assert found.rows == {"read": 10, "inserted": 6, "updated": 1, "duplicate_in_file": 2, "rejected": 1}


async def test_waiting_counts_every_due_view_and_the_dlq(ctx: Context) -> None:
    await make_lead(ctx)
    await run(ctx, "insert into app.dlq (org_id, stage, item) values (1, 'outreach', '1')")
    async with ctx.db.tenant(1) as db:
        found = await insight.waiting(db)
    assert set(found) == {stage.name for stage in journey.STAGES if stage.due} | {"dlq"}
    assert (found["scoring"], found["dlq"], found["intake"]) == (1, 1, 0)


async def test_every_lead_that_nobody_wrote_to_is_counted_under_one_reason(ctx: Context) -> None:
    await make_lead(ctx)
    await make_contactable(ctx)
    poor = await make_contactable(ctx)
    written = await make_contactable(ctx)
    await run(ctx, "update app.leads set lead_status = 'enriched' where id = cast(:id as uuid)", id=poor)
    await run(ctx, WRITE, id=written)
    async with ctx.db.tenant(1) as db:
        found = await insight.held_back(db)
    assert found == {"not enriched yet": 1, "waiting for the feeder": 1, "quality score below 60": 1}


async def test_a_diary_tells_everything_in_order_with_cost_and_folder(ctx: Context) -> None:
    lead_id = await make_contactable(ctx, email="ada@home.example")
    await happened(
        ctx, journey.Event("dedupe_success", lead_id, stage="identity", details={"upload": "a.csv", "row": 3})
    )
    await buy(ctx, lead_id, "melissa", "append", 5, at=START + timedelta(minutes=5))
    await buy(ctx, lead_id, "mapbox", "image", 2, at=START + timedelta(minutes=6), stage="imagery")
    with clock.held_at(START + timedelta(hours=1)):
        await booked(ctx, lead_id)
    async with ctx.db.tenant(1) as db:
        by_stage = (await insight.funnel(db)).spend_cents.by_stage
        lines = await diary.of_lead(db, lead_id)
        bought = await spend.of_lead(db, lead_id)
    assert [(line.stage, line.what) for line in lines] == [
        ("identity", "dedupe_success"), ("enrichment", "bought append"), ("imagery", "bought image"),
        ("booking", "appointment accepted"),
    ]  # fmt: skip
    assert by_stage == {"enrichment": 5, "imagery": 2}
    assert lines[0].detail in ("upload a.csv, row 3", "row 3, upload a.csv")
    assert (lines[1].cents, lines[1].folder) == (5, "src/penstock/enrichment/")
    assert lines[2].folder == "src/penstock/imagery/"
    assert [(row["stage"], row["vendor"], row["cents"]) for row in bought] == [
        ("enrichment", "melissa", 5), ("imagery", "mapbox", 2),
    ]  # fmt: skip


async def test_a_lead_is_found_by_id_start_phone_or_email(ctx: Context) -> None:
    lead_id = await make_contactable(ctx, email="ada@home.example", phone="+18135550123")
    twin = await make_contactable(ctx, email="twin@home.example", phone="+18135550123")
    async with ctx.db.tenant(1) as db:
        for asked in (str(lead_id), str(lead_id)[:13], "ada@home.example", "Ada@Home.example"):
            assert await diary.find_lead(db, ctx.sealer, 1, asked) == lead_id
        with pytest.raises(InvalidInput, match=str(twin)):
            await diary.find_lead(db, ctx.sealer, 1, "+18135550123")
        for nobody in ("who@home.example", "%", "", "zz"):
            with pytest.raises(NotFound):
                await diary.find_lead(db, ctx.sealer, 1, nobody)


async def told(ctx: Context) -> list[str]:
    async with ctx.db.tenant(1) as db:
        return [
            f"{row['channel']} {row['dedupe_key'].split(':')[2]}"
            for row in await rows(db, text("select channel, dedupe_key from app.notifications order by id"))
        ]


async def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(ctx: Context) -> None:
    secret = ctx.sealer.seal(1, "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    await run(
        ctx,
        "update app.orgs set alert_webhook_url = 'https://ops.example/hook', alert_secret_sealed = :s where id = 1",
        s=secret,
    )
    await run(
        ctx, "insert into app.dlq (org_id, stage, item) select 1, 'voice', n::text from generate_series(1, 100) n"
    )
    assert await alerts.evaluate(ctx, 1) == 0 and await told(ctx) == []
    await run(ctx, "insert into app.dlq (org_id, stage, item) values (1, 'voice', 'one more')")
    assert [await alerts.evaluate(ctx, 1) for _ in range(3)] == [1, 0, 0]
    assert await told(ctx) == ["webhook fired", "mail fired"]
    await run(ctx, "delete from app.dlq where item = 'one more'")
    assert [await alerts.evaluate(ctx, 1) for _ in range(2)] == [1, 0]
    assert await told(ctx) == ["webhook fired", "mail fired", "webhook resolved", "mail resolved"]
    async with ctx.db.tenant(1) as db:
        row = await one(db, text("select * from app.notifications order by id limit 1"))
    assert row is not None and row["secret_sealed"] == secret
    assert "101 items wait" in ctx.sealer.open(1, row["payload_sealed"])


async def test_readings_are_of_their_time(ctx: Context) -> None:
    for minutes, ok in ((5, False), (59, True), (61, False)):
        await run(ctx, CHECK_SIGNATURE, minutes=minutes, ok=ok)
    for minutes in (5, 11):
        await run(ctx, REFUSE_DUPLICATE, minutes=minutes)
    async with ctx.db.tenant(1) as db:
        now = await alerts.read(db)
    assert (now.signatures_checked, now.signatures_bad, now.duplicate_uploads) == (2, 1, 1)


async def test_what_names_nobodys_key_says_nothing_of_our_keys(ctx: Context) -> None:
    junk = (
        "insert into app.signature_checks (org_id, at, route, ok, reason)"
        " select cast(:org as int), app.now(), 'x', false, :reason from generate_series(1, 100)"
    )
    for org, reason in ((1, "unsigned"), (1, "token"), (1, "unknown token"), (None, "UNSUB_UNKNOWN")):
        await run(ctx, junk, org=org, reason=reason)
    async with ctx.db.tenant(1) as db:
        assert alerts.judge(await alerts.read(db)) == {}, "nobody posts there"
    taken = (
        "insert into app.signature_checks (org_id, at, route, ok)"
        " values (1, app.now() - make_interval(mins => cast(:minutes as int)), 'x', true)"
    )
    await run(ctx, taken, minutes=120)
    async with ctx.db.tenant(1) as db:
        assert alerts.judge(await alerts.read(db)).keys() == {"deliveries_refused"}, "the service has an old address"
    await run(ctx, taken, minutes=1)
    async with ctx.db.tenant(1) as db:
        assert alerts.judge(await alerts.read(db)) == {}, "it has not: others come in there"
    await run(ctx, junk, org=1, reason="signature")
    async with ctx.db.tenant(1) as db:
        assert alerts.judge(await alerts.read(db)).keys() == {"signatures_failing"}


@pytest.mark.parametrize(
    ("job", "rule"),
    [
        ("refresh_contactable", "refresh_failed"),
        ("feed_campaigns", "feeder_failed"),
        ("pull_permits", "permits_failed"),
    ],
)
async def test_a_failed_slot_alerts_until_a_later_one_succeeds(ctx: Context, job: str, rule: str) -> None:
    assert {stage.job for stage in journey.TIMETABLE} >= {job}
    await run(ctx, RUN_SLOT, job=job, day=0, state="failed", error="out of memory")
    async with ctx.db.tenant(1) as db:
        assert list(alerts.judge(await alerts.read(db))) == [rule]
    await run(ctx, RUN_SLOT, job=job, day=1, state="done", error=None)
    async with ctx.db.tenant(1) as db:
        assert alerts.judge(await alerts.read(db)) == {}


async def test_the_refresh_brings_the_call_list_up_to_date(ctx: Context) -> None:
    assert (await refresh.refresh(ctx, 1, START))["leads"] == 0
    lead_id = await make_contactable(ctx)
    async with ctx.db.owner() as db:
        await execute(db, text("alter table app.leads disable trigger trg_consent_needs_its_record"))
        await execute(
            db, text("update app.leads set consent = true, consented_at = app.now() where id = :id"), id=lead_id
        )
    assert (await refresh.refresh(ctx, 1, START))["leads"] == 1
    assert (await refresh.refresh(ctx, 2, START))["leads"] == 0


async def test_a_refresh_that_fails_says_so(ctx: Context) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text("drop index api.mv_contactable_leads_key"))
    with pytest.raises(Exception, match="concurrently"):
        await refresh.refresh(ctx, 1, START)
