"""Leads over HTTP: the list and its pages, one lead in the clear, what may be changed, what looking leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text

from factories import make_contactable, make_lead
from ground import BROKER_ID, START
from penstock.core.context import Context
from penstock.core.db import rows

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]
ACCESSED = text("select actor, object_id from app.audit_logs where action = 'accessed' and object_type = 'lead'")


async def ids(client: httpx.AsyncClient, headers: dict[str, str], **params: Any) -> list[str]:
    answer = await client.get("/v1/leads", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def read_all(client: httpx.AsyncClient, headers: dict[str, str], sort: str, limit: int) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        params = {"sort": sort, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/leads", params=params, headers=headers)).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", ["score", "created"])
async def test_pages_give_every_lead_once_and_in_order(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, sort: str
) -> None:
    for score in (10, 10, 10, 95, 50):
        await make_lead(ctx, lead_score=score, first_seen_at=START.replace(hour=score % 24))
    key = {"score": "lead_score", "created": "first_seen_at"}[sort]
    found = await read_all(client, cast.headers("Ada"), sort, limit=3)
    assert len(found) == len({item["id"] for item in found}) == 8
    assert found == sorted(sorted(found, key=lambda item: item["id"]), key=lambda item: item[key], reverse=True)


async def test_a_list_that_grows_while_it_is_read_repeats_nothing(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    ada = cast.headers("Ada")
    first = (await client.get("/v1/leads", params={"limit": 2}, headers=ada)).json()
    await make_lead(ctx, lead_score=100)
    rest = (await client.get("/v1/leads", params={"limit": 50, "cursor": first["next"]}, headers=ada)).json()
    seen = [item["id"] for item in first["items"] + rest["items"]]
    assert sorted(seen) == sorted(str(cast.leads[whose]) for whose in ("Bea's", "Carl's", "nobody's"))


async def test_a_cursor_of_another_order_is_refused(cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    cursor = (await client.get("/v1/leads", params={"limit": 1}, headers=ada)).json()["next"]
    answer = await client.get("/v1/leads", params={"sort": "created", "cursor": cursor}, headers=ada)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_filters_and_search_narrow_the_list(ctx: Context, cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    odd = await make_contactable(
        ctx,
        address="100% Broad_St",
        city="Philadelphia",
        state="PA",
        postal_code="19103",
        first_name="Zoë",
        last_name="O'Hara",
    )
    poor = await make_lead(ctx, lead_score=5)
    assert await ids(client, ada, state="PA") == [str(odd)]
    assert await ids(client, ada, score_max=20) == [str(poor)]
    assert await ids(client, ada, status="new") == [str(poor)]
    assert len(await ids(client, ada, campaign_status="queued")) == 4
    assert await ids(client, ada, broker=str(BROKER_ID)) == [str(cast.leads["Bea's"])]
    assert await ids(client, ada, playbook="no-such") == []
    assert await ids(client, ada, q="o'hara BROAD phila") == [str(odd)]
    assert await ids(client, ada, q="100%") == [str(odd)], "a percent sign is a percent sign"
    assert await ids(client, ada, q="d_s") == [str(odd)], "and an underscore an underscore"
    assert await ids(client, ada, q="o'hara tampa") == []
    assert await ids(client, ada, q="'; drop table app.leads; --") == []


@pytest.mark.parametrize(
    "params",
    [{"limit": 0}, {"limit": 201}, {"sort": "name"}, {"state": "Florida"}, {"score_min": -1}, {"status": "hot"}],
)
async def test_a_senseless_question_names_the_field(
    cast: Cast, client: httpx.AsyncClient, params: dict[str, Any]
) -> None:
    answer = await client.get("/v1/leads", params=params, headers=cast.headers("Ada"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{next(iter(params))}"


async def test_one_lead_is_in_the_clear_and_looking_is_recorded(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    lead_id = cast.leads["Bea's"]
    lead = (await client.get(f"/v1/leads/{lead_id}", headers=cast.headers("Bea"))).json()
    assert {p["kind"]: p["value"] for p in lead["contact_points"]}["email"] == "ada.sample@home.example"
    assert lead["place"]["city"].upper() == "TAMPA"
    await client.get(f"/v1/leads/{lead_id}", headers=cast.headers("Carl"))
    await client.get(f"/v1/leads/{lead_id}", headers=cast.headers("key:reader"))
    async with ctx.db.tenant(1) as db:
        audit = {(row["actor"], row["object_id"]) for row in await rows(db, ACCESSED)}
    key = "key:" + cast.credentials["key:reader"].split("_")[1]
    assert audit == {(str(BROKER_ID), str(lead_id)), (key, str(lead_id))}


async def test_a_broker_changes_the_stage_of_the_sale_and_nothing_else(cast: Cast, client: httpx.AsyncClient) -> None:
    lead_id, bea = cast.leads["Bea's"], cast.headers("Bea")
    url = f"/v1/leads/{lead_id}"
    early = await client.patch(url, json={"sales_stage": "won", "assigned_persona": "Zoe"}, headers=bea)
    says = "from new: appointment_scheduled, contacted, interested, lost, replied"
    assert (early.status_code, early.json()["fix"]) == (409, says)
    assert (await client.get(url, headers=bea)).json()["assigned_persona"] is None, "nothing of it was changed"
    for stage in ("interested", "quoted"):
        assert (await client.patch(url, json={"sales_stage": stage}, headers=bea)).status_code == 200
    changed = await client.patch(url, json={"sales_stage": "won", "status_reason": "signed"}, headers=bea)
    assert (changed.json()["sales_stage"], changed.json()["status_reason"]) == ("won", "signed")
    again = await client.patch(url, json={"sales_stage": "won"}, headers=bea)
    assert (again.status_code, again.json()["status_reason"]) == (200, "signed")
    told = (await client.get(f"{url}/activities", headers=bea)).json()
    assert [line["activity_metadata"]["to"] for line in told if line["title"] == "stage changed"] == [
        "won",
        "quoted",
        "interested",
    ]
    back = await client.patch(url, json={"sales_stage": "new"}, headers=bea)
    assert (back.status_code, back.json()["code"]) == (409, "conflict")
    for forbidden in ("consent", "campaign_status", "assigned_broker_id", "lead_score"):
        answer = await client.patch(url, json={forbidden: True}, headers=bea)
        assert answer.status_code == 422, forbidden


async def test_a_lead_that_does_not_exist_is_a_404(cast: Cast, client: httpx.AsyncClient) -> None:
    for path in ("", "/diary", "/decisions", "/spend"):
        answer = await client.get(f"/v1/leads/00000000-0000-0000-0000-000000000000{path}", headers=cast.headers("Ada"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
