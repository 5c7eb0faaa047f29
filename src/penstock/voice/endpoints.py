"""HTTP: the voice vendor's webhook. Verified on the raw bytes, stored sealed; tool calls are answered at once.

Configurations and campaigns of calls are put beside it.
"""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, scalar
from penstock.core.edge import Ctx, why_refused
from penstock.core.errors import NotSignedIn
from penstock.providers.voice import vapi
from penstock.providers.voice.calls import ServerMessage, ToolAnswer
from penstock.voice import configuration_endpoints, receipts, tools
from penstock.voice.placing import SQL, caller

router = APIRouter()
router.include_router(configuration_endpoints.router)
ROUTE = "/webhooks/vapi"
log = structlog.get_logger(__name__)


@router.post(ROUTE, tags=["webhooks"])
async def call_event(request: Request, ctx: Ctx) -> JSONResponse:
    """Take one signed VAPI server message. Copies are answered with 200 as well."""
    raw = await request.body()
    org_id, secret = ctx.settings.org_id, ctx.settings.vendors.vapi.webhook_secret.get_secret_value()
    genuine = vapi.verify(raw, request.headers, secret=secret, at=clock.now())
    async with ctx.db.tenant(org_id) as db:
        reason = None if genuine else why_refused(request, "x-signature", "x-vapi-secret")
        await execute(db, SQL["note_signature"], org_id=org_id, route=ROUTE, ok=genuine, reason=reason)
    if not genuine:
        raise NotSignedIn("the signature does not fit")
    message = vapi.parse_message(raw)
    if message.tool_calls:
        return JSONResponse(await _answer(ctx, org_id, message))
    async with ctx.db.tenant(org_id) as db:
        await _store(ctx, db, org_id, message, raw)
    return JSONResponse({})


async def _store(ctx: Context, db: AsyncConnection, org_id: int, message: ServerMessage, raw: bytes) -> None:
    stored = await scalar(
        db,
        SQL["store_receipt"],
        org_id=org_id,
        event_type=message.kind,
        dedupe_key=message.dedupe_key,
        payload=ctx.sealer.seal(org_id, raw.decode()),
    )
    if stored is not None:
        await journey.wake(db, org_id, {"call_event_received"})


async def _answer(ctx: Context, org_id: int, message: ServerMessage) -> dict[str, object]:
    """The person is on the line: done here and now. Every tool acts once however often asked: a copy is harmless."""
    async with ctx.db.tenant(org_id) as db:
        call = await receipts.find_call(db, message)
    if call is None:
        strange = [ToolAnswer(t.tool_call_id, t.name, "This call is not known.", True) for t in message.tool_calls]
        return caller(ctx).tool_reply(strange)
    who = (call["lead_id"], call["contact_id"], call["phone"])
    answers = [await tools.answer(ctx, org_id, *who, asked) for asked in message.tool_calls]
    return caller(ctx).tool_reply(answers)
