"""Makes what a test needs, with sensible defaults."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import text

from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one

_count = iter(range(1, 1_000_000))


async def make_lead(
    ctx: Context,
    *,
    org_id: int = 1,
    address: str | None = None,
    city: str = "Tampa",
    state: str = "FL",
    postal_code: str = "33602",
    first_name: str = "Ada",
    last_name: str = "Sample",
    email: str | None = None,
    phone: str | None = None,
    verified: bool = True,
    line_type: str = "mobile",
    broker_id: Any = None,
    **columns: Any,
) -> uuid.UUID:
    """A lead through the front door (`upsert_lead`), with contact points if given. `columns` are set on app.leads."""
    n = next(_count)
    async with ctx.db.tenant(org_id) as db:
        made = await one(
            db,
            text(
                """
                select api.upsert_lead(
                  p_source => 'test', p_vendor_record_id => :rid,
                  p_address_line1 => :line1, p_city => :city, p_state => :state, p_postal_code => :zip,
                  p_owner_first_name => :first, p_owner_last_name => :last, p_age => 68, p_owner_occupied => true,
                  p_property_value => 400000, p_estimated_equity => 250000) as id
                """
            ),
            rid=f"rec-{n}",
            line1=address or f"{n} Example Ave",
            city=city,
            state=state,
            zip=postal_code,
            first=first_name,
            last=last_name,
        )
        assert made is not None
        lead_id = made["id"]
        for kind, value in (("email", email), ("phone", phone)):
            if value:
                await one(
                    db,
                    text(
                        "select api.merge_contact_point(cast(:lead as uuid), :kind, :value, 'melissa', 90, :verified)"
                    ),
                    lead=str(lead_id),
                    kind=kind,
                    value=ctx.sealer.seal(org_id, value),
                    verified=verified,
                )
        if phone:
            await execute(
                db,
                text(
                    """
                    update app.contact_points
                       set line_type = :t, line_type_checked_at = app.now(),
                           dnc_listed = false, dnc_checked_at = app.now()
                     where kind = 'phone' and value = :v
                    """
                ),
                t=line_type,
                v=ctx.sealer.seal(org_id, phone),
            )
        if broker_id is not None:
            columns["assigned_broker_id"] = str(broker_id)
        if columns:
            assignments = ", ".join(f"{name} = :{name}" for name in columns)
            await execute(
                db,
                text(f"update app.leads set {assignments} where id = cast(:lead as uuid)"),
                lead=str(lead_id),
                **columns,
            )
    return uuid.UUID(str(lead_id))


async def make_contactable(ctx: Context, **kwargs: Any) -> uuid.UUID:
    """A lead with a verified email and mobile, scored 90, queued for campaigns."""
    n = next(_count)
    kwargs.setdefault("email", f"person{n}@home.example")
    kwargs.setdefault("phone", f"+1813555{n % 10000:04d}")
    lead = await make_lead(ctx, **kwargs)
    async with ctx.db.tenant(kwargs.get("org_id", 1)) as db:
        await execute(
            db,
            text(
                """
                update app.leads
                   set lead_status = 'contactable', campaign_status = 'queued', quality_score = 90, lead_score = 80,
                       scored_at = cast(:at as timestamptz),
                       waterfall_step = 2, waterfall_exhausted_at = cast(:at as timestamptz)
                 where id = cast(:id as uuid)
                """
            ),
            id=str(lead),
            at=clock.now(),
        )
    return lead
