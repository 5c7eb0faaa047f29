"""Who may do what: every route of /v1, asked by everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import pytest

from ground import BROKER_ID
from penstock.api.app import create_app
from penstock.core.context import Context

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]

ACTORS = (
    "nobody", "Bea", "Carl", "Otto", "Audrey", "Ada", "Mallory", "key:reader", "key:writer", "key:root", "key:revoked",
)  # fmt: skip
NEW_USER = {"email": "new@acme.example", "name": "N", "password": "long pass phrase", "user_role": "operator"}
NEW_BROKER = {"name": "New", "email": "new@acme.example"}
ODD_ID = UUID(int=7)
FOLLOW_UP = {"title": "x", "due_at": "2026-12-03T09:00:00-05:00"}
CALLS = {"playbook": "nobody", "name": "x"}
PAUSED = {"status": "paused"}

# What each actor gets, in the order of ACTORS. "lead" is Bea's, so that Carl and the other tenant do not see it.
TABLE: list[tuple[str, str, dict[str, object] | None, str]] = [
    # method, path, body                                   nobody Bea Carl Otto Audr Ada Mall read writ root revo
    ("GET", "/v1/me", None, "                               401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/leads", None, "                            401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/leads/{lead}", None, "                     401 200 404 200 200 200 404 200 403 200 401"),
    ("GET", "/v1/leads/{lead}/diary", None, "               401 200 404 200 200 200 404 200 403 200 401"),
    ("GET", "/v1/leads/{lead}/decisions", None, "           401 200 404 200 200 200 404 200 403 200 401"),
    ("GET", "/v1/leads/{lead}/spend", None, "               401 200 404 200 200 200 404 200 403 200 401"),
    ("PATCH", "/v1/leads/{lead}", {"sales_stage": "contacted"}, "401 200 404 200 403 200 404 403 200 200 401"),
    ("GET", "/v1/funnel", None, "                           401 200 200 200 200 200 200 403 403 200 401"),
    ("GET", "/v1/alerts", None, "                           401 200 200 200 200 200 200 403 403 200 401"),
    ("GET", "/v1/brokers", None, "                          401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/brokers/{bea}", None, "                    401 200 404 200 200 200 404 200 403 200 401"),
    ("PATCH", "/v1/brokers/{bea}", {"daily_cap": 10}, "     401 403 403 200 403 200 404 403 403 200 401"),
    ("POST", "/v1/brokers", NEW_BROKER, "                   401 403 403 201 403 201 201 403 403 201 401"),
    ("DELETE", "/v1/brokers/{odd}", None, "                 401 403 403 404 403 404 404 403 403 404 401"),
    ("GET", "/v1/subscriptions", None, "                    401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/subscriptions/{bea}", None, "              401 200 404 200 200 200 404 200 403 200 401"),
    ("POST", "/v1/subscriptions/checkout", {"tier": "professional"}, "401 503 503 422 403 422 422 403 403 422 401"),
    ("POST", "/v1/subscriptions/portal", {}, "              401 503 503 422 403 422 422 403 403 422 401"),
    ("GET", "/v1/billing_usage", None, "                    401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/users", None, "                            401 403 403 403 403 200 200 403 403 200 401"),
    ("GET", "/v1/users/{bea}", None, "                      401 403 403 403 403 200 404 403 403 200 401"),
    ("PATCH", "/v1/users/{bea}", {"name": "B"}, "           401 403 403 403 403 200 404 403 403 200 401"),
    ("POST", "/v1/users", NEW_USER, "                       401 403 403 403 403 201 201 403 403 201 401"),
    ("GET", "/v1/keys", None, "                             401 403 403 403 403 200 200 403 403 200 401"),
    ("POST", "/v1/keys", {"name": "k", "scopes": ["leads:read"]}, "401 403 403 403 403 201 201 403 403 201 401"),
    ("POST", "/v1/leads/{lead}/milestones", {"event": "loan_funded"}, "401 200 404 200 403 200 404 403 200 200 401"),
    ("GET", "/v1/uploads", None, "                          401 403 403 200 403 200 200 403 403 200 401"),
    ("GET", "/v1/uploads/{odd}", None, "                    401 403 403 404 403 404 404 403 403 404 401"),
    ("GET", "/v1/uploads/{odd}/rejected.csv", None, "       401 403 403 404 403 404 404 403 403 404 401"),
    ("GET", "/v1/uploads/{odd}/notes.csv", None, "          401 403 403 404 403 404 404 403 403 404 401"),
    ("POST", "/v1/uploads", None, "                         401 401 401 401 401 401 401 401 401 401 401"),
    ("GET", "/v1/permits", None, "                          401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/permits/{none}", None, "                   401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/permits/sources", None, "                  401 403 403 200 403 200 200 403 403 200 401"),
    ("POST", "/v1/permits/import", {"no": "file"}, "        401 403 403 422 403 422 422 403 403 422 401"),
    ("GET", "/v1/campaigns", None, "                        401 200 200 200 200 200 200 200 403 200 401"),
    ("POST", "/v1/campaigns", {"playbook": "nobody"}, "     401 403 403 422 403 422 422 403 403 422 401"),
    ("GET", "/v1/campaigns/{none}", None, "                 401 404 404 404 404 404 404 404 403 404 401"),
    ("PATCH", "/v1/campaigns/{none}", {"is_active": False}, "401 403 403 404 403 404 404 403 403 404 401"),
    ("POST", "/v1/campaigns/{none}/people", {"contact_ids": [1]}, "401 403 403 404 403 404 404 403 403 404 401"),
    ("POST", "/v1/campaigns/{none}/people/remove", {"contact_ids": [1]}, "401 403 403 404 403 404 404 403 403 404 401"),
    ("GET", "/v1/tasks", None, "                            401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/tasks/{none}", None, "                     401 404 404 404 404 404 404 404 403 404 401"),
    ("POST", "/v1/tasks/{none}/done", {}, "                 401 404 404 404 403 404 404 403 404 404 401"),
    ("POST", "/v1/tasks/{none}/skip", {"reason": "x"}, "    401 404 404 404 403 404 404 403 404 404 401"),
    ("GET", "/v1/handoffs", None, "                         401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/handoffs/{none}", None, "                  401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/leads/{lead}/activities", None, "401 200 404 200 200 200 404 200 403 200 401"),
    ("POST", "/v1/leads/{lead}/notes", {"text": "x"}, "401 201 404 201 403 201 404 403 201 201 401"),
    ("DELETE", "/v1/leads/{lead}/notes/{none}", None, "401 404 404 404 403 404 404 403 404 404 401"),
    ("POST", "/v1/leads/{lead}/notes/{none}/restore", None, "401 404 404 404 403 404 404 403 404 404 401"),
    ("GET", "/v1/tags", None, "401 200 200 200 200 200 200 200 403 200 401"),
    ("POST", "/v1/leads/{lead}/tags", {"add": ["x"]}, "401 200 404 200 403 200 404 403 200 200 401"),
    ("POST", "/v1/leads/{lead}/follow_ups", FOLLOW_UP, "401 201 404 201 403 201 404 403 201 201 401"),
    ("GET", "/v1/follow_ups", None, "401 200 200 200 200 200 200 200 403 200 401"),
    ("PATCH", "/v1/follow_ups/{none}", {"state": "done"}, "401 404 404 404 403 404 404 403 404 404 401"),
    ("POST", "/v1/leads/{lead}/stage", {"stage": "nothing"}, "401 422 404 422 403 422 404 403 422 422 401"),
    ("GET", "/v1/territory", None, "401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/territory/{model}", None, "401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/territory/{model}/{lead}", None, "401 200 404 200 200 200 404 200 403 200 401"),
    ("PUT", "/v1/territory/voice_configurations/{bea}", {}, "401 200 404 200 403 200 404 403 200 200 401"),
    ("PUT", "/v1/territory/ai_configurations/{bea}", {}, "401 200 404 200 403 200 404 403 200 200 401"),
    ("POST", "/v1/territory/call_campaigns", CALLS, "401 403 403 422 403 422 422 403 403 422 401"),
    ("PATCH", "/v1/territory/call_campaigns/{none}", PAUSED, "401 403 403 404 403 404 404 403 403 404 401"),
    ("GET", "/v1/property_reports", None, "401 200 200 200 200 200 200 200 403 200 401"),
    ("GET", "/v1/property_reports/{odd}", None, "401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/property_reports/{odd}.pdf", None, "401 404 404 404 404 404 404 404 403 404 401"),
    ("POST", "/v1/property_reports/{odd}/withdraw", None, "401 404 404 404 403 404 404 403 404 404 401"),
    ("GET", "/v1/social_proof_data/{none}", None, "401 200 200 200 200 200 200 200 403 200 401"),
    ("PUT", "/v1/contractors/me", {"name": "Ruiz Roofing"}, "401 200 200 422 403 422 422 403 403 422 401"),
    ("GET", "/v1/contractors/{none}/logo", None, "401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/properties/{none}/imagery", None, "401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/properties/{none}/imagery/{none}/content", None, "401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/map/{none}", None, "                       401 422 422 422 422 422 422 422 403 422 401"),
    ("GET", "/v1/area_scans", None, "                       401 200 200 200 200 200 200 200 403 200 401"),
    ("POST", "/v1/area_scans/estimate", {"city": "Nowhere, TX"}, "401 422 422 422 403 422 422 403 422 422 401"),
    ("POST", "/v1/area_scans", {"city": "Nowhere, TX"}, "   401 422 422 422 403 422 422 403 422 422 401"),
    ("GET", "/v1/area_scans/{none}", None, "                401 404 404 404 404 404 404 404 403 404 401"),
    ("GET", "/v1/area_scans/{none}/events", None, "         401 404 404 404 404 404 404 404 403 404 401"),
    ("POST", "/v1/area_scans/{none}/start", None, "         401 404 404 404 403 404 404 403 404 404 401"),
    ("POST", "/v1/area_scans/{none}/cancel", None, "        401 404 404 404 403 404 404 403 404 404 401"),
    ("POST", "/v1/area_scans/{none}/retry", None, "         401 404 404 404 403 404 404 403 404 404 401"),
    ("DELETE", "/v1/keys/{odd}", None, "                    401 403 403 403 403 404 404 403 403 404 401"),
]  # fmt: skip
OPEN = {"/v1/token"}  # and a signed upload is let in by its signature alone


@pytest.mark.parametrize("actor", ACTORS)
async def test_everybody_gets_exactly_what_they_may(actor: str, cast: Cast, client: httpx.AsyncClient) -> None:
    wrong = []
    for method, path, body, row in TABLE:
        expected = int(row.split()[ACTORS.index(actor)])
        url = path.format(lead=cast.leads["Bea's"], bea=BROKER_ID, odd=ODD_ID, none=9999, model="leads")
        answer = await client.request(method, url, json=body, headers=cast.headers(actor))
        if answer.status_code != expected:
            wrong.append(f"{method} {path}: {answer.status_code} instead of {expected}: {answer.text[:200]}")
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
    assert wrong == []


def test_no_route_of_v1_is_missing_from_the_table(ctx: Context) -> None:
    document = create_app(ctx).openapi()
    listed = {(method, without_names(path)) for method, path, _, _ in TABLE}
    asked = {
        (method.upper(), without_names(path))
        for path, operations in document["paths"].items()
        for method in operations
        if path.startswith("/v1/") and path not in OPEN
    }
    assert asked == listed


def without_names(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


async def seen_by(client: httpx.AsyncClient, cast: Cast, actor: str) -> set[str]:
    answer = await client.get("/v1/leads", headers=cast.headers(actor))
    names = {str(lead_id): whose for whose, lead_id in cast.leads.items()}
    return {names[item["id"]] for item in answer.json()["items"]}


async def test_each_sees_exactly_the_leads_that_the_policies_allow(cast: Cast, client: httpx.AsyncClient) -> None:
    whole = {"Bea's", "Carl's", "nobody's"}
    assert await seen_by(client, cast, "Bea") == {"Bea's"}
    assert await seen_by(client, cast, "Carl") == {"Carl's"}
    for actor in ("Otto", "Audrey", "Ada", "key:reader", "key:root"):
        assert await seen_by(client, cast, actor) == whole
    assert await seen_by(client, cast, "Mallory") == {"Other's"}


async def test_what_a_broker_is_told_elsewhere_is_theirs_alone(cast: Cast, client: httpx.AsyncClient) -> None:
    bea = cast.headers("Bea")
    assert [b["name"] for b in (await client.get("/v1/brokers", headers=bea)).json()] == ["Bea Broker"]
    assert (await client.get("/v1/funnel", headers=bea)).json()["stages"]["leads"] == 1
    assert (await client.get("/v1/funnel", headers=cast.headers("Ada"))).json()["stages"]["leads"] == 3
