"""However the work is cut up, and whoever does it, the answer is the same to the bit."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from ground_contagion import AS_OF, Village, permits, properties, villages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.contagion.arrays import Reach
from penstock.contagion.field import Field, prepare
from penstock.contagion.neighbours import measure
from penstock.contagion.parts import by_cell, by_stretch, measure_parts, parts_of

REACH = Reach(near_ft=100, block_ft=200, area_ft=350)  # so that a village is many reaches wide


def field_of(v: Village) -> Field:
    return prepare(v.properties, v.permits, v.own, as_of=AS_OF, reach=REACH)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@settings(max_examples=100, deadline=None)
@given(villages(), st.data())
def test_any_partition_in_any_chunks_gives_the_same_bits(v: Village, data: st.DataObject) -> None:
    whole = measure(v.properties, field_of(v)).tobytes()
    chunk, most = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 40))
    assert measure(v.properties, field_of(v), chunk=chunk, max_pairs=most).tobytes() == whole
    size = len(v.properties)
    labels = np.array(data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size)), dtype=np.int64)
    assert measure_parts(v.properties, field_of(v), labels).tobytes() == whole


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(v=villages())
def test_two_workers_give_what_one_gives(two_workers: ProcessPoolExecutor, v: Village) -> None:
    whole = measure(v.properties, field_of(v)).tobytes()
    for labels in (by_stretch(v.properties, 3), by_cell(v.properties, resolution=11)):
        assert measure_parts(v.properties, field_of(v), labels, two_workers).tobytes() == whole


@settings(max_examples=60, deadline=None)
@given(villages(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(v: Village, random: object) -> None:
    order = np.arange(len(v.properties))
    random.shuffle(order)  # type: ignore[attr-defined]
    filed = np.arange(len(v.permits))
    random.shuffle(filed)  # type: ignore[attr-defined]
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    own = np.where(v.own >= 0, back[v.own] if len(back) else -1, -1)
    mixed = Village(v.properties[order], v.permits[filed], own[filed])
    whole, made = measure(v.properties, field_of(v)), measure(mixed.properties, field_of(mixed))
    named = made["nearest"] >= 0
    made["nearest"][named] = filed[made["nearest"][named]]
    assert made.tobytes() == whole[order].tobytes()


def larger(seed: int, homes: int = 3_000, asked: int = 600) -> Village:
    chance = np.random.default_rng(seed)
    places = [(int(a), int(b)) for a, b in chance.integers(0, 150, (homes, 2))]
    made = properties(places, built=chance.integers(1940, 2024, homes).tolist(), codes=(np.arange(homes) % 40).tolist())
    about = chance.integers(0, homes, asked)
    filed = permits([places[k] for k in about], day=AS_OF - chance.integers(0, 1200, asked))
    filed["contractor"] = chance.integers(-1, 30, asked)
    filed["subdivision"] = made["subdivision"][about]
    return Village(made, filed, about.astype(np.int64))


def test_a_town_cut_into_cells_is_the_same_town() -> None:
    v = larger(7)
    labels = by_cell(v.properties, resolution=8)
    assert len(np.unique(labels)) > 10
    assert measure_parts(v.properties, field_of(v), labels).tobytes() == measure(v.properties, field_of(v)).tobytes()


def test_a_part_takes_along_only_the_permits_around_it() -> None:
    v = larger(8)
    cells = by_cell(v.properties, resolution=8)
    sizes = [len(part.field.index) for part in parts_of(v.properties, field_of(v), cells)]
    assert max(sizes) < 0.4 * len(v.permits)
