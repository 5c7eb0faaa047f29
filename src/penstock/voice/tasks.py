"""The pumps of the voice stage: calls out, reports in."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.receipts import Done, drain, put_aside
from penstock.providers.voice import vapi
from penstock.voice import placing, receipts
from penstock.voice.placing import SQL

log = structlog.get_logger(__name__)
LINES = 10
"""Calls that may be under way at once: the vendor's default limit. More are refused by it, so they are not tried."""


async def recover(ctx: Context, org_id: int) -> int:
    """Settle calls whose fate nobody knows, and ask for reports that never came; gives how many were cleared up."""
    if not ctx.settings.vendors.vapi.connected:
        return 0
    return await placing.settle(ctx, org_id) + await _reconcile(ctx, org_id)


async def pump(ctx: Context, org_id: int) -> int:
    """Settle what is in doubt, then call whoever is due while lines are free; gives how many items were handled."""
    if not ctx.settings.vendors.vapi.connected:
        return 0  # leads wait in the view until the voice vendor is connected
    handled = await recover(ctx, org_id)
    while True:
        async with ctx.db.tenant(org_id) as db:
            free = LINES - await scalar(db, SQL["lines_in_use"])
            due = await rows(db, SQL["due"], limit=free) if free > 0 else []
        if not due:
            return handled
        reserved = [call for lead in due if (call := await _reserve(ctx, org_id, lead)) is not None]
        room = asyncio.Semaphore(ctx.settings.vendors.concurrency)
        await asyncio.gather(*(_place(ctx, org_id, call, room) for call in reserved))
        handled += len(due)


async def _reserve(ctx: Context, org_id: int, lead: RowMapping) -> placing.Reserved | None:
    try:
        return await placing.reserve(ctx, org_id, lead)
    except placing.OverCap as over:
        log.warning("call_waits_for_its_price", lead=str(lead["lead_id"]), cap=str(over))
        await placing.wait_for_room(ctx, org_id, lead["lead_id"])
        return None
    except Exception as error:
        await put_aside(ctx, org_id, stage="voice", item=str(lead["lead_id"]), error=error)
        return None


async def _place(ctx: Context, org_id: int, call: placing.Reserved, room: asyncio.Semaphore) -> None:
    async with room:
        try:
            await placing.place(ctx, org_id, call)
        except Exception as error:  # whatever became of it, the row stays and is settled later
            await put_aside(ctx, org_id, stage="voice", item=placing.item_of(call.call_id), error=error)


async def _reconcile(ctx: Context, org_id: int) -> int:
    async with ctx.db.tenant(org_id) as db:
        silent = await rows(db, SQL["unreported"])
    done = 0
    for call in silent:
        try:
            done += await receipts.reconcile(ctx, org_id, call)
        except Exception as error:
            await put_aside(ctx, org_id, stage="voice", item=placing.item_of(call["id"]), error=error)
    return done


async def pump_receipts(ctx: Context, org_id: int) -> int:
    """Act on every stored call webhook; gives how many were handled."""

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        message = vapi.parse_message(ctx.sealer.open(org_id, receipt["payload_sealed"]).encode())
        outcome, lead_id = await receipts.act(ctx, db, org_id, message)
        return Done(outcome, lead_id)

    return await drain(ctx, org_id, stage="voice", due=SQL["receipts_due"], act=act, prefix="receipt:")
