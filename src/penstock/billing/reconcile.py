"""The nightly comparison: what we told, and what the payment service counted, for each customer and day (UTC)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from penstock import journey
from penstock.billing import checkout, subscriptions
from penstock.billing.charges import SQL
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import InvalidInput

NIGHTLY_DAYS = 7
MOST_DAYS = 35


@dataclass(frozen=True, slots=True)
class Difference:
    """A day on which the service counted less than we know it took, or more than we ever told it."""

    broker_id: UUID
    broker: str
    customer: str
    day: date
    ours: Decimal  # taken by the service, as far as we know
    theirs: Decimal


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison looked at and found. `since` is the first day, `until` the one after the last, both UTC."""

    since: date
    until: date
    customers: int
    differences: tuple[Difference, ...]


async def compare(ctx: Context, org_id: int, *, until: datetime, days: int = NIGHTLY_DAYS) -> Compared:
    """Compare the `days` whole days (UTC) before `until`. Raises NotConfigured, ProviderBusy, ProviderRefused."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"{days} days cannot be compared", fix=f"give 1 to {MOST_DAYS}")
    vendor, event = checkout.service(ctx), ctx.settings.vendors.stripe.meter_event
    end = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=days)
    async with ctx.db.tenant(org_id) as db:
        customers = await rows(db, SQL["customers"])
        told = {(row["customer"], row["day"]): row for row in await rows(db, SQL["told"], since=start, until=end)}
    if not customers:
        return Compared(start.date(), end.date(), 0, ())
    meter = await vendor.meter(event)
    if meter is None:
        raise InvalidInput(f"the payment service has no meter {event!r}", fix="penstock subscription prices --make")
    found = []
    for customer in customers:
        number = customer["customer"]
        counted = {
            one.since.date(): one.quantity for one in await vendor.counted(meter, number, since=start, until=end)
        }
        for day in sorted(counted.keys() | {day for known, day in told if known == number}):
            ours, theirs = told.get((number, day)), counted.get(day, Decimal(0))
            at_least, at_most = (ours["at_least"], ours["at_most"]) if ours else (Decimal(0), Decimal(0))
            if not at_least <= theirs <= at_most:
                found.append(Difference(customer["broker_id"], customer["broker"], number, day, at_least, theirs))
    return Compared(start.date(), end.date(), len(customers), tuple(found))


async def reconcile_usage(ctx: Context, org_id: int, slot: datetime) -> dict[str, Any]:
    """The timetable's run, which has every customer read again too; what it finds stands in `app.timetable_runs` and
    raises the alert `usage_differs`."""
    if not ctx.settings.vendors.stripe.connected:
        return {}
    async with ctx.db.tenant(org_id) as db:  # a webhook may have been lost
        await execute(db, subscriptions.SQL["told_nightly"])
        await journey.wake(db, org_id, {"payment_event_received"})
    compared = await compare(ctx, org_id, until=slot)
    plain = [{name: _plain(value) for name, value in asdict(one).items()} for one in compared.differences]
    return {"customers": compared.customers, "until": compared.until.isoformat(), "differences": plain}


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
