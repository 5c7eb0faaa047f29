"""Why a place has its score, for those who may see the place: in codes, and in sentences of the trade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID
from penstock.contagion import score_due, verdicts
from penstock.core.context import Context
from penstock.core.db import execute, rows

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]

PLACES = """
    insert into app.properties
      (org_id, id, addr_hash, address_line1, city, state, lat, lng, year_built, source, has_liens, property_value,
       estimated_equity)
    overriding system value
    select 1, 1000 + n, 'h' || n, n || ' Elm Street', 'Nashville', 'TN', 36.1 + n * 0.0002, -86.8, 2001, 'test', true,
           300000, 290000
      from generate_series(1, 20) n
"""
FIRM = (
    "insert into app.contractors (org_id, id, name, name_key) overriding system value values (1, 7, 'Ridge', 'ridge')"
)
PERMITS = """
    insert into app.building_permits
      (org_id, source, source_id, work, issued_on, city, state, lat, lng, property_id, contractor_id, matched_by,
       content_hash)
    select 1, 'test', n, 'reroof', date '2026-01-01' + n * 30, 'Nashville', 'TN', 36.1 + n * 0.0002, -86.8, 1000 + n, 7,
           'parcel', 'x'
      from generate_series(1, 8) n
"""
LEAD = "update app.leads set playbook = 'roofing', property_id = 1010 where id = cast(:id as uuid)"


@pytest.fixture
async def lead(ctx: Context, cast: Cast) -> str:
    """Bea's lead at number 10, in a street where eight of twenty roofs were done this year."""
    made = await make_lead(ctx, broker_id=BROKER_ID)
    async with ctx.db.tenant(1) as db:
        for statement in (PLACES, FIRM, PERMITS):
            await execute(db, text(statement))
        await execute(db, text(LEAD), id=str(made))
    await score_due(ctx, 1, ctx.playbooks["roofing"])
    return str(made)


def codes(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["reasons"]
    assert all(sorted(one) == ["code", "points", "sentence"] and one["sentence"] for one in told)
    assert [one["points"] for one in told] == sorted((one["points"] for one in told), reverse=True)
    return {one["code"] for one in told}


async def test_a_score_tells_all_its_reasons(ctx: Context, cast: Cast, client: httpx.AsyncClient, lead: str) -> None:
    ada = cast.headers("Ada")
    felt = codes(await client.get("/v1/territory/property_scores/roofing:1010", headers=ada))
    assert {"CLOSE_BY", "CONTRACTORS_NEARBY", "AGE_OF_BUILDING", "EQUITY", "LIENS"} <= felt
    done = codes(await client.get("/v1/territory/property_scores/roofing:1003", headers=ada))  # no lead of anybody's
    assert "FRESH" in done
    listed = (await client.get("/v1/territory/property_scores", headers=ada)).json()["items"]
    assert len(listed) == 20 and all("reasons" not in one for one in listed)


async def test_a_lead_tells_why_it_is_one(ctx: Context, cast: Cast, client: httpx.AsyncClient, lead: str) -> None:
    felt = codes(await client.get(f"/v1/leads/{lead}", headers=cast.headers("Bea")))
    assert {"CLOSE_BY", "EQUITY", "CONTRACTORS_NEARBY"} <= felt
    elsewhere = cast.leads["Bea's"]  # of a playbook that has no map
    assert codes(await client.get(f"/v1/leads/{elsewhere}", headers=cast.headers("Bea"))) == set()


async def test_reasons_are_for_who_sees_the_place(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, lead: str
) -> None:
    bea, carl, mallory = (cast.headers(name) for name in ("Bea", "Carl", "Mallory"))
    score = "/v1/territory/property_scores/roofing:"
    assert "LIENS" in codes(await client.get(f"{score}1010", headers=bea))
    assert (await client.get(f"{score}1011", headers=bea)).status_code == 404
    for stranger in (carl, mallory):
        assert (await client.get(f"{score}1010", headers=stranger)).status_code == 404
        assert (await client.get(f"/v1/leads/{lead}", headers=stranger)).status_code == 404


async def test_every_place_with_a_score_has_a_reason(ctx: Context, cast: Cast, lead: str) -> None:
    async with ctx.db.tenant(1) as db:
        scored = [row["property_id"] for row in await rows(db, text("select property_id from app.property_scores"))]
        told = await verdicts(db, ctx.playbooks["roofing"], 1, scored)
    assert len(scored) == 20 and all(told[place].reasons for place in scored)
