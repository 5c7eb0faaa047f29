"""Scores of places, measured in a thread of this process or part by part somewhere else, and the same to the bit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from penstock.contagion import store
from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.clusters import Spots, cluster_of, spots_of
from penstock.contagion.field import Field
from penstock.contagion.geometry import chord
from penstock.contagion.load import Places, day_number
from penstock.contagion.neighbours import measure
from penstock.contagion.parts import by_cell, halo, parts_of
from penstock.contagion.rules import Rules
from penstock.contagion.score import score
from penstock.core.errors import NotConfigured

CHUNK = 65_536  # places that are measured while those before are written
BLOCKS = 16  # a map is measured in so many blocks of a chunk to four: more places lie thinner in a chunk of their ids
AHEAD = 4 * CHUNK  # places that are out to be measured elsewhere
PATIENCE_S = 600.0  # a part takes less than a second; with its way there and back, and a wait for others


@dataclass(frozen=True, slots=True)
class Ground:
    """What places are measured against: the permits around, and the clusters."""

    rules: Rules
    as_of: date
    field: Field
    spots: Spots  # of the clusters by their ids


@dataclass(frozen=True, slots=True)
class Share:
    """Places that are measured together, where they stand in the whole, and the ground around them."""

    rows: Ints  # rising
    ground: Ground
    places: Places


def ground_of(rules: Rules, as_of: date, field: Field, permits: Rows, clusters: Ints) -> Ground:
    """The ground on a day. `clusters`: the id of the cluster of each permit; -1: of none."""
    return Ground(rules, as_of, field, spots_of(permits, clusters))


def measured(ground: Ground, places: Places) -> Rows:
    """SCORE rows of places. A pure function, to be run anywhere; the heavy part of a pass."""
    rules, field = ground.rules, ground.field
    felt = measure(places.properties, field)
    facts = places.facts.copy()
    facts["covered"] |= (felt["area"] > 0) | (felt["same_subdivision"] > 0)
    scored = score(felt, facts, rules.weights, as_of=day_number(ground.as_of))
    nearest, some = np.zeros(len(felt), dtype=np.int64), felt["nearest"] >= 0
    nearest[some] = field.id[np.searchsorted(field.index, felt["nearest"][some])]
    clusters = cluster_of(places.properties, ground.spots, rules.density.radius_ft)
    return store.stored_form(felt, scored, facts, places.versions, nearest, clusters)


def in_order(ground: Ground, places: Places, executor: Executor | None) -> AsyncGenerator[Rows]:
    """SCORE rows chunk by chunk in the order of the places; what follows is measured while the caller works on one.

    Without an executor in a thread, chunk by chunk; with one there, a part for each H3 cell.
    """
    return _elsewhere(ground, places, executor) if executor else _in_a_thread(ground, places)


def shares(ground: Ground, places: Places) -> Iterator[Share]:
    """The places cell by cell, in the order of their first rows."""
    reach = chord(ground.rules.density.radius_ft)
    for part in parts_of(places.properties, ground.field, by_cell(places.properties)):
        spots = ground.spots.only(halo(part.properties, ground.spots.tree, reach))
        local = replace(ground, field=part.field, spots=spots)
        yield Share(part.rows, local, Places(part.properties, places.facts[part.rows], places.versions[part.rows]))


async def _elsewhere(ground: Ground, places: Places, executor: Executor) -> AsyncGenerator[Rows]:
    made, given = np.zeros(len(places.properties), dtype=store.SCORE), 0
    waiting, out = shares(ground, places), deque[tuple[Ints, Future[Rows]]]()
    try:
        await _send(waiting, out, executor)
        while out:
            rows, future = out.popleft()
            await _send(waiting, out, executor)
            made[rows] = await _answer(future)
            complete = int(out[0][0][0]) if out else len(made)  # every place before the first row that is still out
            while given < complete and (complete - given >= CHUNK or not out):
                upto = min(given + CHUNK, complete)
                yield made[given:upto]
                given = upto
    finally:
        for _, future in out:
            future.cancel()


async def _send(waiting: Iterator[Share], out: deque[tuple[Ints, Future[Rows]]], executor: Executor) -> None:
    """Send out what follows, as far as AHEAD allows; something is out as long as anything is waiting."""
    while sum(len(rows) for rows, _ in out) < AHEAD:
        share = await asyncio.to_thread(next, waiting, None)
        if share is None:
            return
        out.append((share.rows, executor.submit(measured, share.ground, share.places)))


async def _answer(future: Future[Rows]) -> Rows:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), PATIENCE_S)
    except TimeoutError:
        raise NotConfigured(
            f"nobody has measured a part of the map for {PATIENCE_S / 60:.0f} minutes",
            fix="see whether the workers of PENSTOCK_CONTAGION__DASK are alive, or unset it",
        ) from None


async def _in_a_thread(ground: Ground, places: Places) -> AsyncGenerator[Rows]:
    blocks = _blocks(places)
    following = _begin(ground, blocks)
    try:
        while following:
            fresh = await following
            following = _begin(ground, blocks)
            for start in range(0, len(fresh), CHUNK):
                yield fresh[start : start + CHUNK]
    finally:
        if following:
            with suppress(Exception):
                await following


def _begin(ground: Ground, blocks: Iterator[Places]) -> asyncio.Task[Rows] | None:
    part = next(blocks, None)
    return asyncio.create_task(asyncio.to_thread(measured, ground, part)) if part else None


def _blocks(places: Places) -> Iterator[Places]:
    size = len(places.properties)
    block = CHUNK * min(max(size // (BLOCKS * CHUNK), 1), 4)
    for start in range(0, size, block):
        some = slice(start, start + block)
        yield Places(places.properties[some], places.facts[some], places.versions[some])
