"""An area is checked before anything is looked for in it, and the error says where and what to do."""

from __future__ import annotations

import copy
import functools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import InvalidInput
from penstock.core.towns import spellings
from penstock.scans.areas import Area, read_area, stored_area
from penstock.scans.polygons import read_polygon

DOWNTOWN = [[-97.76, 30.25], [-97.70, 30.25], [-97.70, 30.30], [-97.76, 30.30], [-97.76, 30.25]]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [copy.deepcopy(ring) for ring in rings]}


def ring(*points: tuple[float, float]) -> list[list[float]]:
    """Closed."""
    return [list(point) for point in (*points, points[0])]


def square(west: float, south: float, size: float) -> list[list[float]]:
    return ring((west, south), (west + size, south), (west + size, south + size), (west, south + size))


WRONG: dict[str, tuple[object, str]] = {
    "no object": ([1, 2], "no GeoJSON object"),
    "text": ("POLYGON((0 0))", "no GeoJSON object"),
    "a point": ({"type": "Point", "coordinates": [-97, 30]}, "a Point encloses no area"),
    "no coordinates": ({"type": "Polygon"}, "coordinates: there are none"),
    "empty": ({"type": "Polygon", "coordinates": []}, "coordinates: there are none"),
    "ring is a number": ({"type": "Polygon", "coordinates": [7]}, r"coordinates\[0\]: this is no ring"),
    "words": (polygon([["a", "b"]] * 4), r"coordinates\[0\]\[0\]: this is no position"),  # type: ignore[list-item]
    "not a number": (polygon(ring((-97.7, math.nan), (-97, 30), (-97, 31))), "this is no position"),
    "400 digits": (polygon(ring((10**400, 30), (-97, 30), (-97, 31))), "this is no position"),
    "nested": (functools.reduce(lambda deep, _: {"type": "Feature", "geometry": deep}, range(5_000), {}), "too deeply"),
    "a nested crs": (
        {**polygon(DOWNTOWN), "crs": functools.reduce(lambda deep, _: [deep], range(5_000), [])},
        "too deeply",
    ),
    "truth": (polygon(ring((True, 30), (-97, 30), (-97, 31))), "this is no position"),
    "two corners": (polygon(ring((-97.7, 30.2), (-97.6, 30.2))), "at least three corners"),
    "not closed": (polygon(DOWNTOWN[:-1]), "not closed"),
    "self-crossing": (
        polygon(ring((-97.7, 30.2), (-97.6, 30.3), (-97.6, 30.2), (-97.7, 30.3))),
        r"crosses itself at \[-97.65, 30.25\]",
    ),
    "flat": (polygon(ring((-97.7, 30.2), (-97.65, 30.25), (-97.6, 30.3))), "crosses itself|encloses nothing"),
    "hole outside": (polygon(DOWNTOWN, square(-97.6, 30.25, 0.01)), "hole lies outside"),
    "parts overlap": (
        {"type": "MultiPolygon", "coordinates": [[square(-97.7, 30.2, 0.1)], [square(-97.65, 30.25, 0.1)]]},
        "itself|overlap",
    ),
    "swapped": (polygon(ring((30.25, -97.76), (30.25, -97.70), (30.30, -97.70))), "swapped"),
    "swapped on the earth": (polygon(ring((33.7, -84.4), (33.7, -84.3), (33.8, -84.3))), "swapped"),
    "off the earth": (polygon(ring((-97.7, 30.2), (-97.6, 30.2), (-97.6, 95))), "not on the earth"),
    "date line": (polygon(ring((179.9, 51.9), (-179.9, 51.9), (-179.9, 52.0), (179.9, 52.0))), "date line"),
    "outside": (polygon(square(13.3, 52.5, 0.1)), "outside the United States"),
    "null island": (polygon(square(0, 0, 0.1)), "outside the United States"),
    "half in Mexico": (polygon(ring((-97.5, 26.0), (-97.4, 26.0), (-97.45, 25.0))), "outside the United States"),
    "Toronto": (polygon(square(-79.38, 43.65, 0.02)), r"\[-79.38, 43.65\] is outside the United States"),
    "one corner in Windsor": (polygon(ring((-83.06, 42.35), (-83.05, 42.35), (-83.03, 42.27))), "outside the United"),
    "the middle across the border": (  # every corner within half a mile of Detroit
        polygon(ring((-83.052, 42.3190), (-83.040, 42.3200), (-83.046, 42.3165))),
        "outside the United States",
    ),
    "the country": (
        polygon(ring((-124, 33), (-70, 33), (-70, 47), (-124, 47))),
        "square miles, more than 400",
    ),
    "a state": (polygon(ring((-106, 31), (-94, 31), (-94, 34), (-106, 34))), "square miles, more than 400"),
    "another projection": ({**polygon(DOWNTOWN), "crs": {"properties": {"name": "EPSG:3857"}}}, "crs"),
    "two features": ({"type": "FeatureCollection", "features": [{}, {}]}, "one area"),
    "crumbs": (
        {"type": "MultiPolygon", "coordinates": [[square(-97 + n / 1000, 30, 0.0005)] for n in range(1001)]},
        "1,001 parts, more than 1,000",
    ),
    "too fine": (
        polygon(ring(*[(-97.7 + math.cos(a / 2000) / 50, 30.2 + math.sin(a / 2000) / 50) for a in range(12_000)])),
        "simplify|corners",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_polygon_is_refused_with_the_field_and_the_fix(case: str) -> None:
    drawn, said = WRONG[case]
    with pytest.raises(InvalidInput, match=said) as refused:
        read_area(polygon=drawn)
    assert str(refused.value).startswith("polygon")
    assert refused.value.fix
    assert refused.value.extra["errors"][0]["field"].startswith("polygon")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "no area is given"),
        ({"city": "Austin, TX", "zip_code": "78701"}, "both city and zip_code"),
        ({"city": "Austin"}, "names no state"),
        ({"city": "USA"}, "names no state"),
        ({"city": "Austn, TX"}, "did you mean Austin"),
        ({"city": "Qqqq, TX"}, "give a postal city"),
        ({"city": ", TX"}, "names no state"),
        ({"zip_code": "7870"}, "no ZIP code"),
        ({"zip_code": "00000"}, "there is no ZIP code 00000"),
        ({"zip_code": "78701", "name": "Down\x00town"}, "name: it holds characters"),
        ({"zip_code": "78701", "name": "x" * 201}, "name: it has 201 characters"),
    ],
)
def test_an_unknown_city_or_zip_code_is_refused_with_a_hint(asked: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_area(**asked)  # type: ignore[arg-type]


def test_a_city_is_found_however_it_is_written() -> None:
    names = {read_area(city=written).name for written in ("Austin, TX", "austin tx", " AUSTIN , Texas")}
    assert names == {"Austin, TX"}
    saint = read_area(city="St. Petersburg, FL")
    assert saint.spec == {"city": "Saint Petersburg", "state": "FL"}
    assert {"ST PETERSBURG", "ST. PETERSBURG", "SAINT PETERSBURG"} <= set(spellings("Saint Petersburg"))
    assert read_area(zip_code="78701-1234").spec == {"postal_code": "78701"}


def test_a_drawn_area_knows_its_size_its_box_and_its_towns() -> None:
    area = read_area(polygon={"type": "Feature", "properties": {}, "geometry": polygon(DOWNTOWN)})
    assert area.square_miles == pytest.approx(12.37, rel=0.01)
    assert area.box == (30.25, -97.76, 30.30, -97.70)
    assert area.cities() == [("TX", "Austin")]
    assert area.name == "12.4 square miles near Austin, TX"
    assert read_area(polygon=polygon(DOWNTOWN), name="Downtown").name == "Downtown"


def test_of_an_area_in_parts_only_the_parts_are_looked_through() -> None:
    """Not the country between them, and no cell of the grid twice."""
    seattle, miami = square(-122.34, 47.6, 0.01), square(-80.2, 25.77, 0.01)
    area = read_area(polygon={"type": "MultiPolygon", "coordinates": [[seattle], [miami]]})
    assert cells(area) == cells(read_area(polygon=polygon(seattle))) | cells(read_area(polygon=polygon(miami)))
    assert area.cities() == [("FL", "Miami"), ("WA", "Seattle")]
    close = [square(-97.7401, 30.2501, 0.001), square(-97.7387, 30.2507, 0.004)]  # both in one cell, apart
    cells(read_area(polygon={"type": "MultiPolygon", "coordinates": [[ring] for ring in close]}))


def cells(area: Area) -> set[tuple[int, int]]:
    """Row and column of each cell that is looked through."""
    asked = area.params()
    found = [
        (row, column)
        for south, west, north, east in zip(*(asked[side] for side in ("south", "west", "north", "east")), strict=True)
        for row in range(south, north + 1)
        for column in range(west, east + 1)
    ]
    assert len(found) == len(set(found)) and all(0 <= column < 72_000 for _, column in found)
    return set(found)


def test_an_area_around_the_date_line_is_named_after_its_largest_part() -> None:
    parts = [[square(179.9, 51.9, 0.1)], [square(-180, 51.9, 0.2)]]
    area = read_area(polygon={"type": "MultiPolygon", "coordinates": parts})
    assert area.name.endswith("near Adak, AK")
    assert {column // 100 for _, column in cells(area)} == {0, 719}
    assert area.cities() == [("AK", "Adak")]


def test_the_limit_is_the_installations_own() -> None:
    with pytest.raises(InvalidInput, match="more than 5"):
        read_area(polygon=polygon(DOWNTOWN), largest_square_miles=5)


def test_a_hole_is_no_part_of_the_area_and_the_edge_is() -> None:
    area = read_area(polygon=polygon(DOWNTOWN, square(-97.74, 30.27, 0.01)))
    lat = np.array([30.26, 30.275, 30.25, 30.24])
    lng = np.array([-97.73, -97.735, -97.73, -97.73])
    assert area.holds(lat, lng).tolist() == [True, False, True, False]
    assert area.square_miles == pytest.approx(12.37 - 0.41, rel=0.01)


@given(st.floats(-116, -84), st.floats(34, 45), st.floats(0.001, 0.1), st.floats(0.001, 0.1), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_stored_area_finds_the_same_places_as_the_drawn_one(
    west: float, south: float, wide: float, high: float, seed: int
) -> None:
    """A rectangle holds what its sides say, its cells of the grid miss none, and it survives being stored."""
    east, north = west + wide, south + high
    drawn = read_polygon(polygon(ring((west, south), (east, south), (east, north), (west, north))))
    area = read_area(polygon=drawn.geojson)
    again = stored_area(area.kind, area.name, json.loads(json.dumps(area.spec)))
    random = np.random.default_rng(seed)
    lat, lng = random.uniform(south - high, north + high, 200), random.uniform(west - wide, east + wide, 200)
    inside = (lat >= south) & (lat <= north) & (lng >= west) & (lng <= east)
    assert area.holds(lat, lng).tolist() == again.holds(lat, lng).tolist() == inside.tolist()
    cells = {side: edges[0] for side, edges in area.params().items() if side in ("south", "west", "north", "east")}
    row, column = np.floor((lat + 90) * 200), np.floor((lng + 180) * 200)
    in_cells = (row >= cells["south"]) & (row <= cells["north"]) & (column >= cells["west"]) & (column <= cells["east"])
    assert not (inside & ~in_cells).any()
