"""A worker process: takes jobs from the queue, sweeps every minute. Any number of them, on any number of machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from penstock import journey
from penstock.core import clock, jobs, workers
from penstock.core.context import Context
from penstock.core.errors import NotFound
from penstock.core.jobs import Queue
from penstock.onboarding import ensure_playbooks, keep_apart
from penstock.sweep import resolve, sweep

SWEEP_EVERY_S = 60
LOOK_EVERY_S = 1.0  # nothing tells a worker that a lock is free again
GRACE_S = 3.0
ALIKE: dict[str, Any] = {  # of every worker of the queue
    "install_signal_handlers": False,
    "delete_jobs": "successful",
    "stalled_worker_timeout": workers.SILENT_AFTER_S,
}
log = structlog.get_logger(__name__)


def build_queue(ctx: Context) -> Queue:
    """The queue with one task per stage that has a pump."""
    queue = Queue(ctx)
    for stage in journey.STAGES:
        if stage.pump:
            _register(queue, ctx, stage)
    return queue


def _register(queue: Queue, ctx: Context, stage: journey.Stage) -> None:
    async def run(org_id: int) -> None:
        try:
            await run_stage(ctx, stage.name, org_id)
        except asyncio.CancelledError:
            queue.cut_short = True
            raise

    queue.task(name=stage.task)(run)


async def run_stage(ctx: Context, name: str, org_id: int) -> int:
    """Drain one stage of one tenant; gives how many items it handled. Raises NotFound for a stage without a pump."""
    stage = journey.BY_NAME.get(name)
    if stage is None or stage.pump is None:
        known = ", ".join(s.name for s in journey.STAGES if s.pump)
        raise NotFound(f"no stage {name} to run", fix=f"stages: {known}")
    began = clock.stopwatch()
    with structlog.contextvars.bound_contextvars(stage=name, org_id=org_id):
        handled = int(await resolve(stage.pump)(ctx, org_id))
        if handled:
            log.info("stage drained", items=handled, seconds=round(clock.stopwatch() - began, 3))
    return handled


@asynccontextmanager
async def signed_in(ctx: Context) -> AsyncIterator[Queue]:
    """The queue of a worker that has registered; signs off at a clean end only, so that a crash shows.

    Raises Conflict where a town's inventions would reach people.
    """
    await keep_apart(ctx)
    queue = build_queue(ctx)
    async with queue.open_async():
        await workers.register(ctx)
        yield queue
        if not queue.cut_short:
            await workers.sign_off(ctx)


async def drain(queue: Queue, ctx: Context, *, concurrency: int = 1) -> None:
    """Work until no job waits. Jobs that jobs make are included."""
    while await jobs.waits(ctx):
        await queue.run_worker_async(wait=False, concurrency=concurrency, listen_notify=False, **ALIKE)


async def work(ctx: Context) -> None:
    """Take jobs and sweep until cancelled; a job that has not ended GRACE_S later is cancelled too, as by a crash.

    Each queue has workers of its own. When one of them ends, all do.
    """
    for org_id in await ctx.db.org_ids():
        await ensure_playbooks(ctx, org_id)
    await jobs.settle(ctx, {stage.task: stage.queue for stage in journey.STAGES})
    async with signed_in(ctx) as queue:
        tasks = [asyncio.create_task(_sweep_forever(ctx))]
        for name, slots in journey.QUEUES.items():
            working = queue.run_worker_async(
                queues=[name],
                concurrency=slots,
                fetch_job_polling_interval=LOOK_EVERY_S,
                shutdown_graceful_timeout=GRACE_S,
                **ALIKE,
            )
            tasks.append(asyncio.create_task(working))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            log.info("worker stops")
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end


async def _sweep_forever(ctx: Context) -> None:
    while True:
        try:
            await sweep(ctx)
        except Exception:  # the database may be away for a while; the next minute tries again
            log.exception("sweep failed")
        await asyncio.sleep(SWEEP_EVERY_S)
