"""The backtest finds contagion where it was planted, none where there is none, and says when it cannot know."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ground_contagion import AS_OF, nobody, permits, properties
from hypothesis import given
from hypothesis import strategies as st

from penstock.contagion.arrays import Ints, Reach, Rows
from penstock.contagion.backtest import OURS, Report, backtest, compare, judge
from penstock.contagion.score import Weights
from penstock.core.errors import InvalidInput

SIDE = 90


def town(seed: int, strength: float) -> tuple[Rows, Rows, Ints, Ints]:
    """A lattice of homes in which asking spreads to neighbours (`strength`) year by year, or falls at random (0)."""
    chance = np.random.default_rng(seed)
    places = [(north, east) for north in range(SIDE) for east in range(SIDE)]
    homes = properties(places, built=chance.integers(1985, 2012, len(places)).tolist())
    asked = np.zeros((SIDE, SIDE), dtype=bool)
    about: list[int] = []
    days: list[int] = []
    for year in range(4):
        near = sum(np.roll(asked, step, axis) for axis in (0, 1) for step in (-2, -1, 1, 2))
        probability = np.clip(0.01 + strength * near, 0, 0.9) if strength else np.full((SIDE, SIDE), 0.03)
        new = (chance.random((SIDE, SIDE)) < probability) & ~asked
        asked |= new
        about += np.flatnonzero(new).tolist()
        days += (AS_OF - 3 * 365 + year * 365 + chance.integers(1, 365, int(new.sum()))).tolist()
    filed = permits([places[k] for k in about], day=days)
    blocks = np.array([north // 6 * 100 + east // 6 for north, east in places])
    return homes, filed, np.array(about, dtype=np.int64), blocks


def report_on(town_seed: int, strength: float, **wanted: int) -> Report:
    homes, filed, own, blocks = town(town_seed, strength)
    return backtest(
        homes, filed, own, blocks, as_of=AS_OF, reach=Reach(), weights=Weights(), **{"resamples": 200, **wanted}
    )


def test_planted_contagion_is_found_and_beats_age() -> None:
    report = report_on(4, strength=0.1)
    by_name = {each.name: each for each in report.rankings}
    assert report.hits > 300
    assert by_name["contagion alone"].lift.low > 1.3
    assert by_name["contagion alone"].auc.low > 0.55 > by_name["age alone"].auc.low
    assert by_name[OURS].lift.low > 1
    differences = {(each.ours, each.theirs): each.difference for each in report.comparisons}
    assert differences["contagion alone", "age alone"].low > 0
    assert differences["contagion alone", "number of neighbours' permits"].low > 0


def test_where_nothing_spreads_nothing_is_claimed() -> None:
    """An interval of 95 in 100 may miss one time in twenty."""
    missed = 0
    for seed in range(12):
        (lift,) = (each.lift for each in report_on(seed, 0.0, resamples=100).rankings if each.name == "contagion alone")
        missed += not lift.low < 1 < lift.high
    assert missed <= 2


def test_the_same_seed_gives_the_same_report() -> None:
    assert report_on(6, 0.06, resamples=20) == report_on(6, 0.06, resamples=20)
    assert report_on(6, 0.06, resamples=20) != report_on(6, 0.06, resamples=20, seed=2)


def test_what_came_after_is_not_seen_when_scoring() -> None:
    homes, filed, own, blocks = town(7, 0.06)
    after = filed["day"] > AS_OF
    assert after.any()
    moved = filed.copy()
    moved["contractor"][after], moved["value_cents"][after] = 3, 10**9
    first, second = (
        backtest(homes, rows, own, blocks, as_of=AS_OF, reach=Reach(), weights=Weights(), resamples=5)
        for rows in (filed, moved)
    )
    assert first == second


def test_the_time_after_begins_the_day_after_and_ends_on_its_last_day() -> None:
    homes = properties([(0, k) for k in range(6)])
    filed = permits([(0, k) for k in range(4)], day=[AS_OF, AS_OF + 1, AS_OF + 30, AS_OF + 31])
    report = backtest(
        homes, filed, np.arange(4), np.arange(6), as_of=AS_OF, reach=Reach(), weights=Weights(), horizon_days=30
    )
    assert (report.hits, report.permits_known) == (2, 1)


def test_deciles_add_up_to_all_hits_and_all_properties() -> None:
    report = report_on(8, 0.06, resamples=5)
    for ranking in report.rankings:
        assert sum(each.hits for each in ranking.deciles) == pytest.approx(report.hits)
        assert sum(each.properties for each in ranking.deciles) == pytest.approx(report.properties)
        assert sum(each.lift for each in ranking.deciles) == pytest.approx(10)


@given(st.lists(st.booleans(), min_size=2, max_size=50).filter(any))
def test_a_ranking_that_knows_nothing_is_exactly_random(hits: list[bool]) -> None:
    hit = np.array(hits)
    judged = judge({"none": np.zeros(len(hit))}, hit, np.arange(len(hit)), resamples=5)["none"].ranking
    expected = (1, 1, 1) if hit.sum() >= 10 else (1, math.nan, math.nan)
    assert judged.lift == pytest.approx(expected, nan_ok=True)
    assert [each.lift for each in judged.deciles] == pytest.approx([1] * 10)
    assert judged.auc.value == 0.5


def test_a_perfect_ranking_catches_all_in_its_first_tenth() -> None:
    hit = np.arange(200) % 20 == 0
    judged = judge({"perfect": hit * 1.0}, hit, np.arange(200) // 10, resamples=50)["perfect"].ranking
    assert judged.deciles[0].hits == pytest.approx(10)
    assert judged.lift.value == pytest.approx(10)
    assert judged.auc == pytest.approx((1, 1, 1))


def test_the_area_under_the_curve_counts_ties_as_half() -> None:
    values, hit = np.array([3.0, 2, 2, 1]), np.array([True, True, False, False])
    judged = judge({"some": values}, hit, np.arange(4), resamples=0)["some"].ranking
    assert judged.auc.value == pytest.approx((2 + 1.5) / 4)


def test_hits_in_a_handful_of_neighbourhoods_get_no_interval() -> None:
    hit = np.arange(90) < 40
    judged = judge({"some": np.arange(90.0)}, hit, np.arange(90) // 10, resamples=20)["some"].ranking
    assert math.isnan(judged.lift.low) and math.isnan(judged.auc.high)


def test_a_ranking_is_as_good_as_itself() -> None:
    hit = np.arange(120) % 7 == 0
    values = np.arange(120.0) % 11
    judged = judge({"a": values, "b": values * 2 + 1}, hit, np.arange(120) // 6, resamples=30)
    assert compare(judged, "a", "b").difference == (0, 0, 0)


def test_few_hits_unknown_ages_and_a_short_record_are_warned_of() -> None:
    homes = properties([(0, k) for k in range(20)], built=[0] * 20)
    filed = permits([(0, 1)], day=AS_OF + 30)
    report = backtest(
        homes, filed, np.array([1]), np.arange(20), as_of=AS_OF, reach=Reach(), weights=Weights(), resamples=5
    )
    assert [warning.split(" ")[0] for warning in report.warnings] == ["Only", "They", "The", "The"]
    assert "335 days" in report.warnings[2]
    assert "100%" in report.warnings[3]


def test_without_a_single_hit_there_is_nothing_to_say() -> None:
    homes, none = properties([(0, 0)]), permits([])
    with pytest.raises(InvalidInput, match="nothing to measure"):
        backtest(homes, none, nobody(none), np.zeros(1), as_of=AS_OF, reach=Reach(), weights=Weights())
