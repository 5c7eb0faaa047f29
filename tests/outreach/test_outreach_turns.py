"""Campaigns to people at companies: whose turn it is, one at a time, each once."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from campaign_cast import ALL, change, finish, sql, written_to

from factories import make_company, make_contactable, make_person
from ground import BROKER_ID
from penstock.core import clock
from penstock.core.context import Context
from penstock.outreach import campaigns
from penstock.outreach.feeder import feed


async def test_the_cfo_is_first_and_the_next_person_has_their_turn_when_nobody_answered(ctx: Context) -> None:
    company = await make_company(ctx)
    leads = {role: (await make_person(ctx, company, role))[1] for role in ("CEO", "HR", "CFO")}
    await campaigns.create(ctx, 1, **ALL)
    assert await feed(ctx, 1) == {"queued": 3, "fed": 1}
    assert await written_to(ctx) == {leads["CFO"]}
    assert (await feed(ctx, 1))["fed"] == 0
    await finish(ctx, leads["CFO"])
    clock.hold(clock.now() + timedelta(days=2))
    assert (await feed(ctx, 1))["fed"] == 0  # an answer may still come
    clock.hold(clock.now() + timedelta(days=2))
    assert (await feed(ctx, 1))["fed"] == 1
    assert await written_to(ctx) == {leads["CFO"], leads["HR"]}


async def test_the_order_of_a_campaigns_own_targets_counts(ctx: Context) -> None:
    company = await make_company(ctx)
    leads = {role: (await make_person(ctx, company, role))[1] for role in ("CEO", "HR", "CFO")}
    made = await campaigns.create(ctx, 1, **ALL, targets=["HR", "CEO"])
    assert made.by_role == {"CEO": 1, "HR": 1}
    await feed(ctx, 1)
    assert await written_to(ctx) == {leads["HR"]}


@pytest.mark.parametrize(
    ("what", "blocks"),
    [
        ("update app.leads set campaign_status = 'replied', last_reply_at = app.now() where id = :id", True),
        ("update app.leads set campaign_status = 'paused' where id = :id", True),
        ("update app.leads set campaign_status = 'unsubscribed' where id = :id", False),
        ("update app.leads set campaign_status = 'bounced' where id = :id", False),
        (
            "insert into app.tasks (lead_id, contact_id, channel, due_at) select id, contact_id, 'phone', app.now()"
            " from app.leads where id = :id",
            True,
        ),
        (
            "update app.contacts set left_company_at = app.now() where id in (select contact_id from app.leads"
            " where id = :id and campaign_status = 'active')",
            False,
        ),
    ],
)
async def test_a_colleague_keeps_the_others_waiting_while_there_is_something_to_wait_for(
    ctx: Context, what: str, blocks: bool
) -> None:
    company = await make_company(ctx)
    _, first = await make_person(ctx, company, "CFO")
    await make_person(ctx, company, "HR")
    await campaigns.create(ctx, 1, **ALL)
    await feed(ctx, 1)
    await finish(ctx, first)
    await change(ctx, what, id=first)
    clock.hold(clock.now() + timedelta(days=30))
    assert (await feed(ctx, 1))["fed"] == (0 if blocks else 1)


async def test_all_at_once_is_all_at_once_unless_another_campaign_keeps_to_one(ctx: Context) -> None:
    company = await make_company(ctx)
    for role in ("CEO", "HR", "CFO"):
        await make_person(ctx, company, role)
    await campaigns.create(ctx, 1, **ALL, one_at_a_time=False)
    assert (await feed(ctx, 1))["fed"] == 3
    other = await make_company(ctx)
    await make_person(ctx, other, "CFO")
    await campaigns.create(ctx, 1, playbook="renewals", name="One", targets=["CFO"])
    await feed(ctx, 1)
    await make_person(ctx, other, "HR")
    await campaigns.create(ctx, 1, playbook="renewals", name="Rest", targets=["HR"], one_at_a_time=False)
    assert (await feed(ctx, 1))["fed"] == 0


async def test_a_person_shared_by_two_companies_is_written_to_once(ctx: Context) -> None:
    here, there = await make_company(ctx), await make_company(ctx)
    contact, _ = await make_person(ctx, here)
    await make_person(ctx, there, contact_id=contact)
    twin_here = await make_company(ctx)
    await make_person(ctx, twin_here, email="twin@shared.example")
    await make_person(ctx, await make_company(ctx), email="twin@shared.example")  # an entry nobody united
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.added == 3
    assert (await feed(ctx, 1))["fed"] == 2
    clock.hold(clock.now() + timedelta(days=1))
    assert (await feed(ctx, 1))["fed"] == 0


async def test_who_owns_a_house_in_line_is_not_written_to_about_the_company_as_well(ctx: Context) -> None:
    contact, _ = await make_person(ctx, await make_company(ctx))
    house = await make_contactable(ctx)
    await change(ctx, "update app.leads set contact_id = :c where id = :id", c=contact, id=house)
    await campaigns.create(ctx, 1, **ALL)
    assert (await feed(ctx, 1))["fed"] == 1
    assert await written_to(ctx) == {house}


async def test_a_campaign_made_by_hand_works_the_same(ctx: Context) -> None:
    company = await make_company(ctx, renewal_month=None)
    contact, lead = await make_person(ctx, company, "CEO")
    await make_person(ctx, company, "HR")
    await change(ctx, "insert into marketing.campaign (name) values ('Q1 2024 Renewals')")
    await change(
        ctx,
        "insert into marketing.campaign_contact (campaign_id, contact_id)"
        " values (currval('marketing.campaign_campaign_id_seq'), :c)",
        c=contact,
    )
    assert (await feed(ctx, 1))["fed"] == 1
    (row,) = await sql(
        ctx, "select e.lead_id, e.persona, k.name from app.enrollments e join app.campaigns k on k.id = e.campaign_id"
    )
    assert (row["lead_id"], row["name"]) == (lead, "Q1 2024 Renewals")
    assert row["persona"] in {persona.name for persona in ctx.playbooks["renewals"].personas}


async def test_nobody_at_a_company_is_fed_without_a_campaign_or_into_a_paused_one(ctx: Context) -> None:
    await make_person(ctx, await make_company(ctx))
    assert (await feed(ctx, 1))["fed"] == 0
    made = await campaigns.create(ctx, 1, **ALL)
    assert made.campaign_id is not None
    async with ctx.db.tenant(1) as db:
        await campaigns.switch(db, 1, made.campaign_id, on=False)
    assert (await feed(ctx, 1))["fed"] == 0
    async with ctx.db.tenant(1) as db:
        await campaigns.switch(db, 1, made.campaign_id, on=True)
    assert (await feed(ctx, 1))["fed"] == 1


async def test_the_cap_of_a_coordinator_holds_over_both_worlds_and_the_best_go_first(ctx: Context) -> None:
    await change(ctx, "update app.brokers set daily_cap = 2 where id = :id", id=BROKER_ID)
    house = await make_contactable(ctx, lead_score=70)
    await change(ctx, "update app.leads set lead_score = 70 where id = :id", id=house)
    _, best = await make_person(ctx, await make_company(ctx), lead_score=90)
    await make_person(ctx, await make_company(ctx), lead_score=50)
    await campaigns.create(ctx, 1, **ALL)
    assert (await feed(ctx, 1))["fed"] == 2
    assert await written_to(ctx) == {house, best}


@pytest.mark.parametrize("seed", range(5))
async def test_any_mix_keeps_the_promises(ctx: Context, seed: int) -> None:
    """Over days of feeding, answering and turning colours: never two people of a company at once, never a person twice,
    never an address that is not good."""
    dice = random.Random(seed)
    yellow_too = bool(seed % 2)
    people: list[int] = []
    for n in range(8):
        company, elsewhere = await make_company(ctx), list(people)
        dice.shuffle(elsewhere)
        for role in dice.sample(["CEO", "CFO", "HR"], dice.randint(1, 3)):
            if elsewhere and dice.random() < 0.2:
                contact = elsewhere.pop()
                colour = (await sql(ctx, "select status from app.contact_points where contact_id = :c", c=contact))[0]
                await make_person(ctx, company, role, contact_id=contact, colour=str(colour["status"]))
            else:
                colour = dice.choice(["green", "green", "yellow", "red", "gray"])
                email = f"shared{n % 2}@x.example" if dice.random() < 0.15 else ""
                people.append((await make_person(ctx, company, role, colour=colour, email=email))[0])
    await campaigns.create(ctx, 1, playbook="renewals", name="A", targets=["CFO", "HR"], allow_yellow=yellow_too)
    await campaigns.create(ctx, 1, playbook="renewals", name="B")
    good = {"green", "yellow"} if yellow_too else {"green"}
    for _ in range(8):
        await feed(ctx, 1)
        live = await sql(
            ctx,
            "select l.company_id, l.contact_id, p.value, cast(p.status as text) as status, k.allow_yellow"
            " from app.enrollments e join app.leads l on l.id = e.lead_id join app.campaigns k on k.id = e.campaign_id"
            " join app.contact_points p on p.id = e.contact_point_id where e.state = 'active'",
        )
        assert len({row["company_id"] for row in live}) == len(live)
        for row in live:
            assert row["status"] in (good if row["allow_yellow"] else {"green"})
        ever = await sql(
            ctx,
            "select l.contact_id, p.value from app.enrollments e join app.leads l on l.id = e.lead_id"
            " join app.contact_points p on p.id = e.contact_point_id",
        )
        assert len({row["contact_id"] for row in ever}) == len({row["value"] for row in ever}) == len(ever)
        for row in await sql(ctx, "select id, lead_id from app.enrollments where state = 'active'"):
            fate = dice.choice(["finish", "finish", "reply", "stop", "go on"])
            if fate == "finish":
                await finish(ctx, row["lead_id"])
            elif fate == "reply":
                await change(
                    ctx,
                    "update app.leads set campaign_status = 'replied', last_reply_at = app.now() where id = :id",
                    id=row["lead_id"],
                )
                await change(
                    ctx,
                    "update app.enrollments set state = 'stopped', ended_at = app.now() where id = :id",
                    id=row["id"],
                )
            elif fate == "stop":  # the mailbox is gone
                await change(
                    ctx,
                    "update app.contact_points set status = 'red', verified = false where value in (select p.value"
                    " from app.contact_points p join app.leads l on l.contact_id = p.contact_id where l.id = :id)",
                    id=row["lead_id"],
                )
                await change(ctx, "update app.leads set campaign_status = 'bounced' where id = :id", id=row["lead_id"])
                await change(
                    ctx,
                    "update app.enrollments set state = 'stopped', ended_at = app.now() where id = :id",
                    id=row["id"],
                )
        clock.hold(clock.now() + timedelta(days=dice.choice([1, 4])))
