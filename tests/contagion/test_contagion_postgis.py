"""The counts are those of PostGIS `ST_DWithin` on geography. Skips where Debian's PostGIS is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from benchmarks import postgis
from ground_contagion import AS_OF, nobody, permits, properties

from penstock.contagion.arrays import Reach
from penstock.contagion.field import prepare
from penstock.contagion.geometry import FOOT, distance_ft
from penstock.contagion.neighbours import measure


@pytest.fixture(scope="module")
def db() -> Iterator[psycopg.Connection[Any]]:
    if (folder := postgis.programs()) is None:
        pytest.skip("PostGIS is not installed (apt-get install postgresql-15-postgis-3): counts are not compared")
    with postgis.server(folder) as db:
        yield db


@pytest.mark.parametrize("lat", [19.6, 36.15, 64.8])
def test_counts_and_nearest_distances_are_those_of_postgis(db: psycopg.Connection[Any], lat: float) -> None:
    chance = np.random.default_rng(int(lat))
    homes, filed = properties([(0, 0)] * 1500), permits([(0, 0)] * 500)
    for rows in (homes, filed):
        rows["lat"] = lat + chance.random(len(rows)) * 0.01
        rows["lng"] = -120 + chance.random(len(rows)) * 0.012
    made = measure(homes, prepare(homes, filed, nobody(filed), as_of=AS_OF, reach=Reach()))
    postgis.load(db, homes, filed)
    counts, nearest = postgis.ask(db, Reach())
    assert np.column_stack((made["near"], made["block"], made["area"])).tolist() == counts.tolist()
    assert (made["area"] > 0).mean() > 0.9
    assert np.allclose(made["nearest_ft"], nearest, rtol=0, atol=1e-6, equal_nan=True)


def test_both_agree_to_a_tenth_of_a_micrometre_where_the_circle_ends(db: psycopg.Connection[Any]) -> None:
    """Permits a little inside and a little outside each radius, in every direction."""
    homes, filed = properties([(0, 0)]), permits([(0, 0)] * 720)
    radius = np.repeat(np.array([100.0, 500.0, 1320.0]), 240)
    angle = np.tile(np.linspace(0, 2 * np.pi, 240, endpoint=False), 3)
    offset = np.tile(np.array([-3e-7, 3e-7]), 360)
    for _ in range(8):  # move each permit outward until it stands where it should
        away = distance_ft(*(np.broadcast_to(homes[name], 720) for name in ("lat", "lng")), filed["lat"], filed["lng"])
        short = (radius + offset - np.nan_to_num(away)) * FOOT / 111_000
        filed["lat"] += short * np.cos(angle)
        filed["lng"] += short * np.sin(angle) / np.cos(np.radians(36.15))
    made = measure(homes, prepare(homes, filed, nobody(filed), as_of=AS_OF, reach=Reach()))
    postgis.load(db, homes, filed)
    counts, _ = postgis.ask(db, Reach())
    assert [made["near"][0], made["block"][0], made["area"][0]] == counts[0].tolist() == [120, 360, 600]
