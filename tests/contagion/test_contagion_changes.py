"""Taking in a change gives, to the bit, what scoring everything anew gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from world_contagion import TODAY, at, fill, permit, place, scores

from penstock.contagion import cluster_store, score_due
from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.rules import Rules
from penstock.contagion.store import Stamp
from penstock.core.context import Context
from penstock.core.db import execute

SPOT = st.tuples(st.integers(0, 45), st.integers(0, 45)) | st.sampled_from([(3, 3), (5, 3), (40, 40)])
DAYS = st.sampled_from([-3, 0, 30, 90, 200, 364, 365, 800, 1094, 1095, 1096, 4000])
ESTATE = st.sampled_from([None, 1, 2, 3])
HOMES, ASKED = 14, 18  # ids that may be meant: 1 … HOMES, 1 … ASKED
HOME, FILED = st.integers(1, HOMES), st.integers(1, ASKED)
WORK = st.sampled_from(["reroof", "reroof", "reroof", "solar"])
YEAR = st.sampled_from([None, 1950, 1994, 1995, 2023])
TOWN = st.sampled_from(["Nashville", "St. Paul", "Saint Paul", None])
CHANGES = st.one_of(
    st.tuples(st.just("permit_comes"), FILED, SPOT, DAYS, ESTATE, st.none() | HOME, WORK),
    st.tuples(st.just("permit_moves"), FILED, st.none() | SPOT),
    st.tuples(st.just("permit_work"), FILED, WORK),
    st.tuples(st.just("permit_day"), FILED, DAYS),
    st.tuples(st.just("permit_estate"), FILED, ESTATE),
    st.tuples(st.just("permit_firm"), FILED, st.sampled_from([None, 1, 2, 3, 4])),
    st.tuples(st.just("permit_owner"), FILED, st.none() | HOME),
    st.tuples(st.just("permit_city"), FILED, TOWN),
    st.tuples(st.just("permit_goes"), FILED),
    st.tuples(st.just("place_comes"), HOME, SPOT, YEAR, ESTATE),
    st.tuples(st.just("place_moves"), HOME, st.none() | SPOT),
    st.tuples(st.just("place_built"), HOME, YEAR),
    st.tuples(st.just("place_estate"), HOME, ESTATE),
    st.tuples(st.just("place_merges"), HOME, HOME),
    st.tuples(st.just("place_value"), HOME, st.sampled_from([None, 90_000, 300_000])),
    st.tuples(st.just("place_city"), HOME, TOWN),
    st.tuples(st.just("place_goes"), HOME),
)
HOMES_FIRST = st.dictionaries(HOME, st.tuples(SPOT, YEAR, ESTATE), max_size=HOMES)
FILED_FIRST = st.dictionaries(FILED, st.tuples(SPOT, DAYS, ESTATE, st.none() | HOME, WORK), max_size=ASKED)
_PERMIT, _PLACE = "update app.building_permits set {} where id = :id", "update app.properties set {} where id = :id"
UPDATES = {
    "permit_work": _PERMIT.format("work = :value"),
    "permit_estate": _PERMIT.format("subdivision_id = :value"),
    "permit_firm": _PERMIT.format("contractor_id = :value"),
    "permit_city": _PERMIT.format("city = :value"),
    "place_built": _PLACE.format("year_built = :value"),
    "place_estate": _PLACE.format("subdivision_id = :value"),
    "place_value": _PLACE.format("property_value = :value"),
    "place_city": _PLACE.format("city = :value"),
    "place_merges": "update app.properties set merged_into = nullif(cast(:value as bigint), id) where id = :id"
    " and exists (select 1 from app.properties o where o.id = :value)",
    "permit_owner": _PERMIT.format(
        "property_id = (select o.id from app.properties o where o.id = :value),"
        " matched_by = (select 'parcel' from app.properties o where o.id = :value)"
    ),
    "permit_goes": "delete from app.building_permits where id = :id",
    "place_goes": "delete from app.properties where id = :id",
}


async def keep_clusters(
    db: AsyncConnection, stamp: Stamp, rules: Rules, permits: Rows, own: Ints, properties: Rows
) -> Ints:
    """In place of a new search, which a change alone does not make either."""
    return await cluster_store.members_of(db, rules.playbook, permits["id"])


async def begin_anew(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text("delete from app.building_permits"))
        await execute(db, text("update app.properties set merged_into = null"))
        for table in ("properties", "property_scores", "contagion_clusters", "contagion_runs", "contagion_changes"):
            await execute(db, text(f"delete from app.{table}"))


async def apply(ctx: Context, kind: str, id: int, *values: Any) -> None:
    async with ctx.db.tenant(1) as db:
        homes = set((await db.execute(text("select id from app.properties"))).scalars())
        filed = set((await db.execute(text("select id from app.building_permits"))).scalars())
    if kind == "permit_comes" and id not in filed:
        await fill(ctx, [], [asked(id, *values, homes=homes)])
    elif kind == "place_comes" and id not in homes:
        await fill(ctx, [lived(id, *values)], [])
    elif kind in {"permit_moves", "place_moves"}:
        spot = at(*values[0]) if values[0] else {"lat": None, "lng": None}
        statement = _PERMIT if kind == "permit_moves" else _PLACE
        async with ctx.db.tenant(1) as db:
            await execute(db, text(statement.format("lat = :lat, lng = :lng")), id=id, **spot)
    elif kind == "permit_day":
        async with ctx.db.tenant(1) as db:
            moved = _PERMIT.format("issued_on = cast(:today as date) - cast(:days as int)")
            await execute(db, text(moved), id=id, today=TODAY, days=values[0])
    elif kind in UPDATES:
        async with ctx.db.tenant(1) as db:
            await execute(db, text(UPDATES[kind]), id=id, **({"value": values[0]} if values else {}))


def lived(id: int, spot: tuple[int, int], year: int | None, estate: int | None) -> dict[str, Any]:
    return place(id, *spot, year_built=year, subdivision=estate)


def asked(
    id: int, spot: tuple[int, int], days: int, estate: int | None, owner: int | None, work: str, *, homes: set[int]
) -> dict[str, Any]:
    known = owner if owner in homes else None
    return permit(id, *spot, days=days, subdivision=estate, owner=known, work=work, contractor=1 + id % 4)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOMES_FIRST, FILED_FIRST, st.lists(st.lists(CHANGES, min_size=1, max_size=4), min_size=1, max_size=3))
async def test_taking_in_changes_gives_what_scoring_everything_gives(
    ctx: Context,
    homes: dict[int, Any],
    filed: dict[int, Any],
    batches: list[list[Any]],
) -> None:
    book = ctx.playbooks["roofing"]
    await begin_anew(ctx)
    places = [lived(id, *columns) for id, columns in homes.items()]
    await fill(ctx, places, [asked(id, *columns, homes=set(homes)) for id, columns in filed.items()])
    await score_due(ctx, 1, book, full=True)
    for batch in batches:
        for change in batch:
            await apply(ctx, *change)
        await score_due(ctx, 1, book)
        await nothing_differs_anew(ctx)


async def nothing_differs_anew(ctx: Context) -> None:
    """Scoring every place anew, in the clusters that are there, finds nothing to write."""
    before = await scores(ctx)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_store, "renew", keep_clusters)
        again = await score_due(ctx, 1, ctx.playbooks["roofing"], full=True)
    assert await scores(ctx) == before
    assert again.full and again.changed == 0


async def test_a_place_keeps_the_age_that_its_own_far_permit_gives(ctx: Context) -> None:
    """The permit stands at the far end of a large plot: no neighbourhood of the place holds it."""
    await fill(ctx, [place(1, 0, 0)], [permit(1, 0, 40, owner=1)])
    await score_due(ctx, 1, ctx.playbooks["roofing"])
    await fill(ctx, [], [permit(2, 0, 1)])
    done = await score_due(ctx, 1, ctx.playbooks["roofing"])
    found = (await scores(ctx))[1]
    assert (done.full, found["by_permit"], found["permits_within_100ft"]) == (False, True, 1)
    await nothing_differs_anew(ctx)


async def test_a_place_that_is_in_another_town_is_scored_with_what_is_known_of_that_town(ctx: Context) -> None:
    await fill(ctx, [place(1, 0, 0), place(2, 0, 90, city=None)], [permit(1, 0, 1)])
    await score_due(ctx, 1, ctx.playbooks["roofing"])
    for town, known in (("Nashville", 1), ("Brentwood", 0)):
        await apply(ctx, "place_city", 2, town)
        done = await score_due(ctx, 1, ctx.playbooks["roofing"])
        assert (done.full, done.changed, (await scores(ctx))[2]["known"] & 1) == (False, 1, known)
        await nothing_differs_anew(ctx)


async def test_many_permits_of_one_place_are_one_re_roof_until_its_first_one_goes(ctx: Context) -> None:
    """Of one address or one spot: also for those far away who are only of the same subdivision as one of them."""
    await fill(
        ctx,
        [place(1, 0, 0), place(2, 0, 1), place(3, 90, 90, subdivision=2), place(4, 80, 0)],
        [
            *(permit(id, 0, id / 9, days=100 - id, owner=1, subdivision=2 if id == 2 else None) for id in range(1, 9)),
            *(permit(id, 79, 0, days=100 - id, subdivision=2 if id == 12 else None) for id in range(11, 19)),
        ],
    )
    counted = "permits_within_500ft", "same_subdivision_permits"
    expected = {None: [(0, 0), (1, 0), (0, 0), (1, 0)], 1: [(0, 0), (1, 0), (0, 1), (1, 0)]}
    expected[11] = [(0, 0), (1, 0), (0, 2), (1, 0)]
    for gone, then in expected.items():
        if gone:
            await apply(ctx, "permit_goes", gone)
        assert (await score_due(ctx, 1, ctx.playbooks["roofing"])).full is (gone is None)
        found = await scores(ctx)
        assert [tuple(found[id][name] for name in counted) for id in (1, 2, 3, 4)] == then
        await nothing_differs_anew(ctx)
    assert await apart(ctx) == (0, 0)


async def apart(ctx: Context) -> tuple[int, int]:
    """Clusters, and permits in them."""
    async with ctx.db.tenant(1) as db:
        counts = [text(f"select count(*) from app.{table}") for table in ("contagion_clusters", "cluster_permits")]
        return (await db.execute(counts[0])).scalar_one(), (await db.execute(counts[1])).scalar_one()


async def test_a_permit_that_leaves_its_place_changes_what_another_of_that_place_replaced(ctx: Context) -> None:
    """Nobody is near the one that leaves; who lies near the other feels the change."""
    await fill(
        ctx,
        [place(1, 20, 20, year_built=1950), place(2, 0, 0)],
        [permit(1, 0, 44, days=4000, owner=1), permit(2, 0, 1, owner=1)],
    )
    await score_due(ctx, 1, ctx.playbooks["roofing"])
    assert (await scores(ctx))[2]["replaced_year"] == 2015
    await apply(ctx, "permit_owner", 1, None)
    done = await score_due(ctx, 1, ctx.playbooks["roofing"])
    assert (done.full, (await scores(ctx))[2]["replaced_year"]) == (False, 1950)
    await nothing_differs_anew(ctx)
