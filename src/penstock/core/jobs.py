"""Jobs on the same PostgreSQL. A job exists if, and only if, the transaction that queued it commits.

A task of an org runs once at a time in the whole installation (its `lock`); which queue it waits in its stage says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import procrastinate
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import workers
from penstock.core.context import Context
from penstock.core.db import driver, execute, plain_url, scalar
from penstock.core.sqlfile import load

SQL = load(__package__, "jobs.sql")
POOL_SIZE = 4


class Queue(procrastinate.App):
    """The queue as a worker process has it; open it before use.

    `cut_short`: a job of this process was cancelled. What it had in flight is then in doubt.
    """

    def __init__(self, ctx: Context) -> None:
        connector = procrastinate.PsycopgConnector(
            conninfo=plain_url(ctx.db.url),
            min_size=1,
            max_size=POOL_SIZE,
            kwargs={"options": "-c search_path=public"},
        )
        super().__init__(connector=connector)
        self.job_manager = _Manager(ctx, connector)
        self.cut_short = False


class _Manager(JobManager):
    def __init__(self, ctx: Context, connector: procrastinate.PsycopgConnector) -> None:
        super().__init__(connector)
        self._ctx = ctx

    async def register_worker(self) -> int:
        """A worker of the queue, known as one of this process: when that dies, its jobs are freed."""
        queue_id = await super().register_worker()
        async with self._ctx.db.owner() as db:
            await execute(db, SQL["holds"], id=str(self._ctx.worker_id), queue_id=queue_id)
        return queue_id

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next job, or None; also where another worker took one with the same lock at this very moment."""
        try:
            return await super().fetch_job(queues, worker_id)
        except UniqueViolation:
            return None


# Deferring inside a caller's transaction needs no pool: this app only builds the job,
# the caller's connection carries it.
_builder = procrastinate.App(connector=procrastinate.PsycopgConnector())


async def nudge(db: AsyncConnection, task: str, org_id: int, queue: str = "default") -> None:
    """Queue `task` for an org in the transaction of `db`, unless one is waiting already.

    A double is harmless: it runs after the other, and finds its view empty.
    """
    if not await scalar(db, SQL["is_waiting"], task=task, org_id=str(org_id)):
        deferrer = _builder.configure_task(
            task, connection=await driver(db), queue=queue, lock=f"{task}:{org_id}", task_kwargs={"org_id": org_id}
        )
        await deferrer.defer_async()


async def waits(ctx: Context) -> bool:
    """True while there is a job that could be taken."""
    async with ctx.db.owner() as db:
        return bool(await scalar(db, SQL["waits"]))


async def settle(ctx: Context, queues: Mapping[str, str]) -> int:
    """Put the waiting jobs of these tasks into their queues, where an older version had others; gives how many."""
    async with ctx.db.owner() as db:
        return await execute(db, SQL["settle"], tasks=list(queues), queues=list(queues.values()))


async def free_dead(ctx: Context) -> int:
    """Take away the running jobs of workers that died, so that their stages can run again; gives how many."""
    async with ctx.db.owner() as db:
        return await execute(db, SQL["free_dead"], dead=[str(worker) for worker in await workers.dead(db)])
