"""The models of a territory business over HTTP: every one can be read, filtered and paged; what is sealed stays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import text

from factories import make_lead
from penstock.api.territory import MODELS
from penstock.core.context import Context
from penstock.core.db import scalar

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]


async def test_every_model_is_a_resource_with_its_columns(ctx: Context, cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    models = (await client.get("/v1/territory", headers=ada)).json()
    assert list(models) == list(MODELS) and all(models.values())
    for model in MODELS:
        answer = await client.get(f"/v1/territory/{model}", headers=ada)
        assert answer.status_code == 200, (model, answer.text)
        for item in answer.json()["items"]:
            assert sorted(item) == sorted(models[model])
            assert not [v for v in item.values() if isinstance(v, str) and v.startswith("s1.")], model


async def test_leads_are_filtered_paged_and_opened_one_by_one(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    ada = cast.headers("Ada")
    hot = await make_lead(ctx, lead_score=85, email="ada@home.example")
    found = (await client.get("/v1/territory/leads", params={"priority": "HOT", "lead_score": 85}, headers=ada)).json()
    assert [item["id"] for item in found["items"]] == [str(hot)]
    assert (found["items"][0]["homeowner_email"], found["items"][0]["status"]) == (None, "NEW")
    opened = (await client.get(f"/v1/territory/leads/{hot}", headers=ada)).json()
    assert opened["homeowner_email"] == "ada@home.example"
    async with ctx.db.tenant(1) as db:
        looks = "select count(*) from app.audit_logs where action = 'accessed' and object_type = 'leads'"
        assert await scalar(db, text(looks)) == 1
    seen, cursor = [], None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/territory/leads", params=params, headers=ada)).json()
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/territory/roofs", 404, "area_scans"),
        ("/v1/territory/leads?colour=red", 422, "cannot be filtered by 'colour'"),
        ("/v1/territory/leads?homeowner_email=x", 422, "cannot be filtered"),
        ("/v1/territory/area_scans?created_at=yesterday-ish", 422, "does not fit"),
        ("/v1/territory/leads/none", 404, "no such row"),
        ("/v1/territory/properties/987654", 404, "no such row"),
        ("/v1/territory/leads?cursor=abc", 422, "cursor"),
    ],
)
async def test_a_question_that_makes_no_sense_is_answered_with_the_fix(
    cast: Cast, client: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    answer = await client.get(path, headers=cast.headers("Ada"))
    assert answer.status_code == status and says in answer.text, answer.text


async def test_a_broker_reads_own_rows_alone(cast: Cast, client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/territory/leads", headers=cast.headers("Bea"))).json()["items"]
    assert [item["id"] for item in found] == [str(cast.leads["Bea's"])]
    theirs = cast.leads["Carl's"]
    assert (await client.get(f"/v1/territory/leads/{theirs}", headers=cast.headers("Bea"))).status_code == 404
