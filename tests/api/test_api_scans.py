"""Area scans over HTTP: a broker orders, watches and stops their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ground import BROKER_ID
from penstock.core.access import Principal
from penstock.core.context import Context
from penstock.scans import endpoints, start
from penstock.scans.tasks import pump
from scanworld import SQUARE, make_places, sql, subscribe

if TYPE_CHECKING:
    from api_cast import Cast

    from scanrooms import Rooms

pytest_plugins = ["api_cast", "scanrooms"]


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, data) of each server-sent event."""
    found = []
    for block in filter(None, text.split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_a_broker_orders_a_scan_once_watches_it_and_gets_the_leads(
    ctx: Context, rooms: Rooms, cast: Cast, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "POLL_S", 0.01)
    monkeypatch.setattr(endpoints, "LONGEST_S", 5.0)
    await make_places(ctx, [90, 70, 10])
    bea = cast.headers("Bea")
    wanted = {"polygon": SQUARE, "name": "Downtown", "search": True}
    told = (await client.post("/v1/area_scans/estimate", json=wanted, headers=bea)).json()
    assert (told["places"], told["leads_at_most"], told["area_name"]) == (3, 2, "Downtown")
    headers = bea | {"Idempotency-Key": "k1"}
    made = [await client.post("/v1/area_scans", json=wanted | {"start": False}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    scan = made[0].json()["id"]
    assert made[1].json()["id"] == scan and made[0].json()["broker_id"] == str(BROKER_ID)
    changed = await client.post("/v1/area_scans", json=wanted | {"max_leads": 1}, headers=headers)
    assert changed.status_code == 409

    watched = list[bytes]()
    stream = endpoints._changes(ctx, _bea(), scan)
    watched.append(await anext(stream))
    await start(ctx, 1, scan)
    watched.append(await anext(stream))
    await pump(ctx, 1)
    watched += [part async for part in stream]
    seen = events(b"".join(watched).decode())
    assert [(name, data["status"]) for name, data in seen] == [
        ("progress", "pending"), ("progress", "queued"), ("completed", "completed"),
    ]  # fmt: skip
    over_http = await client.get(f"/v1/area_scans/{scan}/events", headers=bea)
    assert over_http.headers["content-type"].startswith("text/event-stream")
    assert events(over_http.text) == seen[-1:]
    found = (await client.get(f"/v1/area_scans/{scan}", headers=bea)).json()
    assert (found["qualified_leads"], found["progress_percentage"]) == (2, 100)
    assert found["results_summary"]["not_leads"] == {"below the bar": 1}

    await subscribe(ctx)
    await sql(ctx, "update app.subscriptions set status = 'cancelled' returning 1")
    told = (await client.post("/v1/area_scans/estimate", json=wanted, headers=bea)).json()
    refused = await client.post("/v1/area_scans", json=wanted, headers=bea)
    assert (refused.status_code, refused.json()["fix"]) == (409, "subscribe again")
    assert told["no_leads_because"] == "the subscription has ended: subscribe again" and "reroof" in told["works"]


def _bea() -> Principal:
    return Principal(1, frozenset({"leads:read"}), "broker", user_id=BROKER_ID)


async def test_nobody_sees_stops_or_orders_another_brokers_scan(
    ctx: Context, rooms: Rooms, cast: Cast, client: httpx.AsyncClient
) -> None:
    bea, carl, otto = cast.headers("Bea"), cast.headers("Carl"), cast.headers("Otto")
    scan = (await client.post("/v1/area_scans", json={"zip_code": "78701"}, headers=bea)).json()["id"]
    assert (await client.get("/v1/area_scans", headers=carl)).json() == []
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry"), ("POST", "/start")):
        answer = await client.request(method, f"/v1/area_scans/{scan}{path}", headers=carl)
        assert answer.status_code == 404, path
    for_bea = {"zip_code": "78701", "broker_id": str(BROKER_ID)}
    assert (await client.post("/v1/area_scans", json=for_bea, headers=carl)).status_code == 403
    assert (await client.post("/v1/area_scans", json=for_bea, headers=otto)).status_code == 201
    assert [row["id"] for row in (await client.get("/v1/area_scans?limit=1", headers=otto)).json()] == [scan + 1]
    older = (await client.get(f"/v1/area_scans?before={scan + 1}&status=queued", headers=otto)).json()
    assert [row["id"] for row in older] == [scan]
    assert (await client.post(f"/v1/area_scans/{scan}/cancel", headers=bea)).json()["status"] == "cancelled"
    again = await client.post(f"/v1/area_scans/{scan}/cancel", headers=bea)
    assert (again.status_code, again.json()["fix"]) == (409, "only a scan under way can be cancelled")


async def test_a_wrong_area_is_answered_with_field_reason_and_fix(
    ctx: Context, rooms: Rooms, cast: Cast, client: httpx.AsyncClient
) -> None:
    crossing = {
        "type": "Polygon",
        "coordinates": [[[-97.7, 30.2], [-97.6, 30.3], [-97.6, 30.2], [-97.7, 30.3], [-97.7, 30.2]]],
    }
    answer = await client.post("/v1/area_scans", json={"polygon": crossing}, headers=cast.headers("Bea"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "polygon.coordinates"
    assert "crosses itself" in answer.json()["detail"] and answer.json()["fix"]
    nasty = {
        "deep": '{"polygon": ' + '{"type": "Feature", "geometry": ' * 900 + "{}" + "}" * 900 + "}",
        "deeper": '{"polygon": ' + '{"type": "Feature", "geometry": ' * 20_000 + "{}" + "}" * 20_000 + "}",
        "digits": json.dumps({"polygon": {"type": "Polygon", "coordinates": [[[10**400, 30], [-97, 30], [-97, 31]]]}}),
        "nul": json.dumps({"zip_code": "78701", "name": "Down\0town"}),
        "half": '{"zip_code": "78701", "name": "Down\\ud800town"}',
        "dear": json.dumps({"zip_code": "78701", "max_cost_cents": 10**23}),
    }
    for name, body in nasty.items():
        for path in ("", "/estimate"):
            said = await client.post(
                f"/v1/area_scans{path}",
                content=body,
                headers=cast.headers("Bea") | {"Content-Type": "application/json"},
            )
            assert said.status_code in (400, 422), (name, path, said.text)
    assert (await client.get("/v1/area_scans", headers=cast.headers("Ada"))).json() == []
