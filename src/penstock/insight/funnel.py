"""The funnel: how far leads came, what happened in a period, what it cost and brought."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import one, rows
from penstock.core.sqlfile import load
from penstock.journey import STAGES

SQL = load(__package__)
ROWS: Final = ("read", "inserted", "updated", "duplicate_in_file", "rejected")
STEPS: Final = (
    "leads", "enriched", "verified", "contactable", "emailed", "replied", "consented", "called", "booked", "invoiced",
)  # fmt: skip


# One count per due view, put together from the one place that knows the stages; no outside text goes into it.
_WAITING: Final = text(
    " union all ".join(
        [f"select '{stage.name}' as stage, count(*) as items from {stage.due}" for stage in STAGES if stage.due]  # noqa: S608
        + ["select 'dlq', count(*) from app.dlq"]
    )
)


@dataclass(frozen=True)
class EventCount:
    """How often something happened, to how many leads, and how long it took (ms; None where nobody measured)."""

    stage: str
    event: str
    events: int
    leads: int
    mean_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True)
class Spending:
    """US cents, reservations included. `per_appointment` is None while there is no appointment."""

    total: float
    by_stage: Mapping[str, float]
    by_vendor: Mapping[str, float]
    by_operation: Mapping[str, float]
    per_appointment: float | None


@dataclass(frozen=True)
class Funnel:
    """A period: rows that came in, how far the leads and companies first seen in it came, what happened in it, money
    out and in."""

    since: datetime | None
    until: datetime | None
    rows: Mapping[str, int]
    stages: Mapping[str, int]
    companies: Mapping[str, int]
    events: list[EventCount]
    spend_cents: Spending
    invoiced_cents: int


async def funnel(db: AsyncConnection, since: datetime | None = None, until: datetime | None = None) -> Funnel:
    """The funnel of [since, until), None meaning unbounded, as far as the transaction may see."""
    period: dict[str, Any] = {"since": since, "until": until}
    reached = await one(db, SQL["reached"], **period)
    income = await one(db, SQL["income"], **period)
    companies = await one(db, SQL["companies"], **period)
    assert (
        reached is not None and income is not None and companies is not None
    )  # aggregates without a group always give a row
    return Funnel(
        since=since,
        until=until,
        rows={name: int(reached[name]) for name in ROWS},
        stages={name: int(reached[name]) for name in STEPS},
        companies={name: int(count) for name, count in companies.items()},
        events=[
            EventCount(row["stage"], row["event_type"], row["events"], row["leads"], row["mean_ms"], row["p95_ms"])
            for row in await rows(db, SQL["events"], **period)
        ],
        spend_cents=spending(await rows(db, SQL["spend"], **period), income["appointments"]),
        invoiced_cents=int(income["invoiced_cents"]),
    )


def spending(bought: list[Any], appointments: int) -> Spending:
    """Sums of ledger rows (stage, vendor, operation, cents)."""

    def by(*columns: str) -> dict[str, float]:
        sums: dict[str, float] = {}
        for row in bought:
            key = " ".join(row[column] for column in columns)
            sums[key] = sums.get(key, 0.0) + float(row["cents"])
        return sums

    total = sum(float(row["cents"]) for row in bought)
    return Spending(
        total=total,
        by_stage=by("stage"),
        by_vendor=by("vendor"),
        by_operation=by("vendor", "operation"),
        per_appointment=total / appointments if appointments else None,
    )


async def waiting(db: AsyncConnection) -> dict[str, int]:
    """What each stage could do now, and `dlq`: what was put aside."""
    return {row["stage"]: row["items"] for row in await rows(db, _WAITING)}


async def held_back(db: AsyncConnection) -> dict[str, int]:
    """Leads that nobody was contacted for, counted by the first reason in the way; most frequent first."""
    return {row["reason"]: row["leads"] for row in await rows(db, SQL["held_back"])}
