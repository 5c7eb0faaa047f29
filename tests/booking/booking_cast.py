"""What the calendar posts to us, and an application that takes it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from penstock.booking.endpoints import router
from penstock.core.context import Context
from penstock.core.problems import install

SECRET = "calcom-secret-of-this-test"
START = datetime(2026, 12, 2, 15, 0, tzinfo=UTC)


def with_secret(ctx: Context) -> Context:
    """The Context with a webhook secret set."""
    vendors = ctx.settings.vendors
    calcom = vendors.calcom.model_copy(update={"webhook_secret": SecretStr(SECRET)})
    settings = ctx.settings.model_copy(update={"vendors": vendors.model_copy(update={"calcom": calcom})})
    object.__setattr__(ctx, "settings", settings)
    return ctx


@asynccontextmanager
async def client_of(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with the booking routes."""
    app = FastAPI()
    app.include_router(router)
    app.state.ctx = with_secret(ctx)
    install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client


def event(
    trigger: str,
    uid: str = "bk_1",
    *,
    start: datetime = START,
    lead_id: object = None,
    email: str = "ada@home.example",
    created_at: str = "2026-11-30T17:00:00.000Z",
    **payload: Any,
) -> bytes:
    """The raw body of one webhook."""
    metadata = {"lead_id": str(lead_id)} if lead_id else {}
    body = {
        "triggerEvent": trigger,
        "createdAt": created_at,
        "payload": {
            "title": "Intro between Bea and Ada",
            "startTime": start.isoformat().replace("+00:00", "Z"),
            "endTime": (start + timedelta(minutes=30)).isoformat().replace("+00:00", "Z"),
            "organizer": {"name": "Bea", "email": "bea@acme.example", "username": "bea"},
            "attendees": [{"email": email, "name": "Ada Sample", "timeZone": "America/New_York"}],
            "uid": uid,
            "metadata": {"videoCallUrl": f"https://video.example/{uid}", **metadata},
            "status": "ACCEPTED",
            **payload,
        },
    }
    return json.dumps(body).encode()


async def post(client: httpx.AsyncClient, body: bytes, secret: str = SECRET) -> int:
    """Deliver a webhook; gives the HTTP status."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Cal-Signature-256": signature, "Content-Type": "application/json"}
    return (await client.post("/webhooks/calcom", content=body, headers=headers)).status_code
