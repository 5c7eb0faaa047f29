"""`python -m benchmarks.windows`: how long opening the windows of a day takes, set-based, beside a scan of the view."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import text

from benchmarks.ground import ORG_ID, Ground, ground
from penstock.core import clock, embedded
from penstock.core.context import Context
from penstock.core.db import execute, scalar
from penstock.core.settings import load_settings
from penstock.signals.tasks import open_windows, pump

_COMPANIES = text(
    """
    insert into app.companies (org_id, playbook, name, renewal_month, renewal_notice_window_days, source)
    select :org, 'renewals', 'Company ' || n, 1 + n % 12, 30 + n % 120, 'benchmark'
      from generate_series(1, cast(:rows as int)) n
    """
)
_SCAN = text("select count(*) from company.vw_next_renewal where campaign_window_start <= (select app.now())")
_RAISED = text("select count(*) from app.signals")


async def measure(made: Ground, rows: int) -> dict[str, float]:
    """Seconds of each step; `raised` counts the windows that were open."""
    database = made.new_database()
    async with made.context(database) as ctx:
        async with ctx.db.tenant(ORG_ID) as db:
            await execute(db, _COMPANIES, org=ORG_ID, rows=rows)
        with made.owner(database) as owner:
            owner.execute("vacuum (analyze) app.companies, app.company_slots")
        with clock.held_at(clock.now()):
            return {
                "scan of the view": await _scan(ctx),
                "first run": await _timed(ctx),
                "acting on them": await _pumped(ctx),
                "second run, nothing new": await _timed(ctx),
                "raised": float(await _count(ctx)),
            }


async def _scan(ctx: Context) -> float:
    began = perf_counter()
    async with ctx.db.tenant(ORG_ID) as db:
        await scalar(db, _SCAN)
    return perf_counter() - began


async def _timed(ctx: Context) -> float:
    began = perf_counter()
    await open_windows(ctx, ORG_ID, clock.now())
    return perf_counter() - began


async def _pumped(ctx: Context) -> float:
    began = perf_counter()
    await pump(ctx, ORG_ID)
    return perf_counter() - began


async def _count(ctx: Context) -> int:
    async with ctx.db.tenant(ORG_ID) as db:
        return int(await scalar(db, _RAISED))


def main(rows: Annotated[int, typer.Option(min=100, help="Companies.")] = 200_000) -> None:
    """Measure in a database of its own on the embedded server."""
    out = Console()
    with embedded.embedded_server(load_settings().home) as server, ground(server.url("postgres")) as made:
        for name, value in asyncio.run(measure(made, rows)).items():
            out.print(f"{name:<26} {value:,.2f}" + ("" if name == "raised" else " s"), highlight=False)


if __name__ == "__main__":
    typer.run(main)
