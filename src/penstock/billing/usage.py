"""The pump of usage: what customers used is told to the payment service, each line under an identifier of its own.

A line is marked before it goes on the wire and again when it was taken. If the sender dies in between, the line is told
again under the same identifier, which the service counts once within a day; after that we look first what it counted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.billing import checkout, news
from penstock.billing.charges import SQL, STAGE, take_back_merged
from penstock.core import clock, dlq, workers
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import ProviderBusy, ProviderRefused, reason_of
from penstock.providers.payments import Payments, Usage

BATCH = 200
REMEMBERED = timedelta(hours=23)  # identifiers are remembered for a day: an hour is left for clocks that differ
PATIENCE = 3  # lines in a row that fail before the rest is left for later
log = structlog.get_logger(__name__)

State = Literal["due", "sent", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a line on the wire. `error`: why it did not go as it should; `wait_s`: not again before that."""

    state: State
    error: str | None = None
    wait_s: float | None = None
    again: bool = False  # it is still to be told, or taken back
    untouched: bool = False  # it certainly never reached the service, now or before


@dataclass(frozen=True, slots=True)
class Desk:
    """Who tells what to whom."""

    ctx: Context
    org_id: int
    vendor: Payments
    event: str

    def identifier(self, line: RowMapping) -> str:
        """What makes a line the same one on every try."""
        return f"ps-{self.org_id}-{line['id']}"


async def recover(ctx: Context, org_id: int) -> int:
    """Put back what a sender that died had on the wire; gives how many lines."""
    async with ctx.db.tenant(org_id) as db:
        dead = [str(worker) for worker in await workers.dead(db)]
        return len(await rows(db, SQL["recover"], dead=dead, me=str(ctx.worker_id)))


async def pump(ctx: Context, org_id: int) -> int:
    """Take in what the payment service told us, then tell it what is due; gives how many items were handled."""
    if not ctx.settings.vendors.stripe.connected:
        return 0  # usage waits in the ledger until the payment service is connected
    desk = Desk(ctx, org_id, checkout.service(ctx), ctx.settings.vendors.stripe.meter_event)
    handled = await news.take_in(ctx, org_id, desk.vendor) + await recover(ctx, org_id)
    async with ctx.db.tenant(org_id) as db:
        await take_back_merged(db, org_id, limit=BATCH)
    while True:
        told, trouble = await _do_batch(desk)
        handled += told
        if trouble or not told:
            return handled


async def _do_batch(desk: Desk) -> tuple[int, bool]:
    """Claim, tell, write down; gives how many lines that were, and whether any of them has to be told again."""
    ctx = desk.ctx
    async with ctx.db.tenant(desk.org_id) as db:
        lines = await rows(db, SQL["claim"], worker=str(ctx.worker_id), limit=BATCH)
    by_customer: dict[str, list[RowMapping]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: int(line["id"])):
        by_customer[line["customer"]].append(line)
    room = asyncio.Semaphore(ctx.settings.vendors.concurrency)
    done = await asyncio.gather(*(_tell_all(desk, room, theirs) for theirs in by_customer.values()))
    fates = {number: fate for part in done for number, fate in part.items()}
    if fates:
        async with ctx.db.tenant(desk.org_id) as db:
            await _settle(desk, db, fates)
    return len(fates), any(fate.again for fate in fates.values())


async def _tell_all(desk: Desk, room: asyncio.Semaphore, lines: Sequence[RowMapping]) -> Mapping[int, Fate]:
    """One customer's lines, one after the other: the service takes one at a time for a customer and meter.

    When it fails again and again, the rest waits for the next run.
    """
    fates: dict[int, Fate] = {}
    failed = 0
    async with room:
        counted = await _already_counted(desk, lines)
        for line in lines:
            fate = counted.get(line["id"]) or await _tell(desk, line)
            fates[line["id"]] = fate
            failed = failed + 1 if fate.again else 0
            if failed == PATIENCE:
                break
    return {line["id"]: fates.get(line["id"]) or _left(line) for line in lines}


def _left(line: RowMapping) -> Fate:
    return Fate(_back(line), again=True, untouched=line["tried_before"] is None)


async def _tell(desk: Desk, line: RowMapping) -> Fate:
    try:
        if line["withdrawn_at"] is not None:
            return await _take_back(desk, line)
        await desk.vendor.tell(desk.event, _usage(desk, line, line["quantity"]))
    except ProviderRefused as refused:
        return Fate("refused", str(refused)) if line["withdrawn_at"] is None else Fate("withdrawn", str(refused))
    except Exception as error:  # one line must not leave the others on the wire
        return _later(line, error)
    return Fate("sent")


async def _take_back(desk: Desk, line: RowMapping) -> Fate:
    """Cancel within a day of telling; after that, tell the opposite at the same time, so that the month's sum is right.

    A refusal ends it all the same: the nightly comparison says whether it is still counted.
    """
    if clock.now() - line["meter_sent_at"] < REMEMBERED:
        await desk.vendor.forget(desk.event, desk.identifier(line))
    else:
        opposite = _usage(desk, line, -line["quantity"], identifier=desk.identifier(line) + "-back")
        await desk.vendor.tell(desk.event, opposite)
    return Fate("withdrawn")


def _usage(desk: Desk, line: RowMapping, quantity: Decimal, *, identifier: str | None = None) -> Usage:
    return Usage(identifier or desk.identifier(line), line["customer"], quantity, line["occurred_at"])


def _later(line: RowMapping, error: Exception) -> Fate:
    log.warning("usage not told", line=line["id"], error=type(error).__name__)
    reason = reason_of(error)
    wait_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
    turned_away = isinstance(error, ProviderBusy) and not error.reached
    return Fate(_back(line), reason, wait_s, again=True, untouched=turned_away and line["tried_before"] is None)


def _back(line: RowMapping) -> State:
    return "due" if line["withdrawn_at"] is None else "sent"


async def _already_counted(desk: Desk, lines: Sequence[RowMapping]) -> Mapping[int, Fate]:
    """The fate of lines that were on the wire longer ago than identifiers are remembered: by what was counted that day.

    All of a day's are there, or none: a part leaves open which, and waits for a person.
    """
    doubtful: dict[datetime, list[RowMapping]] = defaultdict(list)
    for line in lines:
        if line["withdrawn_at"] is None and line["tried_before"] and clock.now() - line["tried_before"] >= REMEMBERED:
            doubtful[_day_of(line["occurred_at"])].append(line)
    fates: dict[int, Fate] = {}
    for day, theirs in doubtful.items():
        try:
            extra = await _counted_beyond_ours(desk, theirs[0]["customer"], day)
        except Exception as error:
            return fates | {line["id"]: _later(line, error) for line in theirs}
        if extra >= sum(line["quantity"] for line in theirs):
            fates |= {line["id"]: Fate("sent") for line in theirs}
        elif extra > 0:
            unclear = Fate(
                "refused", f"{extra} of {len(theirs)} of this day may be counted: compare, then retry or credit"
            )
            fates |= {line["id"]: unclear for line in theirs}
    return fates


async def _counted_beyond_ours(desk: Desk, customer: str, day: datetime) -> Decimal:
    """How much the service counted on a day (UTC) beyond what we know it took."""
    async with desk.ctx.db.tenant(desk.org_id) as db:
        known = await rows(db, SQL["told"], since=day, until=day + timedelta(days=1))
    ours = sum((row["at_least"] for row in known if row["customer"] == customer), Decimal(0))
    meter = await desk.vendor.meter(desk.event)
    if meter is None:
        return Decimal(0)
    counted = await desk.vendor.counted(meter, customer, since=day, until=day + timedelta(days=1))
    return sum((one.quantity for one in counted), Decimal(0)) - ours


def _day_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def _settle(desk: Desk, db: AsyncConnection, fates: Mapping[int, Fate]) -> None:
    """Write down what became of each line, in one statement; what has to be told again waits in the DLQ."""
    numbers = sorted(fates)
    settled = await rows(
        db,
        SQL["settle"],
        ids=numbers,
        states=[fates[number].state for number in numbers],
        errors=[fates[number].error for number in numbers],
        untouched=[fates[number].untouched for number in numbers],
        worker=str(desk.ctx.worker_id),
    )
    over = [f"usage:{number}" for number in numbers if not fates[number].again]
    await dlq.clear(db, desk.org_id, stage=STAGE, items=over)
    for number in numbers:
        fate, item = fates[number], f"usage:{number}"
        if fate.again and fate.error:
            wait_s, error = fate.wait_s, fate.error
            await dlq.put(db, desk.org_id, stage=STAGE, item=item, payload={}, error=error, retry_in_s=wait_s)
    told = [line for line in settled if line["meter_state"] == "sent" and line["withdrawn_at"] is None]
    told.sort(key=lambda line: int(line["id"]))
    await journey.announce(db, desk.org_id, [_told(desk, line) for line in told])


def _told(desk: Desk, line: RowMapping) -> journey.Event:
    return journey.Event("usage_reported", line["lead_id"], STAGE, {"identifier": desk.identifier(line)})
