"""Clusters: those of DBSCAN where they are short, cut where they are long, and under lasting ids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ground_contagion import AS_OF, STEP, nobody, permits, properties
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from penstock.contagion.arrays import Rows
from penstock.contagion.clusters import Density, Found, Status, cluster_of, find, keep_ids, spots_of
from penstock.contagion.geometry import chord, earth_centred
from penstock.core.errors import InvalidInput

SMALL = Density(radius_ft=200, min_permits=3)
PLACES = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=60)
PREVIOUS = np.dtype([("permit", "<i8"), ("cluster", "<i8")])


def found_in(filed: Rows, density: Density = SMALL) -> Found:
    return find(filed, nobody(filed), properties([]), as_of=AS_OF, density=density)


def remembered(found: Found, clusters: Rows, filed: Rows) -> Rows:
    inside = found.member >= 0
    made = np.zeros(np.count_nonzero(inside), dtype=PREVIOUS)
    made["permit"] = filed["id"][inside]
    made["cluster"] = clusters["id"][found.member[inside]]
    return made


@settings(max_examples=80, deadline=None)
@given(PLACES)
def test_the_cores_of_a_cluster_are_those_that_dbscan_finds(places: list[tuple[int, int]]) -> None:
    filed = permits(places)
    found = found_in(filed)
    if not places:
        assert len(found.clusters) == 0
        return
    theirs = DBSCAN(eps=chord(200), min_samples=3).fit(earth_centred(filed["lat"], filed["lng"]))
    core = theirs.core_sample_indices_
    assert (found.member >= 0).tolist() == (theirs.labels_ >= 0).tolist()
    pairs = {(int(a), int(b)) for a, b in zip(found.member[core], theirs.labels_[core], strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(found.clusters)


@settings(max_examples=60, deadline=None)
@given(PLACES, st.randoms(use_true_random=False))
def test_the_order_of_the_permits_does_not_matter(places: list[tuple[int, int]], random: object) -> None:
    filed = permits(places, day=[AS_OF - n % 7 for n in range(len(places))])
    order = np.arange(len(filed))
    random.shuffle(order)  # type: ignore[attr-defined]
    for density in (SMALL, Density(radius_ft=200, min_permits=3, max_span_ft=500)):
        first, second = found_in(filed, density), found_in(filed[order], density)
        assert first.clusters.tobytes() == second.clusters.tobytes()
        assert first.member[order].tolist() == second.member.tolist()


def test_a_cluster_says_where_when_and_how_much() -> None:
    homes = properties([(0, 0), (0, 2)], built=[1990, 2001])
    filed = permits([(0, 0), (0, 1), (0, 2), (20, 20)], day=[AS_OF - 300, AS_OF - 20, AS_OF - 10, AS_OF])
    filed["value_cents"] = [900_000, 0, 1_100_000, 5]
    found = find(filed, np.array([0, -1, 1, -1]), homes, as_of=AS_OF, density=SMALL)
    (cluster,) = found.clusters
    assert found.member.tolist() == [0, 0, 0, -1]
    assert (cluster["permits"], cluster["valued"], cluster["value_cents"]) == (3, 2, 2_000_000)
    assert (cluster["first_day"], cluster["last_day"]) == (AS_OF - 300, AS_OF - 10)
    assert cluster["year_built"] == 1995.5
    assert cluster["lng"] == pytest.approx(-86.78 + STEP, abs=1e-9)
    assert cluster["radius_ft"] == pytest.approx(88.6, abs=0.1)
    assert cluster["status"] == Status.GROWING
    assert 0 < cluster["score"] < 50


@pytest.mark.parametrize(
    ("ages", "expected"),
    [([300, 300, 300], Status.FADING), ([300, 300, 10, 10], Status.STEADY), ([9, 10, 300], Status.GROWING)],
)
def test_the_status_compares_the_halves_of_the_window(ages: list[int], expected: Status) -> None:
    filed = permits([(0, 0)] * len(ages), day=[AS_OF - age for age in ages])
    assert found_in(filed).clusters["status"].tolist() == [expected]


def test_later_and_older_permits_are_left_out() -> None:
    filed = permits([(0, 0)] * 4, day=[AS_OF, AS_OF + 1, AS_OF - 364, AS_OF - 365])
    assert found_in(filed, Density(radius_ft=200, min_permits=2)).member.tolist() == [0, -1, 0, -1]


def test_a_city_that_is_one_cluster_is_cut_at_its_thin_places() -> None:
    busy = [(0, 0)] * 6 + [(0, 40)] * 8
    street = [(0, east) for east in range(41)]
    filed = permits(busy + street)
    whole = found_in(filed)
    cut = found_in(filed, Density(radius_ft=200, min_permits=3, max_span_ft=1500))
    assert len(whole.clusters) == 1
    assert len(cut.clusters) > 1
    assert cut.member[0] != cut.member[6]
    assert (cut.member[:6] == cut.member[0]).all()
    assert cut.clusters["permits"].sum() == len(filed)


def test_a_property_lies_in_the_cluster_of_the_nearest_permit() -> None:
    homes = properties([(0, 0), (0, 12), (15, 15)])
    filed = permits([(0, 0)] * 3 + [(0, 13)] * 3 + [(0, 11)])
    found = found_in(filed)
    assert cluster_of(homes, spots_of(filed, found.member), 250).tolist() == [0, 1, -1]


@settings(max_examples=80, deadline=None)
@given(PLACES, st.lists(st.booleans(), min_size=60, max_size=60), PLACES)
def test_ids_are_unique_and_pass_to_those_who_share_permits(
    places: list[tuple[int, int]], kept: list[bool], more: list[tuple[int, int]]
) -> None:
    before = permits(places)
    first = found_in(before)
    named = keep_ids(first, before, np.zeros(0, dtype=PREVIOUS), next_id=1)
    assert named["id"].tolist() == list(range(1, len(named) + 1))
    old = remembered(first, named, before)
    both = permits(places + more)
    after = both[np.array([*kept[: len(places)], *[True] * len(more)], dtype=bool)]
    second = found_in(after)
    again = keep_ids(second, after, old, next_id=len(named) + 1)
    assert len(set(again["id"].tolist())) == len(again)
    permits_of = {int(c): set(old["permit"][old["cluster"] == c].tolist()) for c in named["id"]}
    for position, cluster in enumerate(again):
        inside = set(after["id"][second.member == position].tolist())
        if cluster["id"] <= len(named):
            assert inside & permits_of[int(cluster["id"])]
        else:
            heirs = [c for c, theirs in permits_of.items() if inside & theirs]
            assert set(heirs) <= set(again["id"].tolist())
    assert keep_ids(second, after, old, next_id=len(named) + 1).tobytes() == again.tobytes()


def test_the_same_permits_keep_the_same_ids() -> None:
    filed = permits([(0, 0)] * 3 + [(0, 9)] * 3)
    found = found_in(filed)
    named = keep_ids(found, filed, np.zeros(0, dtype=PREVIOUS), next_id=41)
    again = keep_ids(found, filed, remembered(found, named, filed), next_id=43)
    assert named["id"].tolist() == again["id"].tolist() == [41, 42]


def test_when_a_cluster_falls_apart_the_larger_part_keeps_the_id() -> None:
    filed = permits([(0, 0)] * 3 + [(0, 2), (0, 4), (0, 6), (0, 8)] + [(0, 9)] * 4)
    density = Density(radius_ft=200, min_permits=2)
    whole = found_in(filed, density)
    named = keep_ids(whole, filed, np.zeros(0, dtype=PREVIOUS), next_id=7)
    rest = filed[[0, 1, 2, 7, 8, 9, 10]]
    parted = found_in(rest, density)
    again = keep_ids(parted, rest, remembered(whole, named, filed), next_id=8)
    assert dict(zip(again["permits"].tolist(), again["id"].tolist(), strict=True)) == {4: 7, 3: 8}


def test_an_id_that_was_given_before_is_not_given_anew() -> None:
    filed = permits([(0, 0)] * 3)
    previous = np.array([(99, 12)], dtype=PREVIOUS)
    with pytest.raises(InvalidInput, match="next_id"):
        keep_ids(found_in(filed), filed, previous, next_id=12)


def test_the_score_grows_with_permits_and_fades_with_time() -> None:
    def scored(count: int, age: int) -> int:
        return int(found_in(permits([(0, 0)] * count, day=AS_OF - age)).clusters["score"][0])

    assert scored(3, 0) < scored(10, 0) < scored(40, 0) <= 100
    assert scored(10, 0) == 50
    assert scored(10, 120) == round(100 * (1 - math.exp2(-0.5)))
