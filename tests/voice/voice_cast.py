"""People who consented, an application that takes webhooks, and what the voice vendor posts to it."""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID
from penstock import compliance
from penstock.booking.endpoints import router as booking_router
from penstock.compliance.endpoints import router as consent_router
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.problems import install
from penstock.voice import placing, tasks
from penstock.voice.endpoints import router as voice_router
from penstock.voice.placing import SQL

SECRET = "town-vapi-0001"
PHONE = "+18135550142"


def application(ctx: Context) -> FastAPI:
    """The routes of the stages that vendors and people talk to."""
    app = FastAPI()
    for router in (voice_router, booking_router, consent_router):
        app.include_router(router)
    app.state.ctx = ctx
    install(app)
    return app


@asynccontextmanager
async def client_of(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in process."""
    transport = httpx.ASGITransport(app=application(ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@asynccontextmanager
async def serving(ctx: Context, town: Any) -> AsyncIterator[None]:
    """The application on a real port that the town posts to, for as long as the block runs."""
    config = uvicorn.Config(application(ctx), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    set_public_url(ctx, url)
    calcom = {"url": f"{url}/webhooks/calcom", "secret": "town-calcom-0001"}
    async with httpx.AsyncClient(base_url=town.http_url) as client:
        hooks = {"mail_inbound": "", "calcom": calcom, "vapi": {"secret": SECRET}}
        (await client.put("/town/webhooks", json=hooks)).raise_for_status()
    try:
        yield
    finally:
        server.should_exit = True
        await task


def set_public_url(ctx: Context, url: str) -> None:
    api = ctx.settings.api.model_copy(update={"public_url": url})
    object.__setattr__(ctx, "settings", ctx.settings.model_copy(update={"api": api}))


async def make_consented(ctx: Context, phone: str = PHONE, *, checked: bool = True, **lead: Any) -> UUID:
    """A lead of Bea's in an active campaign who gave written consent to AI calls on the consent page."""
    # Our phone check is taken to answer for Florida's own list as well; without that nobody there may be called.
    await do(ctx, """update app.orgs set policy = policy || '{"registry_lists": ["US", "FL"]}'""")
    lead.setdefault("email", f"ada{phone[-4:]}@home.example")
    columns = {"campaign_status": "active", "lead_status": "contactable", "added_to_campaign_at": clock.now()}
    lead_id = await make_lead(ctx, phone=phone, broker_id=BROKER_ID, **columns, **lead)
    async with ctx.db.tenant(1) as db:
        link = await compliance.issue_consent_link(ctx, db, 1, lead_id=lead_id)
    async with client_of(ctx) as client:
        page = (await client.get(link)).text
        hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', page))
        typed = {"channels": ["voice_ai"], "phone": phone, "name": "Ada Sample"}
        assert (await client.post("/consent", data={**hidden, **typed})).status_code == 200
    if checked:
        await do(ctx, "update app.contact_points set verified_at = app.now() where kind = 'phone'")
    return lead_id


async def do(ctx: Context, sql: str, **params: Any) -> int:
    async with ctx.db.tenant(1) as db:
        return await execute(db, text(sql), **params)


async def look(ctx: Context, sql: str, **params: Any) -> Any:
    async with ctx.db.tenant(1) as db:
        return await one(db, text(sql), **params)


async def all_of(ctx: Context, sql: str) -> list[Any]:
    async with ctx.db.tenant(1) as db:
        return list(await rows(db, text(sql)))


async def the_call(ctx: Context) -> Any:
    return await look(ctx, "select * from app.calls order by attempt_no desc limit 1")


def message(kind: str, call: Any, **fields: Any) -> bytes:
    """The raw body of a server message about one of our calls."""
    metadata = {"reference": str(call["id"]), "recording": fields.pop("recording", "AFFIRMATIVE")}
    body = {
        "type": kind,
        "timestamp": int(clock.now().timestamp() * 1000),
        "call": {"id": call["vapi_call_id"] or "vapi-1", "assistantOverrides": {"metadata": metadata}},
        **fields,
    }
    return json.dumps({"message": body}).encode()


def report(call: Any, reason: str, outcome: str | None = None, **fields: Any) -> bytes:
    """An end-of-call report."""
    structured = {"outcome": outcome, **fields.pop("structured", {})} if outcome else {}
    fields.setdefault("artifact", {"transcript": "AI: Hello\nUser: Yes"})
    analysis = {"summary": "They talked.", "structuredData": structured}
    fields.setdefault("startedAt", clock.now().isoformat() if outcome else None)
    return message("end-of-call-report", call, endedReason=reason, cost=0.21, analysis=analysis, **fields)


async def post(ctx: Context, body: bytes, *, secret: str = SECRET, sent_at: datetime | None = None) -> httpx.Response:
    """Deliver a server message, signed by the HMAC default plan."""
    stamp = str(int((sent_at or clock.now()).timestamp() * 1000))
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    async with client_of(ctx) as client:
        return await client.post(
            "/webhooks/vapi", content=body, headers={"x-signature": signature, "x-timestamp": stamp}
        )


def with_secret(ctx: Context) -> Context:
    """The Context with the webhook secret of the voice vendor and a key set."""
    vendors = ctx.settings.vendors
    vapi = vendors.vapi.model_copy(update={"webhook_secret": SecretStr(SECRET), "key": SecretStr("k-0001-of-a-test")})
    settings = ctx.settings.model_copy(update={"vendors": vendors.model_copy(update={"vapi": vapi})})
    object.__setattr__(ctx, "settings", settings)
    return ctx


async def make_call(ctx: Context, *, placed: bool = True, attempts: int = 0, **lead: Any) -> Any:
    """A call under way to a lead who consented; `attempts` calls went unanswered before it."""
    await make_consented(with_secret(ctx), **lead)
    await do(ctx, "update app.leads set call_attempt_count = :n", n=attempts)
    async with ctx.db.tenant(1) as db:
        (due,) = await rows(db, SQL["due"], limit=10)
    reserved = await placing.reserve(ctx, 1, due)
    assert reserved is not None
    if placed:
        async with ctx.db.tenant(1) as db:
            await placing.note_placed(ctx, db, 1, reserved.call_id, "vapi-1")
    return await the_call(ctx)


async def told(ctx: Context, *bodies: bytes) -> None:
    """Deliver server messages and let the pump act on them."""
    for body in bodies:
        assert (await post(ctx, body)).status_code == 200
    await tasks.pump_receipts(ctx, 1)
