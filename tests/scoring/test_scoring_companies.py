"""The measure of people at companies: a green mailbox carries, a yellow one never, red and gray are nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_company, make_person
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one
from penstock.scoring.tasks import pump


async def lead_row(ctx: Context, lead: uuid.UUID) -> Any:
    async with ctx.db.tenant(1) as db:
        return await one(db, text("select * from app.leads where id = :id"), id=lead)


@pytest.mark.parametrize(
    ("colour", "route", "waits_in_line"),
    [
        ("green", "contactable", "queued"),
        ("yellow", "enriched", "new"),
        ("red", "do_not_contact", "new"),
        ("gray", "do_not_contact", "new"),
    ],
)
async def test_the_colour_of_the_address_is_the_route(
    ctx: Context, colour: str, route: str, waits_in_line: str
) -> None:
    _, lead = await make_person(ctx, await make_company(ctx), colour=colour, profile="x/ada", contactable=False)
    assert await pump(ctx, 1) == 1
    row = await lead_row(ctx, lead)
    assert (row["lead_status"], row["campaign_status"]) == (route, waits_in_line)
    assert row["quality_score"] == {"green": 90, "yellow": 45}.get(colour, 0)


async def test_somebody_ruled_out_comes_back_when_the_address_turns_green(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx), colour="gray", contactable=False)
    await pump(ctx, 1)
    clock.hold(clock.now() + timedelta(minutes=1))
    async with ctx.db.tenant(1) as db:
        await execute(
            db, text("update people.contact_verification set email_status = 'green' where contact_id = :c"), c=contact
        )
    await pump(ctx, 1)
    assert (await lead_row(ctx, lead))["lead_status"] == "contactable"


async def test_a_near_renewal_a_large_company_and_what_was_seen_of_it_make_the_promise(ctx: Context) -> None:
    near = await make_company(ctx, renewal_month=1, employees=400)
    far = await make_company(ctx, renewal_month=10, employees=0)
    (_, best), (_, least) = (
        await make_person(ctx, near, contactable=False),
        await make_person(ctx, far, contactable=False),
    )
    async with ctx.db.tenant(1) as db:
        await execute(db, text("insert into app.signals (company_id, reason) values (:c, 'funding_raised')"), c=near)
        await execute(db, text("insert into app.signals (company_id, reason) values (:c, 'funding_raised')"), c=near)
    await pump(ctx, 1)
    promised = [(await lead_row(ctx, lead))["lead_score"] for lead in (best, least)]
    assert promised == [75, 5]
