"""Whoever was taken out of a campaign is out of it: nothing goes on, and nobody but a hand puts them back."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from campaign_cast import ALL, change, sql, written_to
from sqlalchemy import text

from factories import make_company, make_person
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.outreach import campaigns
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump

COMMAND = "by command"
WAYS = [COMMAND, "delete from marketing.campaign_contact", "delete from app.campaign_contacts"]


async def take_out(ctx: Context, way: str, contact: int) -> None:
    (member,) = await sql(ctx, "select campaign_id from app.campaign_contacts where contact_id = :c", c=contact)
    if way == COMMAND:
        async with ctx.db.tenant(1) as db:
            assert await campaigns.remove(db, 1, member["campaign_id"], [contact]) == [contact]
            assert await campaigns.remove(db, 1, member["campaign_id"], [contact]) == []
    else:
        await change(ctx, f"{way} where contact_id = :c", c=contact)


async def story(ctx: Context, lead: uuid.UUID) -> tuple[Any, ...]:
    (row,) = await sql(ctx, "select state, stop_reason from app.enrollments where lead_id = :id", id=lead)
    (task,) = await sql(ctx, "select state, reason from app.tasks where lead_id = :id", id=lead)
    stopped = await sql(ctx, "select lead_id, details from app.pipeline_events where event_type = 'sequence_stopped'")
    return row["state"], row["stop_reason"], task["state"], task["reason"], stopped


@pytest.mark.parametrize("way", WAYS)
async def test_a_sequence_under_way_ends_with_its_tasks_however_its_person_is_taken_out(ctx: Context, way: str) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx))
    _, other = await make_person(ctx, await make_company(ctx))
    made = await campaigns.create(ctx, 1, **ALL)
    assert (await feed(ctx, 1))["fed"] == 2
    await change(
        ctx,
        "insert into app.tasks (lead_id, contact_id, enrollment_id, campaign_id, step, channel, due_at)"
        " select l.id, l.contact_id, e.id, e.campaign_id, 2, 'linkedin', app.now()"
        " from app.enrollments e join app.leads l on l.id = e.lead_id",
    )
    await take_out(ctx, way, contact)
    why = "taken out of the campaign"
    told = [{"lead_id": lead, "details": {"reason": why}}]
    assert await story(ctx, lead) == ("stopped", why, "withdrawn", why, told)
    assert (await story(ctx, other))[:4] == ("active", None, "open", None)
    assert made.campaign_id is not None
    async with ctx.db.tenant(1) as db:
        assert [row["lead_id"] for row in await campaigns.members(db, made.campaign_id)] == [other]
        assert (await campaigns.show(db, made.campaign_id))["people"] == 1
    assert len(await sql(ctx, "select 1 from marketing.campaign_contact")) == 1


async def test_a_sequence_of_somebody_who_is_on_no_list_ends_as_well(ctx: Context) -> None:
    """The feeder's own campaign of a playbook has no list; and a removal may come while the feeder is at it."""
    contact, lead = await make_person(ctx, await make_company(ctx))
    made = await campaigns.create(ctx, 1, **ALL)
    stranger, _ = await make_person(ctx, await make_company(ctx))
    assert (await feed(ctx, 1))["fed"] == 1 and made.campaign_id is not None
    again = (
        "with fed as (update app.leads set campaign_status = 'active'"
        " where id in (select lead_id from app.enrollments)) update app.enrollments"
        " set state = 'active', ended_at = null, stop_reason = null, next_execution_at = app.now()"
    )
    await change(ctx, "update app.campaign_contacts set removed_at = app.now()")
    await change(ctx, again)
    await pump(ctx, 1)
    (ended,) = await sql(ctx, "select state, stop_reason from app.enrollments where lead_id = :id", id=lead)
    assert (ended["state"], ended["stop_reason"]) == ("stopped", "taken out of the campaign")
    await change(ctx, "update app.campaign_contacts set contact_id = :c", c=stranger)
    await change(ctx, again)
    async with ctx.db.tenant(1) as db:
        assert await campaigns.remove(db, 1, made.campaign_id, [contact]) == [contact]
    (ended,) = await sql(ctx, "select state, stop_reason from app.enrollments where lead_id = :id", id=lead)
    assert (ended["state"], ended["stop_reason"]) == ("stopped", "taken out of the campaign")


@pytest.mark.parametrize("way", WAYS)
async def test_the_timetable_puts_nobody_back_whom_a_hand_took_out(ctx: Context, way: str) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx))
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 1, "added": 1}
    await take_out(ctx, way, contact)
    for _ in range(2):  # this month's campaign, and the next month's
        assert (await campaigns.make_due(ctx, 1, clock.now()))["added"] == 0
        assert (await feed(ctx, 1))["fed"] == 0
        clock.hold(clock.now() + timedelta(days=1))
    assert await written_to(ctx) == set()
    (kept,) = await sql(ctx, "select campaign_id from app.campaign_contacts")
    async with ctx.db.tenant(1) as db:
        assert await campaigns.add(db, 1, kept["campaign_id"], [contact]) == [contact]
        assert await campaigns.add(db, 1, kept["campaign_id"], [contact]) == []
    assert (await feed(ctx, 1))["fed"] == 1 and await written_to(ctx) == {lead}


async def test_who_was_taken_out_is_counted_by_it_where_the_timetable_looks_and_a_hand_may_choose_again(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact, _ = await make_person(ctx, await make_company(ctx))
    await campaigns.make_due(ctx, 1, clock.now())
    await take_out(ctx, COMMAND, contact)
    seen: list[Any] = []
    counted = campaigns._made
    monkeypatch.setattr(campaigns, "_made", lambda *given: seen.append(counted(*given)) or seen[-1])
    await campaigns.make_due(ctx, 1, clock.now())
    assert (seen[-1].added, seen[-1].held_back) == (0, {"taken out by hand": 1})
    assert (await campaigns.create(ctx, 1, **ALL)).added == 1


async def test_written_again_in_sql_somebody_is_in_the_campaign_again(ctx: Context) -> None:
    contact, _ = await make_person(ctx, await make_company(ctx))
    await campaigns.create(ctx, 1, **ALL)
    async with ctx.db.tenant(1) as db:
        gone = text("delete from marketing.campaign_contact where contact_id = :c")
        assert [await execute(db, gone, c=contact) for _ in range(2)] == [1, 0]
    await change(
        ctx,
        "insert into marketing.campaign_contact (campaign_id, contact_id)"
        " select campaign_id, :c from marketing.campaign where name = 'Spring'",
        c=contact,
    )
    (member,) = await sql(ctx, "select contact_id from marketing.campaign_contact")
    assert member["contact_id"] == contact and (await feed(ctx, 1))["fed"] == 1


async def test_what_was_taken_out_goes_with_its_campaign(ctx: Context) -> None:
    contact, _ = await make_person(ctx, await make_company(ctx))
    await campaigns.create(ctx, 1, **ALL)
    await take_out(ctx, COMMAND, contact)
    await campaigns.create(ctx, 1, playbook="renewals", name="Other")
    await change(ctx, "delete from app.campaigns where playbook = 'renewals'")
    assert await sql(ctx, "select 1 from app.campaign_contacts") == []


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_was_taken_out_before_anything_left_us_can_be_put_back(ctx: Context, way: str) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx))
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.campaign_id is not None and (await feed(ctx, 1))["fed"] == 1
    await take_out(ctx, way, contact)
    (stands,) = await sql(ctx, "select campaign_status from app.leads where id = :id", id=lead)
    assert stands["campaign_status"] == "queued"
    clock.hold(clock.now() + timedelta(days=1))
    assert (await feed(ctx, 1))["fed"] == 0
    async with ctx.db.tenant(1) as db:
        assert await campaigns.add(db, 1, made.campaign_id, [contact]) == [contact]
    assert (await feed(ctx, 1))["fed"] == 1
    (again,) = await sql(ctx, "select state, stop_reason, current_step from app.enrollments")
    assert again == {"state": "active", "stop_reason": None, "current_step": 0}


async def test_whoever_was_written_to_walks_no_sequence_again_and_add_says_so(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx))
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.campaign_id is not None and (await feed(ctx, 1))["fed"] == 1
    await change(ctx, "update app.enrollments set current_step = 1 where lead_id = :id", id=lead)
    await take_out(ctx, COMMAND, contact)
    (stands,) = await sql(ctx, "select campaign_status from app.leads where id = :id", id=lead)
    assert stands["campaign_status"] == "active"
    async with ctx.db.tenant(1) as db:
        assert await campaigns.add(db, 1, made.campaign_id, [contact]) == []
        assert await campaigns.in_outreach(db, made.campaign_id, [contact]) == [contact]


async def test_whoever_holds_the_slot_again_is_written_to_after_all(ctx: Context) -> None:
    _, lead = await make_person(ctx, await make_company(ctx))
    await campaigns.create(ctx, 1, **ALL)
    assert (await feed(ctx, 1))["fed"] == 1
    targets = "update app.campaigns set targets = cast(:roles as company.role_code_t[])"
    await change(ctx, targets, roles=["HR"])
    await pump(ctx, 1)
    (ended,) = await sql(ctx, "select stop_reason from app.enrollments where lead_id = :id", id=lead)
    assert ended["stop_reason"] == "no slot of the campaign"
    clock.hold(clock.now() + timedelta(days=1))
    assert (await feed(ctx, 1))["fed"] == 0
    await change(ctx, targets, roles=["CFO", "CEO", "HR"])
    assert (await feed(ctx, 1))["fed"] == 1 and await written_to(ctx) == {lead}
