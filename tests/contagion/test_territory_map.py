"""The map: boxes as people give them, single things from close by, cells from far away, and who sees what."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from ground_contagion import LAT, LNG
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from world_contagion import TODAY, change, fill, permit, place, value

from factories import make_lead
from ground import BROKER_ID
from penstock.contagion import map_cells, score_due
from penstock.contagion.arrays import PROPERTY
from penstock.contagion.map_box import MOST_CELLS, Box, cell_size, read_box
from penstock.contagion.map_view import Asked, view
from penstock.contagion.rules import rules_of
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook

HERE = f"{LNG - 0.004},{LAT - 0.004},{LNG + 0.004},{LAT + 0.004}"
COUNTRY = "-125,24,-66,50"
COUNTED = text("select grid_cell, places, hot, warm, score_sum, best from app.map_cells order by grid_cell")
FROM_SCORES = text(
    "select p.grid_cell, count(*) as places, count(*) filter (where s.total_urgency_score >= 80) as hot, "
    "count(*) filter (where s.total_urgency_score between 60 and 79) as warm, sum(s.total_urgency_score) as score_sum, "
    "max(s.total_urgency_score) as best from app.property_scores s join app.properties p on p.id = s.property_id "
    "where p.merged_into is null group by 1 order by 1"
)


@pytest.mark.parametrize(
    ("given_box", "said"),
    [
        ("1,2,3", "not four numbers"),
        ("a,b,c,d", "not four numbers"),
        ("nan,1,2,3", "not every number is finite"),
        ("35.9,-87.1,36.4,-181", "beyond 90"),
        ("-187,35,-86,36", "longitude lies beyond 180"),
        ("-86,36.4,-87,35.9", "south lies north"),
        ("-86.5,35.9,-87.1,36.4", "west lies east"),
        ("35,-100,36,-99", "longitude comes first"),
    ],
)
def test_a_box_that_makes_no_sense_is_refused_with_what_to_do(given_box: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        read_box(given_box)
    assert refused.value.fix


def test_a_box_across_the_date_line_has_two_spans_of_columns() -> None:
    assert read_box("179.5,51,-179.5,52").spans == [(0, 100), (71_900, 71_999)]
    assert read_box("-180,-90,180,90").spans == [(0, 71_999)]


degrees = st.floats(-89, 89)


@given(st.tuples(degrees, degrees), st.tuples(degrees, degrees), st.integers(0, 22))
@settings(max_examples=60)
def test_whatever_the_box_it_never_has_more_cells_than_can_be_drawn(
    lngs: tuple[float, float], lats: tuple[float, float], zoom: int
) -> None:
    box = Box(min(lngs), min(lats), max(lngs), max(lats))
    size = cell_size(box, zoom, "properties")
    assert box.cells(size or 1) <= MOST_CELLS
    (low, high), spans = box.whole(size or 1)
    assert low <= box.rows[0] and high >= box.rows[1] and high < 36_000
    assert spans[0][0] <= box.spans[0][0] and box.spans[-1][1] <= spans[-1][1] < 72_000


def test_cells_get_finer_as_one_comes_closer_until_single_things_are_seen() -> None:
    town = Box(-86.83, 36.1, -86.79, 36.12)
    sizes = [cell_size(town, zoom, "properties") for zoom in range(8, 18)]
    assert sizes == [32, 16, 8, 4, 2, 1, 1, 1, None, None]
    assert cell_size(town, 14, "permits") is None
    assert cell_size(read_box(COUNTRY), 18, "properties") == 128


def test_cells_are_counted_as_the_database_numbers_them() -> None:
    homes = np.zeros(3, dtype=PROPERTY)
    homes["lat"], homes["lng"] = [36.1, 36.1001, -33.5], [-86.8, -86.7999, 151.0]
    counted = map_cells.counted(homes, np.array([85, 60, 10]), np.array([2, 1, 0]))
    assert [tuple(row) for row in counted.tolist()] == CELLS_OF_THREE


# The last two as `select app.grid_cell(lat, lng)` gives them.
CELLS_OF_THREE = [(813_666_200, 1, 0, 0, 10, 10), (1_815_858_640, 2, 1, 1, 145, 85)]


@pytest.fixture
def book(ctx: Context) -> Playbook:
    return next(book for book in ctx.playbooks.values() if book.territory)


async def town_of_cells(ctx: Context) -> None:
    """Forty homes over several cells of the grid, eight permits among them, and a home across the globe."""
    homes = [place(100 + n, 9 * (n % 8), 9 * (n // 8)) for n in range(1, 41)]
    far = place(99, 0, 0, lat=-33.5, lng=151.2)
    await fill(ctx, [*homes, far], [permit(id, 9 * id, 1, days=30 * id) for id in range(1, 9)])


async def test_counts_by_cell_are_those_of_the_scores_after_every_pass(ctx: Context, book: Playbook) -> None:
    await town_of_cells(ctx)
    await score_due(ctx, 1, book)
    await agree(ctx)
    await fill(ctx, [place(50, 3, 3)], [permit(60 + n, 9, 10) for n in range(6)])
    await change(ctx, "update app.properties set merged_into = 101 where id = 102")
    assert not (await score_due(ctx, 1, book)).full
    await agree(ctx)
    await score_due(ctx, 1, book, full=True)
    await agree(ctx)


async def agree(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        counted, scored = await rows(db, COUNTED), await rows(db, FROM_SCORES)
    assert len(counted) > 5
    assert [dict(row) for row in counted] == [dict(row) for row in scored]


@pytest.fixture
async def scored(ctx: Context, book: Playbook) -> None:
    await town_of_cells(ctx)
    await fill(ctx, [], [permit(100 + n, 9, 9 + n / 100, days=10 + n) for n in range(6)])
    await score_due(ctx, 1, book)


async def seen(
    ctx: Context, book: Playbook, layer: str, bbox: str = HERE, zoom: int = 17, **asked: Any
) -> dict[str, Any]:
    wanted = {"limit": 100, "since": date(2020, 1, 1), **asked}
    async with ctx.db.tenant(1) as db:
        return await view(db, 1, rules_of(book), Asked(layer, read_box(bbox), zoom, **wanted))


def told(found: dict[str, Any], name: str) -> list[Any]:
    """What the features say under a name, of those that do."""
    return [each["properties"][name] for each in found["features"] if name in each["properties"]]


@pytest.mark.usefixtures("scored")
async def test_the_same_places_are_counted_at_every_zoom_and_seen_one_by_one(ctx: Context, book: Playbook) -> None:
    for zoom in (0, 5, 10, 14, 22):
        found = await seen(ctx, book, "properties", "-180,-90,180,90", zoom)
        assert found["aggregated"] and sum(told(found, "count")) == 41
    there = await seen(ctx, book, "properties")
    assert (there["aggregated"], there["truncated"], there["cell_degrees"]) == (False, False, None)
    assert told(there, "score") == sorted(told(there, "score"), reverse=True)
    assert {"HOT", "WARM", "COLD"} >= set(told(there, "tier"))
    assert there["scored_on"] == TODAY
    few = await seen(ctx, book, "properties", limit=2)
    assert few["truncated"] and few["features"] == there["features"][:2]


@pytest.mark.usefixtures("scored")
async def test_a_cell_is_counted_whole_and_stands_around_what_it_counts(ctx: Context, book: Playbook) -> None:
    found = await seen(ctx, book, "properties", f"{LNG},{LAT},{LNG + 1e-6},{LAT + 1e-6}", 13)
    (cell,) = found["features"]
    west, south, east, north = cell["properties"]["cell"]
    assert west <= LNG < east and south <= LAT < north
    assert found["cell_degrees"] == 0.005 == pytest.approx(east - west)
    at = await value(
        ctx, "select count(*) from app.properties where grid_cell = app.grid_cell(:lat, :lng)", lat=LAT, lng=LNG
    )
    assert cell["properties"]["count"] == at > 1


@pytest.mark.usefixtures("scored")
async def test_permits_and_clusters_are_drawn_alike(ctx: Context, book: Playbook) -> None:
    close = await seen(ctx, book, "permits", zoom=15)
    dates = told(close, "permit_date")
    assert dates == sorted(dates, reverse=True) and len(dates) > 6
    lately = await seen(ctx, book, "permits", zoom=15, since=TODAY - timedelta(days=13))
    assert 0 < len(lately["features"]) < len(dates)
    for zoom in (3, 12):
        assert sum(told(await seen(ctx, book, "permits", COUNTRY, zoom), "count")) == 14
    (cluster,) = (await seen(ctx, book, "clusters", COUNTRY, 9))["features"]
    assert cluster["properties"]["status"] == "growing" and cluster["properties"]["radius_ft"] >= 0
    (cell,) = (await seen(ctx, book, "clusters", COUNTRY, 4))["features"]
    assert (cell["properties"]["count"], cell["properties"]["permits"]) == (1, cluster["properties"]["permits"])


@pytest.mark.usefixtures("scored")
async def test_a_box_across_the_date_line_shows_both_sides(ctx: Context, book: Playbook) -> None:
    await fill(ctx, [place(70, 0, 0, lat=52.0, lng=179.999), place(71, 0, 0, lat=52.0, lng=-179.999)], [])
    await score_due(ctx, 1, book)
    around = "179.99,51.99,-179.99,52.01"
    assert sorted(told(await seen(ctx, book, "properties", around), "id")) == [70, 71]
    assert told(await seen(ctx, book, "properties", around, 10), "count") == [1, 1]
    assert told(await seen(ctx, book, "properties", "179.99,51.99,180,52.01"), "id") == [70]


@pytest.mark.usefixtures("scored")
async def test_a_broker_sees_single_places_only_where_the_lead_is_theirs(ctx: Context, book: Playbook) -> None:
    lead = await make_lead(ctx)
    await change(
        ctx,
        "update app.leads set playbook = :book, property_id = 109, assigned_broker_id = cast(:broker as uuid)"
        " where id = cast(:lead as uuid)",
        book=book.name, broker=str(BROKER_ID), lead=str(lead),
    )  # fmt: skip
    staff, owner, other = [await seen(ctx, book, "properties", broker_id=who) for who in (None, BROKER_ID, lead)]
    assert (told(owner, "id"), told(other, "id")) == ([109], [])
    assert len(told(staff, "id")) == 3
    assert sum(told(other, "count")) >= len(told(staff, "id"))
    assert told(staff, "count") == []
