"""What the payment service tells us. Its webhooks come twice and in no order, so they only say where to look: the
subscription is read there again, and the newest reading counts. A customer has one: each would invoice the whole meter,
so a second one is ended as soon as it is seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.billing import standing, subscriptions
from penstock.billing.subscriptions import SQL
from penstock.core import dlq, receipts
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import InvalidInput
from penstock.core.http import ProviderUnclear
from penstock.core.receipts import Done
from penstock.providers.payments import Payments, Subscription, stripe

STAGE = "billing.usage"
BATCH = 100


async def take_in(ctx: Context, org_id: int, vendor: Payments) -> int:
    """Act on stored webhooks and read again what they were about; gives how many of both."""

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        event = stripe.parse_event(ctx.sealer.open(org_id, receipt["payload_sealed"]).encode())
        if event.type not in stripe.ABOUT_SUBSCRIPTIONS or event.customer is None:
            return Done("ignored")
        known = await scalar(db, SQL["told"], customer=event.customer)
        return Done("noted" if known else "unmatched")

    heard = await receipts.drain(ctx, org_id, stage=STAGE, due=SQL["receipts_due"], act=act, prefix="receipt:")
    return heard + await _read_again(ctx, org_id, vendor)


async def _read_again(ctx: Context, org_id: int, vendor: Payments) -> int:
    """Read every subscription that something was told about; one that fails waits in the DLQ."""
    handled = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            batch = [row["broker_id"] for row in await rows(db, SQL["unread"], limit=BATCH)]
        if not batch:
            return handled
        for broker_id in batch:
            item = f"subscription:{broker_id}"
            try:
                await refresh(ctx, org_id, broker_id, vendor)
            except Exception as error:
                await receipts.put_aside(ctx, org_id, stage=STAGE, item=item, error=error)
            else:
                async with ctx.db.tenant(org_id) as db:
                    await dlq.clear(db, org_id, stage=STAGE, items=[item])
        handled += len(batch)


async def refresh(ctx: Context, org_id: int, broker_id: UUID, vendor: Payments) -> bool:
    """Read a broker's subscription at the payment service and write it down; True if tier or status changed."""
    async with ctx.db.tenant(org_id) as db:
        ours = await one(db, SQL["to_read"], broker_id=broker_id)
    if ours is None or ours["customer"] is None:
        return False
    found = await vendor.subscriptions(ours["customer"])
    async with ctx.db.tenant(org_id) as db:
        await subscriptions.locked(db, org_id, broker_id)  # who looks at the same time keeps the same one
        now = await one(db, SQL["to_read"], broker_id=broker_id)
        assert now is not None
        theirs = choose(found, now["subscription"])
        if theirs is None:
            await execute(db, SQL["nothing_read"], broker_id=broker_id, seen=ours["news"])
            return False
        tier = tier_of(theirs)
        written = await scalar(
            db,
            SQL["write_read"],
            broker_id=broker_id,
            seen=ours["news"],
            tier=tier,
            status=theirs.status,
            subscription=theirs.id,
            item=theirs.item,
            period_start=_day(theirs.period_start),
            period_end=_day(theirs.period_end),
            ends=theirs.cancels_at_period_end,
        )
        seconds = seconds_of(theirs, found) if written is not None else ()
        await _note(db, org_id, broker_id, theirs, seconds)
        differs = written is not None and (tier, theirs.status) != (now["tier"], now["status"])
        if differs:
            await subscriptions.announce(db, org_id, broker_id, tier=tier, status=theirs.status)
    for second in seconds:
        await _end(vendor, second)
    return differs


async def _note(
    db: AsyncConnection, org_id: int, broker_id: UUID, kept: Subscription, seconds: Sequence[Subscription]
) -> None:
    """Write down that there are too many, before they are ended: whoever dies in between leaves it to be read again."""
    for second in seconds:
        details = {"kept": kept.id, "ended": second.id, "invoice": second.invoice}
        await execute(db, SQL["note_second"], org_id=org_id, id=str(broker_id), details=json.dumps(details))
    if seconds:
        await execute(db, SQL["read_again"], broker_id=broker_id)
        await journey.wake(db, org_id, {"payment_event_received"})


async def _end(vendor: Payments, second: Subscription) -> None:
    """End one at once. What it would have invoiced is invoiced by the other: they count on one meter."""
    if (await vendor.cancel(second.id, at_period_end=False)).lives:
        raise ProviderUnclear(f"the payment service did not end the subscription {second.id}")


def choose(found: Sequence[Subscription], known: str | None) -> Subscription | None:
    """The one that counts: among those that live the known one, else the oldest of ours; else the one that ended last.

    What was begun and never paid for is none.
    """
    if living := [one for one in found if one.lives]:
        return min(living, key=lambda one: (one.id != known, one.key not in standing.PAID, one.created, one.id))
    ended = [one for one in found if one.status == "cancelled"]
    return max(ended, key=lambda one: (one.created, one.id), default=None)


def seconds_of(kept: Subscription, found: Sequence[Subscription]) -> Sequence[Subscription]:
    """Those that would invoice the customer's leads once more: of one of our prices, or on the same meter."""
    living = [one for one in found if one.lives and one.id != kept.id]
    return [one for one in living if one.key in standing.PAID or (one.meter is not None and one.meter == kept.meter)]


def tier_of(subscription: Subscription) -> str:
    """The tier that a subscription's price stands for. Raises InvalidInput for a price that is none of ours."""
    if subscription.key not in standing.PAID:
        raise InvalidInput(
            f"a subscription has a price with the lookup key {subscription.key!r}",
            fix=f"give the price one of the lookup keys {', '.join(standing.PAID)}",
        )
    return subscription.key


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None
