"""Finding a person's work address: guesses by pattern, each checked, nothing kept that nobody vouched for."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from checkworld import UNKNOWN, World, checkworld
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.enrichment import patterns, tasks
from penstock.enrichment.patterns import PATTERNS, candidates, learn, name_of
from penstock.playbook import Check, Finder, WaterfallStep
from penstock.verification.tasks import pump as verify

INVALID = {"status": "invalid", "sub_status": "mailbox_not_found"}
CATCH_ALL = {"status": "catch-all", "sub_status": ""}
CHECKS = (
    Check("email", "email", "mailprobe", "rcpt", Decimal(0)),
    Check("email", "email", "zerobounce", "validate", Decimal(1), after=frozenset({"yellow", "gray"})),
)


@pytest.fixture
async def world(ctx: Context) -> AsyncIterator[World]:
    finder = WaterfallStep("finder", "pattern", "find_email", Decimal(0))
    book = replace(ctx.playbooks["equity"], name="visits", waterfall=(finder,), checks=CHECKS, finder=Finder(6))
    async with checkworld(replace(ctx, playbooks={"visits": book})) as made:
        yield made


async def company(ctx: Context, domain: str | None = "acme.example") -> int:
    async with ctx.db.tenant(1) as db:
        made = await one(
            db,
            text(
                "insert into app.companies (org_id, name, domain, keys_at) values (1, 'Acme', :domain, app.now())"
                " returning id"
            ),
            domain=domain,
        )
    assert made is not None
    return int(made["id"])


async def person(
    ctx: Context, company_id: int, name: str = "Ada Lovelace", *, email: str | None = None, status: str | None = None
) -> uuid.UUID:
    """Somebody at the company with a lead; an email of the given colour, or one that is still to be checked."""
    async with ctx.db.tenant(1) as db:
        contact = await scalar(
            db,
            text(
                "insert into app.contacts (org_id, full_name, company_id, source)"
                " values (1, :name, :company, 'test') returning id"
            ),
            name=name,
            company=company_id,
        )
        lead = await scalar(
            db,
            text(
                "insert into app.leads (org_id, playbook, company_id, contact_id)"
                " values (1, 'visits', :company, :contact) returning id"
            ),
            company=company_id,
            contact=contact,
        )
        if email:
            await execute(
                db,
                text(
                    "insert into app.contact_points"
                    " (org_id, contact_id, kind, value, source, status, verified, verified_at)"
                    " select 1, :contact, 'email', :value, 'file', cast(coalesce(s, 'gray') as people.email_status_t),"
                    " coalesce(s = 'green', false), case when s is not null then app.now() end"
                    " from (select cast(:status as text) as s) given"
                ),
                contact=contact,
                value=ctx.sealer.seal(1, email),
                status=status,
            )
    return uuid.UUID(str(lead))


async def points(ctx: Context, lead: uuid.UUID) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        found = await rows(
            db,
            text(
                "select p.value, p.source, cast(p.status as text) as status, p.verified from app.contact_points p"
                " join app.leads l on l.org_id = p.org_id and l.contact_id = p.contact_id where l.id = :lead"
                " order by p.id"
            ),
            lead=lead,
        )
    return [{**row, "value": ctx.sealer.open(1, row["value"])} for row in found]


async def step_of(ctx: Context, lead: uuid.UUID) -> int:
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, text("select waterfall_step from app.leads where id = :lead"), lead=lead))


async def cost(ctx: Context) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text("select coalesce(sum(cost_cents), 0) from app.vendor_calls"))


async def test_the_guess_that_lives_becomes_a_point_and_its_check_is_not_made_twice(world: World) -> None:
    world.house.words["alovelace"] = "250 ok"
    lead = await person(world.ctx, await company(world.ctx))
    assert await tasks.pump(world.ctx, 1) == 1
    found = {"value": "alovelace@acme.example", "source": "email_pattern"}
    assert await points(world.ctx, lead) == [{**found, "status": "gray", "verified": False}]
    asked = len(world.house.asked)
    await verify(world.ctx, 1)
    assert await points(world.ctx, lead) == [{**found, "status": "green", "verified": True}]
    assert (len(world.house.asked), await cost(world.ctx)) == (asked, 0)


async def test_nothing_is_kept_where_no_guess_lives(world: World) -> None:
    lead = await person(world.ctx, await company(world.ctx))
    assert await tasks.pump(world.ctx, 1) == 1
    assert (await points(world.ctx, lead), await step_of(world.ctx, lead)) == ([], 1)
    assert len(world.house.asked) == 6
    assert await tasks.pump(world.ctx, 1) == 0


async def test_at_a_domain_that_accepts_all_the_likeliest_guess_is_yellow_and_stays_so(world: World) -> None:
    world.house.words["*"] = "250 ok"  # and the vendor says "valid" to anything
    lead = await person(world.ctx, await company(world.ctx))
    await tasks.pump(world.ctx, 1)
    await verify(world.ctx, 1)
    (found,) = await points(world.ctx, lead)
    assert (found["value"], found["status"]) == ("ada.lovelace@acme.example", "yellow")
    assert not found["verified"]
    assert world.bought == ["ada.lovelace@acme.example"]


async def test_a_vendor_who_knows_a_guess_to_be_dead_leads_on_to_the_next(world: World) -> None:
    world.house.words["*"] = "250 ok"
    world.vendor["ada.lovelace@acme.example"] = INVALID
    world.vendor["alovelace@acme.example"] = CATCH_ALL
    lead = await person(world.ctx, await company(world.ctx))
    await tasks.pump(world.ctx, 1)
    assert [point["value"] for point in await points(world.ctx, lead)] == ["alovelace@acme.example"]


async def test_where_nobody_can_say_nothing_is_found_and_little_spent(world: World) -> None:
    world.house.words["*"] = "451 4.7.1 greylisted"
    world.vendor["ada.lovelace@acme.example"] = UNKNOWN
    lead = await person(world.ctx, await company(world.ctx))
    await tasks.pump(world.ctx, 1)
    assert (await points(world.ctx, lead), await step_of(world.ctx, lead)) == ([], 1)
    assert world.bought == ["ada.lovelace@acme.example"]


async def test_the_companys_own_pattern_is_tried_first(world: World) -> None:
    acme = await company(world.ctx)
    for name, address in (("Bea Smith", "bea_smith"), ("Cal Cole", "cal_cole"), ("Dan Drew", "dan.drew")):
        await person(world.ctx, acme, name, email=f"{address}@acme.example", status="green")
    world.house.words["ada_lovelace"] = "250 ok"
    lead = await person(world.ctx, acme)
    await tasks.pump(world.ctx, 1)
    assert [point["value"] for point in await points(world.ctx, lead)] == ["ada_lovelace@acme.example"]
    assert world.house.asked[0] == "ada_lovelace@acme.example"


async def test_where_all_is_accepted_a_given_address_shows_the_pattern_and_a_guessed_one_does_not(world: World) -> None:
    acme = await company(world.ctx)
    world.house.words["*"] = "250 ok"
    await person(world.ctx, acme, "Bea Smith", email="beas@acme.example", status="yellow")
    first = await person(world.ctx, acme)
    await tasks.pump(world.ctx, 1)
    assert [point["value"] for point in await points(world.ctx, first)] == ["adal@acme.example"]


async def test_a_colleagues_address_is_never_given_to_somebody_else(world: World) -> None:
    acme = await company(world.ctx)
    await person(world.ctx, acme, "Anna Lovelace", email="alovelace@acme.example", status="green")
    world.house.words["alovelace"] = "250 ok"
    lead = await person(world.ctx, acme)
    await tasks.pump(world.ctx, 1)
    assert await points(world.ctx, lead) == []


async def test_who_has_a_living_address_is_passed_over_and_who_waits_for_a_check_waits(world: World) -> None:
    acme = await company(world.ctx)
    known = await person(world.ctx, acme, "Bea Smith", email="bea@acme.example", status="yellow")
    waits = await person(world.ctx, acme, "Cal Cole", email="cal@acme.example")
    dead = await person(world.ctx, acme, "Dan Drew", email="dan@acme.example", status="red")
    await tasks.pump(world.ctx, 1)
    assert [await step_of(world.ctx, lead) for lead in (known, waits, dead)] == [1, 0, 1]
    assert not [address for address in world.house.asked if address.startswith(("bea", "cal"))]
    assert [address for address in world.house.asked if address.startswith("dan")]


@pytest.mark.parametrize("why", ["no domain", "left", "no letters"])
async def test_who_cannot_be_guessed_costs_nothing_and_moves_on(world: World, why: str) -> None:
    at = await company(world.ctx, None if why == "no domain" else "acme.example")
    lead = await person(world.ctx, at, "李小龍" if why == "no letters" else "Ada Lovelace")
    if why == "left":
        async with world.ctx.db.tenant(1) as db:
            await execute(db, text("update app.contacts set left_company_at = app.now()"))
    assert await tasks.pump(world.ctx, 1) == 1
    assert (await step_of(world.ctx, lead), world.house.asked, world.bought) == (1, [], [])


async def test_without_any_check_connected_people_wait(world: World) -> None:
    lead = await person(world.ctx, await company(world.ctx))
    settings = world.ctx.settings
    zerobounce = settings.vendors.zerobounce.model_copy(update={"base_url": ""})
    off = settings.model_copy(
        update={
            "probe": settings.probe.model_copy(update={"helo_name": ""}),
            "vendors": settings.vendors.model_copy(update={"zerobounce": zerobounce}),
        }
    )
    assert await tasks.pump(replace(world.ctx, settings=off), 1) == 0
    assert await step_of(world.ctx, lead) == 0


async def test_a_search_whose_worker_died_is_made_again_and_pays_for_nothing_twice(world: World) -> None:
    world.house.words["*"] = "250 ok"
    lead = await person(world.ctx, await company(world.ctx))
    await tasks.pump(world.ctx, 1)
    async with world.ctx.db.owner() as db:  # as if the power had failed between the search and its answer
        await execute(
            db,
            text(
                "update app.vendor_calls set status = 'reserved', answer_sealed = null, answered_at = null,"
                " reserved_at = app.now() - interval '1 hour' where vendor = 'pattern'"
            ),
        )
        await execute(db, text("update app.leads set waterfall_step = 0, waterfall_exhausted_at = null"))
        await execute(db, text("delete from app.contact_points"))
    await tasks.pump(world.ctx, 1)
    assert len(await points(world.ctx, lead)) == 1
    assert world.bought == ["ada.lovelace@acme.example"]


# The patterns, by themselves


def test_names_are_folded_as_addresses_are_written() -> None:
    jose = name_of("", "", "Dr. José Ángel Muñoz-Vega III, CPA")
    assert jose == patterns.Name("jose", "j", ("munoz-vega", "munozvega", "vega", "munoz"))
    assert name_of("Søren", "van der Ørsted", None) == patterns.Name("soren", "s", ("vanderorsted", "orsted"))
    assert name_of("", "", "J. Robert O'Brien Jr.") == patterns.Name("robert", "j", ("obrien",))
    assert name_of("", "", 'Robert "Bob" Smith') == patterns.Name("robert", "r", ("smith",))
    assert name_of("", "", "Linda St. John") == patterns.Name("linda", "l", ("stjohn", "john"))
    assert name_of("", "", "Cher") == patterns.Name("cher", "c", ())
    assert name_of("", "", "李小龍") is None


def test_the_usual_patterns_come_in_the_usual_order() -> None:
    ada = name_of("Ada", "Lovelace", None)
    assert ada is not None
    assert candidates(ada, "acme.example", limit=6) == [
        *("ada.lovelace@acme.example", "alovelace@acme.example", "ada@acme.example"),
        *("adal@acme.example", "ada_lovelace@acme.example", "lovelace@acme.example"),
    ]
    assert candidates(ada, "acme.example", known=["{f}.{last}"], limit=1) == ["a.lovelace@acme.example"]


def test_patterns_are_learned_from_those_who_have_an_address() -> None:
    people = [("Bea", "Smith", "bsmith"), ("Cal", "Cole", "ccole"), ("Dan", "Drew", "dan.drew"), ("Eve", "Ray", "x7")]
    named = [(name_of(first, last, None), local) for first, last, local in people]
    assert learn([(name, local) for name, local in named if name]) == ["{f}{last}", "{first}.{last}"]


NAMES = st.text(max_size=30) | st.sampled_from(
    ["Ada Lovelace", "Anne-Marie O'Neill", "Łukasz Żółć-Nowak", "Dr. X", "J. R. R. Tolkien", "a-", "-", "..", "Jr."]
)


@given(NAMES, NAMES, NAMES, st.lists(st.sampled_from(PATTERNS), max_size=3), st.integers(1, 30))
def test_every_guess_is_an_address_no_guess_comes_twice_and_chance_plays_no_part(
    first: str, last: str, full: str, known: list[str], limit: int
) -> None:
    name = name_of(first, last, full)
    if name is None:
        return
    guesses = candidates(name, "acme.example", known=known, limit=limit)
    assert len(guesses) == len(set(guesses)) <= limit
    assert guesses == candidates(name, "acme.example", known=known, limit=limit)
    for address in guesses:
        assert validate_email(address, check_deliverability=False).normalized == address
        assert set(address.partition("@")[0]) <= set("abcdefghijklmnopqrstuvwxyz._-")


@given(st.sampled_from(PATTERNS), st.sampled_from(["Ada Lovelace", "Bea van Dyke", "Cal Smith-Jones"]))
def test_a_pattern_explains_the_address_it_made(pattern: str, full: str) -> None:
    name = name_of(None, None, full)
    assert name is not None
    (address,) = candidates(name, "acme.example", known=[pattern], limit=1)
    assert pattern in learn([(name, address.partition("@")[0])])
