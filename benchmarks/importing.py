"""Import of a county file: into an empty database, again unchanged, and again a year later; against plain COPY.

The ceiling is COPY of the very rows that the first import left into the same tables of a second, freshly migrated
database, with the same indexes and foreign keys, in one transaction: less cannot be done to have them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks import county
from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, PLAYBOOK, Ground
from penstock import intake
from penstock.core.context import Context

# In the order in which their foreign keys allow them to be filled. The upload itself is there before the clock starts.
TABLES = (
    *("properties", "property_seen", "property_vendor_ids", "contacts", "contact_points", "leads"),
    *("upload_rows", "pipeline_events"),
)
BLOCK = 1 << 20  # bytes handed to COPY at once


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Rows of the file per second, three ways, beside the same rows per second of COPY."""
    file, year_later = ground.folder / "county.csv", ground.folder / "county-year-later.csv"
    county.write(file, sizes.rows)
    county.write(year_later, sizes.rows, years=1)
    empty, unchanged, changed, copied = (Stopwatch() for _ in range(4))
    for _ in range(sizes.rounds):
        imported, copy = ground.new_database(), ground.new_database()
        async with ground.context(imported) as ctx, ground.context(copy):
            ground.settle(imported)
            await _import(ctx, file, empty)
            ground.settle(imported)
            copy_all(ground, imported, copy, copied)
            await _import(ctx, file, unchanged)
            ground.settle(imported)
            await _import(ctx, year_later, changed)
        ground.drop(imported)
        ground.drop(copy)
    ceiling = sizes.rows / copied.median
    note = f"{sizes.rows:,} rows, median of {sizes.rounds}"
    named = {
        "import into an empty database": empty,
        "import again, nothing changed": unchanged,
        "import again, a new value in every row": changed,
    }
    return [
        Figure(name, sizes.rows / watch.median, "rows/s", "COPY of what it first left", ceiling, note)
        for name, watch in named.items()
    ]


async def _import(ctx: Context, file: Path, watch: Stopwatch) -> None:
    with watch.lap():
        await intake.import_file(ctx, ORG_ID, path=file, playbook=PLAYBOOK, source=county.SOURCE)


def copy_all(
    ground: Ground,
    source: str,
    target: str,
    watch: Stopwatch,
    tables: Sequence[str] = TABLES,
    quiet: Sequence[str] = (),
) -> None:
    """COPY the tables of one database into another. The triggers of the `quiet` ones rest: what they make is copied."""
    with ground.owner(source) as there, ground.owner(target) as here:
        files = {table: _dump(there, table, ground.folder / f"{table}.copy") for table in ("uploads", *tables)}
        _load(here, "uploads", files["uploads"])
        for table in quiet:
            here.execute(sql.SQL("alter table app.{} disable trigger user").format(sql.Identifier(table)))
        here.execute("checkpoint")
        with watch.lap(), here.transaction():
            for table in tables:
                _load(here, table, files[table])


def _dump(db: psycopg.Connection, table: str, file: Path) -> Path:
    select = sql.SQL("copy (select {} from app.{}) to stdout").format(_columns(db, table), sql.Identifier(table))
    with file.open("wb") as out, db.cursor() as cursor, cursor.copy(select) as copy:
        for block in copy:
            out.write(block)
    return file


def _load(db: psycopg.Connection, table: str, file: Path) -> None:
    statement = sql.SQL("copy app.{} ({}) from stdin").format(sql.Identifier(table), _columns(db, table))
    with file.open("rb") as lines, db.cursor() as cursor, cursor.copy(statement) as copy:
        while block := lines.read(BLOCK):
            copy.write(block)


def _columns(db: psycopg.Connection, table: str) -> sql.Composable:
    """All columns but the generated ones, which the server computes here as there."""
    found = db.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attgenerated = '' order by attnum",
        [f"app.{table}"],
    )
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)
