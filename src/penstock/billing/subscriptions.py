"""Subscriptions: the trial that everybody begins with, and what becomes of it. Works in the caller's transaction."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.billing import standing
from penstock.billing.standing import Allowance, Standing
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sqlfile import load
from penstock.playbook import Playbook

SQL = load(__package__, "subscriptions.sql")


async def open_trial(db: AsyncConnection, broker_id: UUID, *, playbook: Playbook | None = None) -> None:
    """Give a broker a trial, unless there is a subscription already."""
    await execute(db, SQL["open"], broker_id=broker_id, trial_leads=standing.trial_leads(playbook))


async def locked(db: AsyncConnection, org_id: int, broker_id: UUID, *, playbook: Playbook | None = None) -> Standing:
    """Where a broker stands, the row locked until the transaction ends; begins the trial. Raises NotFound."""
    await open_trial(db, broker_id, playbook=playbook)
    row = await one(db, SQL["lock"], broker_id=broker_id)
    if row is None:
        raise NotFound("there is no such broker")
    return Standing(**row, month_leads=await scalar(db, SQL["month_leads"], org_id=org_id, broker_id=broker_id))


async def allowance(
    db: AsyncConnection, org_id: int, broker_id: UUID, *, playbook: Playbook | None = None
) -> Allowance:
    """How many leads a broker may be given now. Holds the subscription until the transaction ends.

    Begins the trial of who has none. Raises NotFound for an unknown broker.
    """
    return standing.allowance(await locked(db, org_id, broker_id, playbook=playbook))


async def listing(db: AsyncConnection, broker_id: UUID | None = None) -> list[RowMapping]:
    """Subscriptions by name of the broker; who has used nothing yet is in the trial."""
    return await rows(db, SQL["listing"], broker_id=broker_id)


def allowance_of(row: RowMapping) -> Allowance:
    """What a row of `listing` allows, as a look; who gives leads asks `allowance`."""
    used, cap = row["monthly_lead_count"], row["monthly_lead_cap"]
    return standing.allowance(Standing(row["tier"], row["status"], row["trial_leads_remaining"], used, cap))


async def show(db: AsyncConnection, broker_id: UUID) -> RowMapping:
    """One of them. Raises NotFound."""
    found = await listing(db, broker_id)
    if not found:
        raise NotFound("there is no such broker", fix="penstock subscription list shows the brokers")
    return found[0]


async def find_broker(db: AsyncConnection, asked: str) -> UUID:
    """The broker with this id or email. Raises NotFound."""
    found: UUID | None = await scalar(db, SQL["find_broker"], asked=asked.strip())
    if found is None:
        raise NotFound(f"no broker is meant by {asked!r}", fix="give the id or the email: penstock subscription list")
    return found


async def set_by_hand(db: AsyncConnection, org_id: int, broker_id: UUID, *, tier: str, actor: str) -> None:
    """Put a broker who pays in another way into a tier, active. Raises Conflict where the payment service decides."""
    if tier not in (standing.TRIAL, *standing.PAID):
        raise InvalidInput(f"there is no tier {tier!r}", fix=f"use one of: trial, {', '.join(standing.PAID)}")
    await _ours_to_change(db, org_id, broker_id)
    await execute(db, SQL["set_tier"], broker_id=broker_id, tier=tier, status="active")
    await _changed(db, org_id, broker_id, actor, "set by hand", tier=tier, status="active")


async def end_by_hand(db: AsyncConnection, org_id: int, broker_id: UUID, *, actor: str) -> None:
    """End the subscription of a broker who pays in another way. Raises Conflict where the payment service decides."""
    tier = await _ours_to_change(db, org_id, broker_id)
    await execute(db, SQL["set_tier"], broker_id=broker_id, tier=tier, status="cancelled")
    await _changed(db, org_id, broker_id, actor, "set by hand", tier=tier, status="cancelled")


async def _ours_to_change(db: AsyncConnection, org_id: int, broker_id: UUID) -> str:
    held = await locked(db, org_id, broker_id)
    row = await one(db, SQL["for_checkout"], broker_id=broker_id)
    if row is not None and row["stripe_subscription_id"] and held.status != "cancelled":
        raise Conflict("this subscription is kept by the payment service", fix="change it in the billing portal")
    return held.tier


async def set_cap(db: AsyncConnection, org_id: int, broker_id: UUID, *, leads: int | None, actor: str) -> None:
    """Limit the leads of a calendar month; None lifts the limit."""
    await locked(db, org_id, broker_id)
    await execute(db, SQL["set_cap"], broker_id=broker_id, cap=leads)
    await _changed(db, org_id, broker_id, actor, "limited", monthly_lead_cap=leads)


async def audit(db: AsyncConnection, org_id: int, broker_id: UUID, *, actor: str, action: str, **details: Any) -> None:
    """Write down who changed a subscription. `details` hold no personal data."""
    about = json.dumps(details)
    await execute(db, SQL["audit"], org_id=org_id, actor=actor, action=action, id=str(broker_id), details=about)


async def announce(db: AsyncConnection, org_id: int, broker_id: UUID, **details: Any) -> None:
    """Tell that a subscription changed: who stopped for want of leads may go on."""
    event = journey.Event("subscription_changed", None, "billing.usage", {"broker_id": str(broker_id), **details})
    await journey.announce(db, org_id, [event])


async def _changed(db: AsyncConnection, org_id: int, broker_id: UUID, actor: str, action: str, **details: Any) -> None:
    await audit(db, org_id, broker_id, actor=actor, action=action, **details)
    await announce(db, org_id, broker_id, **details)
