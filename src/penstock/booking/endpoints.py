"""HTTP: the calendar's webhook. Verified on the raw bytes, stored sealed, answered after commit."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from penstock import journey
from penstock.booking.service import SQL
from penstock.core import clock
from penstock.core.db import execute, scalar
from penstock.core.edge import Ctx
from penstock.core.errors import InvalidInput, NotSignedIn
from penstock.providers.calendar import calcom

router = APIRouter()
ROUTE = "/webhooks/calcom"
# The scheme signs no time. A captured body is caught by the dedupe key; one that old is no delivery of anything.
OLDEST = timedelta(days=30)


@router.post(ROUTE, tags=["webhooks"], status_code=200)
async def calendar_event(request: Request, ctx: Ctx) -> Response:
    """Take one signed Cal.com webhook. Unknown triggers and copies are answered with 200 as well."""
    raw = await request.body()
    org_id, secret = ctx.settings.org_id, ctx.settings.vendors.calcom.webhook_secret.get_secret_value()
    genuine = calcom.verify(raw, request.headers, secret=secret)
    async with ctx.db.tenant(org_id) as db:
        await execute(
            db, SQL["note_signature"], org_id=org_id, route=ROUTE, ok=genuine, reason=None if genuine else "signature"
        )
    if not genuine:
        raise NotSignedIn("the signature does not fit")
    event = calcom.parse_event(raw)
    if event.created_at is not None and event.created_at < clock.now() - OLDEST:
        raise InvalidInput("this event is older than 30 days")
    async with ctx.db.tenant(org_id) as db:
        stored = await scalar(
            db,
            SQL["store_receipt"],
            org_id=org_id,
            event_type=event.trigger,
            dedupe_key=event.dedupe_key,
            payload=ctx.sealer.seal(org_id, raw.decode()),
        )
        if stored is not None:
            await journey.wake(db, org_id, {"booking_event_received"})
    return Response(status_code=200)
