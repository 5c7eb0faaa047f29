"""An address that somebody replaced is mailed to no more, from the making of a campaign to the last look."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from campaign_cast import ALL, change, sql

from factories import make_company, make_contactable, make_email, make_person
from mailhouse import Mailhouse
from penstock import compliance
from penstock.core import clock
from penstock.core.context import Context
from penstock.outreach import campaigns
from penstock.outreach.feeder import feed
from penstock.outreach.rules import RETRY_CHECKING
from penstock.outreach.tasks import pump
from penstock.verification.plain import seal_plain_values

OLD, NEW = "olga@old-works.example", "olga@new-works.example"
GREEN = "update people.contact_verification set email_status = 'green', email_checked_at = app.now()"


async def name_source(ctx: Context) -> None:
    """What is written by hand comes from a public record."""
    policy = """policy || '{"sources": {"manual": "public_record"}}'"""
    await change(ctx, f"update app.orgs set policy = {policy.replace(':', chr(92) + ':')}")


async def olga(ctx: Context, **kwargs: Any) -> tuple[int, uuid.UUID]:
    await name_source(ctx)
    return await make_person(ctx, await make_company(ctx), email=OLD, first_name="Olga", **kwargs)


async def replace(ctx: Context, contact: int, email: str | None = NEW, *, colour: str = "gray") -> None:
    """The email is another one, sealed by the sweep, and of this colour."""
    await change(ctx, "update people.contact set email = :email where contact_id = :id", email=email, id=contact)
    await seal_plain_values(ctx, 1)
    if colour != "gray":
        told = "update people.contact_verification set email_status = cast(:colour as people.email_status_t)"
        await change(ctx, f"{told} where contact_id = :id", colour=colour, id=contact)


async def ready(ctx: Context) -> set[int]:
    return {row["company_id"] for row in await sql(ctx, "select company_id from company.vw_due_renewals_ready")}


@pytest.mark.parametrize("colour", ["gray", "red"])
async def test_a_campaign_does_not_take_who_was_green_at_an_address_that_was_replaced(
    ctx: Context, colour: str
) -> None:
    contact, _ = await olga(ctx)
    assert (await campaigns.create(ctx, 1, **ALL, dry_run=True)).added == 1
    await replace(ctx, contact, colour=colour)
    assert await ready(ctx) == set()
    for yellow_too in (False, True):
        made = await campaigns.create(ctx, 1, **ALL, dry_run=True, allow_yellow=yellow_too)
        assert (made.added, made.held_back) == (0, {f"email {colour}": 1})


@pytest.mark.parametrize("colour", ["gray", "red"])
async def test_nobody_begins_a_sequence_at_an_address_that_was_replaced(ctx: Context, colour: str) -> None:
    contact, _ = await olga(ctx)
    made = await campaigns.create(ctx, 1, **ALL)
    await replace(ctx, contact, colour=colour)
    assert (await feed(ctx, 1))["fed"] == 0
    async with ctx.db.tenant(1) as db:
        (member,) = await campaigns.members(db, made.campaign_id or 0)
    assert member["waits_for"] == f"email {colour}"
    await change(ctx, GREEN)
    await change(ctx, "update app.leads set lead_status = 'contactable', scored_at = app.now()")
    assert (await feed(ctx, 1))["fed"] == 1
    (used,) = await sql(
        ctx, "select p.value from app.enrollments e join app.contact_points p on p.id = contact_point_id"
    )
    assert ctx.sealer.open(1, used["value"]) == NEW


async def test_a_sequence_waits_for_the_new_address_and_goes_on_there(sender: Context, house: Mailhouse) -> None:
    contact, lead = await olga(sender)
    await campaigns.create(sender, 1, **ALL)
    assert (await feed(sender, 1))["fed"] == 1
    await change(sender, "update people.contact set email = :email where contact_id = :id", email=NEW, id=contact)
    assert await addresses(sender) == ["replaced"]
    await pump(sender, 1)  # not sealed yet
    await seal_plain_values(sender, 1)
    clock.hold(clock.now() + RETRY_CHECKING)
    await pump(sender, 1)
    assert house.arrived == [] and await addresses(sender) == ["checking"]
    await change(sender, GREEN)
    clock.hold(clock.now() + 3 * RETRY_CHECKING)  # the next morning
    await pump(sender, 1)
    assert [recipient for _, recipient, _ in house.arrived] == [NEW]
    (row,) = await sql(sender, "select state, current_step from app.enrollments where lead_id = :id", id=lead)
    assert (row["state"], row["current_step"]) == ("active", 1)


async def addresses(ctx: Context) -> list[str]:
    return [row["address"] for row in await sql(ctx, "select address from app.enrolled_addresses")]


@pytest.mark.parametrize(("email", "colour"), [(None, "gray"), (NEW, "red")])
async def test_a_sequence_ends_where_no_address_is_left(
    sender: Context, house: Mailhouse, email: str | None, colour: str
) -> None:
    contact, _ = await olga(sender)
    await campaigns.create(sender, 1, **ALL)
    await feed(sender, 1)
    await replace(sender, contact, email, colour=colour)
    await pump(sender, 1)
    assert house.arrived == []
    (row,) = await sql(
        sender, "select state, campaign_status from app.enrollments e join app.leads l on l.id = lead_id"
    )
    assert (row["state"], row["campaign_status"]) == ("stopped", "bounced")


@pytest.mark.parametrize("moment", ["decide_many", "last_look"])
@pytest.mark.parametrize("sealed", [True, False])
async def test_an_address_that_is_replaced_on_its_way_to_the_wire_gets_nothing(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch, moment: str, sealed: bool
) -> None:
    contact, _ = await olga(sender)
    await campaigns.create(sender, 1, **ALL)
    await feed(sender, 1)
    real = getattr(compliance, moment)

    async def meanwhile(*args: Any, **kwargs: Any) -> Any:
        await change(sender, "update people.contact set email = :email where contact_id = :id", email=NEW, id=contact)
        if sealed:
            await seal_plain_values(sender, 1)
        return await real(*args, **kwargs)

    monkeypatch.setattr(compliance, moment, meanwhile)
    await pump(sender, 1)
    assert house.arrived == []
    (row,) = await sql(sender, "select state, current_step from app.enrollments")
    assert (row["state"], row["current_step"]) == ("active", 0)


async def test_a_household_keeps_the_better_address_that_was_bought(sender: Context, house: Mailhouse) -> None:
    lead = await make_contactable(sender, email="first@home.example")
    (person,) = await sql(sender, "select contact_id from app.leads where id = :id", id=lead)
    async with sender.db.tenant(1) as db:
        bought = await make_email(sender, db, person["contact_id"], "better@home.example", source="melissa")
    await change(sender, "update app.contact_points set score = 99 where id = :id", id=bought)
    assert (await feed(sender, 1))["fed"] == 1
    await pump(sender, 1)
    assert [recipient for _, recipient, _ in house.arrived] == ["better@home.example"]


async def test_a_household_is_not_mailed_to_at_an_address_that_was_replaced(sender: Context, house: Mailhouse) -> None:
    lead = await make_contactable(sender, email="first@home.example")
    (person,) = await sql(sender, "select contact_id from app.leads where id = :id", id=lead)
    assert (await feed(sender, 1))["fed"] == 1
    await replace(sender, person["contact_id"])
    await pump(sender, 1)
    assert house.arrived == [] and await addresses(sender) == ["checking"]


@pytest.mark.parametrize("seed", range(3))
async def test_a_campaign_of_green_people_takes_the_companies_that_are_ready_and_no_other(
    ctx: Context, seed: int
) -> None:
    dice = random.Random(seed)
    await name_source(ctx)
    for _ in range(12):
        company = await make_company(ctx, renewal_month=dice.choice([2, 7]))
        for role in dice.sample(["CEO", "CFO", "HR"], dice.randint(0, 2)):
            colours = [dice.choice(["green", "yellow", "red", "gray"]) for _ in range(2)]
            contact, _ = await make_person(ctx, company, role, colour=colours[0], contactable=False)
            if dice.random() < 0.5:
                async with ctx.db.tenant(1) as db:
                    await make_email(ctx, db, contact, f"other{contact}@x.example", colours[1])
            if dice.random() < 0.3:
                await replace(ctx, contact, f"new{contact}@x.example", colour=dice.choice(["gray", "red", "green"]))
    await change(ctx, "update app.leads set lead_status = 'contactable'")
    made = await campaigns.create(ctx, 1, **ALL)
    joined = await sql(
        ctx, "select distinct l.company_id from app.campaign_contacts m join app.leads l on l.contact_id = m.contact_id"
    )
    assert {row["company_id"] for row in joined} == await ready(ctx) and made.added > 0
