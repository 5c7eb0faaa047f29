"""The ledger of what customers used: a lead is a line once, ever, out of the trial or charged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.billing import standing, subscriptions
from penstock.core import clock
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, NotFound
from penstock.core.sqlfile import load
from penstock.playbook import Playbook

SQL = load(__package__, "usage.sql")
STAGE = "billing.usage"
CORRECTED_FOR = timedelta(days=34)  # the payment service takes usage that is 35 days old at most


async def record_leads(
    db: AsyncConnection, org_id: int, *, broker_id: UUID, playbook: Playbook, lead_ids: Sequence[UUID]
) -> None:
    """Write a line for each lead that a broker is given, the first ones out of the trial, in the order given.

    A lead that has a line is left as it is. Works in the caller's transaction, which gives the leads as well; raises
    Conflict where there are more than `allowance` said in the same transaction.
    """
    if not lead_ids:
        return
    held = await subscriptions.locked(db, org_id, broker_id, playbook=playbook)
    may = standing.allowance(held)
    recorded = await rows(
        db,
        SQL["record"],
        org_id=org_id,
        broker_id=broker_id,
        playbook=playbook.name,
        lead_ids=[str(lead_id) for lead_id in lead_ids],
        trial_left=held.trial_left,
        unit_cents=standing.unit_cents(playbook, held.tier),
    )
    if may.left is not None and len(recorded) > may.left:
        raise Conflict(f"{len(recorded)} leads for a broker who may be given {may.left}", fix=may.reason)
    out_of_trial = sum(row["in_trial"] for row in recorded)
    if out_of_trial:
        await execute(db, subscriptions.SQL["set_trial"], broker_id=broker_id, change=-out_of_trial)
    place = {lead_id: position for position, lead_id in enumerate(lead_ids)}
    told = sorted(recorded, key=lambda row: place[row["lead_id"]])
    await journey.announce(db, org_id, [_recorded(row) for row in told])


def _recorded(row: RowMapping) -> journey.Event:
    details = {"metric": "leads_generated", "in_trial": row["in_trial"], "cents": row["unit_cents"]}
    return journey.Event("usage_recorded", row["lead_id"], STAGE, details)


@dataclass(frozen=True, slots=True)
class Credited:
    """What taking a lead's line back meant. `told`: the payment service knew of it and is told to forget it."""

    event_id: int
    in_trial: bool
    told: bool


async def credit(db: AsyncConnection, org_id: int, *, lead_id: UUID, reason: str, actor: str) -> Credited:
    """Take back the line of a lead that should not have been charged; a lead of the trial goes back into it.

    Raises NotFound without a line, Conflict where it is taken back already, is just being told, or is on an invoice.
    """
    broker_id: UUID | None = await scalar(db, SQL["broker_of_lead"], lead_id=str(lead_id))
    if broker_id is None:
        raise NotFound("this lead was never charged, nor taken out of a trial")
    await subscriptions.locked(db, org_id, broker_id)  # in the order of locks in which leads are recorded
    line = await one(db, SQL["of_lead"], lead_id=str(lead_id))
    assert line is not None
    await _may_be_taken_back(db, line)
    await execute(db, SQL["withdraw"], id=line["id"], why=reason)
    if line["in_trial"]:
        await execute(db, subscriptions.SQL["set_trial"], broker_id=broker_id, change=1)
    await journey.announce(db, org_id, [journey.Event("usage_recorded", lead_id, STAGE, {"withdrawn": True})])
    about = {"lead": str(lead_id), "reason": reason}
    await subscriptions.audit(db, org_id, broker_id, actor=actor, action="credited", **about)
    await subscriptions.announce(db, org_id, broker_id)
    return Credited(line["id"], line["in_trial"], told=line["meter_state"] == "sent")


async def _may_be_taken_back(db: AsyncConnection, line: RowMapping) -> None:
    if line["withdrawn_at"] is not None:
        raise Conflict("this lead was taken back already")
    if line["meter_state"] == "sending":
        raise Conflict("this lead is just being told to the payment service", fix="try again in a minute")
    if line["meter_state"] == "sent":
        period_start = await scalar(db, SQL["period_start"], broker_id=line["broker_id"])
        too_old = clock.now() - line["occurred_at"] > CORRECTED_FOR
        if too_old or (period_start is not None and line["occurred_at"].date() < period_start):
            raise Conflict("this lead is on an invoice already", fix="give a credit note in the payment service")


async def take_back_merged(db: AsyncConnection, org_id: int, *, limit: int) -> int:
    """Take back what was not told yet of leads that went into another one that has its own line; gives how many."""
    found = await rows(db, SQL["merged"], limit=limit)
    for row in found:
        await credit(db, org_id, lead_id=row["lead_id"], reason="it is the same as another lead", actor=STAGE)
    return len(found)
