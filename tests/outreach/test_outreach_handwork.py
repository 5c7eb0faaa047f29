"""Steps that a person does: the words are prepared, the gate is asked twice, and what was done is on record."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_company, make_person
from mailhouse import Mailhouse, mailhouse
from penstock import compliance
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.outreach import campaigns, letters, stop_sequence, worklist
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump
from penstock.signals.tasks import pump as read_signals

PHONE = "+14045550123"


@pytest.fixture
async def sender(ctx: Context) -> AsyncIterator[Context]:
    async with mailhouse(ctx) as (pointed, house):
        Mailhouses[id(pointed)] = house
        yield pointed


Mailhouses: dict[int, Mailhouse] = {}


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def with_phone(ctx: Context, contact: int, *, listed: bool = False) -> None:
    await change(
        ctx,
        "insert into app.contact_points (contact_id, kind, value, source, line_type, line_type_checked_at, verified,"
        " verified_at, status, dnc_listed, dnc_checked_at) values (:c, 'phone', :v, 'website', 'landline',"
        " app.now() + interval '5 days', true, app.now(), 'green', :listed, app.now())",
        c=contact, v=ctx.sealer.seal(1, PHONE), listed=listed,
    )  # fmt: skip


async def fed(ctx: Context, *, profile: str | None = "linkedin.com/in/ada", **kwargs: Any) -> tuple[int, uuid.UUID]:
    published = ctx.sealer.seal(1, PHONE)
    company = await make_company(ctx, name="Palm & Sons Inc", main_phone=published, state="GA", postal_code="30303")
    contact, lead = await make_person(ctx, company, profile=profile, **kwargs)
    await campaigns.create(ctx, 1, playbook="renewals", name="Spring")
    await feed(ctx, 1)
    return contact, lead


async def run_until(ctx: Context, end: datetime) -> None:
    while True:
        await pump(ctx, 1)
        (due,) = await sql(ctx, "select min(next_execution_at) as at from app.enrollments where state = 'active'")
        if due["at"] is None or due["at"] > end:
            clock.hold(end)
            return
        clock.hold(max(due["at"], clock.now() + timedelta(minutes=1)))


async def tasks(ctx: Context, state: str | None = None) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await worklist.listing(db, state=state)]


async def do(ctx: Context, task: int, **kwargs: Any) -> worklist.Done:
    async with ctx.db.tenant(1) as db:
        return await worklist.done(ctx, db, 1, task, actor="ann", **kwargs)


async def test_emails_and_tasks_come_on_their_days(sender: Context) -> None:
    contact, lead = await fed(sender)
    await with_phone(sender, contact)
    start = clock.now()
    await run_until(sender, start + timedelta(days=14))
    mails = [message for _, _, message in Mailhouses[id(sender)].arrived]
    assert [(mail["Date"].datetime - start).days + 1 for mail in mails] == [1, 4, 8, 11]
    found = await tasks(sender)
    assert [(task["channel"], (task["due_at"] - start).days + 1, task["step"]) for task in found] == [
        ("linkedin", 2, 2), ("phone", 6, 4),
    ]  # fmt: skip
    assert {task["state"] for task in found} == {"withdrawn"}  # the sequence came to its end without them
    assert {task["reason"] for task in found} == {"the sequence went on"}
    (row,) = await sql(sender, "select state, current_step from app.enrollments where lead_id = :id", id=lead)
    assert row == {"state": "finished", "current_step": 6}


async def test_a_task_shows_its_words_the_number_and_what_the_gate_says(sender: Context) -> None:
    contact, _ = await fed(sender)
    await with_phone(sender, contact)
    await run_until(sender, clock.now() + timedelta(days=5))
    note, call = await tasks(sender)
    async with sender.db.tenant(1) as db:
        seen = await worklist.show(sender, db, 1, note["id"])
        dialled = await worklist.show(sender, db, 1, call["id"])
        with pytest.raises(NotFound):
            await worklist.show(sender, db, 1, 99)
    assert "benefits renewal at Palm & Sons Inc" in seen.text and "Acme Home Equity LLC" in seen.text
    assert seen.decision is not None and seen.decision.allowed and seen.phone is None
    assert dialled.phone == PHONE and "in February" in dialled.text
    sealed = await sql(sender, "select body_sealed from app.tasks")
    assert all(row["body_sealed"].startswith("s1.") for row in sealed)


async def test_what_was_done_is_on_record_once(sender: Context) -> None:
    _, lead = await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    results = await asyncio.gather(do(sender, task["id"]), do(sender, task["id"]), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Done"]
    (message,) = await sql(
        sender, "select * from app.message_log where channel = 'linkedin' and lead_id = :id", id=lead
    )
    assert (message["direction"], message["state"], message["step"]) == ("outbound", "sent", 2)
    assert "Palm & Sons" in sender.sealer.open(1, message["body_sealed"])
    (attempt,) = await sql(sender, "select * from app.contact_attempts where channel = 'linkedin'")
    (closed,) = await tasks(sender, "done")
    assert attempt["state"] == "done" and attempt["id"] == message["attempt_id"] and closed["closed_by"] == "ann"
    (row,) = await sql(sender, "select decision_id from app.tasks")
    (kept,) = await sql(sender, "select verdict from app.contact_decisions where id = :id", id=row["decision_id"])
    assert kept["verdict"] == "ALLOW"
    events = await sql(sender, "select event_type from app.pipeline_events where event_type like 'task%' order by id")
    assert [event["event_type"] for event in events] == ["task_opened", "task_closed"]
    (face,) = await sql(sender, "select direction, subject from marketing.message_log where channel = 'linkedin'")
    assert face["direction"] == "outbound" and "Palm & Sons" in face["subject"]


async def test_after_a_note_was_sent_the_emails_go_on_in_their_thread(sender: Context) -> None:
    await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    assert (await do(sender, task["id"])).done
    await run_until(sender, clock.now() + timedelta(days=12))
    first, *later = [message for _, _, message in Mailhouses[id(sender)].arrived]
    assert len(later) == 3 and later[0]["In-Reply-To"] == first["Message-ID"]
    assert await sql(sender, "select 1 from app.dlq") == []


async def test_words_that_cannot_be_made_hold_nobody_elses_task(sender: Context, monkeypatch: Any) -> None:
    await fed(sender)
    await make_person(sender, await make_company(sender), profile="linkedin.com/in/bo")
    await change(sender, "insert into app.campaigns (name) values ('By hand')")
    await change(
        sender,
        "insert into app.campaign_contacts (campaign_id, contact_id)"
        " select k.id, c.id from app.campaigns k, app.contacts c where k.name = 'By hand'",
    )
    await feed(sender, 1)
    await run_until(sender, clock.now() + timedelta(hours=1))
    seen: list[uuid.UUID] = []

    def strange(playbook: Any, addressee: Any, **given: Any) -> Any:
        seen.append(addressee["lead_id"])
        if addressee["lead_id"] == seen[0]:
            raise TypeError("Bo is strange")
        return letters.script(playbook, addressee, **given)

    monkeypatch.setattr("penstock.outreach.handwork.script", strange)
    clock.hold(clock.now() + timedelta(days=1))
    await pump(sender, 1)
    (task,) = await tasks(sender, "open")
    (held,) = await sql(
        sender, "select d.error, e.lead_id from app.dlq d join app.enrollments e on e.id::text = d.item"
    )
    assert held == {"error": "TypeError", "lead_id": seen[0]} and task["lead_id"] != seen[0]


async def test_at_night_the_gate_says_no_and_the_task_stays_open(sender: Context) -> None:
    await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    clock.hold(clock.now().replace(hour=4))
    result = await do(sender, task["id"])
    assert not result.done and result.decision.reason == "TIME_QUIET_HOURS"
    assert result.decision.next_permitted_at is not None
    assert [row["id"] for row in await tasks(sender, "open")] == [task["id"]]
    assert await sql(sender, "select 1 from app.message_log where channel = 'linkedin'") == []
    kept = await sql(sender, "select verdict from app.contact_decisions where channel = 'linkedin'")
    assert kept == [{"verdict": "DENY"}]
    clock.hold(result.decision.next_permitted_at)
    assert (await do(sender, task["id"])).done


@pytest.mark.parametrize(
    ("profile", "phone", "listed", "passed_over"),
    [
        (None, False, False, ["no profile", "no phone"]),
        ("linkedin.com/in/ada", False, False, ["no phone"]),
        ("linkedin.com/in/ada", True, False, []),
    ],
)
async def test_what_a_person_cannot_do_is_passed_over_with_its_reason(
    sender: Context, profile: str | None, phone: bool, listed: bool, passed_over: list[str]
) -> None:
    contact, _ = await fed(sender, profile=profile)
    if phone:
        await with_phone(sender, contact, listed=listed)
    await run_until(sender, clock.now() + timedelta(days=12))
    denied = await sql(
        sender,
        "select details ->> 'reason' as reason from app.pipeline_events where event_type = 'contact_denied'"
        " order by id",
    )
    assert [row["reason"] for row in denied] == passed_over
    assert len(Mailhouses[id(sender)].arrived) == 4


async def test_a_listed_number_that_is_not_the_companys_is_not_called(sender: Context) -> None:
    contact, _ = await fed(sender)
    await with_phone(sender, contact, listed=True)
    await change(sender, "update app.companies set main_phone = null")
    await run_until(sender, clock.now() + timedelta(days=6))
    assert [task["channel"] for task in await tasks(sender)] == ["linkedin"]
    (denied,) = await sql(sender, "select details from app.pipeline_events where event_type = 'contact_denied'")
    assert denied["details"] == {"step": 4, "reason": "DNC_NATIONAL_LISTED", "channel": "phone"}


async def test_whoever_stops_talking_to_somebody_withdraws_their_tasks(sender: Context) -> None:
    _, lead = await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    async with sender.db.tenant(1) as db:
        await stop_sequence(db, 1, lead, "reply: positive")
    (closed,) = await tasks(sender)
    assert (closed["state"], closed["reason"]) == ("withdrawn", "reply: positive")
    with pytest.raises(Conflict):
        await do(sender, task["id"])


async def test_an_opt_out_between_making_and_doing_is_final(sender: Context) -> None:
    contact, _ = await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    async with sender.db.tenant(1) as db:
        await compliance.suppress(
            sender, db, 1, reason="SUPP_OPT_OUT", method="page", actor="person", contact_id=contact
        )
    with pytest.raises(Conflict):
        await do(sender, task["id"])
    assert await sql(sender, "select 1 from app.message_log where channel = 'linkedin'") == []


async def test_a_task_is_skipped_for_a_reason_and_the_sequence_goes_on(sender: Context) -> None:
    await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    async with sender.db.tenant(1) as db:
        with pytest.raises(InvalidInput):
            await worklist.skip(sender, db, 1, task["id"], actor="ann", reason="  ")
        await worklist.skip(sender, db, 1, task["id"], actor="ann", reason="profile is somebody else's")
    (closed,) = await tasks(sender)
    assert (closed["state"], closed["reason"]) == ("skipped", "profile is somebody else's")
    await run_until(sender, clock.now() + timedelta(days=12))
    assert len(Mailhouses[id(sender)].arrived) == 4


async def test_who_says_on_the_phone_to_be_left_alone_is_left_alone(sender: Context) -> None:
    contact, lead = await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    async with sender.db.tenant(1) as db:
        await worklist.skip(
            sender, db, 1, task["id"], actor="ann", reason="asked not to be contacted", do_not_contact=True
        )
    (closed,) = await tasks(sender)
    assert (closed["state"], closed["closed_by"]) == ("skipped", "ann")
    (row,) = await sql(sender, "select campaign_status from app.leads where id = :id", id=lead)
    assert row["campaign_status"] == "unsubscribed"
    bars = await sql(sender, "select reason from app.suppressions where contact_id = :c", c=contact)
    assert bars == [{"reason": "SUPP_OPT_OUT"}]


PAUSED = "update app.campaigns set is_active = {} where playbook = 'renewals'"
SIGNAL = "insert into app.signals (company_id, contact_id, reason) select company_id, contact_id, 'news' from app.leads"


@pytest.mark.parametrize(
    ("then", "waits_for", "again"),
    [
        (PAUSED.format("false"), "campaign paused", PAUSED.format("true")),
        (SIGNAL, "news of the person", "update app.signals set processed_at = app.now(), outcome = 'none'"),
        ("update company.company_slot set contact_id = null", "news of the person", None),
    ],
)
async def test_a_task_waits_as_an_email_of_its_sequence_would(
    sender: Context, then: str, waits_for: str, again: str | None
) -> None:
    await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    await change(sender, then)
    assert await tasks(sender, "open") == []
    (listed,) = await tasks(sender)
    async with sender.db.tenant(1) as db:
        shown = await worklist.show(sender, db, 1, task["id"])
    assert (listed["state"], listed["waits_for"], shown.row["waits_for"]) == ("open", waits_for, waits_for)
    assert await do(sender, task["id"]) == worklist.Done(task["id"], False, None, waits_for)
    assert await sql(sender, "select 1 from app.message_log where channel = 'linkedin'") == []
    if again is None:
        await read_signals(sender, 1)
        assert [row["state"] for row in await tasks(sender)] == ["withdrawn"]
    else:
        await change(sender, again)
        assert [row["id"] for row in await tasks(sender, "open")] == [task["id"]]
        assert (await do(sender, task["id"])).done


async def test_whoever_lost_the_slot_to_somebody_else_is_let_go_and_their_task_too(sender: Context) -> None:
    _, lead = await fed(sender)
    await run_until(sender, clock.now() + timedelta(days=1, hours=1))
    (task,) = await tasks(sender, "open")
    (company,) = await sql(sender, "select id from app.companies")
    successor, _ = await make_person(sender, company["id"], None)
    async with sender.db.tenant(1) as db:  # as an import does it that brings a better candidate
        await execute(db, text("select set_config('app.slots_by', 'engine', true)"))
        seat = "update app.company_slots set contact_id = :c where role_code = 'CFO'"
        await execute(db, text(seat), c=successor)
    assert (await do(sender, task["id"])).waits_for == "no slot of the campaign"
    await run_until(sender, clock.now() + timedelta(days=12))
    (row,) = await sql(sender, "select state, stop_reason from app.enrollments where lead_id = :id", id=lead)
    assert row == {"state": "stopped", "stop_reason": "no slot of the campaign"}
    assert len(Mailhouses[id(sender)].arrived) == 1
    assert [(row["state"], row["reason"]) for row in await tasks(sender)] == [("withdrawn", "no slot of the campaign")]
    async with sender.db.tenant(1) as db:
        (campaign,) = await rows(db, text("select id from app.campaigns where name = 'Spring'"))
        assert await campaigns.add(db, 1, campaign["id"], [successor])
    assert (await feed(sender, 1))["fed"] == 1  # the company is talked to through who holds it now


async def test_words_that_break_a_rule_are_held_until_they_are_mended(sender: Context) -> None:
    await fed(sender)
    await run_until(sender, clock.now() + timedelta(hours=1))
    await change(sender, "update app.companies set name = 'Guaranteed Relief Inc'")
    clock.hold(clock.now() + timedelta(days=1))
    await pump(sender, 1)
    assert await tasks(sender) == []
    held = await sql(sender, "select error from app.dlq where stage = 'outreach'")
    assert held == [{"error": "CONTENT_PROHIBITED_CLAIM"}]
