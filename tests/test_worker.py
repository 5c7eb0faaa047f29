"""A worker: long pumps keep nobody waiting, one pump of a stage at a time, and an end in seconds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import text

from penstock import journey, sweep, worker
from penstock.core import jobs, workers
from penstock.core.context import Context
from penstock.core.db import execute, rows

PATIENCE_S = 60  # a busy machine takes its time: only what hangs fails
SLOW = [stage.name for stage in journey.STAGES if stage.queue == "slow"]


class Rooms:
    """Pumps that do nothing but wait to be let go; who came in and who ended is written down."""

    def __init__(self) -> None:
        self.came: dict[str, asyncio.Event] = {stage.name: asyncio.Event() for stage in journey.STAGES}
        self.began: list[str] = []
        self.ended: list[str] = []
        self.go_on = asyncio.Event()

    @property
    def slow(self) -> list[str]:
        return [name for name in self.began if name in SLOW]

    def pump(self, name: str, *, waits: bool) -> Callable[[Context, int], Awaitable[int]]:
        async def pump(ctx: Context, org_id: int) -> int:
            self.began.append(name)
            self.came[name].set()
            if waits:
                await self.go_on.wait()
            self.ended.append(name)
            return 1

        return pump

    async def full(self) -> None:
        """Wait until every slot of the slow queue is taken."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.slow) < journey.QUEUES["slow"]:
                waiting = [asyncio.create_task(event.wait()) for event in self.came.values() if not event.is_set()]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in waiting:
                    task.cancel()


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Every pump is one of these; the slow ones wait. No sweep nudges anybody meanwhile."""
    rooms = Rooms()
    pumps = {stage.pump: rooms.pump(stage.name, waits=stage.queue == "slow") for stage in journey.STAGES if stage.pump}
    monkeypatch.setattr(worker, "resolve", lambda name: pumps[name])

    async def only_free(ctx: Context) -> None:
        await jobs.free_dead(ctx)

    monkeypatch.setattr(worker, "sweep", only_free)
    monkeypatch.setattr(worker, "GRACE_S", 0.0)
    return rooms


async def nudge(ctx: Context, *names: str) -> None:
    for name in names:
        stage = journey.BY_NAME[name]
        async with ctx.db.tenant(1) as db:
            await jobs.nudge(db, stage.task, 1, stage.queue)


async def queued(ctx: Context) -> list[tuple[str, str]]:
    async with ctx.db.owner() as db:
        found = await rows(db, text("select task_name, status::text from public.procrastinate_jobs order by id"))
    return [(row["task_name"].removeprefix("pump."), row["status"]) for row in found]


async def run(ctx: Context, statement: str, **values: Any) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(statement), **values)


@asynccontextmanager
async def at_work(ctx: Context) -> AsyncIterator[asyncio.Task[None]]:
    working = asyncio.create_task(worker.work(ctx))
    try:
        yield working
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(working, PATIENCE_S)


async def test_an_opt_out_is_acted_on_while_long_pumps_take_every_slot_they_may(ctx: Context, rooms: Rooms) -> None:
    await nudge(ctx, *SLOW)
    async with at_work(ctx):
        await rooms.full()
        quick = [stage.name for stage in journey.STAGES if stage.pump and stage.queue != "slow"]
        await nudge(ctx, *quick)
        async with asyncio.timeout(PATIENCE_S):
            for name in quick:
                await rooms.came[name].wait()
        assert sorted(rooms.ended) == sorted(quick)
        rooms.go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            for name in SLOW:
                await rooms.came[name].wait()


async def test_what_people_told_us_waits_in_a_queue_of_its_own() -> None:
    inbound = {stage.name for stage in journey.STAGES if stage.queue == "inbound"}
    assert inbound == {"replies", "voice.receipts", "booking"}
    assert {stage.queue for stage in journey.STAGES} == set(journey.QUEUES)


async def test_a_stage_runs_once_at_a_time_and_again_when_it_was_nudged_meanwhile(ctx: Context, rooms: Rooms) -> None:
    await nudge(ctx, "scrape")
    async with at_work(ctx):
        async with asyncio.timeout(PATIENCE_S):
            await rooms.came["scrape"].wait()
        await nudge(ctx, "scrape", "scrape", "scans")  # the later one is taken: the slots were not what scrape lacked
        async with asyncio.timeout(PATIENCE_S):
            await rooms.came["scans"].wait()
        assert rooms.began == ["scrape", "scans"]
        assert await queued(ctx) == [("scrape", "doing"), ("scrape", "todo"), ("scans", "doing")]
    assert await queued(ctx) == [("scrape", "aborted"), ("scrape", "todo"), ("scans", "aborted")]
    rooms.go_on.set()
    async with worker.signed_in(ctx) as queue:
        await worker.drain(queue, ctx)
    assert rooms.began == ["scrape", "scans", "scrape"]


async def test_the_lock_of_a_worker_that_died_is_freed_and_that_of_one_at_work_is_not(
    ctx: Context, rooms: Rooms
) -> None:
    gone = replace(ctx, worker_id=uuid4())
    await workers.register(gone)
    queue = worker.build_queue(gone)
    async with queue.open_async():
        queue_id = await queue.job_manager.register_worker()
        await nudge(ctx, "enrichment")
        assert await queue.job_manager.fetch_job(["slow"], queue_id) is not None
    await nudge(ctx, "enrichment")
    assert not await jobs.waits(ctx), "it is taken, as far as anybody can tell"
    await sweep.sweep(ctx)
    assert [job for job in await queued(ctx) if job[0] == "enrichment"] == [
        ("enrichment", "doing"),
        ("enrichment", "todo"),
    ]
    dead = max(psutil.pids()) + 1_000_000  # nobody's number
    await run(ctx, "update app.workers set pid = :pid where id = cast(:id as uuid)", pid=dead, id=str(gone.worker_id))
    rooms.go_on.set()
    async with worker.signed_in(ctx) as alive:
        await jobs.free_dead(ctx)
        await worker.drain(alive, ctx)
    assert rooms.began.count("enrichment") == 1 and not await jobs.waits(ctx)


async def test_jobs_that_an_older_version_queued_are_done_where_their_stage_has_them_now(
    ctx: Context, rooms: Rooms
) -> None:
    old = """insert into public.procrastinate_jobs (queue_name, task_name, args)
             values ('default', :task, cast(:args as jsonb))"""
    for name in (*SLOW, "replies"):
        await run(ctx, old, task=journey.BY_NAME[name].task, args='{"org_id": 1}')
    async with at_work(ctx):
        await rooms.full()
        async with asyncio.timeout(PATIENCE_S):
            await rooms.came["replies"].wait()
        assert rooms.ended == ["replies"] and len(rooms.slow) == journey.QUEUES["slow"]


async def test_a_worker_told_to_stop_ends_its_long_jobs_and_leaves_them_in_doubt(ctx: Context, rooms: Rooms) -> None:
    await nudge(ctx, *SLOW)
    async with at_work(ctx) as working:
        await rooms.full()
        working.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([working])
    assert rooms.ended == []
    assert {state for _, state in await queued(ctx)} == {"aborted", "todo"}
    assert await _signed_off(ctx) == [False], "as after a crash: what was in flight is for the recovery"


async def test_a_worker_that_had_nothing_under_way_signs_off(ctx: Context, rooms: Rooms) -> None:
    await nudge(ctx, "replies")
    async with at_work(ctx):
        async with asyncio.timeout(PATIENCE_S):
            await rooms.came["replies"].wait()
    assert await _signed_off(ctx) == [True]


async def test_a_worker_one_of_whose_jobs_failed_signs_off_all_the_same(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump_of = worker.resolve

    async def broken(ctx: Context, org_id: int) -> int:
        raise RuntimeError("a pump that failed once")

    replies = journey.BY_NAME["replies"].pump
    monkeypatch.setattr(worker, "resolve", lambda name: broken if name == replies else pump_of(name))
    await nudge(ctx, "replies")
    async with worker.signed_in(ctx) as queue:
        await worker.drain(queue, ctx)
    assert ("replies", "failed") in await queued(ctx)
    assert await _signed_off(ctx) == [True]


async def _signed_off(ctx: Context) -> list[bool]:
    async with ctx.db.owner() as db:
        found = await rows(
            db, text("select stopped_at is not null as off from app.workers where pid = :p"), p=os.getpid()
        )
    return [row["off"] for row in found]
