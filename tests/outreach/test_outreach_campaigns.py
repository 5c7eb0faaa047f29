"""Campaigns to people at companies: who joins, who is steered out, and who never is written to."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from campaign_cast import ALL, change, sql
from sqlalchemy.exc import DBAPIError

from factories import make_company, make_person
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.outreach import campaigns
from penstock.outreach.feeder import feed

# -- who joins ---------------------------------------------------------------------------------------------------------


async def test_a_campaign_takes_in_who_is_ready_and_counts_who_is_not(ctx: Context) -> None:
    ready, late, none = await make_company(ctx), await make_company(ctx, renewal_month=10), await make_company(ctx)
    await make_person(ctx, ready)
    await make_person(ctx, ready, "HR", colour="yellow")
    await make_person(ctx, ready, "CEO", colour="red")
    await make_person(ctx, late)
    await make_person(ctx, none, source="manual")
    await make_person(ctx, none, "HR", email=None)
    await make_person(ctx, none, "CEO", campaign_status="active", added_to_campaign_at=clock.now())
    expected = {
        "email yellow": 1, "email red": 1, "source of the email not named": 1, "no email": 1, "in outreach already": 1,
    }  # fmt: skip
    rehearsed = await campaigns.create(ctx, 1, **ALL, dry_run=True)
    assert (rehearsed.campaign_id, rehearsed.added, rehearsed.held_back) == (None, 1, expected)
    assert await sql(ctx, "select 1 from app.campaigns where playbook = 'renewals'") == []
    made = await campaigns.create(ctx, 1, **ALL)
    assert (made.added, made.companies, made.by_role, made.held_back) == (1, 1, {"CFO": 1}, expected)
    assert len(await sql(ctx, "select 1 from app.campaign_contacts")) == 1
    (event,) = await sql(ctx, "select details from app.pipeline_events where event_type = 'campaign_created'")
    assert event["details"] == {"campaign": made.campaign_id, "people": 1, "companies": 1}


async def test_the_audience_with_a_green_address_is_the_documented_list_of_ready_renewals(ctx: Context) -> None:
    dice = random.Random(5)
    for _ in range(14):
        company = await make_company(ctx, renewal_month=dice.choice([None, *range(1, 13)]))
        for role in dice.sample(["CEO", "CFO", "HR"], dice.randint(0, 3)):
            await make_person(ctx, company, role, colour=dice.choice(["green", "yellow", "red", "gray"]))
    made = await campaigns.create(ctx, 1, **ALL)
    ready = await sql(ctx, "select company_id from company.vw_due_renewals_ready")
    taken = await sql(ctx, "select distinct company_id from app.campaign_contacts")
    assert {row["company_id"] for row in taken} == {row["company_id"] for row in ready}
    assert made.companies == len(ready) > 2


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"playbook": "equity"}, InvalidInput),
        ({"playbook": "nobody"}, InvalidInput),
        ({"targets": ["CTO"]}, InvalidInput),
        ({"targets": ["CFO", "CFO"]}, InvalidInput),
    ],
)
async def test_what_makes_no_sense_is_refused(ctx: Context, wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await campaigns.create(ctx, 1, **(ALL | wrong))
    assert await sql(ctx, "select 1 from app.campaigns where playbook = 'renewals'") == []


async def test_a_name_is_taken_once(ctx: Context) -> None:
    await campaigns.create(ctx, 1, **ALL)
    with pytest.raises(Conflict):
        await campaigns.create(ctx, 1, **ALL)


async def test_of_two_who_make_one_name_at_once_the_second_is_told(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = campaigns._make

    async def a_moment_too_late(db: Any, *given: Any) -> int | None:
        await change(ctx, "insert into app.campaigns (playbook, name) values ('renewals', 'Spring')")
        return await make(db, *given)

    monkeypatch.setattr(campaigns, "_make", a_moment_too_late)
    with pytest.raises(Conflict, match="a moment ago"):
        await campaigns.create(ctx, 1, **ALL)
    assert len(await sql(ctx, "select 1 from app.campaigns where name = 'Spring'")) == 1


async def test_the_timetable_makes_one_campaign_a_month_and_adds_who_is_newly_ready(ctx: Context) -> None:
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 0, "added": 0}
    assert await sql(ctx, "select 1 from app.campaigns where playbook = 'renewals'") == []
    await make_person(ctx, await make_company(ctx))
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 1, "added": 1}
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 0, "added": 0}
    await make_person(ctx, await make_company(ctx))
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 0, "added": 1}
    clock.hold(clock.now() + timedelta(days=1))  # the first of December
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 0, "added": 0}
    await make_person(ctx, await make_company(ctx))
    assert await campaigns.make_due(ctx, 1, clock.now()) == {"campaigns": 1, "added": 1}
    found = await sql(
        ctx,
        "select name, made_by, cast(targets as text[]) as targets from app.campaigns"
        " where playbook = 'renewals' order by id",
    )
    assert [row["name"] for row in found] == ["Renewals November 2026", "Renewals December 2026"]
    assert found[0]["targets"] == ["CFO", "HR", "CEO"] and found[0]["made_by"] == "timetable"


async def enrollment(ctx: Context, lead: uuid.UUID) -> dict[str, Any]:
    (found,) = await sql(
        ctx,
        "select e.state, e.stop_reason, e.current_step, e.next_execution_at, l.campaign_status from app.enrollments e"
        " join app.leads l on l.id = e.lead_id where lead_id = :id",
        id=lead,
    )
    return found


# -- steering ----------------------------------------------------------------------------------------------------------


async def test_people_are_added_and_removed_and_their_sequence_ends_with_it(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx, renewal_month=None))
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.campaign_id is not None and made.added == 0
    async with ctx.db.tenant(1) as db:
        assert await campaigns.add(db, 1, made.campaign_id, [contact, 999]) == [contact]
        assert await campaigns.add(db, 1, made.campaign_id, [contact]) == []
        (member,) = await campaigns.members(db, made.campaign_id)
        assert (member["waits_for"], member["role_code"]) == ("the next morning", "CFO")
    await feed(ctx, 1)
    async with ctx.db.tenant(1) as db:
        row = await campaigns.show(db, made.campaign_id)
        assert (row["people"], row["written_to"], row["under_way"]) == (1, 1, 1)
        assert await campaigns.remove(db, 1, made.campaign_id, [contact]) == [contact]
        with pytest.raises(NotFound):
            await campaigns.show(db, 999)
    assert (await enrollment(ctx, lead))["stop_reason"] == "taken out of the campaign"


@pytest.mark.parametrize(
    ("kwargs", "then", "said"),
    [
        ({"colour": "yellow"}, "", "email yellow"),
        ({}, "update app.contact_points set status = 'red', verified = false", "email red"),
        ({}, "update app.contact_points set status = 'gray', verified = false", "email gray"),
        ({"email": None}, "", "no email"),
        ({}, "update app.contact_points set is_invalid = true", "no email"),
        ({}, "update app.leads set campaign_status = 'do_not_contact'", "do not contact"),
        ({}, "update app.contacts set is_litigator = true", "do not contact"),
        ({}, "update app.contacts set needs_review_since = app.now()", "a review"),
        ({}, "update app.campaigns set is_active = false", "campaign paused"),
        ({}, "update app.campaigns set targets = '{HR}'", "no slot of the campaign"),
        (
            {},
            "insert into app.suppressions (org_id, kind, value, channels, reason, method, actor)"
            " select org_id, 'email', value, '{email}', 'SUPP_X', 'email', 'me' from app.contact_points",
            "suppressed",
        ),
        ({}, "", "the next morning"),
    ],
)
async def test_who_is_never_written_to_is_told_why(ctx: Context, kwargs: Any, then: str, said: str) -> None:
    contact, _ = await make_person(ctx, await make_company(ctx), contactable=True, **kwargs)
    made = await campaigns.create(ctx, 1, playbook="renewals", name="Spring")
    assert made.campaign_id is not None
    async with ctx.db.tenant(1) as db:
        await campaigns.add(db, 1, made.campaign_id, [contact])
    if then:
        await change(ctx, then)
    async with ctx.db.tenant(1) as db:
        (member,) = await campaigns.members(db, made.campaign_id)
    assert member["waits_for"] == said
    assert (await feed(ctx, 1))["fed"] == (said == "the next morning")


async def test_a_campaign_of_nobody_says_why_and_is_made_only_on_request(ctx: Context) -> None:
    for month in (None, None, 10):
        await make_company(ctx, renewal_month=month)
    await make_company(ctx)
    await make_person(ctx, await make_company(ctx), colour="red")
    made = await campaigns.create(ctx, 1, **ALL, empty=False)
    assert (made.campaign_id, made.added, made.held_back) == (None, 0, {"email red": 1})
    assert made.outside == {
        "no renewal month": 2,
        "outside their window": 1,
        "in their window, every slot vacant": 1,
        "in their window, without a green email": 1,
    }
    assert await sql(ctx, "select 1 from app.campaigns where name = 'Spring'") == []
    assert (await campaigns.create(ctx, 1, **ALL)).campaign_id is not None
    with pytest.raises(InvalidInput, match="name is empty"):
        await campaigns.create(ctx, 1, playbook="renewals", name=" ")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("insert into marketing.ac_handoff default values", "a hand-off is about somebody"),
        ("insert into marketing.campaign (name) values (' ')", "a campaign needs a name"),
    ],
)
async def test_rows_about_nothing_are_refused_in_words(ctx: Context, statement: str, words: str) -> None:
    with pytest.raises(DBAPIError, match=words) as refused:
        await change(ctx, statement)
    assert getattr(refused.value.orig, "sqlstate", None) == "PS006"


async def test_a_colleague_is_named_as_what_a_person_waits_for(ctx: Context) -> None:
    company = await make_company(ctx)
    _, first = await make_person(ctx, company, "CFO")
    await make_person(ctx, company, "HR")
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.campaign_id is not None
    await feed(ctx, 1)
    async with ctx.db.tenant(1) as db:
        assert [row["waits_for"] for row in await campaigns.members(db, made.campaign_id)] == [
            None,
            "a colleague is written to",
        ]
    await change(
        ctx, "update app.leads set campaign_status = 'replied', last_reply_at = app.now() where id = :id", id=first
    )
    async with ctx.db.tenant(1) as db:
        assert (await campaigns.members(db, made.campaign_id))[1]["waits_for"] == "a colleague answered"
