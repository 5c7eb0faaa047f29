"""The pump of signals: windows that open, facts that are read, signals that are acted on."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.receipts import put_aside
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.signals.actions import SINGLY
from penstock.signals.books import Books, books_of
from penstock.signals.reading import STAGE, read_batch

SQL = load(__package__)
BULK = 20_000
SOME = 200


async def pump(ctx: Context, org_id: int) -> int:
    """Read every fact and act on every signal that is due; gives how many of both."""
    books = books_of(ctx.playbooks)
    async with ctx.db.tenant(org_id) as db:
        merged = bool(await scalar(db, SQL["merge_waits"], org_id=org_id))
    if merged:
        await _open_windows(ctx, org_id, books)
    done = 0
    while read := await ctx.db.again(org_id, partial(_read, sealer=ctx.sealer, org_id=org_id, books=books)):
        done += read
    while acted := await ctx.db.again(org_id, partial(_act_in_bulk, org_id=org_id, books=books)):
        done += acted
    return done + await _act_singly(ctx, org_id, books)


async def open_windows(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    """Raise a signal for every window that is open and has none yet; gives how many of each reason."""
    return await _open_windows(ctx, org_id, books_of(ctx.playbooks))


async def _open_windows(ctx: Context, org_id: int, books: Books) -> dict[str, int]:
    opened: dict[str, int] = {}
    async with ctx.db.tenant(org_id) as db:
        for book, rule in books.windows():
            assert rule.window is not None
            statement = text(SQL["open_windows"].text.replace("/* window */", rule.window))  # a file of ours
            said = {"org_id": org_id, "reason": rule.reason, "playbook": book, "only": books.only}
            opened[rule.reason] = opened.get(rule.reason, 0) + await execute(db, statement, **said)
        event = journey.Event("windows_opened", None, STAGE, {"raised": sum(opened.values())})
        await journey.announce(db, org_id, [event])
        if any(opened.values()):
            await journey.wake(db, org_id, {"signal_raised"})
    return opened


async def _read(db: AsyncConnection, *, sealer: Sealer, org_id: int, books: Books) -> int:
    return await read_batch(db, sealer, org_id, books)


async def _act_in_bulk(db: AsyncConnection, *, org_id: int, books: Books) -> int:
    done = await execute(db, SQL["take_in_bulk"], org_id=org_id, only=books.only, limit=BULK, **books.terms())
    if done:
        await journey.wake(db, org_id, {"signal_processed"})
    return done


async def _act_singly(ctx: Context, org_id: int, books: Books) -> int:
    done = 0
    for action in SINGLY:
        while True:
            async with ctx.db.tenant(org_id) as db:
                asked = {"org_id": org_id, "only": books.only, "action": action, "limit": SOME, **books.terms()}
                batch = [row["id"] for row in await rows(db, SQL["waiting_singly"], **asked)]
            taken = sum([await _act(ctx, org_id, signal_id, action) for signal_id in batch])
            if not taken:  # none is left, or others have them
                break
            done += taken
    return done


async def _act(ctx: Context, org_id: int, signal_id: int, action: str) -> bool:
    """Act on one signal and close it, in one transaction; one that fails waits in the DLQ.

    Gives whether it was ours to take.
    """
    item = f"signal:{signal_id}"
    try:
        async with ctx.db.tenant(org_id) as db:
            signal = await one(db, SQL["take"], org_id=org_id, id=signal_id)
            if signal is None:  # another worker has it, or had
                return False
            outcome = await SINGLY[action](db, org_id, signal)
            await execute(db, SQL["close"], org_id=org_id, id=signal_id, outcome=outcome)
            await dlq.clear(db, org_id, stage=STAGE, items=[item])
            details = {name: signal[name] for name in ("company_id", "contact_id", "reason")}
            event = journey.Event(
                "signal_processed", None, STAGE, {"signal_id": signal_id, **details, "outcome": outcome}
            )
            await journey.announce(db, org_id, [event])
    except Exception as error:
        await put_aside(ctx, org_id, stage=STAGE, item=item, error=error)
    return True
