"""Makes what a test needs, with sensible defaults."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar

_count = iter(range(1, 1_000_000))
ON_THE_WAY = {"quoted": "interested", "application_submitted": "interested", "won": "appointment_scheduled"}


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
        if way := ON_THE_WAY.get(str(columns.get("sales_stage"))):
            step = text("update app.leads set sales_stage = :way where id = cast(:lead as uuid)")
            await execute(db, step, way=way, lead=str(lead_id))
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


async def make_company(
    ctx: Context,
    *,
    org_id: int = 1,
    name: str | None = None,
    renewal_month: int | None = 2,
    employees: int | None = 120,
    city: str = "Tampa",
    state: str = "FL",
    postal_code: str = "33602",
    **columns: Any,
) -> int:
    """A company of the renewals playbook with its three vacant slots; renews in February, so its window is open."""
    n = next(_count)
    values = {
        "org_id": org_id, "playbook": "renewals", "name": name or f"Company {n} Inc", "renewal_month": renewal_month,
        "employees": employees, "city": city, "state": state, "postal_code": postal_code, "source": "town", **columns,
    }  # fmt: skip
    async with ctx.db.tenant(org_id) as db:
        return int(await _insert(db, "companies", values))


async def make_person(
    ctx: Context,
    company_id: int,
    role: str | None = "CFO",
    *,
    org_id: int = 1,
    contact_id: int | None = None,
    first_name: str = "Ada",
    last_name: str = "Sample",
    title: str | None = "Chief Financial Officer",
    email: str | None = "",
    colour: str = "green",
    source: str = "town",
    profile: str | None = None,
    contactable: bool = True,
    **lead_columns: Any,
) -> tuple[int, uuid.UUID]:
    """Somebody at a company (in its slot, if one is named), with an address of a colour, and their lead, scored.

    Gives (contact id, lead id). `contact_id`: somebody who is there already; `email=None`: nobody knows one.
    """
    n = next(_count)
    async with ctx.db.tenant(org_id) as db:
        if contact_id is None:
            who = {
                "org_id": org_id, "kind": "person", "first_name": first_name, "last_name": last_name, "title": title,
                "full_name": f"{first_name} {last_name}", "company_id": company_id, "source": source,
                "profile_key": profile,
            }  # fmt: skip
            contact_id = int(await _insert(db, "contacts", who))
            if email is not None:
                address = email or f"person{n}@co{company_id}.example"
                await make_email(ctx, db, contact_id, address, colour, source=source)
        lead = {
            "org_id": org_id, "playbook": "renewals", "company_id": company_id, "contact_id": contact_id,
            "source": source, "waterfall_step": 1, "waterfall_exhausted_at": clock.now(),
        }  # fmt: skip
        if contactable:
            route = {"green": "contactable", "yellow": "enriched"}.get(colour, "do_not_contact")
            lead |= {"lead_status": route, "quality_score": 75, "lead_score": 60, "scored_at": clock.now()}
        lead_id = await _insert(db, "leads", lead | lead_columns)
        for column, value in (("contact_id", contact_id), ("lead_id", lead_id)):  # changing hands forgets the lead
            if role is not None:
                await execute(
                    db,
                    text(
                        f"update app.company_slots set {column} = :value"
                        " where company_id = :company and role_code = cast(:role as company.role_code_t)"
                    ),
                    value=value, company=company_id, role=role,
                )  # fmt: skip
    return contact_id, uuid.UUID(str(lead_id))


async def make_email(
    ctx: Context, db: AsyncConnection, contact_id: int, address: str, colour: str = "green", *, source: str = "town"
) -> int:
    """An address of a contact, of a colour."""
    values = {
        "contact_id": contact_id, "kind": "email", "value": ctx.sealer.seal(1, address), "source": source,
        "score": 90, "status": colour, "verified": colour == "green",
        "verified_at": None if colour == "gray" else clock.now(),
    }  # fmt: skip
    return int(await _insert(db, "contact_points", values))


async def _insert(db: AsyncConnection, table: str, values: dict[str, Any]) -> Any:
    names, places = ", ".join(values), ", ".join(f":{key}" for key in values)
    return await scalar(db, text(f"insert into app.{table} ({names}) values ({places}) returning id"), **values)
