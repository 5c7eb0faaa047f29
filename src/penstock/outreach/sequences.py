"""Stopping, pausing and redirecting a lead's sequence: what other stages ask of outreach, in their own transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.sqlfile import load

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
    other = await scalar(db, SQL["next_address"], org_id=org_id, lead_id=lead_id)
    goes_on = False
    if other is not None and enrollment_id is not None and step is not None:
        goes_on = bool(
            await execute(db, SQL["switch_address"], org_id=org_id, id=enrollment_id, contact_point_id=other, step=step)
        )
    if not goes_on:
        await stop_sequence(db, org_id, lead_id, "SUPP_HARD_BOUNCE")
        await execute(db, SQL["lead_bounced"], org_id=org_id, lead_id=lead_id)
    details = {"code": detail, "next_address": goes_on}
    await journey.announce(db, org_id, [journey.Event("email_bounced", lead_id, stage="outreach", details=details)])
    return goes_on
