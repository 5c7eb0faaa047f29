"""A meeting typed by hand is moved and cancelled where it was typed, and all that hangs on it follows."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from booking_cast import START, event
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_booking_handoffs import TYPED, change, sql, under_way
from test_booking_webhooks import told

from factories import make_company
from ground import until_it_waits
from penstock import billing
from penstock.booking.tasks import pump
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import scalar

MOVE = "update marketing.booking_event set event_time = event_time + make_interval(mins => :minutes)"
DELETE = "delete from marketing.booking_event"


@pytest.mark.parametrize("minutes", [10, 24 * 60, -2 * 24 * 60])
async def test_a_meeting_that_is_moved_stays_as_long_as_it_was_and_its_broker_is_told(
    ctx: Context, minutes: int
) -> None:
    company, contact, lead = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await pump(ctx, 1)
    await change(ctx, MOVE, minutes=minutes)
    moved = START + timedelta(minutes=minutes)
    assert await sql(ctx, "select event_time from marketing.booking_event") == [{"event_time": moved}]
    assert await pump(ctx, 1) == 1
    assert await pump(ctx, 1) == 0
    assert await sql(ctx, "select starts_at, ends_at, status from app.appointments") == [
        {"starts_at": moved, "ends_at": moved + timedelta(minutes=30), "status": "accepted"}
    ]
    assert len(await sql(ctx, "select 1 from app.billing_events")) == 1
    assert len(await sql(ctx, "select 1 from app.handoffs")) == 1
    notices = await sql(ctx, "select kind from app.notifications order by id")
    assert [row["kind"] for row in notices] == ["appointment_booked", "appointment_moved"]
    (told_of,) = await sql(ctx, "select lead_id from app.pipeline_events where event_type = 'appointment_moved'")
    assert told_of["lead_id"] == lead


async def test_a_meeting_that_is_moved_before_anything_acted_on_it_is_booked_where_it_is(ctx: Context) -> None:
    company, contact, _ = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await change(ctx, MOVE, minutes=60)
    await pump(ctx, 1)
    assert [row["kind"] for row in await sql(ctx, "select kind from app.notifications")] == ["appointment_booked"]


async def test_a_meeting_that_is_deleted_is_cancelled_as_one_in_the_calendar_is(ctx: Context) -> None:
    company, contact, _ = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await pump(ctx, 1)
    await change(ctx, DELETE)
    assert await sql(ctx, "select 1 from marketing.booking_event") == []
    assert await pump(ctx, 1) == 1
    assert await pump(ctx, 1) == 0
    assert await sql(ctx, "select status from app.appointments") == [{"status": "cancelled"}]
    assert await sql(ctx, "select sales_stage from app.leads") == [{"sales_stage": "interested"}]
    assert len(await sql(ctx, "select 1 from app.billing_events where kind = 'credit'")) == 1
    notices = await sql(ctx, "select kind from app.notifications order by id")
    assert [row["kind"] for row in notices] == ["appointment_booked", "appointment_cancelled"]


async def test_a_meeting_without_a_lead_is_moved_and_cancelled_too(ctx: Context) -> None:
    await change(ctx, TYPED, contact=None, company=await make_company(ctx), at=START)
    await pump(ctx, 1)
    await change(ctx, MOVE, minutes=60)
    await pump(ctx, 1)
    await change(ctx, DELETE)
    await pump(ctx, 1)
    assert await sql(ctx, "select stage, error from app.dlq") == []
    notices = await sql(ctx, "select kind from app.notifications order by id")
    assert [row["kind"] for row in notices] == ["appointment_booked", "appointment_moved", "appointment_cancelled"]


async def test_of_a_meeting_that_is_moved_there_and_back_again_every_move_is_told(ctx: Context) -> None:
    company, contact, _ = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await pump(ctx, 1)
    for minutes in (60, -60, 60):
        await change(ctx, MOVE, minutes=minutes)
        await pump(ctx, 1)
        await pump(ctx, 1)
    notices = await sql(ctx, "select kind, payload_sealed from app.notifications order by id")
    assert [row["kind"] for row in notices] == ["appointment_booked"] + ["appointment_moved"] * 3
    subjects = [json.loads(ctx.sealer.open(1, row["payload_sealed"]))["subject"] for row in notices]
    assert subjects[1] == subjects[3] != subjects[2], "the last word is where the meeting is"


FEES = "select kind, reference from app.billing_events order by id"
STANDING = (
    "select l.sales_stage, a.status as number from app.leads l join app.lead_number_assignments a on a.lead_id = l.id"
)


async def test_the_fee_stands_for_the_other_meeting_while_there_is_one_and_is_credited_once(ctx: Context) -> None:
    company, contact, lead = await under_way(ctx)
    await change(
        ctx,
        "insert into app.lead_number_assignments (lead_id, number_id)"
        " select :lead, id from app.phone_numbers order by id limit 1",
        lead=lead,
    )
    for day in range(2):
        await change(ctx, TYPED, contact=contact, company=company, at=START + timedelta(days=day))
        await pump(ctx, 1)
    wrong, right = [str(row["id"]) for row in await sql(ctx, "select id from app.appointments order by starts_at")]
    first = [{"kind": "charge", "reference": wrong}]
    assert await sql(ctx, FEES) == first
    await change(ctx, f"{DELETE} where event_time = :at", at=START)
    await pump(ctx, 1)
    moved = [*first, {"kind": "credit", "reference": wrong}, {"kind": "charge", "reference": right}]
    assert await sql(ctx, FEES) == moved
    assert await sql(ctx, STANDING) == [{"sales_stage": "appointment_scheduled", "number": "booked_locked"}]
    await change(ctx, DELETE)
    await pump(ctx, 1)
    assert await sql(ctx, FEES) == [*moved, {"kind": "credit", "reference": right}]
    assert await sql(ctx, STANDING) == [{"sales_stage": "interested", "number": "released"}]


async def test_a_fee_that_an_invoice_names_is_not_charged_again_for_the_other_meeting(ctx: Context) -> None:
    company, contact, _ = await under_way(ctx)
    for day in range(2):
        await change(ctx, TYPED, contact=contact, company=company, at=START + timedelta(days=day))
        await pump(ctx, 1)
    await billing.close_period(ctx, 1, clock.now() + timedelta(seconds=1))
    await change(ctx, f"{DELETE} where event_time = :at", at=START)
    await pump(ctx, 1)
    (fee,) = await sql(ctx, "select kind, invoice_id is not null as invoiced from app.billing_events")
    assert fee == {"kind": "charge", "invoiced": True}


async def test_a_meeting_of_the_calendar_that_was_typed_as_well_is_one_and_ends_with_its_fee(ctx: Context) -> None:
    company, contact, lead = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await told(ctx, event("BOOKING_CREATED", lead_id=lead))
    assert len(await sql(ctx, "select 1 from app.appointments where status = 'accepted'")) == 2
    await told(ctx, event("BOOKING_CANCELLED", lead_id=lead))
    assert [row["kind"] for row in await sql(ctx, FEES)] == ["charge", "credit"]
    assert (await sql(ctx, "select sales_stage from app.leads"))[0]["sales_stage"] == "interested"


async def test_of_two_meetings_in_the_calendar_the_second_keeps_the_fee(ctx: Context) -> None:
    _, _, lead = await under_way(ctx)
    later = event("BOOKING_CREATED", "bk_2", start=START + timedelta(days=1), lead_id=lead)
    await told(ctx, event("BOOKING_CREATED", lead_id=lead), later, event("BOOKING_CANCELLED", lead_id=lead))
    assert [row["kind"] for row in await sql(ctx, FEES)] == ["charge", "credit", "charge"]
    assert (await sql(ctx, "select sales_stage from app.leads"))[0]["sales_stage"] == "appointment_scheduled"


async def test_a_meeting_that_is_deleted_before_anything_acted_on_it_never_was(ctx: Context) -> None:
    company, contact, _ = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await change(ctx, DELETE)
    assert await sql(ctx, "select 1 from app.appointments union all select 1 from app.booking_due") == []


async def test_the_same_person_and_time_are_taken_once(ctx: Context) -> None:
    company, contact, _ = await under_way(ctx)
    numbers = []
    for who in (contact, contact, None):
        async with ctx.db.tenant(1) as db:
            numbers.append(
                await scalar(db, text(f"{TYPED} returning booking_event_id"), contact=who, company=company, at=START)
            )
    assert len(set(numbers)) == 1
    assert len(await sql(ctx, "select 1 from app.appointments")) == 1
    await change(ctx, TYPED, contact=contact, company=company, at=START + timedelta(days=1))
    assert len(await sql(ctx, "select 1 from app.appointments")) == 2


@pytest.mark.parametrize("named", ["contact", "company"])
async def test_what_two_type_at_once_is_taken_once(ctx: Context, named: str) -> None:
    company, contact, _ = await under_way(ctx)
    whose = {"contact": contact, "company": None} if named == "contact" else {"contact": None, "company": company}
    async with asyncio.TaskGroup() as hands, ctx.db.tenant(1) as db:
        await db.execute(text(TYPED), {**whose, "at": START})
        second = hands.create_task(change(ctx, TYPED, **whose, at=START))
        await until_it_waits(db, second)
    assert len(await sql(ctx, "select 1 from app.appointments")) == 1


async def test_an_appointment_of_the_calendar_is_moved_and_cancelled_there(ctx: Context) -> None:
    _, _, lead = await under_way(ctx)
    await told(ctx, event("BOOKING_CREATED", lead_id=lead))
    await change(ctx, "update marketing.booking_event set source = 'calcom'")
    for statement, params, words in ((MOVE, {"minutes": 5}, "moved in the calendar"), (DELETE, {}, "not deleted")):
        with pytest.raises(DBAPIError, match=words):
            await change(ctx, statement, **params)
    assert await sql(ctx, "select status from app.appointments") == [{"status": "accepted"}]
