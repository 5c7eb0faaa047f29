"""Leads that a scan found, on places with coordinates, and what was kept of looking at them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.imagery.desk import Desk, desk_of
from penstock.playbook import Picture, Playbook, Viewer

PICTURES = (Picture("naip"), Picture("mapbox", price_cents=Decimal("0.5")))
SCAN = text(
    "insert into app.area_scans (org_id, playbook, broker_id, area_name, scan_type, area, created_by) "
    "values (1, 'roofing', cast(:broker as uuid), 'Austin', 'city', '{}', 'test') returning id"
)
PUT = text(
    "update app.properties p set lat = :lat, lng = :lng from app.leads l "
    "where l.id = cast(:lead as uuid) and p.id = l.property_id returning p.id"
)


async def found_leads(ctx: Context, count: int, *, score: int = 80, **columns: Any) -> dict[int, uuid.UUID]:
    """Leads of a scan by property, 100 m apart along a street of Austin."""
    async with ctx.db.tenant(1) as db:
        scan = await scalar(db, SCAN, broker=str(BROKER_ID))
    made = {}
    for n in range(count):
        about = {"playbook": "roofing", "area_scan_id": scan, "lead_score": score, "city": "Austin", "state": "TX"}
        lead = await make_lead(ctx, postal_code="78701", **(about | columns))
        async with ctx.db.tenant(1) as db:
            made[int(await scalar(db, PUT, lead=str(lead), lat=30.27 + n / 1000, lng=-97.74))] = lead
    return made


def desk(ctx: Context, *, live: bool | None = True, **changes: Any) -> Desk:
    """The desk of the roofing playbook, its territory changed as told. Live by default: what the town says counts."""
    return desk_of(ctx, 1, book(ctx, **changes), live=live)


def book(ctx: Context, **changes: Any) -> Playbook:
    """The roofing playbook with another territory: with a second source of pictures, which costs."""
    playbook = ctx.playbooks["roofing"]
    assert playbook.territory is not None
    return replace(playbook, territory=replace(playbook.territory, **({"pictures": PICTURES} | changes)))


def viewers(ctx: Context, **changes: Any) -> tuple[Viewer, ...]:
    """The playbook's models on other terms."""
    territory = ctx.playbooks["roofing"].territory
    assert territory is not None
    return tuple(replace(viewer, **changes) for viewer in territory.viewers)


async def sql(ctx: Context, query: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(query), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(statement), params) if params else await execute(db, text(statement))


async def truth(town: Any) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{town.http_url}/truth")).json()


async def faults(town: Any, **rates: dict[str, float]) -> None:
    async with httpx.AsyncClient() as client:
        (await client.put(f"{town.http_url}/town/faults", json=rates)).raise_for_status()
