"""Rows of the models of a territory business: figures of any size, ids of their own, the same books as elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID
from penstock import billing
from penstock.billing import subscriptions
from penstock.core.context import Context
from penstock.core.db import execute
from permit_sheets import line, sheet

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]


async def test_a_permit_of_any_stated_value_is_listed(ctx: Context, cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    body = sheet(line(), line(Permit__="2", Const_Cost="99999999999")).getvalue()
    assert (await client.post("/v1/permits/import", content=body, headers=ada)).json()["new"] == 2
    listed = await client.get("/v1/territory/building_permits", params={"limit": 5}, headers=ada)
    assert [one["permit_value"] for one in listed.json()["items"]] == ["9000.00", "99999999999.00"], listed.text
    cluster = text(
        "insert into app.contagion_clusters (org_id, playbook, center_lat, center_lng, radius_ft, permit_count,"
        " valued_count, value_cents, date_range_start, date_range_end, cluster_score, cluster_status)"
        " values (1, 'roofing', 36, -86, 6e6, 1, 1, 9999999999900, '2024-01-01', '2024-01-01', 9, 'steady')"
    )
    async with ctx.db.tenant(1) as db:
        await execute(db, cluster)
    (one,) = (await client.get("/v1/territory/contagion_clusters", headers=ada)).json()["items"]
    assert (one["avg_permit_value"], one["radius_miles"]) == ("99999999999.00", "1136.36")


async def test_only_a_filter_is_blamed_for_a_value_that_does_not_fit(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    """A row that a view cannot show is our fault, and is told as such whatever was asked."""
    ada = cast.headers("Ada")
    broken = """
        create or replace function territory.lead_status(stage app.sales_stage) returns text language plpgsql as
        $$ begin raise exception 'no such figure' using errcode = '22003'; end $$
    """
    async with ctx.db.owner() as db:
        await execute(db, text(broken))
    lead = cast.leads["Bea's"]
    for asked in ("", "?priority=HOT", f"/{lead}"):
        answer = await client.get(f"/v1/territory/leads{asked}", headers=ada)
        assert answer.status_code == 500, (asked, answer.text)
    answer = await client.get("/v1/territory/leads?lead_score=high", headers=ada)
    assert answer.status_code == 422 and "lead_score" in answer.text


SENT = text(
    "insert into app.message_log (lead_id, direction, channel, state, sent_at)"
    " values (cast(:lead as uuid), 'outbound', 'email', 'sent', app.now())"
)
TALKED = text(
    "insert into app.calls (org_id, lead_id, contact_id, contact_point_id, number_id, attempt_no, state, outcome,"
    "   reserved_at, started_at, ended_at)"
    " select 1, l.id, l.contact_id, p.id, n.id, 1, 'ended', 'voicemail', app.now(), app.now() - interval '1 minute',"
    "   app.now() from app.leads l join app.contact_points p on p.contact_id = l.contact_id and p.kind = 'phone'"
    "   cross join lateral (select min(id) as id from app.phone_numbers) n where l.id = cast(:lead as uuid)"
)


async def test_usage_and_costs_are_those_of_the_books(ctx: Context, cast: Cast, client: httpx.AsyncClient) -> None:
    """A told line that was taken back costs nothing, here as there; what is charged is not all that is used."""
    ada, playbook = cast.headers("Ada"), ctx.playbooks["roofing"]
    leads = [await make_lead(ctx, playbook="roofing", broker_id=BROKER_ID, phone=f"+1813555000{n}") for n in range(3)]
    async with ctx.db.tenant(1) as db:
        await subscriptions.set_by_hand(db, 1, BROKER_ID, tier="professional", actor="test")
        await execute(db, text("update app.subscriptions set trial_leads_remaining = 0"))
        await billing.record_leads(db, 1, broker_id=BROKER_ID, playbook=playbook, lead_ids=leads)
        await execute(db, text("update app.usage_events set meter_state = 'sent', meter_sent_at = app.now()"))
        await billing.credit(db, 1, lead_id=leads[0], reason="a wrong address", actor="test")
        await execute(db, SENT, lead=leads[1])
        await execute(db, TALKED, lead=leads[1])

    async def read(path: str) -> list[dict[str, object]]:
        return list((await client.get(path, headers=ada)).json()["items"])

    books = (await client.get("/v1/billing_usage", headers=ada)).json()
    used = await read("/v1/territory/billing_usage")
    columns = ("day", "metric", "quantity", "cost_usd", "details", "created_at", "updated_at")
    assert sorted([one[c] for c in columns] for one in used) == sorted([one[c] for c in columns] for one in books)
    assert {(one["metric"], one["quantity"], one["cost_usd"]) for one in used} == {
        ("leads_generated", 2, 50), ("emails_sent", 1, 0), ("voice_minutes", 1, 0),
    }  # fmt: skip
    for one in used:
        assert (await client.get(f"/v1/territory/billing_usage/{one['id']}", headers=ada)).json() == one
    (bea,) = [user for user in await read("/v1/territory/users") if user["id"] == str(BROKER_ID)]
    assert bea["monthly_lead_count"] == 2
    costs = {one["id"]: one["cost_to_generate"] for one in await read("/v1/territory/leads")}
    assert [costs[str(lead)] for lead in leads] == [0, 25, 25]


SCORE = text(
    "insert into app.property_scores select cast(:org as int), :playbook, p.id, 1, 0, 0, 0, 0, :score, 0, 0, 0, 0,"
    " false, 0, 0, 0, 0, 'NaN', 0, '1970-01-01', 0, 'NaN', 0, 0, 0, 0, 'NaN', 0, false, -1, -1, false, 'NaN', 'NaN', 0,"
    " app.now()::date, app.now(), 'v1' from app.properties p where p.id = (select min(id) from app.properties)"
)
PROOF = text(
    "insert into app.social_proof_data (org_id, property_id, playbook, text, facts, permits, contractors)"
    " select 1, min(id), :playbook, :playbook, '{}', 1, 1 from app.properties"
)


async def test_a_place_that_two_playbooks_score_has_a_row_of_each(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    ada = cast.headers("Ada")
    async with ctx.db.tenant(1) as db:
        for playbook, score in (("roofing", 61), ("solar", 62)):
            await execute(db, SCORE, org=1, playbook=playbook, score=score)
            await execute(db, PROOF, playbook=playbook)
    for model, told in (("property_scores", "total_urgency_score"), ("social_proof_data", "text")):
        listed = (await client.get(f"/v1/territory/{model}", headers=ada)).json()["items"]
        assert len({item["id"] for item in listed}) == 2
        for item in listed:
            shown = await client.get(f"/v1/territory/{model}/{item['id']}", headers=ada)
            assert (shown.status_code, shown.json()[told]) == (200, item[told])
            assert item["id"] == f"{item['playbook']}:{item['property_id']}"
    filtered = await client.get("/v1/territory/property_scores?playbook=solar", headers=ada)
    assert [item["total_urgency_score"] for item in filtered.json()["items"]] == [62]


async def test_a_days_calls_are_shown_by_day_and_customer(ctx: Context, cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    async with ctx.db.tenant(1) as db:
        for lead in ("Bea's", "Carl's", "nobody's"):
            await execute(db, TALKED, lead=cast.leads[lead])
    listed = (await client.get("/v1/territory/voice_metrics_daily", headers=ada)).json()["items"]
    assert len({item["id"] for item in listed}) == 3
    for item in listed:
        assert item["id"] == f"{item['day']}:{item['user_id'] or ''}"
        shown = await client.get(f"/v1/territory/voice_metrics_daily/{item['id']}", headers=ada)
        assert shown.json() == item


@pytest.mark.parametrize(
    "path", ["property_scores/1", "property_scores/roofing:x", "voice_metrics_daily/2026-11-30", "billing_usage/a:b"]
)
async def test_an_id_of_another_shape_is_nobodys(cast: Cast, client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/v1/territory/{path}", headers=cast.headers("Ada"))
    assert answer.status_code == 404 and "no such row" in answer.text


async def test_a_customer_with_a_history_is_not_removed_and_the_answer_says_what_to_do(
    cast: Cast, client: httpx.AsyncClient
) -> None:
    answer = await client.delete(f"/v1/brokers/{BROKER_ID}", headers=cast.headers("Ada"))
    assert (answer.status_code, answer.json()["fix"]) == (409, "set is_active to false"), answer.text


async def test_a_permit_is_shown_as_filed_and_with_our_kind_of_work(cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    await client.post("/v1/permits/import", content=sheet(line()).getvalue(), headers=ada)
    listed = await client.get("/v1/territory/building_permits", params={"work": "reroof"}, headers=ada)
    assert [item["permit_type"] for item in listed.json()["items"]] == ["Building Residential - Roofing / Siding"]


async def test_the_timeline_says_who_did_what(cast: Cast, client: httpx.AsyncClient) -> None:
    lead = cast.leads["Bea's"]
    for actor, tag in (("Ada", "one"), ("Bea", "two"), ("key:writer", "three")):
        tagged = await client.post(f"/v1/leads/{lead}/tags", json={"add": [tag]}, headers=cast.headers(actor))
        assert tagged.status_code == 200, tagged.text
    await client.post(f"/v1/leads/{lead}/notes", json={"text": "Called back."}, headers=cast.headers("Bea"))
    listed = await client.get(f"/v1/territory/lead_activities?lead_id={lead}", headers=cast.headers("Ada"))
    by = [(item["activity_type"], item["user_id"]) for item in listed.json()["items"]]
    ada, bea = str(cast.users["Ada"]), str(BROKER_ID)
    assert by == [("tags_changed", ada), ("tags_changed", bea), ("tags_changed", None), ("note_added", bea)]
