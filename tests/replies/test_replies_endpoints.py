"""Inbound mail over HTTP: stored sealed, once, and acknowledged."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import PenstockError
from penstock.replies import endpoints

TOKEN = "inbound-token-for-tests"
RAW = b"From: ruth@town.example\r\nTo: reply@mail.acme.example\r\nMessage-ID: <m1@town.example>\r\n\r\nYes, caf\xe9!"


@pytest.fixture
async def client(ctx: Context) -> Any:
    mail = ctx.settings.mail.model_copy(update={"inbound_token": SecretStr(TOKEN)})
    settings = ctx.settings.model_copy(update={"mail": mail})
    app = FastAPI()
    app.include_router(endpoints.router)
    app.state.ctx = Context(settings=settings, db=ctx.db, sealer=ctx.sealer, http=ctx.http, playbooks=ctx.playbooks)

    @app.exception_handler(PenstockError)
    async def shown(request: Any, error: PenstockError) -> Any:
        from fastapi.responses import JSONResponse

        return JSONResponse({"detail": error.detail}, error.status)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://us.example") as http:
        yield http


async def post(client: httpx.AsyncClient, body: bytes, kind: str = "message/rfc822", token: str = TOKEN) -> int:
    return (await client.post(f"/webhooks/mail/{token}", content=body, headers={"content-type": kind})).status_code


async def receipts(ctx: Context) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text("select * from app.webhook_receipts order by id"))]


async def test_a_mail_is_stored_sealed_and_can_be_read_back_byte_for_byte(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    assert await post(client, RAW) == 200
    (receipt,) = await receipts(ctx)
    assert receipt["vendor"] == "mail" and receipt["processed_at"] is None
    assert "ruth" not in receipt["payload_sealed"]
    assert ctx.sealer.open(1, receipt["payload_sealed"]).encode("latin-1") == RAW


async def test_the_same_mail_twice_is_one_receipt_also_across_formats(ctx: Context, client: httpx.AsyncClient) -> None:
    headers = [{"Name": "Message-ID", "Value": "<m1@town.example>"}]
    payload = {"From": "ruth@town.example", "To": "reply@mail.acme.example", "TextBody": "Yes", "Headers": headers}
    assert await post(client, RAW) == 200
    assert await post(client, RAW) == 200
    assert await post(client, json.dumps(payload).encode(), "application/json") == 200
    assert len(await receipts(ctx)) == 1


async def test_a_stranger_without_the_token_stores_nothing_and_is_noted(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    assert await post(client, RAW, token="guess") == 404
    assert await receipts(ctx) == []
    async with ctx.db.tenant(1) as db:
        checks = await rows(db, text("select route, ok, reason from app.signature_checks"))
    assert [dict(row) for row in checks] == [{"route": "/webhooks/mail", "ok": False, "reason": "unknown token"}]


async def test_a_body_that_cannot_be_read_is_kept_for_a_person(ctx: Context, client: httpx.AsyncClient) -> None:
    assert await post(client, b"{not json", "application/json") == 200
    assert len(await receipts(ctx)) == 1
    # What the standard library's reader chokes on, and what no database takes as text.
    assert await post(client, b'Content-Type: text/plain; charset="utf-8\x00"\n\nhi') == 200
    assert await post(client, b'{"To": "us@a\\u0000b.example"}', "application/json") == 200
    assert len(await receipts(ctx)) == 3
    assert await post(client, b"") == 422


async def test_without_a_configured_token_nobody_gets_in(ctx: Context) -> None:
    app = FastAPI()
    app.include_router(endpoints.router)
    app.state.ctx = ctx
    assert not endpoints._token_fits(ctx, "")
