"""Stored webhooks, acted on one at a time, each in its own transaction; a bad one goes to the DLQ and holds nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Executable, RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import reason_of
from penstock.core.sqlfile import load

SQL = load(__package__, "receipts.sql")
BATCH = 100
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Done:
    """What a receipt led to, in a word, and for which lead; `after` runs once that is committed."""

    outcome: str
    lead_id: object = None
    after: Callable[[], Awaitable[None]] | None = None


Act = Callable[[AsyncConnection, RowMapping], Awaitable[Done]]
"""Acts on one receipt (id, event_type, payload_sealed, received_at) in the transaction that closes it."""


async def drain(ctx: Context, org_id: int, *, stage: str, due: Executable, act: Act, prefix: str = "") -> int:
    """Act on every receipt that `due` (rows with receipt_id, at most :limit) shows; gives how many were handled.

    `prefix` + receipt id names the item in the DLQ, as the stage's due view knows it.
    """
    handled = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            batch = [row["receipt_id"] for row in await rows(db, due, limit=BATCH)]
        taken = sum([await _take(ctx, org_id, stage, f"{prefix}{each}", each, act) for each in batch])
        if not taken:  # none is left, or others have them
            return handled
        handled += taken


async def _take(ctx: Context, org_id: int, stage: str, item: str, receipt_id: int, act: Act) -> bool:
    """Act on a receipt; gives whether it was ours to take."""
    try:
        async with ctx.db.tenant(org_id) as db:
            receipt = await one(db, SQL["take"], id=receipt_id)
            if receipt is None:  # another worker has it, or had
                return False
            done = await act(db, receipt)
            await execute(db, SQL["close"], id=receipt_id, outcome=done.outcome, lead_id=done.lead_id)
            await dlq.clear(db, org_id, stage=stage, items=[item])
    except Exception as error:
        await put_aside(ctx, org_id, stage=stage, item=item, error=error)
        return True
    if done.after is not None:
        await done.after()
    return True


async def put_aside(ctx: Context, org_id: int, *, stage: str, item: str, error: Exception) -> None:
    """An item whose work failed waits in the DLQ."""
    reason = reason_of(error)
    log.warning("item failed", stage=stage, item=item, error=reason)
    async with ctx.db.tenant(org_id) as db:
        await dlq.put(db, org_id, stage=stage, item=item, payload={}, error=reason)
