"""The pass over places and permits: rate on one and two processes, growth, clusters, and PostGIS beside it.

`python -m benchmarks.contagion` measures alone; no database is needed but for the comparison with PostGIS. What reading
and writing cost on top is measured in `territory`.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from time import perf_counter, process_time

import numpy as np
from rich.console import Console
from sklearn.cluster import DBSCAN

from benchmarks import postgis
from benchmarks.figures import Figure, Sizes, Stopwatch, machine, table
from benchmarks.ground import Ground
from penstock.contagion.arrays import PERMIT, PROPERTY, Ints, Reach, Rows
from penstock.contagion.clusters import Density, find
from penstock.contagion.field import prepare
from penstock.contagion.geometry import chord, earth_centred
from penstock.contagion.neighbours import measure
from penstock.contagion.parts import by_stretch, measure_part, measure_parts, parts_of
from penstock.contagion.score import Weights, score, unknown_facts

AS_OF = 20_000
HOMES = 1_000_000
SAMPLE = 20_000  # properties that PostGIS is asked about
A_SUBDIVISION = 120  # homes


def state(homes: int, permits: int, seed: int = 1) -> tuple[Rows, Rows, Ints]:
    """(properties, permits, own) of towns made of subdivisions: homes on a grid, of one decade, hit by storms unevenly.

    About 1,500 homes a square mile inside a town; a subdivision has from none to half of its roofs done in three years.
    """
    chance = np.random.default_rng(seed)
    blocks = -(-homes // A_SUBDIVISION)
    side = np.sqrt(blocks * A_SUBDIVISION / 1500) / 69  # degrees
    south = 36 + side * chance.random(blocks)
    west = -87 + side / 0.8 * chance.random(blocks)
    block = np.repeat(np.arange(blocks), A_SUBDIVISION)[:homes]
    nth = np.tile(np.arange(A_SUBDIVISION), blocks)[:homes]
    made = np.zeros(homes, dtype=PROPERTY)
    made["id"] = np.arange(homes)
    made["lat"] = south[block] + nth // 12 * 0.0004 + chance.normal(0, 2e-5, homes)
    made["lng"] = west[block] + nth % 12 * 0.00028 + chance.normal(0, 2e-5, homes)
    made["year_built"] = (chance.integers(1950, 2018, blocks)[block] + chance.integers(0, 4, homes)).astype(np.int16)
    made["subdivision"] = block
    odds = chance.gamma(0.5, 1.0, blocks)[block]
    own = np.sort(chance.choice(homes, permits, replace=False, p=odds / odds.sum()))
    return made, _permits(made, own, chance), own


def _permits(homes: Rows, own: Ints, chance: np.random.Generator) -> Rows:
    made = np.zeros(len(own), dtype=PERMIT)
    made["id"] = np.arange(len(own))
    for name in ("lat", "lng", "subdivision"):
        made[name] = homes[name][own]
    made["day"] = AS_OF - chance.integers(0, 1095, len(own))
    made["contractor"] = chance.zipf(1.6, len(own)) % 900
    made["value_cents"] = chance.integers(600_000, 2_500_000, len(own))
    return made


async def measure_alone(ground: Ground, sizes: Sizes) -> list[Figure]:
    """The numeric pass without a database of ours."""
    return compare(sizes.homes)


def compare(homes: int = HOMES, growth: int = 5) -> list[Figure]:
    """All figures. `growth`: how many times as many homes the second measurement has."""
    properties, permits, own = state(homes, homes // 10)
    with _two_processes() as pool:
        figures = list(_rates(properties, permits, own, pool))
    figures.append(_grown(homes, growth))
    figures.append(_clusters(properties, permits, own))
    figures += _beside_postgis(properties, permits)
    return figures


@contextmanager
def _two_processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        properties, permits, own = state(600, 60)
        field = prepare(properties, permits, own, as_of=AS_OF, reach=Reach())
        list(pool.map(measure_part, list(parts_of(properties, field, np.arange(600) % 8))))  # both have imported all
        yield pool


def _pass(properties: Rows, permits: Rows, own: Ints, pool: Executor | None = None) -> tuple[float, Rows]:
    """Seconds from arrays to scores, and what was felt."""
    started = perf_counter()
    field = prepare(properties, permits, own, as_of=AS_OF, reach=Reach())
    if pool:
        felt = measure_parts(properties, field, by_stretch(properties, max(len(properties) // 60_000, 8)), pool)
    else:
        felt = measure(properties, field)
    score(felt, unknown_facts(len(felt)), Weights(), as_of=AS_OF)
    return perf_counter() - started, felt


def _rates(properties: Rows, permits: Rows, own: Ints, pool: Executor) -> Iterator[Figure]:
    runs = [(_pass(properties, permits, own), _pass(properties, permits, own, pool)) for _ in range(3)]
    alone, shared = (min(run[k][0] for run in runs) for k in (0, 1))
    began = process_time()
    _pass(properties, permits, own)
    by_processor = len(properties) / (process_time() - began)
    if any(one[1].tobytes() != two[1].tobytes() for one, two in runs):
        raise AssertionError("Two processes gave another answer than one")
    size = len(properties)
    within = runs[0][0][1]["area"].mean()
    note = f"{size:,} homes, {len(permits):,} permits, {within:.0f} in reach; best of 3; 1 process, per CPU second:"
    note += f" {by_processor:,.0f}"
    yield Figure("compute, 2 processes", size / shared, "homes/s", "1 process", size / alone, note)


def _grown(homes: int, growth: int) -> Figure:
    """Processor seconds of one process against linear growth: they are nearly the same whoever else is at work."""
    seconds = []
    for size in (homes, growth * homes):
        properties, permits, own = state(size, size // 10)
        laps = []
        for _ in range(2):
            began = process_time()
            _pass(properties, permits, own)
            laps.append(process_time() - began)
        seconds.append(min(laps))
    note = f"{growth * homes:,} homes; ratio is processor time against {growth} times that of {homes:,}"
    return Figure("grown", seconds[1], "s", "linear", growth * seconds[0], note)


def _clusters(properties: Rows, permits: Rows, own: Ints) -> Figure:
    permits, own = permits[permits["day"] > AS_OF - 365], own[permits["day"] > AS_OF - 365]
    watch, theirs = Stopwatch(), Stopwatch()
    for _ in range(3):
        with theirs.lap():
            xyz = earth_centred(permits["lat"], permits["lng"])
            DBSCAN(eps=chord(Density().radius_ft), min_samples=Density().min_permits).fit(xyz)
        with watch.lap():
            found = find(permits, own, properties, as_of=AS_OF, density=Density())
    largest = found.clusters["permits"].max(initial=0)
    note = f"{len(permits):,} permits of a year in {len(found.clusters):,} clusters, the largest of {largest:,}"
    return Figure(
        "clusters", len(permits) / watch.median, "permits/s", "scikit-learn DBSCAN", len(permits) / theirs.median, note
    )


def _beside_postgis(properties: Rows, permits: Rows) -> Iterator[Figure]:
    if (folder := postgis.programs()) is None:
        print("PostGIS is not installed: not compared", file=sys.stderr)
        return
    sample = properties[:: max(len(properties) // SAMPLE, 1)]
    nobody = np.full(len(permits), -1, dtype=np.int64)
    with postgis.server(folder) as db:
        postgis.load(db, sample, permits)
        postgis.ask(db, Reach())  # warm
        started = perf_counter()
        counts, _ = postgis.ask(db, Reach())
        theirs = len(sample) / (perf_counter() - started)
    seconds, felt = _pass(properties, permits, nobody)
    mine = felt[:: max(len(properties) // SAMPLE, 1)]
    differ = int((np.column_stack((mine["near"], mine["block"], mine["area"])) != counts).any(axis=1).sum())
    note = f"counts of {len(sample):,} homes compared, {differ} differ; one process each"
    yield Figure("beside PostGIS", len(properties) / seconds, "homes/s", "ST_DWithin", theirs, note)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else HOMES
    Console(width=150).print(table("contagion", compare(size), machine("none")))
