"""One bad webhook never holds the others."""

from __future__ import annotations

import asyncio

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.receipts import Done, drain

DUE = text("select receipt_id from app.replies_due order by receipt_id limit :limit")


async def test_a_poisoned_receipt_waits_alone_and_its_error_shows_no_data(ctx: Context) -> None:
    await _receive(ctx, 3)
    told: list[int] = []

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        if receipt["id"] == 2:
            raise KeyError("ada@home.example")

        async def after() -> None:
            told.append(receipt["id"])

        return Done("fine", None, after)

    assert await drain(ctx, 1, stage="replies", due=DUE, act=act) == 3
    async with ctx.db.tenant(1) as db:
        closed = await rows(db, text("select id from app.webhook_receipts where processed_at is not null order by id"))
        waiting = await rows(db, text("select item, error from app.dlq"))
    assert [row["id"] for row in closed] == [1, 3] == told
    assert [dict(row) for row in waiting] == [{"item": "2", "error": "KeyError"}]
    assert await drain(ctx, 1, stage="replies", due=DUE, act=act) == 0


async def test_a_receipt_that_another_worker_holds_is_left_to_it(ctx: Context) -> None:
    await _receive(ctx, 2)

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        return Done("fine")

    async with ctx.db.tenant(1) as other:
        await execute(other, text("select id from app.webhook_receipts where id = 1 for update"))
        async with asyncio.timeout(60):
            assert await drain(ctx, 1, stage="replies", due=DUE, act=act) == 1
    assert await drain(ctx, 1, stage="replies", due=DUE, act=act) == 1


async def _receive(ctx: Context, count: int) -> None:
    async with ctx.db.tenant(1) as db:
        for n in range(count):
            await execute(
                db,
                text(
                    "insert into app.webhook_receipts (org_id, vendor, event_type, dedupe_key, payload_sealed)"
                    " values (1, 'mail', 'x', :key, 'p')"
                ),
                key=f"k{n}",
            )
