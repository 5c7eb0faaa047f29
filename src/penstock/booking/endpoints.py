"""HTTP: the calendar's webhook (verified on raw bytes, stored sealed, answered after commit) and a lead's own page."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from penstock import journey
from penstock.booking import handoffs
from penstock.booking.links import links_for
from penstock.booking.service import SQL
from penstock.core import clock
from penstock.core.access import Caller, allow
from penstock.core.db import execute, one, scalar
from penstock.core.edge import Ctx, why_refused
from penstock.core.errors import InvalidInput, NotFound, NotSignedIn
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
        reason = None if genuine else why_refused(request, "x-cal-signature-256")
        await execute(db, SQL["note_signature"], org_id=org_id, route=ROUTE, ok=genuine, reason=reason)
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


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{seller}</title></head>
<body><main><h1>{seller}</h1>{booking}
<p>Answer one of our messages with a question, and a person reads it; answer STOP, and you will not hear from us
again. You can also write to {email} or call {phone}.</p><p>{legal_name}, {address}</p></main></body></html>"""
BOOK = '<p><a href="{url}">Choose a time to talk with {broker}</a></p>'
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}


@router.get("/l/{lead_id}", include_in_schema=False)
async def microsite(lead_id: UUID, ctx: Ctx) -> Response:
    """The page of one lead: who we are, a time to talk, a way out. Shows nothing of the person, changes nothing."""
    async with ctx.db.owner() as db:
        org_id = await scalar(db, SQL["org_of_lead"], lead_id=lead_id)
    if org_id is None:
        raise NotFound("no such page")
    async with ctx.db.tenant(org_id) as db:
        who = await one(db, SQL["who_writes"], lead_id=lead_id)
        link = (await links_for(ctx, db, [lead_id])).get(lead_id)
    assert who is not None
    words = {name: escape(str(value or "")) for name, value in who.items()}
    booking = BOOK.format(url=escape(link), broker=words["broker"]) if link else ""
    return Response(PAGE.format(booking=booking, **words), media_type="text/html; charset=utf-8", headers=HEADERS)


class HandoffLine(BaseModel):
    """A lead handed to the person who closes it."""

    id: int
    lead_id: UUID | None
    company_id: int | None
    contact_id: int | None
    broker_id: UUID | None
    person: str | None
    company: str | None
    broker: str | None
    cause: str
    created_at: datetime


class HandoffShown(HandoffLine):
    """A hand-off with its notes: what was said, and what is known of the company."""

    notes: str


Reader = Annotated[Caller, allow("leads:read")]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


@router.get("/v1/handoffs", tags=["booking"])
async def list_handoffs(
    caller: Reader,
    lead_id: UUID | None = None,
    company_id: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[HandoffLine]:
    """Hand-offs of the leads that the caller sees, newest first."""
    found = await handoffs.listing(caller.db, lead_id=lead_id, company_id=company_id, limit=limit)
    return [HandoffLine(**row) for row in found]


@router.get("/v1/handoffs/{handoff_id}", tags=["booking"])
async def show_handoff(handoff_id: Number, caller: Reader) -> HandoffShown:
    """One hand-off with its notes in the clear; on record as a look."""
    shown = await handoffs.show(caller.ctx, caller.db, caller.org_id, handoff_id)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        await execute(db, handoffs.SQL["looked"], org_id=caller.org_id, actor=caller.who.actor, id=str(handoff_id))
    return HandoffShown(**shown)
