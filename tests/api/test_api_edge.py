"""Signing in, being counted, being refused, being looked after."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text

from penstock.api import accounts, sign_in
from penstock.api.app import create_app
from penstock.api.limits import RateLimiter
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.settings import Api

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]
PASSWORD = "correct horse battery staple"


async def token(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v1/token", json={"email": email, "password": password})


async def test_a_password_becomes_a_token_that_works_until_it_expires(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    given = (await token(client, "Bea@acme.example")).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await client.get("/v1/me", headers=headers)).json()["user_id"] == str(cast.users["Bea"])
    with clock.held_at(clock.now() + timedelta(seconds=given["expires_in"])):
        assert (await client.get("/v1/me", headers=headers)).status_code == 401
    async with ctx.db.tenant(1) as db:
        noted = await rows(db, text("select last_signed_in_at from app.users where email = 'bea@acme.example'"))
    assert noted[0]["last_signed_in_at"] == clock.now()


async def test_a_wrong_password_and_an_unknown_address_look_the_same(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    wrong, unknown = await token(client, "bea@acme.example", "nonsense"), await token(client, "who@acme.example")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    async with ctx.db.tenant(1) as db:
        refused = await rows(db, text("select object_id from app.audit_logs where action = 'sign_in_refused'"))
    assert [row["object_id"] for row in refused] == [str(cast.users["Bea"])]


async def test_guessing_a_password_is_stopped(ctx: Context, cast: Cast) -> None:
    app = create_app(ctx)
    app.state.sign_in_limiter = RateLimiter(sign_in.TRIES_PER_MINUTE, seconds=lambda: 0.0)  # however slow we are
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        tries = range(sign_in.TRIES_PER_MINUTE + 1)
        codes = [(await token(client, "bea@acme.example", "nonsense")).status_code for _ in tries]
        assert codes == [401] * sign_in.TRIES_PER_MINUTE + [429]
        assert (await token(client, "bea@acme.example")).status_code == 429, "the right one has to wait as well"
        assert (await token(client, "carl@acme.example")).status_code == 200, "other accounts have not"


async def test_closing_an_account_voids_its_token_at_once(cast: Cast, client: httpx.AsyncClient) -> None:
    ada, bea = cast.headers("Ada"), cast.headers("Bea")
    bea_url = f"/v1/users/{cast.users['Bea']}"
    assert (await client.patch(bea_url, json={"is_active": False}, headers=ada)).json()["is_active"] is False
    assert (await client.get("/v1/leads", headers=bea)).status_code == 401
    assert (await token(client, "bea@acme.example")).status_code == 401
    last = await client.patch(f"/v1/users/{cast.users['Ada']}", json={"user_role": "operator"}, headers=ada)
    assert (last.status_code, last.json()["detail"]) == (409, "This is the last admin.")


async def test_a_user_made_by_an_admin_signs_in_with_the_password_given(cast: Cast, client: httpx.AsyncClient) -> None:
    new = {"email": "Olga@Acme.Example", "name": "Olga", "password": "a long pass phrase", "user_role": "operator"}
    made = await client.post("/v1/users", json=new, headers=cast.headers("Ada"))
    assert made.status_code == 201 and "password" not in made.text
    assert (await token(client, "olga@acme.example", "a long pass phrase")).status_code == 200
    again = await client.post("/v1/users", json=new, headers=cast.headers("Ada"))
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "short"}, "password"),
        ({"email": "no address"}, "email"),
        ({"user_role": "broker"}, "broker_id"),
        ({"broker_id": "b0000000-0000-4000-8000-000000000001"}, "broker_id"),
        ({"user_role": "owner"}, None),
    ],
)
async def test_a_user_that_makes_no_sense_is_refused(
    cast: Cast, client: httpx.AsyncClient, change: dict[str, Any], field: str | None
) -> None:
    good = {"email": "o@acme.example", "name": "O", "password": "a long pass phrase", "user_role": "operator"}
    answer = await client.post("/v1/users", json=good | change, headers=cast.headers("Ada"))
    assert answer.status_code == 422
    assert answer.json().get("field") == field


async def test_a_new_key_works_with_its_scopes_until_it_is_revoked(cast: Cast, client: httpx.AsyncClient) -> None:
    ada = cast.headers("Ada")
    made = (await client.post("/v1/keys", json={"name": "k", "scopes": ["leads:read"]}, headers=ada)).json()
    assert made["signing_secret"].startswith("whsec_")
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/v1/leads", headers=headers)).status_code == 200
    assert (await client.get("/v1/keys", headers=headers)).status_code == 403
    assert (await client.delete(f"/v1/keys/{made['id']}", headers=ada)).status_code == 204
    assert (await client.get("/v1/leads", headers=headers)).status_code == 401
    assert made["key"] not in (await client.get("/v1/keys", headers=ada)).text


async def test_a_broker_is_kept_and_a_new_webhook_address_gets_a_new_secret(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    otto = cast.headers("Otto")
    new = {"name": "Dora", "email": "dora@acme.example", "webhook_url": "https://dora.example/hook"}
    made = (await client.post("/v1/brokers", json=new, headers=otto)).json()
    assert made["webhook_secret"].startswith("whsec_")
    url = f"/v1/brokers/{made['id']}"
    same = (await client.patch(url, json={"daily_cap": 5, "company": "Dora LLC"}, headers=otto)).json()
    assert (same["daily_cap"], same["company"], same["name"], same["webhook_secret"]) == (5, "Dora LLC", "Dora", None)
    moved = (await client.patch(url, json={"webhook_url": "https://other.example/"}, headers=otto)).json()
    assert moved["webhook_secret"] not in (None, made["webhook_secret"])
    async with ctx.db.tenant(1) as db:
        kept = await rows(db, text("select webhook_secret_sealed s from app.brokers where name = 'Dora'"))
    assert ctx.sealer.open(1, kept[0]["s"]) == moved["webhook_secret"]
    for nonsense in (
        {"timezone": "Mars/Olympus"}, {"daily_cap": -1}, {"email": "x"}, {"name": None}, {"company": ""},
        {"calendar_username": ""}, {"calendar_event_slug": ""}, {"calendar_event_type_id": 2**63 - 1},
        {"calendar_event_type_id": 2**31}, {"calendar_event_type_id": -1},
    ):  # fmt: skip
        assert (await client.patch(url, json=nonsense, headers=otto)).status_code == 422, nonsense
        assert (await client.post("/v1/brokers", json=new | nonsense, headers=otto)).status_code == 422, nonsense
    cleared = (await client.patch(url, json={"company": None}, headers=otto)).json()
    assert cleared["company"] is None
    assert (await client.delete(url, headers=otto)).status_code == 204
    assert (await client.get(url, headers=otto)).status_code == 404


async def test_a_caller_beyond_the_rate_waits_and_is_told_how_long(ctx: Context, cast: Cast) -> None:
    few = ctx.settings.model_copy(update={"api": Api(requests_per_minute=3)})
    app = create_app(type(ctx)(few, ctx.db, ctx.sealer, ctx.http, ctx.playbooks))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        bea = [(await client.get("/v1/me", headers=cast.headers("Bea"))).status_code for _ in range(4)]
        assert bea == [200, 200, 200, 429]
        assert (await client.get("/v1/me", headers=cast.headers("Carl"))).status_code == 200
        guesses = [await client.get("/v1/me", headers={"Authorization": f"Bearer guess{n}"}) for n in range(4)]
        assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
        assert int(guesses[3].headers["retry-after"]) >= 1
        assert (await client.post("/v1/token", json={})).status_code == 429, "guessing used up the address's rate"
        assert (await client.get("/healthz")).status_code == 200
        opt_outs = {(await client.post("/unsubscribe/no-such-token")).status_code for _ in range(5)}
        assert 429 not in opt_outs, "an opt-out is never turned away"


async def test_every_answer_has_a_request_id(cast: Cast, client: httpx.AsyncClient) -> None:
    assert len((await client.get("/healthz")).headers["x-request-id"]) == 32
    given = await client.get("/nowhere", headers={"X-Request-Id": "trace-4711.a"})
    assert given.headers["x-request-id"] == "trace-4711.a"
    assert given.json()["code"] == "not_found"
    forged = await client.get("/healthz", headers={"X-Request-Id": 'x" injected=1 very bad'})
    assert "injected" not in forged.headers["x-request-id"]


async def test_a_bug_is_a_plain_500_with_the_request_id(ctx: Context) -> None:
    app = create_app(ctx)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("a secret detail")

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        answer = await client.get("/bug")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text and answer.json()["request_id"]


async def test_ready_only_on_the_schema_it_was_written_for(ctx: Context, client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ok", "reason": None}
    async with ctx.db.owner() as db:
        await execute(db, text("update app.alembic_version set version_num = 'old'"))
    answer = await client.get("/readyz")
    assert answer.status_code == 503 and "penstock db upgrade" in answer.json()["reason"]


async def test_metrics_tell_numbers_and_no_names(cast: Cast, client: httpx.AsyncClient) -> None:
    await client.get(f"/v1/leads/{cast.users['Bea']}", headers=cast.headers("Bea"))
    text_ = (await client.get("/metrics")).text
    assert 'penstock_leads{campaign_status="queued"} 4.0' in text_
    assert 'penstock_http_requests_total{method="GET",route="/v1/leads/{lead_id}",status="404"}' in text_
    assert str(cast.users["Bea"]) not in text_ and "acme" not in text_


async def test_the_openapi_document_has_examples_and_declares_problems(ctx: Context) -> None:
    document = create_app(ctx).openapi()
    problem = document["paths"]["/v1/leads"]["get"]["responses"]["default"]["content"]["application/problem+json"]
    assert problem["schema"]["$ref"] in ("#/components/schemas/Problem",)
    assert "Problem" in document["components"]["schemas"]
    assert document["components"]["schemas"]["SignIn"]["examples"]
    assert document["paths"]["/v1/leads"]["get"]["security"] == [{"HTTPBearer": []}]
    names = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(names) == len(set(names))


async def test_every_number_that_callers_may_send_has_bounds(ctx: Context) -> None:
    document = create_app(ctx).openapi()
    unbounded = []

    def look(schema: dict[str, Any], where: str) -> None:
        name = schema.get("$ref", "").rpartition("/")[2]
        if name in ("RecordIn", "PersonIn"):  # kept as it is sent, and judged when it is promoted
            return
        if schema.get("type") == "integer" and not {"maximum", "exclusiveMaximum"} & schema.keys():
            unbounded.append(where)
        inside = [(where, part) for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, [])]
        inside += [(f"{where}.{key}", part) for key, part in schema.get("properties", {}).items()]
        inside += [(where, schema["items"])] if "items" in schema else []
        inside += [(where, document["components"]["schemas"][name])] if name else []
        for place, part in inside:
            look(part, place)

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for asked in operation.get("parameters", []):
                look(asked["schema"], f"{method} {path} {asked['name']}")
            for content in operation.get("requestBody", {}).get("content", {}).values():
                look(content["schema"], f"{method} {path}")
    assert unbounded == []


async def test_lists_have_the_two_shapes_that_the_reference_names(ctx: Context) -> None:
    document = create_app(ctx).openapi()
    paged = set()
    for path, operations in document["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = answer.get("application/json", {}).get("schema", {})
        schema = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
        if "next" in schema.get("properties", {}):
            paged.add(path)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text("utf-8")
    (said,) = re.findall(r"^.*answer `\{\"items\": \[…\], \"next\".*$", page, re.MULTILINE)
    assert paged == set(re.findall(r"`GET (/\S+)`", said))


def test_a_new_signing_secret_is_one_that_standard_webhooks_takes() -> None:
    from standardwebhooks.webhooks import Webhook

    secret = accounts.new_signing_secret()
    assert Webhook(secret).sign("msg_1", clock.now(), "{}").startswith("v1,")


async def test_the_reference_lists_every_route(ctx: Context) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", page, re.MULTILINE))
    public = ("/webhooks/", "/consent", "/unsubscribe/")
    routes = {
        f"{method.upper()} {path}"
        for path, operations in create_app(ctx).openapi()["paths"].items()
        for method in operations
        if not path.startswith(public)
    }
    assert listed == routes


async def test_a_body_that_would_fill_the_memory_is_refused(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    declared = await client.post("/v1/token", content=b"x" * 1_000_001)
    chunked = await client.post("/v1/token", content=endless(), headers={"content-type": "application/json"})
    assert (declared.status_code, chunked.status_code) == (413, 413)
