"""People who are nobody's lead: the primary email of who may come into a slot is checked, of nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from checkworld import World, checkworld
from factories import make_company, make_email, make_lead, make_person
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.verification import tasks
from penstock.verification.plain import seal_plain_values

LONE = "lone@acme.example"
DUE = "select email from people.due_email_recheck_30d"


async def values(ctx: Context, sql: str) -> list[Any]:
    async with ctx.db.tenant(1) as db:
        return [next(iter(row.values())) for row in await rows(db, text(sql))]


async def change(ctx: Context, sql: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(sql), **params)


@pytest.fixture
async def world(ctx: Context) -> AsyncIterator[World]:
    async with checkworld(ctx) as made:
        made.house.words["*"] = "450 4.7.1 greylisted"  # the probe leaves it to the vendor, who is paid
        yield made


async def written(ctx: Context, email: str, name: str = "Lone Person") -> int:
    async with ctx.db.tenant(1) as db:
        made = text("insert into people.contact (full_name, email) values (:name, :email) returning contact_id")
        contact = int(await scalar(db, made, name=name, email=email))
    await seal_plain_values(ctx, 1)
    return contact


async def test_somebody_without_a_company_is_checked_once_and_again_when_due(world: World) -> None:
    await written(world.ctx, LONE)
    for day in (0, 31):
        clock.hold(clock.now() + timedelta(days=day))
        assert len(await values(world.ctx, DUE)) == 1
        await tasks.pump(world.ctx, 1)
        assert await values(world.ctx, DUE) == []
        assert await tasks.pump(world.ctx, 1) == 0
    assert world.bought == [LONE, LONE]
    paid = "select row(playbook, lead_id, cost_cents)::text from app.vendor_calls where vendor = 'zerobounce'"
    assert await values(world.ctx, paid) == ["(renewals,,0.800)"] * 2


async def test_the_second_candidate_for_a_slot_can_become_the_better_verified_one(world: World) -> None:
    company = await make_company(world.ctx)
    await make_person(world.ctx, company, email="first@acme.example", colour="yellow")
    async with world.ctx.db.tenant(1) as db:
        made = "insert into app.contacts (org_id, full_name, company_id) values (1, 'Second', :company) returning id"
        second = int(await scalar(db, text(made), company=company))
        await make_email(world.ctx, db, second, "second@acme.example", "gray")
    await tasks.pump(world.ctx, 1)
    assert await values(world.ctx, f"select status::text from app.contact_points where contact_id = {second}") == [
        "green"
    ]


NOBODY = {
    "left": "update app.contacts set left_company_at = app.now()",
    "dead": "update app.contacts set is_deceased = true",
    "barred": "insert into app.suppressions (org_id, kind, contact_id, reason, method, actor)"
    " select 1, 'contact', id, 'SUPP_OPT_OUT', 'staff', 'test' from app.contacts",
    "no money": "insert into app.spend_caps (org_id, scope, cap_cents) values (1, 'org_day', 0)"
    " on conflict (org_id, scope, vendor, playbook) do update set cap_cents = 0",
}


@pytest.mark.parametrize("why", NOBODY)
async def test_nothing_is_bought_for_somebody_nobody_wants(world: World, why: str) -> None:
    await written(world.ctx, LONE)
    async with world.ctx.db.owner() as db:
        await execute(db, text(NOBODY[why]))
    await tasks.pump(world.ctx, 1)
    assert world.bought == []


async def test_what_was_a_lead_once_and_a_households_second_address_are_not_for_this(world: World) -> None:
    lead = await make_lead(world.ctx, email="home@acme.example", verified=False)
    await change(world.ctx, "update app.leads set campaign_status = 'unsubscribed' where id = :id", id=lead)
    contact = await written(world.ctx, LONE)
    async with world.ctx.db.tenant(1) as db:
        await make_email(world.ctx, db, contact, "other@acme.example", "gray")
    await tasks.pump(world.ctx, 1)
    assert world.bought == [LONE]


async def test_where_two_playbooks_are_about_companies_only_who_is_at_one_is_checked(world: World) -> None:
    books = world.ctx.playbooks
    two = replace(world.ctx, playbooks={**books, "solar": replace(books["renewals"], name="solar")})
    await written(two, LONE)
    company = await make_company(two)
    async with two.db.tenant(1) as db:
        made = "insert into app.contacts (org_id, full_name, company_id) values (1, 'Second', :company) returning id"
        await make_email(two, db, int(await scalar(db, text(made), company=company)), "second@acme.example", "gray")
    await tasks.pump(two, 1)
    assert world.bought == ["second@acme.example"]
