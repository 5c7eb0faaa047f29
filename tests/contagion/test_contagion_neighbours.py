"""What a property feels, against a slow account of the same thing written out pair by pair."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from ground_contagion import AS_OF, LAT, LNG, STEP, Village, nobody, permits, properties, villages
from hypothesis import given, settings

from penstock.contagion.arrays import NEIGHBOURS, Reach, Rows
from penstock.contagion.field import one_per_project, prepare
from penstock.contagion.geometry import chord, distance_ft, earth_centred, feet
from penstock.contagion.neighbours import measure
from penstock.core.errors import InvalidInput

REACH = Reach()


def felt(village: Village, as_of: int = AS_OF, reach: Reach = REACH) -> Rows:
    return measure(
        village.properties,
        prepare(village.properties, village.permits, village.own, as_of=as_of, reach=reach),
    )


def year(day: int) -> int:
    return int(np.datetime64(int(day), "D").astype("datetime64[Y]").astype(int)) + 1970


@dataclass
class Told:
    """What the slow account says of one property."""

    near: int = 0
    block: int = 0
    area: int = 0
    same_subdivision: int = 0
    nearest: tuple[float, int, int] = (math.inf, 0, 0)
    position: int = -1
    since: int = 0
    pressure: float = 0.0
    replaced: list[int] = field(default_factory=list)
    contractors: Counter[int] = field(default_factory=Counter)


def slowly(v: Village, at: int) -> Told:
    told, home = Told(), v.properties[at]
    for k, permit in enumerate(v.permits):
        if not AS_OF - REACH.window_days < permit["day"] <= AS_OF or v.own[k] == at:
            continue
        told.same_subdivision += bool(permit["subdivision"] == home["subdivision"] >= 0)
        away = distance_ft(*(np.array([x]) for x in (home["lat"], home["lng"], permit["lat"], permit["lng"])))[0]
        if away > 1320:
            continue
        told.area += 1
        told.pressure += 2 ** (-math.floor(away) / 500) * 2 ** (-(AS_OF - permit["day"]) / 365)
        key = (away, -int(permit["day"]), int(permit["id"]))
        if key < told.nearest:
            told.nearest, told.position = key, k
        if since := replaced(v, k):
            told.replaced.append(since)
        if away <= 500:
            told.block += 1
            told.since = min(told.since or permit["day"], permit["day"])
            told.contractors.update([permit["contractor"]] if permit["contractor"] >= 0 else [])
        told.near += away <= 100
    return told


def replaced(v: Village, k: int) -> int:
    if v.own[k] < 0:
        return 0
    rank = (v.permits[k]["day"], v.permits[k]["id"])
    before = [p for n, p in enumerate(v.permits) if v.own[n] == v.own[k] and (p["day"], p["id"]) < rank]
    since = year(max(p["day"] for p in before)) if before else int(v.properties[v.own[k]]["year_built"])
    return since if since <= year(v.permits[k]["day"]) else 0


@settings(max_examples=80, deadline=None)
@given(villages())
def test_every_figure_is_what_pair_by_pair_counting_gives(v: Village) -> None:
    made = felt(v)
    for at, row in enumerate(made):
        told = slowly(v, at)
        assert (row["near"], row["block"], row["area"]) == (told.near, told.block, told.area)
        assert row["same_subdivision"] == told.same_subdivision
        assert row["since"] == told.since
        assert row["pressure"] == pytest.approx(told.pressure, abs=told.area * 3e-4)
        assert row["nearest"] == told.position
        assert row["nearest_ft"] == pytest.approx(told.nearest[0] if told.area else math.nan, nan_ok=True, abs=1e-6)
        mean = sum(told.replaced) / len(told.replaced) if told.replaced else math.nan
        assert row["replaced_year"] == pytest.approx(mean, nan_ok=True)
        busiest = sorted(told.contractors, key=lambda c: (-told.contractors[c], c))
        assert row["contractor_count"] == len(busiest)
        assert row["contractors"].tolist() == (busiest + [-1] * 3)[:3]


def test_a_permit_at_a_hundred_feet_counts_and_one_just_beyond_does_not() -> None:
    homes = properties([(0, 0)])
    there = permits([(0, 0), (0, 0)])
    edge = 100 / distance_ft(*(np.array([x]) for x in (LAT, LNG, LAT + STEP, LNG)))[0] * STEP
    there["lat"] = [LAT + edge * (1 - 1e-7), LAT + edge * (1 + 1e-7)]
    row = felt(Village(homes, there, nobody(there)))[0]
    assert (row["near"], row["block"]) == (1, 2)
    assert row["nearest_ft"] == pytest.approx(100, abs=1e-3)


def test_a_permit_exactly_at_the_radius_counts() -> None:
    homes = properties([(0, 0)])
    tried = 0
    for east in range(1, 12):
        there = permits([(3, east)])
        gap = earth_centred(homes["lat"], homes["lng"]) - earth_centred(there["lat"], there["lng"])
        metres = np.sqrt(np.square(gap).sum(axis=1))
        radius = float(feet(metres)[0])
        if chord(radius) == metres[0]:  # to the last bit, which rounding grants to some
            tried += 1
            reach = Reach(near_ft=radius, block_ft=radius, area_ft=radius)
            row = felt(Village(homes, there, nobody(there)), reach=reach)[0]
            assert (row["near"], row["block"], row["area"]) == (1, 1, 1)
    assert tried > 0


def test_an_own_permit_says_when_the_property_was_done_and_is_no_neighbours() -> None:
    homes = properties([(0, 0), (0, 1)], built=[1990, 1991])
    there = permits([(0, 0)])
    mine, other = felt(Village(homes, there, np.array([0])))
    assert (mine["area"], mine["installed_year"], mine["by_permit"]) == (0, 2024, True)
    assert (other["area"], other["installed_year"], other["by_permit"]) == (1, 1991, False)
    assert other["replaced_year"] == 1990


def test_a_permit_replaces_what_the_one_before_it_had_put_there() -> None:
    homes = properties([(0, 0), (0, 1)], built=[1950, 1991])
    there = permits([(0, 0), (0, 0)], day=[AS_OF - 20 * 366, AS_OF - 30])
    assert felt(Village(homes, there, np.array([0, 0])))[1]["replaced_year"] == 2004


def test_the_future_leaves_no_trace() -> None:
    homes = properties([(0, 0), (0, 1)], built=[1990, 1991], codes=[0, 0])
    there = permits([(0, 0), (0, 1)], day=[AS_OF + 1, AS_OF + 400], subdivision=0, contractor=3)
    none = permits([])
    with_future = felt(Village(homes, there, np.array([0, 1])))
    assert with_future.tobytes() == felt(Village(homes, none, nobody(none))).tobytes()


def test_the_window_ends_on_the_day() -> None:
    homes = properties([(0, 0)])
    there = permits([(0, 1)] * 4, day=[AS_OF, AS_OF + 1, AS_OF - 1094, AS_OF - 1095])
    assert felt(Village(homes, there, nobody(there)))[0]["area"] == 2


def test_of_two_nearest_the_later_one_is_named() -> None:
    homes = properties([(0, 0)])
    there = permits([(0, 1), (0, 1), (0, 1)], day=[AS_OF - 9, AS_OF - 5, AS_OF - 5])
    assert felt(Village(homes, there, nobody(there)))[0]["nearest"] == 1


def test_forty_permits_of_one_estate_are_one_project() -> None:
    there = permits([(3, 3)] * 40 + [(3, 4)] * 2, day=[AS_OF - 40 + n for n in range(40)] + [AS_OF - 500, AS_OF])
    assert one_per_project(there, nobody(there)).tolist() == [0, 40, 41]
    assert one_per_project(there, np.zeros(42, dtype=np.int64)).tolist() == [0, 40]


def test_nothing_at_all_is_measured_as_nothing() -> None:
    none = permits([])
    assert len(felt(Village(properties([]), none, nobody(none)))) == 0
    alone = felt(Village(properties([(0, 0)]), none, nobody(none)))
    assert alone.dtype == NEIGHBOURS
    assert (alone["area"][0], alone["nearest"][0], alone["contractors"][0].tolist()) == (0, -1, [-1, -1, -1])


def test_rows_without_coordinates_are_refused_with_a_way_out() -> None:
    homes, there = properties([(0, 0)]), permits([(0, 1)])
    there["lat"] = np.nan
    with pytest.raises(InvalidInput, match=r"permits without coordinates .*flaws"):
        felt(Village(homes, there, nobody(there)))


@pytest.mark.parametrize("ids", [[5, 5], [7, 5, 7], [-1, 4]])
def test_ids_that_are_not_ids_are_refused(ids: list[int]) -> None:
    homes, none = properties([(0, 0)] * len(ids)), permits([])
    homes["id"] = ids
    with pytest.raises(InvalidInput, match="unique and not negative"):
        felt(Village(homes, none, nobody(none)))


@pytest.mark.parametrize("own", [[2], [-2], [0, 0]])
def test_permits_of_properties_that_are_not_there_are_refused(own: list[int]) -> None:
    with pytest.raises(InvalidInput, match="`own` gives"):
        felt(Village(properties([(0, 0)] * 2), permits([(0, 1)]), np.array(own)))


@pytest.mark.parametrize("wrong", [{"near_ft": 600.0}, {"window_days": 0}, {"half_distance_ft": 0.0}])
def test_a_reach_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        Reach(**wrong)  # type: ignore[arg-type]
