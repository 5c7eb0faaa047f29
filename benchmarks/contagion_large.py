"""The first pass through the database, done by two processes, and over five times as many places.

It takes many minutes and much disk, so it is measured only where it is asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import psycopg

from benchmarks.contagion import state
from benchmarks.figures import Figure, Sizes
from benchmarks.ground import ORG_ID, Ground
from benchmarks.territory import DAY, fill, settle
from penstock.contagion import score_due
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.settings import Contagion

GROWTH = 5
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pass took: seconds by the clock, processor seconds of ours and of PostgreSQL, memory of this process."""

    seconds: float
    ours: float
    server: float
    megabytes: float
    load: float

    @property
    def processor(self) -> float:
        return self.ours + self.server

    def __str__(self) -> str:
        return (
            f"processor {self.ours:.1f} s + PostgreSQL {self.server:.1f} s, {self.megabytes:,.0f} MB at most; "
            f"load {self.load:.1f}"
        )


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """First passes: in a thread and by two processes in turns, and over GROWTH times as many places."""
    small = await _first_passes(ground, sizes.homes, [1, 2, 1, 2][: 2 * sizes.rounds])
    (large,) = await _first_passes(ground, GROWTH * sizes.homes, [1])
    alone, shared = (min(laps, key=lambda cost: cost.seconds) for laps in (small[::2], small[1::2]))
    homes, places = sizes.homes, f"{GROWTH * sizes.homes:,} homes"
    linear = min(small[::2], key=lambda cost: cost.processor).processor * GROWTH
    return [
        Figure(
            "a first pass, 2 processes", homes / shared.seconds, "homes/s", "a thread", homes / alone.seconds,
            f"best of {len(small[::2])}, {homes:,} homes; two: {shared}; a thread: {alone}",
        ),
        Figure(f"a first pass, {places}", large.seconds, "s", "linear", GROWTH * alone.seconds, str(large)),
        Figure(f"processor time, {places}", large.processor, "s", "linear", linear, "Python and PostgreSQL together"),
    ]  # fmt: skip


async def _first_passes(ground: Ground, homes: int, processes: list[int]) -> list[Cost]:
    """A pass over places without scores, for each number of processes."""
    database, costs = ground.new_database(), list[Cost]()
    async with ground.context(database) as ctx:
        with ground.owner(database) as db:
            fill(db, *state(homes, homes // 10))
            for count in processes:
                db.execute("truncate app.property_scores")
                settle(db)
                costs.append(await _pass(_by(ctx, count), db, homes))
    ground.drop(database)
    return costs


def _by(ctx: Context, processes: int) -> Context:
    wanted = Contagion(processes=processes, from_places=1)
    return replace(ctx, settings=ctx.settings.model_copy(update={"contagion": wanted}))


async def _pass(ctx: Context, db: psycopg.Connection, homes: int) -> Cost:
    book = next(book for book in ctx.playbooks.values() if book.territory)
    _forget_peak()
    with clock.held_at(DAY):
        ours, server, began = _ours(), _server(db), perf_counter()
        done = await score_due(ctx, ORG_ID, book, full=True)
        seconds, ours, server = perf_counter() - began, _ours() - ours, _server(db) - server
    if (done.properties, done.changed) != (homes, homes):
        raise AssertionError("Not every place was scored")
    return Cost(seconds, ours, server, _peak(), os.getloadavg()[0])


def _ours() -> float:
    """Seconds of processor of this process, and of those it began that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _server(db: psycopg.Connection) -> float:
    """Seconds of processor of the whole server, if it runs on this machine."""
    postmaster = _stat(db.info.backend_pid)[1]
    spent = sum(_stat(postmaster)[11:15])
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii").split():
        spent += sum(_stat(int(child))[11:13])
    return spent / TICK


def _stat(pid: int) -> list[int]:
    """What Linux says of a process, from its third field (its state, here 0) on."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return [0, *map(int, fields[1:])]


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _peak() -> float:
    """The most memory that this process has had since, in MB."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
