"""Places bought and places located, in a town: each record paid once, each answer kept, trouble waited out."""

import asyncio
import io
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from ground import with_net
from penstock import intake
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import InvalidInput, ProviderBusy
from penstock.intake import locating, search
from penstock.simulate import TownControl

PLACES = "roofing"
ZIP = {"postal_code": "78701"}
SQUARE = [(-0.004, -0.004), (0.004, -0.004), (0.004, 0.004), (-0.004, 0.004), (-0.004, -0.004)]


def near(house: tuple[float, float], corner: tuple[float, float]) -> bool:
    return all(abs(one - other) <= 0.004 for one, other in zip(house, corner, strict=True))


async def ask(ctx: Context, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    async with ctx.db.tenant(1) as db:
        return [tuple(found.values()) for found in await rows(db, text(sql), **values)]


async def do(ctx: Context, sql: str, **values: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(sql), **values)


def graded(town: Any) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{town.http_url}/truth").json()
    return found


def billed(town: Any) -> int:
    return int(graded(town)["billed"].get("batchdata", {"items": 0})["items"])


async def a_zip(ctx: Context) -> dict[str, str]:
    """A ZIP code of the town's Austin that has houses."""
    control = TownControl(ctx.settings.town_url)
    line = (await control.places(1)).decode().splitlines()[1]
    await control.close()
    return {"postal_code": line.split(",")[5][:5]}


def houses(town: Any) -> dict[str, tuple[float, float]]:
    """Where the houses of the town's Austin stand."""
    found: dict[str, tuple[float, float]] = {}
    for skip in (0, 1000):
        body = {"searchCriteria": {"query": "Austin, TX"}, "options": {"skip": skip, "take": 1000}}
        url, key = f"{town.http_url}/batchdata/api/v1/property/search", {"Authorization": "Bearer a-key"}
        for one in httpx.post(url, json=body, headers=key).json()["results"]["properties"]:
            site = one["address"]
            found[site["street"].upper()] = (site["latitude"], site["longitude"])
    return found


async def buy(ctx: Context, area: dict[str, Any], limit: int) -> intake.Bought:
    return await intake.search_places(ctx, 1, playbook=PLACES, area=area, limit=limit, actor="test")


async def test_places_are_bought_once_and_merged_once(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    area = await a_zip(town_ctx)
    there = await intake.count_places(town_ctx, 1, playbook=PLACES, area=area)
    assert there > 60
    assert billed(town) == 0, "a count is free"

    merge = search.take_rows

    async def die(*given: Any, **named: Any) -> Any:
        raise RuntimeError("cut here")

    monkeypatch.setattr(search, "take_rows", die)
    with pytest.raises(RuntimeError):
        await buy(town_ctx, area, 60)
    assert billed(town) == 60
    assert await ask(town_ctx, "select count(*) from app.properties") == [(0,)]
    monkeypatch.setattr(search, "take_rows", merge)

    first = await buy(town_ctx, area, 60)
    assert (first.places, billed(town)) == (60, 60), "the answer that was paid for is read again"
    assert await ask(town_ctx, "select count(*), count(owner_contact_id) from app.properties") == [(60, 60)]
    assert await ask(town_ctx, "select distinct source, located_by from app.properties") == [("batchdata", "batchdata")]
    facts = "lat is not null and subdivision_id is not null and has_mortgage is not null and roof_material is not null"
    assert await ask(town_ctx, f"select count(*) from app.properties where {facts}") == [(60,)]
    assert await ask(town_ctx, "select count(*) from app.leads") == [(0,)]
    assert await ask(town_ctx, "select rows_read, inserted, makes_leads, state from app.uploads") == [
        (60, 60, False, "done")
    ]

    at_once = await asyncio.gather(*(buy(town_ctx, area, 10_000) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(one, intake.Bought | ProviderBusy) for one in at_once), "one waits while the other buys"
    rest = await buy(town_ctx, area, 10_000)
    assert (rest.places, rest.stopped, billed(town)) == (there, None, there)
    assert await ask(town_ctx, "select count(*) from app.properties") == [(there,)]
    again = await buy(town_ctx, area, 10_000)
    assert again.places == there
    assert billed(town) == there
    assert await ask(town_ctx, "select max(times_seen) from app.property_seen") == [(1,)]
    spent = await ask(
        town_ctx, "select stage, sum(cost_cents), bool_and(status = 'applied') from app.vendor_calls group by stage"
    )
    assert spent == [("intake", 10 * there, True)]
    assert graded(town)["paid_twice"] in (0, []), "the town agrees"


async def test_of_an_area_in_two_parts_only_the_parts_are_bought_each_once(
    town_ctx: Context, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = sorted(houses(town).values())
    corners = [there[0], there[-1]]  # the southernmost and the northernmost house
    around = [[[lng + x, lat + y] for x, y in SQUARE] for lat, lng in corners]
    area = {"type": "MultiPolygon", "coordinates": [[ring] for ring in around]}
    within = [house for house in there if any(near(house, corner) for corner in corners)]
    assert 2 <= len(within) < len(there) / 4
    before = billed(town)
    assert await intake.count_places(town_ctx, 1, playbook=PLACES, area=area) == len(within)

    merge, pages = search.take_rows, list[int]()

    async def die_at_the_second(*given: Any, **named: Any) -> Any:
        pages.append(1)
        if len(pages) == 2:
            raise RuntimeError("cut here")
        return await merge(*given, **named)

    monkeypatch.setattr(search, "take_rows", die_at_the_second)
    with pytest.raises(RuntimeError):
        await buy(town_ctx, area, 10_000)
    assert billed(town) - before == len(within), "both are paid for, one is merged"
    found = await buy(town_ctx, area, 10_000)
    assert (found.places, billed(town) - before) == (len(within), len(within))
    assert await ask(town_ctx, "select count(*) from app.properties") == [(len(within),)]
    assert (await buy(town_ctx, area, 1)).places < len(within), "the limit is that of all parts"


async def test_a_search_stops_at_the_cap_and_waits_for_a_busy_vendor(town_ctx: Context, town: Any) -> None:
    area = await a_zip(town_ctx)
    await do(town_ctx, "insert into app.spend_caps (org_id, scope, playbook, cap_cents) values (1, 'playbook_day', :p, 400) on conflict (org_id, scope, vendor, playbook) do update set cap_cents = 400", p=PLACES)  # fmt: skip # noqa: E501
    part = await buy(town_ctx, area, 30)
    assert (part.places, part.stopped, billed(town)) == (30, None, 30)
    capped = await buy(town_ctx, area, 60)
    assert capped.places == 30
    assert "cap" in str(capped.stopped)
    httpx.put(f"{town.http_url}/town/faults", json={"batchdata": {"rate_429": 1.0}}).raise_for_status()
    with pytest.raises(ProviderBusy):
        await buy(town_ctx, {"city": "Chicago", "state": "IL"}, 5)
    httpx.put(f"{town.http_url}/town/faults", json={}).raise_for_status()
    assert billed(town) == 30
    assert await ask(town_ctx, "select count(*) from app.vendor_calls where status = 'released'") == [(1,)]


async def test_a_page_whose_answer_is_lost_is_not_paid_again(town_ctx: Context, town: Any) -> None:
    area = await a_zip(town_ctx)
    httpx.put(f"{town.http_url}/town/faults", json={"batchdata": {"rate_500": 1.0}}).raise_for_status()
    with pytest.raises(ProviderBusy):
        await buy(town_ctx, area, 20)
    httpx.put(f"{town.http_url}/town/faults", json={}).raise_for_status()
    found = await buy(town_ctx, area, 40)
    assert found.places == 40
    assert billed(town) == 40
    assert await ask(town_ctx, "select count(*) from app.vendor_calls where status = 'settled'") == [(1,)]


async def test_who_has_no_search_is_told_so(ctx: Context) -> None:
    with pytest.raises(InvalidInput, match="searches for no places"):
        await intake.count_places(ctx, 1, playbook="equity", area=ZIP)
    with pytest.raises(InvalidInput, match="no playbook"):
        await intake.count_places(ctx, 1, playbook="solar", area=ZIP)


async def test_places_without_coordinates_are_located_and_the_town_agrees(town_ctx: Context, town: Any) -> None:
    control = TownControl(town.http_url)
    data = await control.places(300)
    await control.close()
    await intake.import_file(town_ctx, 1, stream=io.BytesIO(data), name="a.csv", playbook="equity")
    assert await locating.pump(town_ctx, 1) == 0, "nobody asked to have that list looked up"
    await intake.import_file(town_ctx, 1, stream=io.BytesIO(data), name="a.csv", playbook=PLACES)
    due = (await ask(town_ctx, "select count(*) from app.geocoding_due"))[0][0]
    assert due > 10

    assert await locating.pump(with_net(town_ctx, closed=True), 1) == 0
    assert await ask(town_ctx, "select item from app.dlq") == [], "they wait for the town"
    httpx.put(f"{town.http_url}/town/faults", json={"census": {"rate_429": 1.0}}).raise_for_status()
    assert await locating.pump(town_ctx, 1) == 0
    assert await ask(town_ctx, "select item from app.dlq") == [("geocoder",)]
    assert await ask(town_ctx, "select count(*) from app.geocoding_due") == [(0,)], "everything waits"
    httpx.put(f"{town.http_url}/town/faults", json={}).raise_for_status()
    await do(town_ctx, "update app.dlq set retry_after = app.now()")

    at_once = await asyncio.gather(*(locating.pump(town_ctx, 1) for _ in range(3)))
    assert sum(at_once) == due, "one at a time"
    assert await ask(town_ctx, "select count(*) from app.dlq") == [(0,)]
    assert await locating.pump(town_ctx, 1) == 0
    outcomes = dict(await ask(town_ctx, "select outcome, count(*) from app.geocodings group by 1"))
    assert sum(outcomes.values()) == due
    located = await ask(town_ctx, "select address_line1, lat, lng from app.properties where located_by = 'census'")
    assert len(located) == outcomes["match"] > due * 0.8
    true = houses(town)
    assert all(true[line.upper()] == pytest.approx((lat, lng)) for line, lat, lng in located)
    (event,) = await ask(town_ctx, "select details from app.pipeline_events where event_type = 'places_located'")
    assert event[0] == outcomes


async def test_a_point_in_another_state_is_not_used() -> None:
    asked: Any = {"id": 1, "state": "TX"}
    outside = locating.judge(asked, locating.Located("match", lat=41.8, lng=-87.6))
    assert outside == locating.Found(1, "outside")
    inside = locating.judge(asked, locating.Located("match", lat=30.27, lng=-97.74))
    assert inside == locating.Found(1, "match", 30.27, -97.74)
    assert locating.judge(asked, locating.Located("tie")) == locating.Found(1, "tie")
