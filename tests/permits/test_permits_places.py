"""Permits find their places in the database, whichever came first, and follow places that move or are made one."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from penstock import identity, permits
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.permits import tasks
from penstock.permits.tasks import pump

FOOT = 1 / 364_000  # degrees of latitude, about
PERMIT = text("""
  insert into app.building_permits (org_id, source, source_id, work, state, county, city, postal_code, address_line1,
         apn, addr_hash, addr_hash_city, lat, lng, applied_on, content_hash)
  values (1, 'test', :number, 'reroof', 'TN', 'DAVIDSON', 'NASHVILLE', :zip, :line, :apn,
         api.compute_addr_hash(:line, 'NASHVILLE', 'TN', :zip), api.compute_addr_hash(:line, 'NASHVILLE', 'TN', null),
         36.16 + cast(:north_ft as float8) * :foot, -86.78, :day, 'h')
  returning id
""")
PLACE = text("""
  insert into app.properties (org_id, state, county, city, postal_code, address_line1, apn, addr_hash, lat, lng, source)
  values (1, 'TN', 'DAVIDSON', 'Nashville', :zip, :line, :apn,
         coalesce(api.compute_addr_hash(:line, 'Nashville', 'TN', :zip), 'shared:' || :apn),
         36.16 + cast(:north_ft as float8) * :foot, -86.78, 'test')
  returning id
""")


async def add(ctx: Context, sql: Any, line: str | None, *, apn: str | None = None, north_ft: float | None = None,
              zip: str | None = "37212") -> int:  # fmt: skip
    number = f"{line} {apn} {north_ft}"
    known = {"line": line, "apn": apn, "north_ft": north_ft, "zip": zip, "foot": FOOT}
    if sql is PERMIT:
        known |= {"number": number, "day": date(2024, 3, 9)}
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, sql, **known))


async def match_of(ctx: Context, permit: int) -> tuple[int | None, str | None]:
    async with ctx.db.tenant(1) as db:
        found = await one(
            db, text("select property_id, matched_by from app.building_permits where id = :id"), id=permit
        )
    assert found is not None
    return found["property_id"], found["matched_by"]


async def due(ctx: Context) -> int:
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, text("select count(*) from app.permits_due")))


@pytest.mark.parametrize("permits_first", [False, True])
async def test_a_permit_finds_its_place_whichever_came_first(ctx: Context, permits_first: bool) -> None:
    cases = {
        "parcel": (("1 Elm St", {"apn": "0011"}), ("9 Oak St", {"apn": "0011"})),
        "address": (("2 Elm Street", {}), ("2 Elm St", {"zip": None})),
        "nearest": (("30 Ash St", {"north_ft": 1000.0, "zip": "37201"}), ("30 Ash Street", {"north_ft": 1030.0})),
    }
    order = [PERMIT, PLACE] if permits_first else [PLACE, PERMIT]
    made: dict[tuple[Any, str], int] = {}
    for sql in order:
        for how, (permit, place) in cases.items():
            line, more = permit if sql is PERMIT else place
            made[sql, how] = await add(ctx, sql, line, **more)  # type: ignore[arg-type]
        await pump(ctx, 1)
    for how in cases:
        assert await match_of(ctx, made[PERMIT, how]) == (made[PLACE, how], how)
    assert await due(ctx) == 0
    assert await pump(ctx, 1) == 0


async def test_a_place_that_gets_coordinates_later_gives_its_permit_another_chance(ctx: Context) -> None:
    permit = await add(ctx, PERMIT, "30 Ash St", north_ft=0, zip="37201")
    place = await add(ctx, PLACE, "30 Ash St", zip="37212")
    await pump(ctx, 1)
    async with ctx.db.tenant(1) as db:
        why = await scalar(db, text("select unmatched_reason from app.building_permits"))
        assert why == "no property of its street within 50 ft"
        await execute(db, text("update app.properties set lat = 36.16, lng = -86.78"))
    assert await due(ctx) == 1
    await pump(ctx, 1)
    assert await match_of(ctx, permit) == (place, "nearest")


SPOT = text("select property_id, round((lat - 36.16)::numeric, 3)::float8 as north, at_place from app.building_permits")
MOVE = text("update app.properties set lat = 36.16 + cast(:north as float8), lng = :lng where id = :id")


async def test_a_permit_without_coordinates_stands_where_its_place_does_as_long_as_it_is_of_it(ctx: Context) -> None:
    await add(ctx, PERMIT, "12 Elm St", apn="0012")
    place = await add(ctx, PLACE, "12 Elm St", apn="0012")
    changes = (
        (None, None, (place, None, False)),
        (0.001, -86.78, (place, 0.001, True)),
        (0.002, -86.78, (place, 0.002, True)),
        (None, None, (place, None, False)),
        (0.003, -86.78, (place, 0.003, True)),
    )
    for north, lng, stands in changes:
        async with ctx.db.tenant(1) as db:
            await execute(db, MOVE, id=place, north=north, lng=lng)
        await pump(ctx, 1)
        async with ctx.db.tenant(1) as db:
            (found,) = await rows(db, SPOT)
        assert tuple(found.values()) == stands
        assert await due(ctx) == 0
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.properties set apn = '0099', addr_hash = 'other'"))
    await pump(ctx, 1)
    async with ctx.db.tenant(1) as db:
        (found,) = await rows(db, SPOT)
    assert tuple(found.values()) == (None, None, False)


async def test_a_place_that_makes_a_match_doubtful_takes_it_back(ctx: Context) -> None:
    permit = await add(ctx, PERMIT, "30 Ash St", north_ft=0, zip="37201")
    await add(ctx, PLACE, "32 Ash St", north_ft=8, zip=None)
    await pump(ctx, 1)
    assert (await match_of(ctx, permit))[1] == "nearest"
    await add(ctx, PLACE, "28 Ash St", north_ft=-8, zip=None)
    await pump(ctx, 1)
    assert await match_of(ctx, permit) == (None, None)


async def test_permits_follow_a_place_that_is_merged_and_go_back_with_it(ctx: Context) -> None:
    keep = await add(ctx, PLACE, "12 Elm St", apn="0012", north_ft=0)
    gone = await add(ctx, PLACE, "12 Elm Cir", north_ft=20)
    theirs = [await add(ctx, PERMIT, "12 Elm St", apn="0012"), await add(ctx, PERMIT, "12 Elm Cir")]
    await pump(ctx, 1)
    assert [(await match_of(ctx, permit))[0] for permit in theirs] == [keep, gone]
    async with ctx.db.tenant(1) as db:
        merge = await identity.merge_properties(db, 1, keep=keep, gone=gone, reason="test")
    await pump(ctx, 1)
    assert [await match_of(ctx, permit) for permit in theirs] == [(keep, "parcel"), (keep, "address")]
    async with ctx.db.tenant(1) as db:
        await identity.undo_merge(db, 1, merge)
    await pump(ctx, 1)
    assert [(await match_of(ctx, permit))[0] for permit in theirs] == [keep, gone]


async def test_batches_end_and_one_event_tells_of_each(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH", 4)
    for number in range(10):
        await add(ctx, PERMIT, f"{number + 1} Elm St")
    await add(ctx, PLACE, "3 Elm St")
    assert await pump(ctx, 1) == 10
    async with ctx.db.tenant(1) as db:
        told = await rows(db, text("select details from app.pipeline_events where event_type = 'permits_matched'"))
    assert [row["details"]["decided"] for row in told] == [4, 4, 2]
    assert sum(row["details"]["address"] for row in told) == 1


async def test_new_places_of_which_no_permit_is_undecide_none(ctx: Context) -> None:
    for number in range(5):
        await add(ctx, PERMIT, f"{number + 1} Elm St", north_ft=number * 500)
    await pump(ctx, 1)
    await add(ctx, PLACE, "77 Oak St", apn="0077", north_ft=90_000)
    assert await pump(ctx, 1) == 0
    assert await due(ctx) == 0


STREETS = st.sampled_from(["1 ELM ST", "2 ELM ST", "1 OAK ST", "0 OAK ST", None])
THINGS = st.lists(
    st.tuples(STREETS, st.sampled_from([None, None, "11", "22"]), st.sampled_from([None, 0.0, 10.0, 40.0, 600.0])),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=THINGS, wanted=THINGS)
async def test_what_is_found_does_not_hang_on_the_order_of_arrival(
    ctx: Context, some: list[Any], wanted: list[Any]
) -> None:
    """Permits first, then places one by one: in the end each permit is where it would be had all been there at once."""
    async with ctx.db.tenant(1) as db:
        for table in ("building_permits", "places_arrived", "contagion_changes", "properties"):
            await execute(db, text(f"delete from app.{table}"))
    for line, apn, north_ft in wanted:
        await add(ctx, PERMIT, line, apn=apn, north_ft=north_ft)
    taken: set[str] = set()
    for line, apn, north_ft in some:
        if (line is None and apn is None) or taken & {f"l{line}", f"p{apn}"}:
            continue  # two places cannot have one key
        taken |= {f"{mark}{key}" for mark, key in (("l", line), ("p", apn)) if key}
        await add(ctx, PLACE, line, apn=apn, north_ft=north_ft)
        await pump(ctx, 1)
    await pump(ctx, 1)
    keys = "id, state, county, apn, addr_hash, api.normalize_street(address_line1) as street"
    own = "case when not at_place then lat end as lat, case when not at_place then lng end as lng"
    async with ctx.db.tenant(1) as db:
        places = [tasks._place(row) for row in await rows(db, text(f"select {keys}, lat, lng from app.properties"))]
        asked = await rows(
            db, text(f"select {keys}, {own}, addr_hash_city, property_id from app.building_permits order by id")
        )
    expected = permits.Properties(places).match([tasks._place(row) for row in asked])
    assert [row["property_id"] for row in asked] == [match.property_id for match in expected]
