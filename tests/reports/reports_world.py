"""A street for reports: a scored home with a lead, the homes and permits around it, and what a report of it says."""

from __future__ import annotations

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from factories import make_contactable
from ground import BROKER_ID
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.reports import sample
from penstock.reports.content import Dot, Maker, Surroundings, compose
from penstock.reports.view import Links

HERE = (30.2672, -97.7431)
FOOT_NORTH = 1 / 363_750  # degrees, good to a foot in a quarter mile at this latitude
LINKS = Links(
    "https://x.example/r/t", "https://x.example/r/t/stop", "https://x.example/r/t/consent", "https://c.example"
)
WORDS = {"one": "re-roof", "many": "re-roofs", "part": "roof"}
MAKER = Maker(WORDS, sample.MAKER.reach, sample.MAKER.weights)
LOGO_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 6"><path d="M0 6L4 0L9 6Z" fill="#1f4e5f"/></svg>'
DAY = date(2026, 11, 30)
SCORES: dict[str, Any] = {
    "playbook": "roofing", "property_version": 1, "contagion_score": 91, "age_match_score": 78, "financial_score": 80,
    "visual_score": 0, "total_urgency_score": 84, "tier": 2, "confidence": 2, "action": 4, "known": 7, "fresh": False,
    "permits_within_100ft": 1, "permits_within_500ft": 3, "permits_within_quarter_mile": 4,
    "nearest_permit_id": 1, "same_subdivision_permits": 0, "nearest_permit_ft": 84.0, "since": date(2025, 3, 4),
    "pressure": 2.0, "replaced_year": 2003.0, "contractor_count": 2, "contractor_1": 0, "contractor_2": 0,
    "contractor_3": 0, "subdivision_year": float("nan"),
    "installed_year": 2004, "by_permit": False, "roof_age_years": 22,
    "age_difference_years": 1, "matches_neighbor_age": True, "damage": float("nan"), "life_left_years": float("nan"),
    "cluster_id": 0, "scored_on": DAY, "scoring_version": "v1.0",
}  # fmt: skip


def content_of(
    reasons: tuple[tuple[str, str], ...] = (), around: Surroundings | None = None, **changed: Any
) -> dict[str, Any]:
    """The content of a report on the sample home with some facts changed."""
    dots = [Dot(80, 20, date(2026, 10, 2)), Dot(-400, 200, date(2025, 3, 4)), Dot(-400, 200, date(2024, 6, 1))]
    told = [SimpleNamespace(code=code, sentence=sentence) for code, sentence in reasons]
    near = around or Surroundings(dots, [(100, 100), (-90, 40)], ["Austin, TX"], date(2026, 11, 19))
    return compose(MAKER, {**sample.HOME, **changed}, near, told, changed.get("pictures", []), made_on=sample.MADE_ON)


RUN = text(
    "insert into app.contagion_runs (org_id, playbook, scored_on, scored_at, scoring_version, properties, permits)"
    " values (1, 'roofing', :day, app.now(), 'v1.0', 1, 4) on conflict do nothing"
)


async def make_home(ctx: Context, *, scores: dict[str, Any] | None = None, **lead: Any) -> UUID:
    """A contactable lead of Bea's on a scored home, with four permits and two homes around."""
    lead_id = await make_contactable(
        ctx, **{"playbook": "roofing", "broker_id": BROKER_ID, "city": "Austin", "state": "TX", **lead}
    )
    async with ctx.db.tenant(1) as db:
        property_id = await scalar(db, text("select property_id from app.leads where id = :id"), id=lead_id)
        await place_at(db, property_id, 0, 0)
        first = None
        for number, (east, north, on, work) in enumerate(
            ((60, 60, date(2026, 10, 2), "reroof"), (-300, 0, date(2025, 3, 4), "reroof"),
             (0, 400, date(2026, 1, 9), "reroof"), (900, -400, date(2024, 5, 1), "reroof"),
             (40, 0, date(2026, 9, 1), "solar"), (2000, 0, date(2026, 9, 1), "reroof"),
             (50, 50, date(2019, 9, 1), "reroof"))
        ):  # fmt: skip
            made = await make_permit(db, f"{property_id}-{number}", east, north, on, work)
            first = first or made
        for number, east in enumerate((120, -160)):
            other = await scalar(
                db,
                text(
                    "insert into app.properties (org_id, address_line1, city, state, source)"
                    " values (1, :line, 'AUSTIN', 'TX', 'test') returning id"
                ),
                line=f"{property_id} Other St {number}",
            )
            await place_at(db, other, east, 30)
        await set_scores(db, property_id, nearest_permit_id=first, **(scores or {}))
        await execute(db, RUN, day=DAY)
    return lead_id


async def set_scores(db: AsyncConnection, property_id: int, **changed: Any) -> None:
    """Write the score of a place anew."""
    values = {**SCORES, **changed, "org_id": 1, "property_id": property_id, "scored_at": clock.now()}
    await execute(db, text("delete from app.property_scores where property_id = :id"), id=property_id)
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    await execute(db, text(f"insert into app.property_scores ({names}) values ({places})"), **values)


async def place_at(db: AsyncConnection, property_id: int, east: float, north: float) -> None:
    """Put a place so many feet from the middle."""
    lat, lng = point(east, north)
    await execute(
        db, text("update app.properties set lat = :lat, lng = :lng where id = :id"), lat=lat, lng=lng, id=property_id
    )


async def make_permit(db: AsyncConnection, source_id: str, east: float, north: float, on: date, work: str) -> int:
    """A permit so many feet from the middle."""
    lat, lng = point(east, north)
    return int(
        await scalar(
            db,
            text(
                "insert into app.building_permits (org_id, source, source_id, work, issued_on, city, state, lat, lng,"
                " content_hash, contractor_name, scraped_at)"
                " values (1, 'austin', :sid, :work, :on, 'AUSTIN', 'TX', :lat, :lng, 'x', 'RIVAL ROOFS LLC', :at)"
                " returning id"
            ),
            sid=source_id, work=work, on=on, lat=lat, lng=lng, at=datetime.fromisoformat("2026-11-29T08:00:00+00:00"),
        )
    )  # fmt: skip


def point(east: float, north: float) -> tuple[float, float]:
    """Degrees of a point so many feet from the middle."""
    return HERE[0] + north * FOOT_NORTH, HERE[1] + east * FOOT_NORTH * 1.1546


async def reports_of(ctx: Context, lead_id: UUID) -> list[Any]:
    """The reports of a lead, oldest first."""
    async with ctx.db.tenant(1) as db:
        return await rows(
            db,
            text("select * from app.property_reports where lead_id = :id order by created_at, is_current"),
            id=lead_id,
        )


async def property_of(ctx: Context, lead_id: UUID) -> int:
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, text("select property_id from app.leads where id = :id"), id=lead_id))
