"""Small towns for the tests of the numeric pass: a lattice of homes, so that ties and edges really happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from penstock.contagion.arrays import PERMIT, PROPERTY, Ints, Rows

AS_OF = 20_000  # 2024-10-04
LAT, LNG = 36.15, -86.78
STEP = 0.0003  # about 109 feet north, 88 feet east


@dataclass
class Village:
    """Properties, permits, and which property each permit is about."""

    properties: Rows
    permits: Rows
    own: Ints


def properties(places: list[tuple[int, int]], built: list[int] | None = None, codes: list[int] | None = None) -> Rows:
    """Homes at lattice places (north, east), with ids 100, 101, …"""
    made = np.zeros(len(places), dtype=PROPERTY)
    made["id"] = np.arange(len(places)) + 100
    _place(made, places)
    made["year_built"] = built if built is not None else 1995
    made["subdivision"] = codes if codes is not None else -1
    return made


def permits(places: list[tuple[int, int]], **columns: Any) -> Rows:
    """Permits at lattice places, with ids 1, 2, …; a hundred days old if nothing else is said."""
    made = np.zeros(len(places), dtype=PERMIT)
    made["id"] = np.arange(len(places)) + 1
    _place(made, places)
    made["day"], made["contractor"], made["subdivision"] = AS_OF - 100, -1, -1
    for name, values in columns.items():
        made[name] = values
    return made


def nobody(rows: Rows) -> Ints:
    """`own` of permits that belong to no known property."""
    return np.full(len(rows), -1, dtype=np.int64)


@st.composite
def villages(draw: st.DrawFn, homes: int = 24, asked: int = 24) -> Village:
    """Up to so many homes and permits on a lattice of 16 × 16 places (about 1,700 × 1,400 feet)."""
    place = st.tuples(st.integers(0, 15), st.integers(0, 15))
    code = st.integers(-1, 2)
    home = st.tuples(place, st.sampled_from([0, 1950, 1994, 1995, 2023]), code)
    permit = st.tuples(place, st.integers(-1300, 60), st.integers(-1, 4), code, st.integers(-1, homes - 1))
    lived = draw(st.lists(home, max_size=homes))
    filed = draw(st.lists(permit, max_size=asked))
    own = np.array([p[4] if p[4] < len(lived) else -1 for p in filed], dtype=np.int64)
    return Village(
        properties([h[0] for h in lived], [h[1] for h in lived], [h[2] for h in lived]),
        permits(
            [p[0] for p in filed],
            day=[AS_OF + p[1] for p in filed],
            contractor=[p[2] for p in filed],
            subdivision=[p[3] for p in filed],
        ),
        own,
    )


def _place(made: Rows, places: list[tuple[int, int]]) -> None:
    made["lat"] = [LAT + north * STEP for north, _ in places]
    made["lng"] = [LNG + east * STEP for _, east in places]
