"""Events become invoices, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID
from penstock import billing
from penstock.billing import service, tasks
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import NotFound

DECEMBER_1 = datetime(2026, 12, 1, 10, tzinfo=UTC)


async def charge(
    ctx: Context, event_type: str = "appointment_set", reference: str | None = None, **lead: object
) -> UUID:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID, **lead)  # type: ignore[arg-type]
    async with ctx.db.tenant(1) as db:
        assert await billing.record_event(
            db, 1, lead_id=lead_id, event_type=event_type, reference=reference or str(lead_id)
        )
    return lead_id


async def invoices(ctx: Context) -> list[dict[str, object]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text("select * from app.invoices order by id"))]


async def lines(ctx: Context) -> list[tuple[str, int, int]]:
    async with ctx.db.tenant(1) as db:
        found = await rows(
            db, text("select kind, position_in_month, amount_cents from app.invoice_lines order by line")
        )
        return [(row["kind"], row["position_in_month"], row["amount_cents"]) for row in found]


async def test_a_lead_is_charged_once_for_one_appointment_however_often_it_is_told(ctx: Context) -> None:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID)

    async def tell(reference: str) -> int | None:
        async with ctx.db.tenant(1) as db:
            return await billing.record_event(db, 1, lead_id=lead_id, event_type="appointment_set", reference=reference)

    told = await asyncio.gather(*(tell(f"booking-{n % 3}") for n in range(9)))
    assert sum(id is not None for id in told) == 1


async def test_a_lead_without_a_broker_is_not_charged(ctx: Context) -> None:
    lead_id = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        assert await billing.record_event(db, 1, lead_id=lead_id, event_type="appointment_set", reference="x") is None


async def test_a_month_becomes_one_invoice_whose_lines_name_their_events(ctx: Context) -> None:
    for _ in range(12):
        await charge(ctx)
    closed = await billing.close_period(ctx, 1, DECEMBER_1)
    (invoice,) = await invoices(ctx)
    assert closed.lines == 12
    assert closed.total_cents == invoice["total_cents"] == 10 * 25_000 + 2 * 22_500
    assert [position for _, position, _ in await lines(ctx)] == list(range(1, 13))
    async with ctx.db.tenant(1) as db:
        named = await scalar(
            db,
            text(
                "select count(*) from app.invoice_lines l"
                " join app.billing_events e on e.id = l.event_id and e.invoice_id = l.invoice_id"
                " where l.description like '%event ' || e.id || ')'"
            ),
        )
    assert named == 12


async def test_a_second_run_adds_nothing(ctx: Context) -> None:
    await charge(ctx)
    runs = [await billing.close_period(ctx, 1, DECEMBER_1) for _ in range(2)]
    assert [run.lines for run in runs] == [1, 0]
    assert len(await invoices(ctx)) == 1


async def test_two_runs_at_once_bill_each_event_once(ctx: Context) -> None:
    for _ in range(5):
        await charge(ctx)
    runs = await asyncio.gather(*(billing.close_period(ctx, 1, DECEMBER_1) for _ in range(3)))
    assert sum(run.lines for run in runs) == len(await lines(ctx)) == 5


async def test_a_month_closed_in_two_parts_goes_on_counting(ctx: Context) -> None:
    for _ in range(10):
        await charge(ctx)
    await billing.close_period(ctx, 1, clock.now() + timedelta(seconds=1))
    clock.hold(clock.now() + timedelta(hours=3))
    await charge(ctx)
    closed = await billing.close_period(ctx, 1, DECEMBER_1)
    assert closed.total_cents == 22_500
    (invoice,) = await invoices(ctx)  # the same day: the invoice was not sent yet, so the line joins it
    assert invoice["total_cents"] == 10 * 25_000 + 22_500


async def test_a_sent_invoice_does_not_change_any_more(ctx: Context) -> None:
    await charge(ctx)
    await billing.close_period(ctx, 1, DECEMBER_1)
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.invoices set status = 'sent'"))
    await charge(ctx)
    assert (await billing.close_period(ctx, 1, DECEMBER_1)).lines == 0
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.billing_events where invoice_id is null")) == 1


async def test_a_cancelled_appointment_is_credited_only_before_it_is_invoiced(ctx: Context) -> None:
    await charge(ctx, reference="first")
    async with ctx.db.tenant(1) as db:
        assert await billing.credit_event(db, event_type="appointment_set", reference="first")
        assert await billing.credit_event(db, event_type="appointment_set", reference="first") is None
    await charge(ctx, reference="second")
    closed = await billing.close_period(ctx, 1, DECEMBER_1)
    assert closed.total_cents == 25_000
    assert sorted(await lines(ctx)) == [("charge", 1, 25_000), ("charge", 2, 25_000), ("credit", 1, -25_000)]
    async with ctx.db.tenant(1) as db:
        assert await billing.credit_event(db, event_type="appointment_set", reference="second") is None


async def test_a_credited_lead_can_be_charged_for_a_new_appointment(ctx: Context) -> None:
    lead_id = await charge(ctx, reference="first")
    async with ctx.db.tenant(1) as db:
        await billing.credit_event(db, event_type="appointment_set", reference="first")
        assert await billing.record_event(db, 1, lead_id=lead_id, event_type="appointment_set", reference="second")


async def test_an_event_without_a_price_waits_in_the_dlq_and_is_billed_when_it_has_one(ctx: Context) -> None:
    lead_id = await charge(ctx)
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.billing_events set playbook = 'unknown'"))
    assert (await billing.close_period(ctx, 1, DECEMBER_1)).without_price == 1
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select item from app.dlq where stage = 'billing'")) == "unknown/appointment_set"
        await execute(
            db,
            text(
                "insert into app.price_tiers (org_id, playbook, event_type, from_count, unit_cents)"
                " values (1, 'unknown', 'appointment_set', 1, 99)"
            ),
        )
    assert (await billing.close_period(ctx, 1, DECEMBER_1)).total_cents == 99
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.dlq")) == 0
    assert lead_id


async def test_the_timetable_invoices_the_month_that_is_over_in_the_orgs_zone(ctx: Context) -> None:
    await charge(ctx)
    assert await tasks.pump(ctx, 1) == 0  # November is still running
    clock.hold(datetime(2026, 12, 1, 7, tzinfo=UTC))  # 23:00 on November 30 in Los Angeles
    await charge(ctx)
    clock.hold(datetime(2026, 12, 1, 9, tzinfo=UTC))
    await charge(ctx)  # December already
    result = await tasks.issue_month(ctx, 1, datetime(2026, 12, 1, 10, tzinfo=UTC))
    assert result["lines"] == 2
    (invoice,) = await invoices(ctx)
    assert (str(invoice["period_start"]), str(invoice["period_end"])) == ("2026-11-01", "2026-12-01")


async def test_a_milestone_moves_the_sale_and_is_billed_once(ctx: Context) -> None:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID)
    async with ctx.db.tenant(1) as db:
        assert await service.reach_milestone(db, 1, lead_id=lead_id, event_type="application_submitted")
        assert not await service.reach_milestone(db, 1, lead_id=lead_id, event_type="application_submitted")
        assert await service.reach_milestone(db, 1, lead_id=lead_id, event_type="loan_funded")
        lead = await one(db, text("select sales_stage::text from app.leads"))
        diary = await rows(db, text("select event_type from app.pipeline_events where stage = 'billing' order by id"))
    assert lead is not None
    assert lead["sales_stage"] == "won"
    assert [row["event_type"] for row in diary] == ["application_submitted", "loan_funded"]
    assert (await billing.close_period(ctx, 1, DECEMBER_1)).total_cents == 50_000 + 150_000


@pytest.mark.parametrize("stage", ["new", "replied", "interested", "appointment_scheduled", "quoted", "lost", "won"])
async def test_a_milestone_is_a_fact_that_takes_the_sale_along_from_anywhere(ctx: Context, stage: str) -> None:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID, sales_stage=stage)
    look = text("select sales_stage::text as stage, status_reason as reason from app.leads")
    async with ctx.db.tenant(1) as db:
        await service.reach_milestone(db, 1, lead_id=lead_id, event_type="application_submitted")
        applied = await one(db, look)
        await service.reach_milestone(db, 1, lead_id=lead_id, event_type="loan_funded")
        funded = await one(db, look)
    assert applied is not None and funded is not None
    assert applied["stage"] == ("won" if stage == "won" else "application_submitted")
    assert funded["stage"] == "won"
    assert funded["reason"] == ("application submitted" if stage == "lost" else None)


async def test_a_milestone_of_a_lead_nobody_works_is_refused(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        with pytest.raises(NotFound):
            await service.reach_milestone(db, 1, lead_id=uuid4(), event_type="loan_funded")
