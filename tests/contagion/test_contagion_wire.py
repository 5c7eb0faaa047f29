"""Binary COPY as numpy arrays, and the cells of the grid around points: held against the plain way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.cells import PER_DEGREE, ROW, ranges_around
from penstock.contagion.geometry import distance_ft
from penstock.contagion.wire import copy_out, copy_rows
from penstock.core.db import execute, rows

KINDS = np.dtype([("a", "<i8"), ("b", "<i4"), ("c", "<i2"), ("d", "<f8"), ("e", "?")])
COLUMNS = "array_agg(a order by n), array_agg(b order by n), array_agg(c order by n), array_agg(d order by n), array_agg(e order by n)"  # noqa: E501
EXAMPLES = [
    (2**62, -(2**31), 32_767, math.nan, True),
    (-1, 0, -1, -0.0, False),
    (7, 8, 9, 1.0000000000000002, True),
]


async def test_rows_that_went_in_by_copy_come_out_by_copy_to_the_bit(db: AsyncConnection) -> None:
    await execute(db, text("create temp table numbers (a bigint, b int, c smallint, d float8, e bool, n serial)"))
    given_rows = np.array(EXAMPLES, dtype=KINDS)
    await copy_rows(db, "numbers", given_rows)
    found = await copy_out(db, text(f"select {COLUMNS} from numbers where a > :least"), KINDS, least=-5)
    assert found.tobytes() == given_rows.tobytes()
    kept = await rows(db, text("select a, b, c, cast(d as text) as d, e from numbers order by n"))
    assert [tuple(row.values()) for row in kept] == [
        (2**62, -(2**31), 32_767, "NaN", True),
        (-1, 0, -1, "-0", False),
        (7, 8, 9, "1.0000000000000002", True),
    ]


async def test_no_rows_are_no_rows(db: AsyncConnection) -> None:
    await execute(db, text("create temp table numbers (a bigint, b int, c smallint, d float8, e bool, n serial)"))
    await copy_rows(db, "numbers", np.zeros(0, dtype=KINDS))
    assert len(await copy_out(db, text(f"select {COLUMNS} from numbers where a > :least"), KINDS, least=-5)) == 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select array_agg(n) from (values (cast(:one as int)), (null)) v(n)", "nulls"),
        ("select array_agg(cast(n as bigint)) from (values (cast(:one as int)), (2)) v(n)", "4 bytes"),
        ("select array_agg(cast(n as smallint)) from (values (cast(:one as int)), (2)) v(n)", "4 bytes"),
    ],
)
async def test_nulls_and_other_widths_are_refused(db: AsyncConnection, query: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        await copy_out(db, text(query), np.dtype([("n", "<i4")]), one=1)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(-70, 72).map(lambda x: round(x, 4)),
            st.one_of(st.floats(-180, 180), st.floats(-180, -179.99), st.floats(179.99, 180)),
        ),
        min_size=1,
        max_size=5,
    ),
    st.floats(10, 30_000),
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=20),
)
def test_whatever_is_near_enough_lies_in_one_of_the_ranges(
    points: list[tuple[float, float]], feet: float, steps: list[tuple[float, float]]
) -> None:
    lat, lng = (np.array(each) for each in zip(*points, strict=True))
    low, high = ranges_around(lat, lng, feet)
    assert all(a <= b for a, b in zip(low, high, strict=True))
    assert all(b + 1 < a for b, a in zip(high, low[1:], strict=False))
    for north, east in steps:
        spot = lat + north * feet / 364_000, (lng + east * feet / 364_000 / np.cos(np.radians(lat)) + 180) % 360 - 180
        near = distance_ft(lat, lng, *spot) <= feet
        cells = np.floor((spot[0] + 90) * PER_DEGREE) * ROW + np.floor((spot[1] + 180) * PER_DEGREE)
        assert all(any(a <= cell <= b for a, b in zip(low, high, strict=True)) for cell in cells[near])


async def test_cells_are_those_of_the_database(db: AsyncConnection) -> None:
    points: list[tuple[float, float]] = [(36.15, -86.78), (-0.001, 179.999), (51.2, -180.0)]
    for lat, lng in points:
        found: Any = await rows(db, text("select app.grid_cell(:lat, :lng) as cell"), lat=lat, lng=lng)
        low, high = ranges_around(np.array([lat]), np.array([lng]), 1.0)
        assert any(a <= found[0]["cell"] <= b for a, b in zip(low, high, strict=True))
