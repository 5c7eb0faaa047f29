"""Processes and a Dask cluster score what a thread scores, to the bit, and leave nothing behind."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster
from ground_contagion import AS_OF, Village, villages
from hypothesis import given, settings
from hypothesis import strategies as st
from test_contagion_parts import REACH, field_of
from world_contagion import change, fill, permit, place, scores, value

from penstock.contagion import executors, measuring, score_due
from penstock.contagion.arrays import Rows
from penstock.contagion.clusters import Density
from penstock.contagion.load import EPOCH, Places
from penstock.contagion.parts import by_cell
from penstock.contagion.rules import rules_of
from penstock.contagion.score import unknown_facts
from penstock.core.context import Context
from penstock.core.errors import NotConfigured
from penstock.core.settings import Contagion
from penstock.playbook import Playbook
from penstock.playbooks import load_all

KILLED = """
import os, signal, time
from penstock.contagion.executors import _processes
if __name__ == "__main__":
    with _processes(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 60)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def book(ctx: Context) -> Playbook:
    return next(book for book in ctx.playbooks.values() if book.territory)


def by(ctx: Context, **contagion: Any) -> Context:
    """The same installation with all passes done by processes or by Dask."""
    wanted = ctx.settings.model_copy(update={"contagion": Contagion(from_places=1, **contagion)})
    return replace(ctx, settings=wanted)


async def county(ctx: Context) -> None:
    """Four towns in cells of their own, 160 homes without any order of their ids, 70 permits about or beside them."""
    chance = np.random.default_rng(3)
    towns = [(0, 0), (200, 40), (-150, 300), (420, -260)]
    spots = [(n + int(a), e + int(b)) for n, e in towns for a, b in chance.integers(0, 9, (40, 2))]
    ids = chance.permutation(np.arange(1_000, 1_000 + len(spots))).tolist()
    built = chance.integers(1950, 2022, len(spots)).tolist()
    homes = [
        place(id, *spot, year_built=year, subdivision=None if id % 5 == 0 else 1 + id % 3)
        for id, spot, year in zip(ids, spots, built, strict=True)
    ]
    asked = [
        permit(
            n,
            *spots[k],
            days=int(chance.integers(0, 900)),
            contractor=1 + n % 4,
            subdivision=homes[k]["subdivision"],
            owner=ids[k] if n % 3 else None,
        )
        for n, k in enumerate(chance.integers(0, len(spots), 70).tolist(), start=1)
    ]
    await fill(ctx, homes, asked)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler on 127.0.0.1, as yet without workers."""
    alone = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, threads_per_worker=1, host="127.0.0.1", scheduler_kwargs=alone) as made:
        yield made


async def test_processes_and_dask_store_what_a_thread_stores(
    ctx: Context, book: Playbook, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await county(ctx)
    assert (await score_due(ctx, 1, book)).changed == 160
    threaded = await scores(ctx)
    assert len({score["total_urgency_score"] for score in threaded.values()}) > 20
    asked = by(ctx, dask=cluster.scheduler_address)
    monkeypatch.setattr(executors, "CONNECT_S", 0.3)
    with pytest.raises(NotConfigured, match="has no workers"):
        await score_due(asked, 1, book, full=True)
    monkeypatch.undo()
    cluster.scale(1)
    monkeypatch.setattr(measuring, "CHUNK", 48)
    for other in (by(ctx, processes=2), asked):
        await change(ctx, "delete from app.property_scores")
        told: list[int] = []
        done = await score_due(other, 1, book, full=True, progress=lambda _, places, told=told: told.append(places))
        assert (done.changed, told) == (160, [160, 48, 96, 144, 160])
        assert await scores(ctx) == threaded
    monkeypatch.setattr(executors, "version", lambda name: f"{name} of ours")
    with pytest.raises(NotConfigured, match="cannot measure the same to the bit"):
        await score_due(asked, 1, book, full=True)


async def test_a_pass_that_is_stopped_leaves_no_process_and_no_score(ctx: Context, book: Playbook) -> None:
    await county(ctx)
    before, seen = set(multiprocessing.active_children()), 0

    def stop(step: str, done: int) -> None:
        nonlocal seen
        if step == "scoring":
            seen = len(set(multiprocessing.active_children()) - before)
            pass_.cancel()

    pass_ = asyncio.create_task(score_due(by(ctx, processes=2), 1, book, progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await pass_
    assert seen == 2
    assert set(multiprocessing.active_children()) <= before
    assert await value(ctx, "select count(*) from app.property_scores") == 0


async def test_a_small_pass_stays_in_the_thread(ctx: Context) -> None:
    async with executors.executor_for(Contagion(dask="tcp://127.0.0.1:1", from_places=50), 49) as executor:
        assert executor is None
    async with executors.executor_for(Contagion(from_places=1), 10_000_000) as executor:
        assert executor is None


async def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "CONNECT_S", 0.2)
    for address in ("tcp://127.0.0.1:1", "elsewhere://x"):
        with pytest.raises(NotConfigured, match=f"no Dask scheduler answers at {address}"):
            async with executors.executor_for(Contagion(dask=address), 10_000_000):
                pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NotConfigured, match=r"penstock\[dask\]"):
        async with executors.executor_for(Contagion(dask="tcp://127.0.0.1:1"), 10_000_000):
            pass


def test_processes_end_with_a_parent_that_was_killed() -> None:
    """They hold its output open: that ends with the last of them."""
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        told, _ = parent.communicate(timeout=120)
    assert parent.returncode == -signal.SIGKILL
    assert int(told) != parent.pid


@settings(max_examples=40, deadline=None)
@given(v=villages(), members=st.lists(st.integers(-1, 3), min_size=24, max_size=24))
def test_the_order_of_the_places_is_kept_however_they_lie(v: Village, members: list[int]) -> None:
    playbook = next(book for book in load_all().values() if book.territory)
    rules = replace(rules_of(playbook), reach=REACH, density=Density(radius_ft=250))
    clusters = np.array(members[: len(v.permits)], dtype=np.int64)
    ground = measuring.ground_of(rules, EPOCH + timedelta(days=AS_OF), field_of(v), v.permits, clusters)
    places = Places(v.properties, unknown_facts(len(v.properties)), np.arange(len(v.properties)))

    async def given() -> list[list[Rows]]:
        with ThreadPoolExecutor(3) as pool:
            ways = [measuring.in_order(ground, places, each) for each in (None, pool)]
            return [[fresh.copy() async for fresh in way] for way in ways]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "by_cell", partial(by_cell, resolution=11))
        patch.setattr(measuring, "CHUNK", 5)
        patch.setattr(measuring, "AHEAD", 7)
        patch.setattr(measuring, "BLOCKS", 2)
        ways = asyncio.run(given())
    for chunks in ways:
        assert b"".join(each.tobytes() for each in chunks) == measuring.measured(ground, places).tobytes()
        assert all(len(each) == 5 for each in chunks[:-1])
