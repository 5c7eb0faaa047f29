"""The pass over places and permits in the database: read, score, write; the first time, again, a day later, one permit.

The ceiling moves the same columns by plain binary COPY in the same run: places and permits out, finished scores in, as
the server's superuser past row-level security, with nothing computed in between.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import psycopg

from benchmarks.contagion import AS_OF, state
from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, Ground
from penstock.contagion import Scored, score_due
from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.wire import binary
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.sqlfile import read_queries
from penstock.playbook import Playbook

SQL: dict[str, Any] = read_queries(Path(__file__).with_suffix(".sql").read_text("utf-8"))
DAY = datetime(1970, 1, 1, 18, tzinfo=UTC) + timedelta(days=AS_OF)
PROMISED_MS = 50.0
_HOME = [("id", "<i8"), ("lat", "<f8"), ("lng", "<f8"), ("built", "<i2"), ("estate", "<i4"), ("dollars", "<i4")]
_FILED = [
    *[("id", "<i8"), ("lat", "<f8"), ("lng", "<f8"), ("day", "<i4"), ("firm", "<i4"), ("estate", "<i4")],
    *[("cents", "<i8"), ("home", "<i8")],
]
_TABLES = "app.properties, app.building_permits, app.subdivisions, app.contractors, app.property_scores"


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Passes through the database."""
    database = ground.new_database()
    async with ground.context(database) as ctx:
        book = next(book for book in ctx.playbooks.values() if book.territory)
        with ground.owner(database) as db:
            fill(db, *state(sizes.homes, sizes.homes // 10))
            figures = await _passes(ctx, book, db)
            figures.append(await _one_more(ctx, book, db, sizes))
    ground.drop(database)
    return figures


def fill(db: psycopg.Connection, homes: Rows, permits: Rows, own: Ints) -> None:
    """A state of towns, as importing files would have left it: what came in waits to be scored."""
    home, filed = np.zeros(len(homes), dtype=_HOME), np.zeros(len(permits), dtype=_FILED)
    for made, given, names in (
        (home, homes, {"lat": "lat", "lng": "lng", "built": "year_built"}),
        (filed, permits, {"lat": "lat", "lng": "lng", "day": "day", "cents": "value_cents"}),
    ):
        made["id"], made["estate"] = given["id"] + 1, given["subdivision"] + 1
        for column, name in names.items():
            made[column] = given[name]
    home["dollars"] = np.random.default_rng(5).integers(80_000, 700_000, len(homes))
    filed["firm"], filed["home"] = np.maximum(permits["contractor"], 0), own + 1
    for table, rows in (("home", home), ("filed", filed)):
        db.execute(SQL[table])
        with db.cursor().copy(f"copy {table} from stdin (format binary)") as copy:  # type: ignore[call-overload]
            copy.write(binary(rows))
    for step in ("keep_estates", "keep_firms", "keep_homes", "keep_filed", "number_on"):
        db.execute(SQL[step])
    settle(db)


def settle(db: psycopg.Connection) -> None:
    db.execute(f"vacuum (analyze) {_TABLES}")  # type: ignore[call-overload]
    db.execute("checkpoint")


async def _passes(ctx: Context, book: Playbook, db: psycopg.Connection) -> list[Figure]:
    first, done = await _pass(ctx, book, DAY)
    settle(db)
    out, into = _ceiling(db)
    settle(db)
    again, same = await _pass(ctx, book, DAY)
    later, moved = await _pass(ctx, book, DAY + timedelta(days=1))
    settle(db)
    peer = done.properties / (out + into)
    note = f"{done.properties:,} homes, {done.permits:,} permits; {{}} scores written; "
    note += f"COPY: {out:.1f} s out, {into:.1f} s in"
    return [
        Figure(
            f"a pass, {name}",
            done.properties / seconds,
            "homes/s",
            "plain COPY of the same",
            peer,
            note.format(f"{n:,}"),
        )
        for name, seconds, n in (
            ("the first", first, done.changed),
            ("again, nothing changed", again, same.changed),
            ("a day later", later, moved.changed),
        )
    ]


async def _pass(ctx: Context, book: Playbook, at: datetime) -> tuple[float, Scored]:
    with clock.held_at(at):
        started = perf_counter()
        done = await score_due(ctx, ORG_ID, book, full=True)
        return perf_counter() - started, done


def _ceiling(db: psycopg.Connection) -> tuple[float, float]:
    """Seconds to move the columns out, and the scores that are there in."""
    started = perf_counter()
    for query in ("places_out", "permits_out"):
        with db.cursor().copy(f"copy ({SQL[query].rstrip(';')}) to stdout (format binary)") as copy:  # type: ignore[call-overload]
            sum(len(part) for part in copy)
    out = perf_counter() - started
    with db.cursor().copy("copy app.property_scores to stdout (format binary)") as copy:
        scores = b"".join(bytes(part) for part in copy)
    db.execute("truncate app.property_scores")
    db.execute("checkpoint")
    started = perf_counter()
    with db.cursor().copy("copy app.property_scores from stdin (format binary)") as copy:
        copy.write(scores)
    return out, perf_counter() - started


async def _one_more(ctx: Context, book: Playbook, db: psycopg.Connection, sizes: Sizes) -> Figure:
    """A permit comes in, thirty times; the pass takes it in."""
    watch, reached, own = Stopwatch(), 0, 0.0
    with clock.held_at(DAY + timedelta(days=1)):
        for home in np.random.default_rng(2).integers(1, sizes.homes, 10 * sizes.rounds).tolist():
            db.execute(SQL["one_more"], {"day": AS_OF, "home": home})
            began = process_time()
            with watch.lap():
                reached += (await score_due(ctx, ORG_ID, book)).properties
            own += process_time() - began
    slow = watch.percentile(95) * 1e3
    note = (
        f"median of {len(watch.laps)}, 95 of 100 within {slow:.0f} ms; {reached // len(watch.laps)} homes scored again"
    )
    return Figure("one new permit", watch.median * 1e3, "ms", "promised", PROMISED_MS, note)
