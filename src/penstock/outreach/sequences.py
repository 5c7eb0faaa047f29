"""Stopping, pausing and redirecting a lead's sequence: what other stages ask of outreach, in their own transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.sqlfile import load
from penstock.outreach.rules import next_step_at
from penstock.playbook import SequenceStep

SQL = load(__package__)


async def stop_sequence(db: AsyncConnection, org_id: int, lead_id: UUID, reason: str) -> bool:
    """End the lead's sequence, if one is under way; gives whether there was one."""
    stopped = await rows(db, SQL["stop_lead"], org_id=org_id, lead_id=lead_id, reason=reason)
    event = journey.Event("sequence_stopped", lead_id, stage="outreach", details={"reason": reason})
    await journey.announce(db, org_id, [event] if stopped else [])
    return bool(stopped)


async def pause_sequence(db: AsyncConnection, org_id: int, lead_id: UUID, until: datetime) -> bool:
    """Let the lead's sequence rest until an instant; gives whether there was one to rest."""
    return bool(await rows(db, SQL["pause_lead"], org_id=org_id, lead_id=lead_id, until=until))


async def address_failed(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    lead_id: UUID,
    contact_point_id: int,
    enrollment_id: int | None,
    step: int | None,
    detail: str,
) -> bool:
    """A mailbox does not exist: mark it red, suppress it, and go on with the person's next best address.

    Without another address the sequence stops and the lead is `bounced`. Gives whether it goes on. `detail` is an SMTP
    code or the like, without an address.
    """
    sealed = await scalar(db, SQL["address"], org_id=org_id, id=contact_point_id)
    forms = ctx.sealer.forms(org_id, ctx.sealer.open(org_id, sealed))
    for held in ("hold_enrollments_at", "hold_leads_at"):
        await rows(db, SQL[held], org_id=org_id, values=forms)
    await execute(db, SQL["kill_address"], org_id=org_id, values=forms)
    await execute(db, SQL["show_living"], org_id=org_id, values=forms)
    await compliance.suppress(
        ctx,
        db,
        org_id,
        reason="SUPP_HARD_BOUNCE",
        method="bounce",
        actor="outreach",
        contact_point_id=contact_point_id,
        channels=["email"],
    )
    goes_on = await leave_address(
        db, org_id, lead_id=lead_id, enrollment_id=enrollment_id, step=step, reason="SUPP_HARD_BOUNCE"
    )
    details = {"code": detail, "next_address": goes_on}
    await journey.announce(db, org_id, [journey.Event("email_bounced", lead_id, stage="outreach", details=details)])
    return goes_on


async def leave_address(
    db: AsyncConnection, org_id: int, *, lead_id: UUID, enrollment_id: int | None, step: int | None, reason: str
) -> bool:
    """Go on with the person's next best address, from `step`; gives whether there is one. Without, the sequence stops
    and the lead is `bounced`."""
    other = await scalar(db, SQL["next_address"], org_id=org_id, lead_id=lead_id)
    goes_on = False
    if other is not None and enrollment_id is not None and step is not None:
        goes_on = bool(
            await execute(db, SQL["switch_address"], org_id=org_id, id=enrollment_id, contact_point_id=other, step=step)
        )
    if goes_on:
        for shown in ("leave_primary", "take_primary"):
            await execute(db, SQL[shown], org_id=org_id, contact_point_id=other, lead_id=lead_id)
    else:
        await stop_sequence(db, org_id, lead_id, reason)
        await execute(db, SQL["lead_bounced"], org_id=org_id, lead_id=lead_id)
    return goes_on


def step_of(ctx: Context, row: RowMapping) -> SequenceStep:
    """The step that is next in a sequence: `row` has `playbook` and `current_step`."""
    found: SequenceStep = ctx.playbooks[row["playbook"]].sequence[row["current_step"]]
    return found


async def advance(ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping, zone: str) -> bool:
    """Move a sequence past the step it stands at, to the next one's day in `zone`; False if it is not there."""
    step = row["current_step"] + 1
    days = [planned.day for planned in ctx.playbooks[row["playbook"]].sequence]
    next_at = next_step_at(clock.now(), days, step, zone)
    moved = await execute(db, SQL["advance"], org_id=org_id, id=row["enrollment_id"], step=step, next_at=next_at)
    if moved and row["campaign_status"] == "paused":
        await execute(db, SQL["resume_leads"], org_id=org_id, lead_id=row["lead_id"])
    if moved and next_at is None:
        finished = journey.Event("sequence_finished", row["lead_id"], stage="outreach", details={"steps": step})
        await journey.announce(db, org_id, [finished])
    return bool(moved)
