"""A new sealing key: every value sealed under an older version is sealed anew.

The new key comes first in PENSTOCK_MASTER_KEY.
Identifiers are compared with each other (a suppression with a contact point), so they change together, in one
transaction per tenant; texts that are only ever opened follow in batches.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import execute, many, rows, scalar
from penstock.core.sqlfile import load

SQL = load(__package__, "rotation.sql")
BATCH = 2000


@dataclass(frozen=True)
class SealedColumn:
    """A column that holds sealed values, and the key of its rows."""

    table: str
    column: str
    key: tuple[str, ...] = ("id",)


IDENTIFIERS = (
    SealedColumn("contact_points", "value"),
    SealedColumn("suppressions", "value"),
    SealedColumn("contact_attempts", "value"),
    SealedColumn("consents", "phone"),
)
# Sealed texts under the names that documents give them.
NAMED = (
    SealedColumn("companies", "main_phone"),
    SealedColumn("handoffs", "notes"),
    SealedColumn("raw_loads", "payload"),
)


async def reseal(ctx: Context, org_id: int) -> dict[str, int]:
    """Seal everything of a tenant under the current version; gives rows changed by column.

    Safe to repeat and to interrupt.
    """
    changed: dict[str, int] = {}
    async with ctx.db.tenant(org_id) as db:
        for column in IDENTIFIERS:
            changed[f"{column.table}.{column.column}"] = await _reseal_all(ctx, db, org_id, column)
    for column in await _texts(ctx):
        while True:
            async with ctx.db.tenant(org_id) as db:
                done = await _reseal_batch(ctx, db, org_id, column)
            changed[f"{column.table}.{column.column}"] = changed.get(f"{column.table}.{column.column}", 0) + done
            if done < BATCH:
                break
    async with ctx.db.tenant(org_id) as db:
        changed["orgs.alert_secret_sealed"] = await _reseal_org(ctx, db, org_id)
        await execute(db, SQL["make_current"], version=ctx.sealer.current)
    return changed


async def _reseal_all(ctx: Context, db: AsyncConnection, org_id: int, column: SealedColumn) -> int:
    total = 0
    while done := await _reseal_batch(ctx, db, org_id, column):
        total += done
    return total


async def _reseal_batch(ctx: Context, db: AsyncConnection, org_id: int, column: SealedColumn) -> int:
    # Names of our own tables and columns, out of the catalogue or the list above; values go as parameters.
    table, value, keys = f"app.{column.table}", column.column, ", ".join(column.key)
    this_row = " and ".join(f"{key} = :{key}" for key in column.key)
    outdated = f"{value} ~ '^s[0-9]+\\.' and {value} not like :current"
    select = text(f"select {keys}, {value} as sealed from {table} where {outdated} limit :batch")  # noqa: S608 see above
    update = text(f"update {table} set {value} = :sealed where {this_row}")  # noqa: S608 see above
    old = await rows(db, select, current=f"s{ctx.sealer.current}.%", batch=BATCH)
    await many(
        db,
        update,
        [
            {
                **{key: row[key] for key in column.key},
                "sealed": ctx.sealer.seal(org_id, ctx.sealer.open(org_id, row["sealed"])),
            }
            for row in old
        ],
    )
    return len(old)


async def _reseal_org(ctx: Context, db: AsyncConnection, org_id: int) -> int:
    """The tenant's own row: its key is the org itself, and a service role sees the others' too."""
    sealed = await scalar(db, SQL["org_secret"], org_id=org_id)
    if not sealed or sealed.startswith(f"s{ctx.sealer.current}."):
        return 0
    again = ctx.sealer.seal(org_id, ctx.sealer.open(org_id, sealed))
    return await execute(db, SQL["set_org_secret"], org_id=org_id, sealed=again)


async def _texts(ctx: Context) -> list[SealedColumn]:
    """Every column named …_sealed that holds text, as the catalogue knows it, with its primary key; and the others."""
    async with ctx.db.owner() as db:
        return [
            *NAMED,
            *[
                SealedColumn(row["table"], row["column"], tuple(row["key"]))
                for row in await rows(db, SQL["sealed_columns"])
            ],
        ]
