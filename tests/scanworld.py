"""Places with scores, as intake and the numeric pass leave them, and scans of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from ground import BROKER_ID
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.scans import ScanRequest, order, read_area, show

AUSTIN = read_area(city="Austin, TX")
SQUARE: dict[str, Any] = {
    "type": "Polygon",
    "coordinates": [[[-97.75, 30.25], [-97.74, 30.25], [-97.74, 30.26], [-97.75, 30.26], [-97.75, 30.25]]],
}
PLACE = text(
    """
    with owner as (
      insert into app.contacts (org_id, owner_key, kind, full_name, source)
      values (1, 'test:' || cast(:line1 as text), :kind, 'Ada Sample', 'file') returning id
    )
    insert into app.properties (org_id, address_line1, city, state, postal_code, addr_hash, lat, lng, source,
                                owner_contact_id)
    select 1, :line1, :city, :state, :zip, :line1 || :zip, cast(:lat as float8), cast(:lng as float8), 'file', id
      from owner
    returning id
    """
)
SCORE = text(
    """
    insert into app.property_scores
    select (r).* from (select jsonb_populate_record(cast(null as app.property_scores), cast(:known as jsonb) ||
      (select jsonb_object_agg(attname, case when typname in ('float4', 'float8') then '"NaN"'
              when typname = 'bool' then cast('false' as jsonb) when typname = 'date' then '"2026-11-30"'
              when typname = 'timestamptz' then '"2026-11-30"' when typname = 'text' then '"1"' else '0' end)
         from pg_attribute a join pg_type t on t.oid = a.atttypid
        where attrelid = cast('app.property_scores' as regclass) and attnum > 0 and not attisdropped
          and not cast(:known as jsonb) ? cast(attname as text))) as r) x
    """
)


async def make_places(
    ctx: Context,
    scores: Sequence[int | None],
    *,
    city: str = "Austin",
    postal_code: str = "78701",
    lat: float | None = 30.255,
    lng: float = -97.745,
    kind: str = "person",
) -> list[int]:
    """A place for each score (None: not scored), in a row to the east; gives their ids."""
    made = []
    async with ctx.db.tenant(1) as db:
        known = int(await scalar(db, text("select count(*) from app.properties")))
        for n, score in enumerate(scores, start=known):
            east = None if lat is None else lng + n * 1e-6
            values = {"line1": f"{n} Oak St", "city": city, "state": "TX", "zip": postal_code, "kind": kind}
            made.append(int(await scalar(db, PLACE, lat=lat, lng=east, **values)))
            if score is not None:
                await give_score(db, made[-1], score)
    return made


async def give_score(db: Any, place: int, score: int) -> None:
    known = {"org_id": 1, "playbook": "roofing", "property_id": place, "total_urgency_score": score}
    await execute(db, SCORE, known=json.dumps(known | {"tier": 2 if score >= 80 else int(score >= 60)}))


async def subscribe(ctx: Context, tier: str = "professional", trial: int = 0, broker_id: Any = BROKER_ID) -> None:
    """Put a broker into a tier with so many leads of the trial left."""
    statement = """
        insert into app.subscriptions (org_id, broker_id, tier, trial_leads_remaining)
        values (1, :broker, :tier, :trial)
        on conflict (org_id, broker_id) do update
           set tier = excluded.tier, trial_leads_remaining = excluded.trial_leads_remaining
    """
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), broker=broker_id, tier=tier, trial=trial)


async def ordered(ctx: Context, **given: Any) -> int:
    """A scan of Austin for Bea, queued."""
    request = ScanRequest(**{"area": AUSTIN, "broker_id": BROKER_ID, **given})
    return await order(ctx, 1, request, actor="test")


async def state(ctx: Context, scan: int) -> dict[str, Any]:
    async with ctx.db.tenant(1) as db:
        return dict(await show(db, scan))


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def account(ctx: Context) -> dict[str, Any]:
    """Leads, lines charged and lines of the diary: the three have to agree."""
    statement = """
        select (select count(*) from app.leads) as leads, (select count(distinct property_id) from app.leads) as places,
               (select count(*) from app.usage_events where metric = 'leads_generated') as lines,
               (select count(*) from app.pipeline_events where event_type = 'lead_found') as told,
               (select trial_leads_remaining from app.subscriptions limit 1) as trial
    """
    async with ctx.db.tenant(1) as db:
        found = await one(db, text(statement))
    assert found is not None
    return dict(found)


def leads_of(found: dict[str, Any]) -> int:
    """Every place of the area is accounted for; gives how many became leads."""
    summary = found["results_summary"]
    assert summary["leads"] + sum(summary["not_leads"].values()) == summary["places"] == found["total_properties"]
    assert summary["leads"] == found["qualified_leads"] == sum(summary["by_tier"].values())
    return int(summary["leads"])
