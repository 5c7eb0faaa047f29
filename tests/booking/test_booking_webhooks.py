"""What the calendar tells becomes appointments, whatever the order and however often."""

import json
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from booking_cast import START, client_of, event, post
from sqlalchemy import text

from factories import make_contactable, make_lead
from ground import BROKER_ID
from penstock import billing
from penstock.booking import tasks
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar


async def told(ctx: Context, *bodies: bytes) -> None:
    """Deliver webhooks and let the pump act on them."""
    async with client_of(ctx) as client:
        for body in bodies:
            assert await post(client, body) == 200
    await tasks.pump(ctx, 1)


async def look(ctx: Context, sql: str, **params: Any) -> Any:
    async with ctx.db.tenant(1) as db:
        return await one(db, text(sql), **params)


async def all_of(ctx: Context, sql: str) -> list[Any]:
    async with ctx.db.tenant(1) as db:
        return list(await rows(db, text(sql)))


async def make(ctx: Context) -> UUID:
    return await make_contactable(ctx, broker_id=BROKER_ID, email="ada@home.example")


async def test_a_booking_converts_the_lead_bills_the_broker_and_stops_everything_else(ctx: Context) -> None:
    lead_id = await make(ctx)
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into app.enrollments (org_id, campaign_id, lead_id, persona, next_execution_at)"
                " select 1, id, :lead, 'Carlos', app.now() from app.campaigns limit 1"
            ),
            lead=str(lead_id),
        )
        await execute(
            db,
            text(
                "insert into app.lead_number_assignments (org_id, lead_id, number_id)"
                " select 1, :lead, id from app.phone_numbers order by id limit 1"
            ),
            lead=str(lead_id),
        )
    await told(ctx, event("BOOKING_CREATED", lead_id=lead_id))
    lead = await look(ctx, "select campaign_status::text, sales_stage::text, next_call_at from app.leads")
    assert dict(lead) == {
        "campaign_status": "converted",
        "sales_stage": "appointment_scheduled",
        "next_call_at": None,
    }
    appointment = await look(ctx, "select uid, status, starts_at, broker_id, meeting_url from app.appointments")
    assert appointment["starts_at"] == START
    assert appointment["broker_id"] == BROKER_ID
    assert appointment["meeting_url"] == "https://video.example/bk_1"
    assert (await look(ctx, "select state, stop_reason from app.enrollments"))["state"] == "stopped"
    assert (await look(ctx, "select status from app.lead_number_assignments"))["status"] == "booked_locked"
    assert (await look(ctx, "select event_type from app.billing_events"))["event_type"] == "appointment_set"
    diary = await all_of(ctx, "select event_type from app.pipeline_events where stage = 'booking'")
    assert [row["event_type"] for row in diary] == ["appointment_booked", "handoff_made"]


async def test_the_broker_is_told_in_the_same_transaction_by_mail(ctx: Context) -> None:
    lead_id = await make(ctx)
    await told(ctx, event("BOOKING_CREATED", lead_id=lead_id))
    notice = await look(ctx, "select * from app.notifications")
    assert (notice["kind"], notice["channel"], notice["state"]) == ("appointment_booked", "mail", "waiting")
    assert ctx.sealer.open(1, notice["target_sealed"]) == "bea@acme.example"
    mail = json.loads(ctx.sealer.open(1, notice["payload_sealed"]))
    assert "Wednesday, December 2 at 10:00 AM EST" in mail["subject"]
    assert "Ada Sample" in mail["text"]


async def test_the_same_webhook_twice_is_one_appointment(ctx: Context) -> None:
    body = event("BOOKING_CREATED", lead_id=await make(ctx))
    await told(ctx, body, body)
    await told(ctx, body)
    again = event("BOOKING_CREATED", lead_id=await make(ctx), created_at="2026-11-30T17:00:05.000Z")
    await told(ctx, again)  # the same booking, told with another creation time
    for table in ("appointments", "billing_events", "notifications"):
        assert (await look(ctx, f"select count(*) as n from app.{table}"))["n"] == 1, table


async def test_a_booking_is_matched_by_address_when_it_names_no_lead(ctx: Context) -> None:
    lead_id = await make(ctx)
    await told(ctx, event("BOOKING_CREATED", email="Ada@Home.example"))
    assert (await look(ctx, "select lead_id from app.appointments"))["lead_id"] == lead_id


async def test_a_booking_of_a_stranger_changes_nothing_and_says_so(ctx: Context) -> None:
    await make(ctx)
    await told(ctx, event("BOOKING_CREATED", email="stranger@elsewhere.example", lead_id="not-a-lead"))
    assert (await look(ctx, "select count(*) as n from app.appointments"))["n"] == 0
    assert (await look(ctx, "select outcome from app.webhook_receipts"))["outcome"] == "unmatched"


async def test_a_booking_of_a_merged_lead_goes_to_the_lead_it_went_into(ctx: Context) -> None:
    kept, gone = await make_lead(ctx, broker_id=BROKER_ID), await make_lead(ctx, broker_id=BROKER_ID)
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.leads set merged_into = :kept where id = :gone"), kept=kept, gone=gone)
    await told(ctx, event("BOOKING_CREATED", lead_id=gone))
    assert (await look(ctx, "select lead_id from app.appointments"))["lead_id"] == kept


async def test_a_move_keeps_the_appointment_and_charges_nothing_more(ctx: Context) -> None:
    lead_id = await make(ctx)
    later = START + timedelta(days=1)
    moved = event("BOOKING_RESCHEDULED", "bk_2", start=later, lead_id=lead_id, rescheduleUid="bk_1")
    await told(ctx, event("BOOKING_CREATED", lead_id=lead_id), moved, moved)
    (appointment,) = await all_of(ctx, "select uid, rescheduled_from, starts_at from app.appointments")
    assert (appointment["uid"], appointment["rescheduled_from"]) == ("bk_2", "bk_1")
    assert appointment["starts_at"] == later
    assert (await look(ctx, "select count(*) as n from app.billing_events"))["n"] == 1
    kinds = await all_of(ctx, "select kind from app.notifications order by id")
    assert [row["kind"] for row in kinds] == ["appointment_booked", "appointment_moved"]


async def test_a_cancellation_credits_the_fee_and_reopens_the_sale(ctx: Context) -> None:
    lead_id = await make(ctx)
    cancelled = event("BOOKING_CANCELLED", lead_id=lead_id, cancellationReason="no longer needed")
    await told(ctx, event("BOOKING_CREATED", lead_id=lead_id), cancelled)
    appointment = await look(ctx, "select status, cancellation_reason from app.appointments")
    assert tuple(appointment.values()) == ("cancelled", "no longer needed")
    kinds = await all_of(ctx, "select kind from app.billing_events order by id")
    assert [row["kind"] for row in kinds] == ["charge", "credit"]
    assert (await look(ctx, "select sales_stage::text as s from app.leads"))["s"] == "interested"


async def test_a_cancellation_after_the_invoice_credits_nothing(ctx: Context) -> None:
    lead_id = await make(ctx)
    await told(ctx, event("BOOKING_CREATED", lead_id=lead_id))
    await billing.close_period(ctx, 1, clock.now() + timedelta(seconds=1))
    await told(ctx, event("BOOKING_CANCELLED", lead_id=lead_id))
    assert (await look(ctx, "select count(*) as n from app.billing_events"))["n"] == 1


async def test_who_cancels_and_books_again_is_charged_for_one_appointment(ctx: Context) -> None:
    lead_id = await make(ctx)
    again = event("BOOKING_CREATED", "bk_9", start=START + timedelta(days=2), lead_id=lead_id)
    first = (event("BOOKING_CREATED", lead_id=lead_id), event("BOOKING_CANCELLED", lead_id=lead_id))
    await told(ctx, *first, again)
    closed = await billing.close_period(ctx, 1, clock.now() + timedelta(seconds=1))
    assert closed.total_cents == 25_000


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_end_is_the_same_in_whatever_order_the_calendar_tells_it(
    ctx: Context, order: tuple[int, ...]
) -> None:
    lead_id = await make(ctx)
    later = START + timedelta(days=1)
    story = (
        event("BOOKING_CREATED", "bk_1", lead_id=lead_id, created_at="2026-11-30T17:00:00Z"),
        event("BOOKING_RESCHEDULED", "bk_2", start=later, lead_id=lead_id, rescheduleUid="bk_1"),
        event("BOOKING_CANCELLED", "bk_2", start=later, lead_id=lead_id, created_at="2026-11-30T17:02:00Z"),
    )
    for position in order:
        await told(ctx, story[position])
    appointments = await all_of(ctx, "select status from app.appointments")
    assert [row["status"] for row in appointments] == ["cancelled"]
    charges = await all_of(ctx, "select kind, count(*) as n from app.billing_events group by 1 order by 1")
    assert len({row["n"] for row in charges}) <= 1  # every charge has its credit


async def test_a_no_show_is_noted(ctx: Context) -> None:
    lead_id = await make(ctx)
    flat = {"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "createdAt": "2026-12-02T16:00:00Z"}
    payload = {"bookingUid": "bk_1", "attendees": [{"email": "ada@home.example", "noShow": True}]}
    await told(ctx, event("BOOKING_CREATED", lead_id=lead_id), json.dumps({**flat, "payload": payload}).encode())
    assert (await look(ctx, "select status from app.appointments"))["status"] == "no_show"


async def test_a_forged_or_altered_webhook_is_refused_and_counted(ctx: Context) -> None:
    body = event("BOOKING_CREATED", lead_id=await make(ctx))
    async with client_of(ctx) as client:
        assert await post(client, body, secret="another") == 401
        assert (await client.post("/webhooks/calcom", content=body)).status_code == 401
    checks = await all_of(ctx, "select ok, reason from app.signature_checks")
    assert [(row["ok"], row["reason"]) for row in checks] == [(False, "signature"), (False, "unsigned")]
    assert (await look(ctx, "select count(*) as n from app.webhook_receipts"))["n"] == 0


async def test_an_unknown_trigger_is_taken_and_ignored(ctx: Context) -> None:
    await told(ctx, event("RECORDING_READY"))
    assert (await look(ctx, "select outcome from app.webhook_receipts"))["outcome"] == "ignored"


async def test_a_receipt_that_makes_no_sense_waits_in_the_dlq_and_holds_nobody(ctx: Context) -> None:
    lead_id = await make(ctx)
    await told(ctx, event("BOOKING_CREATED", "bk_0", startTime="soon"), event("BOOKING_CREATED", lead_id=lead_id))
    assert (await look(ctx, "select count(*) as n from app.appointments"))["n"] == 1
    assert (await look(ctx, "select stage, error from app.dlq"))["stage"] == "booking"
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.booking_due")) == 0
