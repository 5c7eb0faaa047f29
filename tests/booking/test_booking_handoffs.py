"""Hand-offs of bookings, and appointments that somebody typed by hand."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from booking_cast import START, event
from sqlalchemy import text
from test_booking_webhooks import told

from factories import make_company, make_contactable, make_person
from ground import BROKER_ID
from penstock import booking, onboarding
from penstock.booking import handoffs
from penstock.booking.tasks import pump
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import NotFound
from penstock.insight.alerts import judge, read

BROKER_TWO = onboarding.BrokerProfile(name="Ben Broker", email="ben@acme.example")
TYPED = (
    "insert into marketing.booking_event (contact_id, company_id, event_time, source)"
    " values (:contact, :company, :at, 'phone')"
)


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def under_way(ctx: Context) -> tuple[int, int, uuid.UUID]:
    """A CFO in the middle of a sequence, with an open task: (company, contact, lead)."""
    company = await make_company(ctx, name="Palm & Sons Inc")
    contact, lead = await make_person(
        ctx, company, campaign_status="active", added_to_campaign_at=clock.now(), assigned_broker_id=BROKER_ID
    )
    await change(ctx, "insert into app.campaigns (name) values ('x')")
    await change(
        ctx,
        "insert into app.enrollments (campaign_id, lead_id, persona, current_step, next_execution_at)"
        " select max(id), :lead, 'Carlos', 2, app.now() from app.campaigns",
        lead=lead,
    )
    await change(
        ctx,
        "insert into app.tasks (lead_id, contact_id, enrollment_id, step, channel, due_at)"
        " select :lead, :contact, id, 2, 'linkedin', app.now() from app.enrollments",
        lead=lead, contact=contact,
    )  # fmt: skip
    return company, contact, lead


async def test_a_booking_in_the_calendar_is_handed_over_once_in_the_mail_that_tells_of_it(ctx: Context) -> None:
    _, _, lead = await under_way(ctx)
    body = event("BOOKING_CREATED", lead_id=lead)
    await told(ctx, body, body)
    (made,) = await sql(ctx, "select * from app.handoffs")
    assert made["lead_id"] == lead and made["cause"].startswith("appointment:")
    notes = ctx.sealer.open(1, made["notes"])
    assert notes.startswith("Appointment on 2026-12-02T15:00:00+00:00") and "CFO: Ada Sample" in notes
    (notice,) = await sql(ctx, "select kind, payload_sealed from app.notifications")
    mail = json.loads(ctx.sealer.open(1, notice["payload_sealed"]))
    assert notice["kind"] == "appointment_booked" and "CFO: Ada Sample" in mail["text"]
    (task,) = await sql(ctx, "select state, reason from app.tasks")
    assert task == {"state": "withdrawn", "reason": "appointment booked"}


async def test_a_booking_about_a_home_makes_one_record_and_leaves_the_mail_as_it_was(ctx: Context) -> None:
    lead = await make_contactable(ctx, broker_id=BROKER_ID, email="ada@home.example")
    await told(ctx, event("BOOKING_CREATED", lead_id=lead))
    (notice,) = await sql(ctx, "select payload_sealed from app.notifications")
    mail = json.loads(ctx.sealer.open(1, notice["payload_sealed"]))
    assert [line.partition(":")[0] for line in mail["text"].splitlines()] == [
        "New appointment",
        "When",
        "Where",
        "Lead",
    ]
    assert len(await sql(ctx, "select 1 from app.handoffs")) == 1


async def test_an_appointment_typed_by_hand_does_all_that_one_from_the_calendar_does(ctx: Context) -> None:
    company, contact, lead = await under_way(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    assert await sql(ctx, "select 1 from app.booking_due") != []
    assert await pump(ctx, 1) == 1
    assert await pump(ctx, 1) == 0
    (row,) = await sql(ctx, "select campaign_status, sales_stage from app.leads where id = :id", id=lead)
    assert row == {"campaign_status": "converted", "sales_stage": "appointment_scheduled"}
    (appointment,) = await sql(ctx, "select * from app.appointments")
    assert (appointment["lead_id"], appointment["broker_id"]) == (lead, BROKER_ID)
    assert appointment["acted_on_at"] == clock.now() and appointment["company_id"] == company
    assert (await sql(ctx, "select state from app.enrollments"))[0]["state"] == "stopped"
    (billed,) = await sql(ctx, "select playbook, event_type from app.billing_events")
    assert billed == {"playbook": "renewals", "event_type": "appointment_set"}
    assert [row["kind"] for row in await sql(ctx, "select kind from app.notifications")] == ["appointment_booked"]
    assert len(await sql(ctx, "select 1 from app.handoffs")) == 1
    events = await sql(ctx, "select event_type from app.pipeline_events where stage = 'booking' order by id")
    assert [row["event_type"] for row in events] == ["appointment_booked", "handoff_made"]


async def not_fed(ctx: Context) -> tuple[int, int, uuid.UUID]:
    """A CFO to whom no coordinator was given yet: (company, contact, lead)."""
    company = await make_company(ctx, name="Stone Mill LLC")
    return company, *await make_person(ctx, company)


async def in_the_notices(ctx: Context) -> list[str]:
    found = await sql(ctx, "select target_sealed from app.notifications where channel = 'mail' order by id")
    return [ctx.sealer.open(1, row["target_sealed"]) for row in found]


async def test_a_booking_of_somebody_without_a_coordinator_is_dealt_out_billed_and_told(ctx: Context) -> None:
    second = await onboarding.add_broker(ctx, 1, BROKER_TWO)
    for n in range(2):
        company, contact, _ = await not_fed(ctx)
        await change(ctx, TYPED, contact=contact, company=company, at=START + timedelta(days=n))
        await pump(ctx, 1)
    appointments = await sql(ctx, "select broker_id, lead_id from app.appointments order by starts_at")
    assert {row["broker_id"] for row in appointments} == {BROKER_ID, second}, "in turn"
    leads = await sql(ctx, "select id, assigned_broker_id from app.leads")
    assert {row["id"]: row["assigned_broker_id"] for row in leads} == {
        row["lead_id"]: row["broker_id"] for row in appointments
    }
    billed = await sql(ctx, "select broker_id from app.billing_events order by id")
    handed = await sql(ctx, "select broker_id from app.handoffs order by id")
    dealt = [row["broker_id"] for row in appointments]
    assert [row["broker_id"] for row in billed] == [row["broker_id"] for row in handed] == dealt
    assert len(set(await in_the_notices(ctx))) == 2
    events = await sql(ctx, "select details from app.pipeline_events where event_type = 'appointment_booked'")
    assert [row["details"]["charged"] for row in events] == [True, True]


async def test_a_broker_with_room_for_the_day_comes_before_one_without(ctx: Context) -> None:
    second = await onboarding.add_broker(ctx, 1, BROKER_TWO)
    await change(ctx, "update app.brokers set daily_cap = 0 where id <> :id", id=second)
    for _ in range(2):
        company, contact, _ = await not_fed(ctx)
        await change(ctx, TYPED, contact=contact, company=company, at=START)
    await pump(ctx, 1)
    assert [row["broker_id"] for row in await sql(ctx, "select broker_id from app.appointments")] == [second, second]


async def test_a_meeting_that_no_broker_could_have_is_billed_and_told_once_when_one_can(ctx: Context) -> None:
    await change(ctx, "update app.brokers set is_active = false")
    company, contact, lead = await not_fed(ctx)
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await change(ctx, TYPED, contact=None, company=await make_company(ctx, name="Quiet Corp"), at=START)
    assert await pump(ctx, 1) == 2
    assert await pump(ctx, 1) == 0
    assert await sql(ctx, "select 1 from app.billing_events union all select 1 from app.notifications") == []
    async with ctx.db.tenant(1) as db:
        assert judge(await read(db)).keys() == {"meetings_unattended"}
    whose = {"name": "Acme", "email": "office@acme.example", "username": "office"}
    await told(ctx, event("BOOKING_CREATED", lead_id=lead, start=START, organizer=whose))  # the same in a calendar
    await change(ctx, "update app.brokers set is_active = true")
    assert await pump(ctx, 1) == 3
    assert await pump(ctx, 1) == 0
    assert await sql(ctx, "select broker_id from app.billing_events") == [{"broker_id": BROKER_ID}]
    assert await sql(ctx, "select distinct broker_id from app.handoffs") == [{"broker_id": BROKER_ID}]
    assert len(await in_the_notices(ctx)) == 2, "one of each meeting"
    async with ctx.db.tenant(1) as db:
        assert judge(await read(db)) == {}


async def test_a_booking_typed_for_a_company_is_its_persons_who_answered(ctx: Context) -> None:
    company, _, _ = await under_way(ctx)
    _, answered = await make_person(
        ctx, company, "HR", campaign_status="replied", last_reply_at=clock.now(), assigned_broker_id=BROKER_ID
    )
    await change(ctx, TYPED, contact=None, company=company, at=START)
    await pump(ctx, 1)
    assert (await sql(ctx, "select lead_id from app.appointments"))[0]["lead_id"] == answered


async def test_a_booking_typed_for_a_company_nobody_writes_to_is_handed_over_all_the_same(ctx: Context) -> None:
    company = await make_company(ctx, name="Quiet Corp")
    await change(ctx, TYPED, contact=None, company=company, at=START)
    assert await pump(ctx, 1) == 1
    (made,) = await sql(ctx, "select * from app.handoffs")
    assert (made["company_id"], made["lead_id"], made["broker_id"]) == (company, None, BROKER_ID)
    (notice,) = await sql(ctx, "select payload_sealed from app.notifications")
    assert "New appointment: Quiet Corp" in json.loads(ctx.sealer.open(1, notice["payload_sealed"]))["text"]
    assert "Quiet Corp" in ctx.sealer.open(1, made["notes"])
    assert await sql(ctx, "select 1 from app.billing_events") == []


async def test_what_the_calendar_told_already_is_not_billed_again_when_typed(ctx: Context) -> None:
    company, contact, lead = await under_way(ctx)
    await told(ctx, event("BOOKING_CREATED", lead_id=lead))
    await change(ctx, TYPED, contact=contact, company=company, at=START)
    await pump(ctx, 1)
    assert len(await sql(ctx, "select 1 from app.billing_events")) == 1
    assert len(await sql(ctx, "select 1 from app.notifications")) == 1
    assert await sql(ctx, "select 1 from app.booking_due") == []


async def test_one_bad_appointment_holds_nobody(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    company, contact, _ = await under_way(ctx)
    other = await make_company(ctx)
    await change(ctx, TYPED, contact=None, company=other, at=START)
    await change(ctx, TYPED, contact=contact, company=company, at=START + timedelta(days=1))
    real = handoffs.hand_off

    async def broken(*args: Any, company_id: int | None = None, **kwargs: Any) -> Any:
        if company_id == other:
            raise RuntimeError("broken")
        return await real(*args, company_id=company_id, **kwargs)

    monkeypatch.setattr("penstock.booking.service.hand_off", broken)
    assert await pump(ctx, 1) == 2
    held = await sql(ctx, "select stage, item, error from app.dlq")
    assert [(row["stage"], row["error"]) for row in held] == [("booking", "RuntimeError")]
    assert len(await sql(ctx, "select 1 from app.handoffs")) == 1


async def test_one_cause_is_one_hand_off_and_it_can_be_read_again(ctx: Context) -> None:
    _, _, lead = await under_way(ctx)
    given: dict[str, Any] = {"lead_id": lead, "cause": "reply:1", "kind": "positive", "said": "Let us talk."}
    async with ctx.db.tenant(1) as db:
        first = await booking.hand_off(ctx, db, 1, **given)
        assert first is not None and await booking.hand_off(ctx, db, 1, **given) is None
        (listed,) = await handoffs.listing(db, lead_id=lead)
        shown = await handoffs.show(ctx, db, 1, first.id)
        with pytest.raises(NotFound):
            await handoffs.show(ctx, db, 1, 999)
    assert (listed["company"], listed["person"], listed["broker"]) == ("Palm & Sons Inc", "Ada Sample", "Bea Broker")
    assert shown["notes"] == first.notes and shown["notes"].startswith("Let us talk.\n\nPalm & Sons Inc; 120 people")
