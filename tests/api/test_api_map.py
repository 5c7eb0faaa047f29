"""The map over HTTP: GeoJSON for whoever may read leads, each seeing what is theirs to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text

from ground import BROKER_ID
from penstock.contagion import score_due
from penstock.core.context import Context
from penstock.core.db import execute

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]
BOX = "-86.801,36.099,-86.797,36.103"
PLACES = """
    insert into app.properties (org_id, id, addr_hash, address_line1, city, state, lat, lng, year_built, source)
    select 1, n, 'h' || n, n || ' Elm Street', 'Nashville', 'TN', 36.08 + n * 0.0002, -86.8, 1990, 'test'
      from generate_series(101, 106) n
"""
PERMITS = """
    insert into app.building_permits
      (org_id, source, source_id, work, issued_on, city, state, address_line1, lat, lng, content_hash)
    select 1, 'test', n, 'reroof', date '2026-10-01' + n, 'Nashville', 'TN', n || ' Oak Street', 36.1 + n * 0.0002,
           -86.8, 'x'
      from generate_series(1, 3) n
"""
GIVE = "update app.leads set playbook = 'roofing', property_id = 104 where assigned_broker_id = cast(:bea as uuid)"


async def on_record(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(PLACES))
        await execute(db, text(PERMITS))
        await execute(db, text(GIVE), bea=BROKER_ID)
    await score_due(ctx, 1, next(book for book in ctx.playbooks.values() if book.territory))


async def test_everybody_gets_geojson_of_what_is_theirs_to_see(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    await on_record(ctx)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for who in ("Otto", "Bea", "Carl", "Mallory", "key:reader"):
        for layer in ("properties", "permits", "clusters"):
            answer = await client.get(f"/v1/map/{layer}", params={"bbox": BOX, "zoom": 16}, headers=cast.headers(who))
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json"), answer.text
            assert answer.headers["cache-control"] == "private, max-age=60"
            found[who, layer] = answer.json()
    addresses = {who: addressed(found[who, "properties"]) for who in ("Otto", "Bea", "Carl", "Mallory", "key:reader")}
    everything = {f"{n} Elm Street" for n in range(101, 107)}
    assert addresses == {
        "Otto": everything, "key:reader": everything, "Bea": {"104 Elm Street"}, "Carl": set(), "Mallory": set(),
    }  # fmt: skip
    (counted,) = found["Carl", "properties"]["features"]
    assert counted["properties"]["count"] == 6
    assert counted["geometry"]["type"] == "Point"
    assert addressed(found["Bea", "permits"]) == {f"{n} Oak Street" for n in (1, 2, 3)}
    assert found["Mallory", "permits"]["features"] == []


def addressed(found: dict[str, Any]) -> set[str]:
    return {each["properties"].get("address_line1") for each in found["features"]} - {None}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"bbox": "1,2,3", "zoom": 3}, "four numbers"),
        ({"bbox": "-86,36.4,-87,35.9", "zoom": 3}, "south lies north"),
        ({"bbox": BOX, "zoom": 23}, "zoom"),
        ({"bbox": BOX}, "zoom"),
        ({"zoom": 3}, "bbox"),
        ({"bbox": BOX, "zoom": 3, "limit": 0}, "limit"),
        ({"bbox": BOX, "zoom": 3, "playbook": "equity"}, "has no map"),
    ],
)
async def test_what_makes_no_sense_is_a_problem(
    params: dict[str, Any], said: str, cast: Cast, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/v1/map/permits", params=params, headers=cast.headers("Otto"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.text
