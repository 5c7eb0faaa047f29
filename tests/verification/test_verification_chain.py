"""A chain of checks: our own probe first, a vendor where it could not decide, and again when the time comes."""

import inspect
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from checkworld import UNKNOWN, World, checkworld
from factories import make_lead
from ground import START
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.playbook import Check
from penstock.providers.email import REGISTRY, mail_hosts, mailprobe, verdicts, zerobounce
from penstock.verification import tasks

ADA = "ada@acme.example"
CHAIN = (
    Check("email", "email", "mailprobe", "email_probe", Decimal(0), fresh_days=30, recheck_days=90, gray_hours=24),
    Check(
        "email",
        "email",
        "zerobounce",
        "email_check",
        Decimal(1),
        fresh_days=30,
        after=frozenset({"yellow", "gray"}),
        recheck_days=60,
        gray_hours=24,
    ),
)
PROBE_SOURCE = "".join(inspect.getsource(module) for module in (mailprobe, mail_hosts, verdicts))


async def value(ctx: Context, sql: str) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text(sql))


async def change(ctx: Context, sql: str) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(sql))


async def point(ctx: Context) -> dict[str, Any]:
    async with ctx.db.tenant(1) as db:
        (found,) = await rows(
            db,
            text(
                "select cast(status as text) as status, verified, codes, check_step, check_due_at, gray_rounds,"
                " verified_at from app.contact_points where kind = 'email'"
            ),
        )
    return dict(found)


@pytest.fixture
async def world(ctx: Context) -> AsyncIterator[World]:
    playbook = replace(ctx.playbooks["equity"], checks=CHAIN)
    async with checkworld(replace(ctx, playbooks={"equity": playbook})) as made:
        yield made


async def test_who_the_probe_knows_costs_nothing(world: World) -> None:
    world.house.words["ada"] = "250 ok"
    await make_lead(world.ctx, email=ADA, verified=False)
    assert await tasks.pump(world.ctx, 1) == 1
    found = await point(world.ctx)
    assert (found["status"], found["verified"], found["codes"]) == ("green", True, ["exists"])
    assert (found["check_step"], found["check_due_at"]) == (0, START + timedelta(days=90))
    assert world.bought == []
    assert await value(world.ctx, "select sum(cost_cents) from app.vendor_calls") == 0


async def test_who_the_probe_cannot_decide_is_bought_in_the_same_run(world: World) -> None:
    world.house.words["ada"] = "450 4.7.1 greylisted"
    await make_lead(world.ctx, email=ADA, verified=False)
    assert await tasks.pump(world.ctx, 1) == 2
    found = await point(world.ctx)
    assert (found["status"], found["verified"], found["codes"]) == ("green", True, ["greylisted", "valid"])
    assert (found["check_step"], found["check_due_at"]) == (0, START + timedelta(days=60))
    assert world.bought == [ADA]
    assert await value(world.ctx, "select sum(cost_cents) from app.vendor_calls") == 1


async def test_a_dead_mailbox_ends_the_round_and_is_never_asked_about_again(world: World) -> None:
    await make_lead(world.ctx, email=ADA, verified=False)
    assert await tasks.pump(world.ctx, 1) == 1
    found = await point(world.ctx)
    assert (found["status"], found["check_due_at"], world.bought) == ("red", None, [])
    clock.hold(START + timedelta(days=400))
    assert await tasks.pump(world.ctx, 1) == 0


async def test_a_domain_that_accepts_all_stays_yellow_where_the_vendor_knows_no_more(world: World) -> None:
    world.house.words["*"] = "250 ok"
    world.vendor[ADA] = UNKNOWN
    await make_lead(world.ctx, email=ADA, verified=False)
    await tasks.pump(world.ctx, 1)
    found = await point(world.ctx)
    assert (found["status"], found["verified"]) == ("yellow", False)
    assert found["codes"] == ["catch_all", "unknown", "timeout_exceeded"]


async def test_gray_is_asked_again_every_day_five_times_and_free_answers_are_not_taken_for_news(world: World) -> None:
    world.house.words["ada"] = "451 4.7.1 greylisted"
    world.vendor[ADA] = UNKNOWN
    await make_lead(world.ctx, email=ADA, verified=False)
    await tasks.pump(world.ctx, 1)
    for day in range(1, 8):
        assert await tasks.pump(world.ctx, 1) == 0
        clock.hold(START + timedelta(days=day))
        await tasks.pump(world.ctx, 1)
    assert len(world.bought) == 6  # the first time and five rounds more
    assert (await point(world.ctx))["gray_rounds"] == 6
    assert await value(world.ctx, "select sum(cost_cents) from app.vendor_calls") == 0


async def test_a_greylisting_server_lets_us_in_the_next_day(world: World) -> None:
    world.house.words["ada"] = "451 4.7.1 greylisted"
    world.vendor[ADA] = UNKNOWN
    await make_lead(world.ctx, email=ADA, verified=False)
    await tasks.pump(world.ctx, 1)
    world.house.words["ada"] = "250 ok"
    clock.hold(START + timedelta(days=1))
    await tasks.pump(world.ctx, 1)
    found = await point(world.ctx)
    assert (found["status"], found["gray_rounds"], found["codes"]) == ("green", 0, ["exists"])


async def test_an_undecided_answer_that_was_paid_for_waits_for_the_end_of_its_window(world: World) -> None:
    world.house.words["ada"] = "451 4.7.1 greylisted"
    world.vendor[ADA] = {"status": "valid", "sub_status": ""}
    await change(
        world.ctx, "update app.verification_code_map set status = 'gray', is_verified = false where code = 'valid'"
    )
    await make_lead(world.ctx, email=ADA, verified=False)
    await tasks.pump(world.ctx, 1)
    assert (await point(world.ctx))["check_due_at"] == START + timedelta(days=30)
    clock.hold(START + timedelta(days=29))
    assert await tasks.pump(world.ctx, 1) == 0
    clock.hold(START + timedelta(days=30))
    await tasks.pump(world.ctx, 1)
    assert world.bought == [ADA, ADA]


async def test_a_green_address_is_checked_anew_when_its_time_comes_and_may_die(world: World) -> None:
    world.house.words["ada"] = "250 ok"
    await make_lead(world.ctx, email=ADA, verified=False)
    await tasks.pump(world.ctx, 1)
    await change(world.ctx, "update app.leads set scored_at = facts_changed_at")
    del world.house.words["ada"]
    clock.hold(START + timedelta(days=90))
    assert await tasks.pump(world.ctx, 1) == 1
    found = await point(world.ctx)
    assert (found["status"], found["verified"], found["verified_at"]) == ("red", False, clock.now())
    assert await value(world.ctx, "select count(*) from app.scoring_due") == 1


async def test_one_value_of_many_people_is_bought_once_in_its_window(world: World) -> None:
    world.house.words["ada"] = "451 4.7.1 greylisted"
    for name in ("One", "Two", "Three"):
        await make_lead(world.ctx, last_name=name, email=ADA, verified=False)
    assert await tasks.pump(world.ctx, 1) == 6
    clock.hold(START + timedelta(days=20))
    await make_lead(world.ctx, last_name="Four", email=ADA, verified=False)
    assert await tasks.pump(world.ctx, 1) == 2
    assert world.bought == [ADA]
    assert await value(world.ctx, "select count(*) from app.contact_points where status = 'green'") == 4


async def test_without_a_probe_the_vendor_stands_in_for_it(world: World) -> None:
    probe = world.ctx.settings.probe.model_copy(update={"helo_name": ""})
    off = replace(world.ctx, settings=world.ctx.settings.model_copy(update={"probe": probe}))
    await make_lead(off, email=ADA, verified=False)
    assert await tasks.pump(off, 1) == 1
    found = await point(off)
    assert (found["status"], found["codes"], world.bought, world.house.asked) == ("green", ["valid"], [ADA], [])


async def test_a_round_ends_with_what_is_known_where_the_next_vendor_is_gone(world: World) -> None:
    world.house.words["*"] = "250 ok"
    await make_lead(world.ctx, email=ADA, verified=False)
    await change(
        world.ctx,
        "update app.contact_points set status = 'yellow', codes = '{catch_all}', verified_at = app.now(),"
        " check_step = 1, check_due_at = app.now()",
    )
    vendors = world.ctx.settings.vendors.model_copy(
        update={"zerobounce": world.ctx.settings.vendors.zerobounce.model_copy(update={"key": SecretStr("")})}
    )
    without = replace(world.ctx, settings=world.ctx.settings.model_copy(update={"vendors": vendors}))
    await tasks.pump(without, 1)
    found = await point(without)
    assert (found["status"], found["check_step"], found["check_due_at"]) == (
        "yellow",
        0,
        clock.now() + timedelta(days=90),
    )


async def test_the_waterfall_waits_for_the_whole_round(world: World) -> None:
    await make_lead(world.ctx, email=ADA, verified=False, waterfall_step=1)
    await change(world.ctx, "update app.leads set scored_at = facts_changed_at")
    await change(
        world.ctx, "update app.contact_points set verified_at = app.now(), check_step = 1, check_due_at = app.now()"
    )
    assert await value(world.ctx, "select count(*) from app.enrichment_due") == 0
    await change(world.ctx, "update app.contact_points set check_step = 0, check_due_at = null")
    assert await value(world.ctx, "select count(*) from app.enrichment_due") == 1


async def test_a_person_whose_lead_is_over_is_not_checked_anew(world: World) -> None:
    world.house.words["ada"] = "250 ok"
    await make_lead(world.ctx, email=ADA, verified=False)
    await tasks.pump(world.ctx, 1)
    await change(world.ctx, "update app.leads set campaign_status = 'unsubscribed'")
    clock.hold(START + timedelta(days=90))
    assert await tasks.pump(world.ctx, 1) == 0
    assert await value(world.ctx, "select count(*) from app.next_due where stage = 'verification'") == 0
    # Whoever is worked with again is looked at within a month.
    assert (await point(world.ctx))["check_due_at"] == START + timedelta(days=120)


async def test_a_guessed_address_at_a_domain_that_accepts_all_stays_yellow_whatever_a_vendor_says(world: World) -> None:
    world.house.words["*"] = "250 ok"
    await make_lead(world.ctx, email=ADA, verified=False)
    await change(world.ctx, "update app.contact_points set source = 'email_pattern'")
    await tasks.pump(world.ctx, 1)
    found = await point(world.ctx)
    assert (found["status"], found["verified"], found["codes"]) == ("yellow", False, ["catch_all", "valid"])


async def test_the_code_map_knows_every_word_of_every_checker(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        known = await rows(
            db,
            text("select provider, code, is_verified, status from app.verification_code_map where channel = 'email'"),
        )
    codes = {(row["provider"], row["code"]) for row in known}
    assert {"melissa", "mailprobe", *REGISTRY} == {provider for provider, _ in codes}
    assert {("zerobounce", code) for code in zerobounce.TELLING} <= codes
    assert not [row for row in known if row["is_verified"] and row["status"] in ("red", "gray")]
    words = set(re.findall(r'return "([a-z_]+)"|_reply\("([a-z_]+)"|NoMail\("([a-z_]+)"', PROBE_SOURCE))
    assert {("mailprobe", "".join(word)) for word in words} <= codes
    assert len(words) > 10
