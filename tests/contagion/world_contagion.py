"""Places and permits in a real database, on a lattice of homes as in `ground_contagion`."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ground_contagion import LAT, LNG, STEP
from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import execute, many, rows, scalar

TODAY = date(2026, 11, 30)  # of START in Los Angeles
_PLACE = text(
    "insert into app.properties (org_id, id, addr_hash, city, state, lat, lng, year_built, subdivision_id, "
    "property_value, estimated_equity, source) values (1, :id, :hash, :city, 'TN', :lat, :lng, :year_built, "
    ":subdivision, :value, :equity, 'test')"
)
_PERMIT = text(
    "insert into app.building_permits (org_id, id, source, source_id, work, issued_on, city, state, address_line1, "
    "lat, lng, subdivision_id, contractor_id, property_id, matched_by, content_hash) values (1, :id, 'test', :hash, "
    ":work, :on, :city, 'TN', :line, :lat, :lng, :subdivision, :contractor, :owner, "
    "case when cast(:owner as bigint) is not null then 'parcel' end, 'x')"
)

_FIRM = text(
    "insert into app.contractors (org_id, id, name, name_key) values (1, :n, :name, :name) on conflict do nothing"
)
_ESTATE = text(
    "insert into app.subdivisions (org_id, id, state, city, name) values (1, :n, 'TN', 'NASHVILLE', :name)"
    " on conflict do nothing"
)


def at(north: float, east: float) -> dict[str, float]:
    return {"lat": LAT + north * STEP, "lng": LNG + east * STEP}


def place(id: int, north: float, east: float, **columns: Any) -> dict[str, Any]:
    """A row of a place; of 1995 and in Nashville if nothing else is said."""
    known = {"year_built": 1995, "subdivision": None, "value": 250_000, "equity": 100_000, "city": "Nashville"}
    return {"id": id, "hash": f"h{id}", **at(north, east), **known, **columns}


def permit(id: int, north: float, east: float, *, days: int = 100, **columns: Any) -> dict[str, Any]:
    """A row of a permit; for a new roof, a hundred days old, about no known place if nothing else is said."""
    known = {"work": "reroof", "subdivision": None, "contractor": None, "owner": None, "city": "Nashville"}
    line = {"line": f"{id} Elm Street", "on": TODAY - timedelta(days=days)}
    return {"id": id, "hash": f"p{id}", **at(north, east), **line, **known, **columns}


async def fill(ctx: Context, places: list[dict[str, Any]], permits: list[dict[str, Any]]) -> None:
    """Write them, with three subdivisions and four contractors to choose from."""
    async with ctx.db.tenant(1) as db:
        numbered = [{"n": n, "name": f"Number {n}"} for n in range(1, 5)]
        await many(db, _FIRM, numbered)
        await many(db, _ESTATE, numbered)
        await many(db, _PLACE, places)
        await many(db, _PERMIT, permits)


async def change(ctx: Context, statement: str, **params: Any) -> int:
    async with ctx.db.tenant(1) as db:
        return await execute(db, text(statement), **params)


async def value(ctx: Context, statement: str, **params: Any) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text(statement), **params)


async def scores(ctx: Context) -> dict[int, dict[str, Any]]:
    """Stored scores by place, to the bit, but for when they were written. What is no number reads "NaN"."""
    async with ctx.db.tenant(1) as db:
        found = await rows(
            db, text("select property_id, to_jsonb(s) - 'scored_at' as score from app.property_scores s")
        )
    return {row["property_id"]: row["score"] for row in found}
