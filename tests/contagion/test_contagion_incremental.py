"""Measuring again only what a new permit reaches gives what a full pass gives."""

from __future__ import annotations

import numpy as np
from ground_contagion import AS_OF, Village, nobody, permits, properties, villages
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.contagion.arrays import Reach, Rows
from penstock.contagion.field import prepare, subdivisions
from penstock.contagion.incremental import Places
from penstock.contagion.neighbours import measure

REACH = Reach(near_ft=100, block_ft=200, area_ft=350)  # so that a village is many reaches wide


def measured(v: Village) -> Rows:
    return measure(v.properties, prepare(v.properties, v.permits, v.own, as_of=AS_OF, reach=REACH))


@settings(max_examples=150, deadline=None)
@given(villages(), st.integers(1, 4))
def test_rescoring_only_what_new_permits_reach_equals_a_full_pass(v: Village, new: int) -> None:
    assume(len(v.permits) >= new and len(v.properties))
    kept = measured(Village(v.properties, v.permits[:-new], v.own[:-new]))
    changed = np.arange(len(v.permits) - new, len(v.permits))
    totals = subdivisions(v.properties, v.permits, as_of=AS_OF, reach=REACH)
    rows, made = Places(v.properties).rescore(v.permits, v.own, changed, totals, as_of=AS_OF, reach=REACH)
    kept[rows] = made
    assert kept.tobytes() == measured(v).tobytes()


def test_only_the_permits_around_are_looked_at() -> None:
    """A permit without coordinates would be refused: it stands far off, and nobody asks it."""
    homes = properties([(0, 0), (0, 1)])
    filed = permits([(0, 0), (90, 90)])
    filed["lat"][1] = np.nan
    totals = subdivisions(homes, filed, as_of=AS_OF, reach=REACH)
    rows, made = Places(homes).rescore(filed, np.array([0, -1]), np.array([0]), totals, as_of=AS_OF, reach=REACH)
    assert rows.tolist() == [0, 1]
    assert made["area"].tolist() == [0, 1]


def test_an_older_permit_that_comes_late_changes_what_a_later_one_replaced() -> None:
    """The two stand at the ends of a large plot: who feels the later one is out of reach of the older."""
    homes = properties([(0, 0), (0, 30)], built=[1950, 1990])
    filed = permits([(0, 31), (0, 0)], day=[AS_OF - 10, AS_OF - 30 * 365])
    own = np.array([0, 0])
    totals = subdivisions(homes, filed, as_of=AS_OF, reach=REACH)
    rows, made = Places(homes).rescore(filed, own, np.array([1]), totals, as_of=AS_OF, reach=REACH)
    assert rows.tolist() == [0, 1]
    assert made["replaced_year"][1] == 1994


def test_a_new_permit_touches_its_neighbours_and_nobody_else() -> None:
    homes = properties([(0, 0), (0, 1), (0, 3), (0, 4), (90, 0)], codes=[-1, -1, -1, -1, 3])
    filed = permits([(0, 0), (90, 1)], subdivision=[-1, 3])
    places = Places(homes)
    own = np.array([0, -1])
    assert places.affected(filed, own, np.array([0]), REACH).tolist() == [0, 1, 2]
    assert places.affected(filed, own, np.array([1]), REACH).tolist() == [4]
    assert places.affected(filed, nobody(filed), np.array([], dtype=np.int64), REACH).tolist() == []
