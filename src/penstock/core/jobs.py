"""Jobs on the same PostgreSQL. A job exists if, and only if, the transaction that queued it commits."""

from __future__ import annotations

from typing import Any

import procrastinate
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import driver, plain_url, scalar
from penstock.core.sqlfile import load

SQL = load(__package__, "jobs.sql")


def make_app(url: str, *, pool_size: int = 4) -> procrastinate.App:
    """A queue on the database at `url`; open it before deferring outside a transaction."""
    connector = procrastinate.PsycopgConnector(
        conninfo=plain_url(url), min_size=1, max_size=pool_size, kwargs={"options": "-c search_path=public"}
    )
    return procrastinate.App(connector=connector)


# Deferring inside a caller's transaction needs no pool: this app only builds the job,
# the caller's connection carries it.
_builder = procrastinate.App(connector=procrastinate.PsycopgConnector())


async def defer(db: AsyncConnection, task: str, **args: Any) -> int:
    """Queue `task` in the transaction of `db`. Returns the job id."""
    return await _builder.configure_task(task, connection=await driver(db)).defer_async(**args)


async def nudge(db: AsyncConnection, task: str, org_id: int) -> None:
    """Queue `task` for an org unless one is waiting already. A double is harmless: it finds its view empty."""
    if not await scalar(db, SQL["is_waiting"], task=task, org_id=str(org_id)):
        await defer(db, task, org_id=org_id)
