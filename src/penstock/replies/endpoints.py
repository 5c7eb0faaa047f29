"""POST /webhooks/mail/{token}: inbound mail is stored sealed, acknowledged, and understood later."""

from __future__ import annotations

import hashlib
import hmac
import json
from email.utils import getaddresses

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.edge import Ctx
from penstock.core.errors import InvalidInput, NotFound
from penstock.core.settings import PLACEHOLDERS
from penstock.core.sqlfile import load
from penstock.replies.inbound import Inbound, parse_mime, parse_postmark

SQL = load(__package__)
LARGEST = 26_214_400
"""Bytes of one mail: what mail servers commonly let through."""
router = APIRouter()


@router.post("/webhooks/mail/{token}", tags=["webhooks"], status_code=200)
async def receive_mail(token: str, request: Request, ctx: Ctx) -> Response:
    """Take one inbound mail: Postmark's inbound JSON, or the raw message as `message/rfc822`. Answers 200 once it is
    stored.

    `token` is the secret part of the address that the mail service was given (`PENSTOCK_MAIL__INBOUND_TOKEN`). The same
    mail delivered twice is stored once.
    """
    if not _token_fits(ctx, token):
        async with ctx.db.tenant(ctx.settings.org_id) as db:
            await execute(db, SQL["note_check"], org_id=ctx.settings.org_id, ok=False, reason="unknown token")
        raise NotFound("no such address")
    raw = await _body(request)
    kind = "postmark" if "json" in request.headers.get("content-type", "") else "mime"
    inbound = _glance(kind, raw)
    org_id = await _org(ctx, inbound)
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["note_check"], org_id=org_id, ok=True, reason=None)
        await store(ctx, db, org_id, kind=kind, raw=raw, message_id=inbound.message_id if inbound else "")
    return Response(status_code=200)


async def store(
    ctx: Context, db: AsyncConnection, org_id: int, *, kind: str, raw: bytes, message_id: str
) -> int | None:
    """Keep a raw mail, sealed, and wake the stage; gives the receipt, or None if it was there already."""
    identity = message_id.encode() if message_id else raw
    receipt = await scalar(
        db,
        SQL["store"],
        org_id=org_id,
        event_type=kind,
        dedupe_key=hashlib.sha256(identity).hexdigest(),
        payload_sealed=ctx.sealer.seal(org_id, raw.decode("latin-1")),  # any bytes, and back
    )
    if receipt is not None:
        await journey.wake(db, org_id, {"email_received"})
    return None if receipt is None else int(receipt)


def read(kind: str, raw: bytes) -> Inbound:
    """A stored mail. Raises InvalidInput."""
    if kind == "mime":
        return parse_mime(raw)
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is not JSON") from error
    if not isinstance(payload, dict):
        raise InvalidInput("the body is not a JSON object")
    return parse_postmark(payload)


def _glance(kind: str, raw: bytes) -> Inbound | None:
    """The mail if it can be read; a mail that cannot is kept all the same, for a person to look at."""
    try:
        return read(kind, raw)
    except Exception:  # whatever a stranger wrote to choke the reader with
        return None


def _token_fits(ctx: Context, token: str) -> bool:
    secret = ctx.settings.mail.inbound_token.get_secret_value()
    return secret.lower() not in PLACEHOLDERS and hmac.compare_digest(secret.encode(), token.encode())


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise InvalidInput(f"the mail is larger than {LARGEST} bytes")
    if not body:
        raise InvalidInput("the body is empty")
    return bytes(body)


async def _org(ctx: Context, inbound: Inbound | None) -> int:
    """The tenant whose mail domain was written to; the configured one when that does not tell."""
    domains = [address.rpartition("@")[2] for _, address in getaddresses(inbound.recipients)] if inbound else []
    async with ctx.db.owner() as db:
        found = await one(db, SQL["org_of_domains"], domains=domains)
    return int(found["id"]) if found else ctx.settings.org_id
