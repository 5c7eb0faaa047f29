"""A worker process: takes jobs from the queue, sweeps every minute. Any number of them, on any number of machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import procrastinate
import structlog
from sqlalchemy import text

from penstock import journey
from penstock.core import clock, jobs, workers
from penstock.core.context import Context
from penstock.core.db import scalar
from penstock.core.errors import NotFound
from penstock.onboarding import ensure_playbooks, keep_apart
from penstock.sweep import resolve, sweep

SWEEP_EVERY_S = 60
log = structlog.get_logger(__name__)
_WAITING = text("select exists (select 1 from public.procrastinate_jobs where status = 'todo')")


def build_queue(ctx: Context) -> procrastinate.App:
    """The queue with one task per stage that has a pump."""
    queue = jobs.make_app(ctx.db.url)
    for stage in journey.STAGES:
        if stage.pump:
            _register(queue, ctx, stage)
    return queue


def _register(queue: procrastinate.App, ctx: Context, stage: journey.Stage) -> None:
    async def run(org_id: int) -> None:
        await run_stage(ctx, stage.name, org_id)

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
async def signed_in(ctx: Context) -> AsyncIterator[procrastinate.App]:
    """The queue of a worker that has registered; signs off at a clean end only, so that a crash shows.

    Raises Conflict where a town's inventions would reach people.
    """
    await keep_apart(ctx)
    queue = build_queue(ctx)
    async with queue.open_async():
        await workers.register(ctx)
        yield queue
        await workers.sign_off(ctx)


async def drain(queue: procrastinate.App, ctx: Context, *, concurrency: int = 1) -> None:
    """Work until no job waits. Jobs that jobs make are included."""
    while await _jobs_wait(ctx):
        await queue.run_worker_async(
            wait=False,
            concurrency=concurrency,
            install_signal_handlers=False,
            listen_notify=False,
            delete_jobs="successful",
        )


async def _jobs_wait(ctx: Context) -> bool:
    async with ctx.db.owner() as db:
        return bool(await scalar(db, _WAITING))


async def work(ctx: Context, *, concurrency: int = 4) -> None:
    """Take jobs and sweep until cancelled."""
    for org_id in await ctx.db.org_ids():
        await ensure_playbooks(ctx, org_id)
    async with signed_in(ctx) as queue:
        sweeping = asyncio.create_task(_sweep_forever(ctx))
        try:
            await queue.run_worker_async(
                concurrency=concurrency, install_signal_handlers=False, delete_jobs="successful"
            )
        except asyncio.CancelledError:
            log.info("worker stops")
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping


async def _sweep_forever(ctx: Context) -> None:
    while True:
        try:
            await sweep(ctx)
        except Exception:  # the database may be away for a while; the next minute tries again
            log.exception("sweep failed")
        await asyncio.sleep(SWEEP_EVERY_S)
