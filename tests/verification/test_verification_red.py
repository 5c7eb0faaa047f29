"""An address that turned red is never written to again: the sequence goes on with another address, or ends."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from factories import make_contactable
from ground import START
from mailhouse import Mailhouse, mailhouse
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump

RED = "update app.contact_points set status = 'red', verified = false where value = :value"


@pytest.fixture
async def post(ctx: Context) -> AsyncIterator[tuple[Context, Mailhouse]]:
    async with mailhouse(ctx) as running:
        yield running


async def turn_red(ctx: Context, address: str) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(RED), value=ctx.sealer.seal(1, address))


async def second_address(ctx: Context, lead: Any, address: str) -> None:
    async with ctx.db.tenant(1) as db:
        await rows(
            db,
            text("select api.merge_contact_point(cast(:lead as uuid), 'email', :value, 'melissa', 50, true)"),
            lead=str(lead),
            value=ctx.sealer.seal(1, address),
        )


async def state(ctx: Context) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        found = await rows(
            db,
            text(
                "select e.state, e.stop_reason, cast(l.campaign_status as text) as status"
                " from app.enrollments e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id order by e.id"
            ),
        )
    return [dict(row) for row in found]


async def test_a_sequence_leaves_an_address_that_died_for_the_persons_other_one(post: Any) -> None:
    ctx, house = post
    lead = await make_contactable(ctx, email="ada@home.example")
    await second_address(ctx, lead, "ada@work.example")
    await feed(ctx, 1)
    await pump(ctx, 1)
    await turn_red(ctx, "ada@home.example")
    clock.hold(START + timedelta(days=2))
    await pump(ctx, 1)
    clock.hold(START + timedelta(days=2, minutes=6))  # what was barred in the very instant is looked at once more
    await pump(ctx, 1)
    assert [rcpt for _, rcpt, _ in house.arrived] == ["ada@home.example", "ada@work.example"]


async def test_a_sequence_ends_where_there_is_no_other_address(post: Any) -> None:
    ctx, house = post
    await make_contactable(ctx, email="ada@home.example")
    await feed(ctx, 1)
    await turn_red(ctx, "ada@home.example")
    await pump(ctx, 1)
    (found,) = await state(ctx)
    assert (house.arrived, found["state"], found["status"]) == ([], "stopped", "bounced")
    assert await pump(ctx, 1) == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whenever_and_whoever_turns_red_no_red_address_is_ever_written_to(post: Any, seed: int) -> None:
    ctx, house = post
    dice = random.Random(seed)
    people = [f"p{n}@home.example" for n in range(8)]
    for n, address in enumerate(people):
        lead = await make_contactable(ctx, email=address, last_name=f"Sample{n}")
        if n % 2:
            await second_address(ctx, lead, f"p{n}@work.example")
    everything = people + [f"p{n}@work.example" for n in range(8)]
    red: set[str] = set()
    await feed(ctx, 1)
    for day in range(8):
        clock.hold(START + timedelta(days=day))
        for address in dice.sample(everything, 2):
            await turn_red(ctx, address)
            red.add(address)
        seen = len(house.arrived)
        await pump(ctx, 1)
        await feed(ctx, 1)
        written_to = {rcpt for _, rcpt, _ in house.arrived[seen:]}
        assert not written_to & red
    assert house.arrived
    async with ctx.db.tenant(1) as db:
        live = text(
            "select count(*) from app.enrollments e join app.contact_points p"
            " on p.org_id = e.org_id and p.id = e.contact_point_id"
            " where e.state in ('active', 'paused') and p.status = 'red' and e.next_execution_at <= app.now()"
        )
        assert await scalar(db, live) == 0
