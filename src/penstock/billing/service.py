"""Events in, invoices out. Every function works in the caller's transaction, except the run that closes a period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.billing import rules
from penstock.billing.rules import Line, Open, Series, Tier
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, many, one, rows, scalar
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load

SQL = load(__package__)

# What a milestone makes of the sale, whatever was told of it before: it is a fact, and implies the stages on the way.
STAGES_ON_THE_WAY = {
    "application_submitted": ("interested", "application_submitted"),
    "loan_funded": ("interested", "application_submitted", "won"),
}
STAGES_BEFORE = {
    "interested": ["new", "contacted", "replied", "lost"],
    "application_submitted": ["interested", "appointment_scheduled", "quoted"],
    "won": ["application_submitted"],
}
WORDS = {
    "appointment_set": "Appointment set",
    "application_submitted": "Application submitted",
    "loan_funded": "Loan funded",
}


async def record_event(
    db: AsyncConnection, org_id: int, *, lead_id: UUID, event_type: str, reference: str, broker_id: UUID | None = None
) -> int | None:
    """Note something that can be billed; gives its id, or None if the lead was charged for it already or nobody pays.

    `broker_id` defaults to the broker the lead is assigned to.
    """
    await execute(db, SQL["lock_lead"], lead_id=lead_id)
    given = {"lead_id": lead_id, "broker_id": broker_id, "event_type": event_type, "reference": reference}
    recorded: int | None = await scalar(db, SQL["record_event"], org_id=org_id, **given)
    return recorded


async def credit_event(db: AsyncConnection, *, event_type: str, reference: str) -> int | None:
    """Take back a charge that no invoice names yet; gives the credit's id, or None if there is nothing to take back."""
    credited: int | None = await scalar(db, SQL["credit_event"], event_type=event_type, reference=reference)
    return credited


async def reach_milestone(db: AsyncConnection, org_id: int, *, lead_id: UUID, event_type: str) -> bool:
    """A broker reports that a lead's sale went a step further; False if that was known. NotFound without a broker."""
    recorded = await record_event(db, org_id, lead_id=lead_id, event_type=event_type, reference=str(lead_id))
    if recorded is None:
        if await one(db, SQL["milestone"], event_type=event_type, reference=str(lead_id)) is None:
            raise NotFound("this lead has no broker who could reach a milestone", fix="assign the lead first")
        return False
    reason = WORDS[event_type].lower()
    for stage in STAGES_ON_THE_WAY[event_type]:
        await execute(
            db, SQL["reach_sales_stage"], lead_id=lead_id, stage=stage, before=STAGES_BEFORE[stage], reason=reason
        )
    await journey.announce(db, org_id, [journey.Event(event_type, lead_id, stage="billing")])
    return True


@dataclass(frozen=True, slots=True)
class Closed:
    """What a run did: invoices touched, lines added, their sum in cents (less credits), events without a price."""

    invoices: int
    lines: int
    total_cents: int
    without_price: int


async def close_period(ctx: Context, org_id: int, until: datetime) -> Closed:
    """Invoice every open event before `until`: one invoice per broker and month, in one transaction.

    Running it again adds nothing that is billed. Events without a price stay open and wait in the DLQ for a price.
    """
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["one_run_at_a_time"], org_id=org_id)
        zone = ZoneInfo(await scalar(db, SQL["org_timezone"], org_id=org_id))
        events = [Open(**row) for row in await rows(db, SQL["open_events"], until=until, zone=zone.key)]
        if not events:
            return Closed(0, 0, 0, 0)
        billed = await _billed(db, since=min(event.month for event in events), zone=zone)
        lines, without_price = rules.price(events, billed=billed, prices=await _prices(ctx, db))
        await _report_missing_prices(db, org_id, without_price)
        priced = {f"{line.event.playbook}/{line.event.event_type}" for line in lines}
        await dlq.clear(db, org_id, stage="billing", items=sorted(priced))
        invoices = written = total = 0
        for (broker, month), group in _by_invoice(lines):
            end = rules.period_end(month, until.astimezone(zone))
            if await _invoice(db, org_id, broker, month, end, group):
                invoices, written = invoices + 1, written + len(group)
                total += sum(line.amount_cents for line in group)
        return Closed(invoices, written, total, len(without_price))


async def _billed(db: AsyncConnection, *, since: date, zone: ZoneInfo) -> dict[Series, int]:
    start = datetime(since.year, since.month, since.day, tzinfo=zone)
    found = await rows(db, SQL["billed"], since=start, zone=zone.key)
    return {(row["broker"], row["playbook"], row["event_type"], row["month"]): row["billed"] for row in found}


async def _prices(ctx: Context, db: AsyncConnection) -> dict[tuple[str, str], list[Tier]]:
    """The org's own price tables; where it has none, the playbook's fees."""
    tables: dict[tuple[str, str], list[Tier]] = {}
    for row in await rows(db, SQL["tiers"]):
        tables.setdefault((row["playbook"], row["event_type"]), []).append(Tier(row["first"], row["unit_cents"]))
    defaults: dict[tuple[str, str], list[Tier]] = {}
    for playbook in ctx.playbooks.values():
        for fee in sorted(playbook.fees, key=lambda fee: fee.from_count):
            defaults.setdefault((playbook.name, fee.event_type), []).append(Tier(fee.from_count, fee.unit_cents))
    return defaults | tables


def _by_invoice(lines: Iterable[Line]) -> list[tuple[tuple[UUID, date], list[Line]]]:
    def key(line: Line) -> tuple[UUID, date]:
        return (line.event.broker, line.event.month)

    return [(which, list(group)) for which, group in groupby(sorted(lines, key=key), key)]


async def _invoice(db: AsyncConnection, org_id: int, broker: UUID, month: date, end: date, lines: list[Line]) -> bool:
    """Write the lines of one invoice; False if this very period was sent already and must not change any more."""
    invoice = await one(db, SQL["open_invoice"], org_id=org_id, broker=broker, period_start=month, period_end=end)
    if invoice is None:
        return False
    await many(
        db,
        SQL["add_line"],
        [
            {
                "org_id": org_id,
                "invoice_id": invoice["id"],
                "line": number,
                "event_id": line.event.id,
                "event_type": line.event.event_type,
                "kind": line.event.kind,
                "lead_id": line.event.lead,
                "position": line.position,
                "unit_cents": line.unit_cents,
                "amount_cents": line.amount_cents,
                "description": describe(line),
            }
            for number, line in enumerate(lines, start=invoice["lines"] + 1)
        ],
    )
    await execute(db, SQL["mark_billed"], invoice_id=invoice["id"], event_ids=[line.event.id for line in lines])
    await execute(db, SQL["total"], invoice_id=invoice["id"])
    await journey.announce(db, org_id, [_issued(invoice["id"], line) for line in lines])
    return True


def _issued(invoice_id: int, line: Line) -> journey.Event:
    details = {"invoice": invoice_id, "event": line.event.id, "cents": line.amount_cents}
    return journey.Event("invoice_issued", line.event.lead, stage="billing", details=details)


def describe(line: Line) -> str:
    """The line in words, naming its event."""
    what = WORDS[line.event.event_type]
    if line.event.kind == "credit":
        return f"Credit: {what.lower()} no. {line.position}, cancelled (event {line.event.id})"
    return f"{what} no. {line.position} of {line.event.month:%B %Y} (event {line.event.id})"


async def _report_missing_prices(db: AsyncConnection, org_id: int, events: list[Open]) -> None:
    for playbook, event_type in sorted({(event.playbook, event.event_type) for event in events}):
        await dlq.put(
            db,
            org_id,
            stage="billing",
            item=f"{playbook}/{event_type}",
            payload={"playbook": playbook, "event_type": event_type},
            error="no price is set for this event: add rows to app.price_tiers",
        )
