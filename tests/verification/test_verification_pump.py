"""Checks of contact points against the running town: bought once per value, written onto the point, never lost."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from factories import make_lead
from ground import several_lines
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.town.server import Town
from penstock.verification import tasks


async def truth(town: Town) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{town.http_url}/truth")).json()


async def faults(town: Town, **rates: dict[str, float]) -> None:
    async with httpx.AsyncClient() as client:
        (await client.put(f"{town.http_url}/town/faults", json=rates)).raise_for_status()


async def household(town: Town, address: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return (
            await client.get(
                f"{town.http_url}/town/people",
                params={"address": address, "city": "Tampa", "state": "FL", "zip": "33602"},
            )
        ).json()


async def value(ctx: Context, sql: str) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text(sql))


async def change(ctx: Context, sql: str) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(sql))


async def points(ctx: Context, count: int) -> None:
    """`count` leads, each with an email and a mobile that nobody has checked."""
    for n in range(count):
        await make_lead(ctx, email=f"person{n}@nowhere.example", phone=f"+1813555{n:04d}", verified=False)


async def test_every_point_is_checked_once_and_says_what_was_found(town_ctx: Context, town: Town) -> None:
    await points(town_ctx, 20)
    assert await tasks.pump(town_ctx, 1) == 40
    assert await tasks.pump(town_ctx, 1) == 0
    billed = (await truth(town))["billed"]
    assert (billed["melissa"]["items"], billed["batchdata"]["items"]) == (20, 20)
    assert await value(town_ctx, "select sum(cost_cents) from app.vendor_calls where stage = 'verification'") == 40
    assert (
        await value(town_ctx, "select count(*) from app.contact_points where verified_at is null or codes = '{}'") == 0
    )
    assert (
        await value(town_ctx, "select count(*) from app.contact_points where kind = 'email' and status = 'red'") == 20
    )
    assert (
        await value(town_ctx, "select count(*) from app.contact_points where kind = 'phone' and dnc_checked_at is null")
        == 0
    )
    verified = await value(town_ctx, "select count(*) from app.contact_points where verified")
    events = "select count(*) from app.pipeline_events where event_type in ('email_verified', 'phone_verified')"
    assert await value(town_ctx, events) == verified
    failed = "select count(*) from app.pipeline_events where event_type = 'contact_point_failed'"
    assert await value(town_ctx, failed) == 40 - verified
    assert await value(town_ctx, "select count(*) from app.scoring_due") == 20


async def test_a_living_mailbox_and_mobile_of_the_town_are_verified(town_ctx: Context, town: Town) -> None:
    for number in range(100, 140):
        person = (await household(town, f"{number} Heron Ave"))["residents"][0]
        await make_lead(
            town_ctx,
            address=f"{number} Heron Ave",
            email=next((box["email"] for box in person["mailboxes"] if box["state"] == "live"), None),
            phone=next((f"+1{phone['number']}" for phone in person["phones"] if phone["alive"]), None),
            verified=False,
            line_type="unknown",
        )
    await tasks.pump(town_ctx, 1)
    share = "select avg(cast(verified as int)) from app.contact_points where kind = '{}'"
    assert await value(town_ctx, share.format("email")) > 0.75
    assert await value(town_ctx, share.format("phone")) > 0.75
    assert (
        await value(town_ctx, "select count(*) from app.contact_points where kind = 'phone' and line_type = 'unknown'")
        == 0
    )


async def test_a_value_of_two_people_is_bought_once_and_written_to_both(town_ctx: Context, town: Town) -> None:
    for last in ("One", "Two", "Three"):
        await make_lead(town_ctx, last_name=last, phone="+18135550123", verified=False)
    assert await tasks.pump(town_ctx, 1) == 3
    assert (await truth(town))["billed"]["batchdata"]["items"] == 1
    assert (
        await value(town_ctx, "select count(distinct codes) from app.contact_points where verified_at is not null") == 1
    )
    assert await value(town_ctx, "select count(*) from app.contact_points where verified_at is not null") == 3


async def test_pumps_at_once_buy_nothing_twice(town_ctx: Context, town: Town) -> None:
    await points(town_ctx, 20)
    done = await asyncio.gather(*(tasks.pump(several_lines(town_ctx), 1) for _ in range(3)))
    assert sum(done) == 40
    found = await truth(town)
    assert (found["billed"]["melissa"]["items"], found["paid_twice"]) == (20, 0)


async def test_points_of_leads_that_are_over_cost_nothing(town_ctx: Context, town: Town) -> None:
    await points(town_ctx, 2)
    await change(town_ctx, "update app.leads set campaign_status = 'unsubscribed'")
    assert await tasks.pump(town_ctx, 1) == 0
    assert (await truth(town))["billed"] == {}


@pytest.mark.parametrize(
    ("fault", "status", "left"), [("rate_500", "settled", 0), ("reset", "settled", 0), ("rate_429", "released", 5)]
)
async def test_no_fault_of_a_vendor_loses_a_point_or_pays_twice(
    town_ctx: Context, town: Town, fault: str, status: str, left: int
) -> None:
    await points(town_ctx, 5)
    await faults(town, batchdata={fault: 1.0})
    await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, f"select count(*) from app.vendor_calls where status = '{status}'") == 5
    assert await value(town_ctx, "select count(*) from app.verification_due") == left
    await faults(town)
    with clock.held_at(clock.now() + timedelta(hours=1)):
        await tasks.pump(town_ctx, 1)
        assert await value(town_ctx, "select count(*) from app.verification_due") == 0
    assert (await truth(town))["paid_twice"] == 0


async def test_a_point_left_in_doubt_is_undecided_and_its_lead_goes_on(town_ctx: Context, town: Town) -> None:
    await make_lead(town_ctx, phone="+18135550123", verified=False, waterfall_step=1)
    await faults(town, batchdata={"reset": 1.0})
    await tasks.pump(town_ctx, 1)
    async with town_ctx.db.tenant(1) as db:
        (point,) = await rows(
            db, text("select verified, cast(status as text) as status, codes from app.contact_points")
        )
    assert (point["verified"], point["status"], point["codes"]) == (False, "gray", ["in_doubt"])
    await change(town_ctx, "update app.leads set scored_at = facts_changed_at")
    assert await value(town_ctx, "select count(*) from app.enrichment_due") == 1


async def test_a_litigators_number_closes_the_number_and_the_person(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from penstock.providers.phone import batchdata

    honest = batchdata.read_item
    monkeypatch.setattr(batchdata, "read_item", lambda item: replace(honest(item), tcpa=True))
    await make_lead(town_ctx, phone="+18135550123", verified=False)
    await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, "select is_litigator from app.contacts") is True
    kinds = "select string_agg(kind, ',' order by kind) from app.suppressions where reason = 'SUPP_LEGAL'"
    assert await value(town_ctx, kinds) == "contact,phone"


async def test_a_value_sealed_under_a_lost_key_is_set_aside(town_ctx: Context, town: Town) -> None:
    await make_lead(town_ctx, phone="+18135550123", verified=False)
    await change(town_ctx, "update app.contact_points set value = 's9.AAAA'")
    assert await tasks.pump(town_ctx, 1) == 1
    assert await value(town_ctx, "select is_invalid from app.contact_points") is True
