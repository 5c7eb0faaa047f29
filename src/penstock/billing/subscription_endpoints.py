"""HTTP: what customers have agreed to pay for, what they used, and the way to the payment service."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from penstock import journey
from penstock.billing import charges, checkout, subscriptions
from penstock.billing.subscriptions import SQL
from penstock.core import clock
from penstock.core.access import Caller, allow
from penstock.core.db import execute, rows, scalar
from penstock.core.edge import Ctx, why_refused
from penstock.core.errors import InvalidInput, NotAllowed, NotSignedIn
from penstock.providers.payments import stripe

router = APIRouter()
ROUTE = "/webhooks/stripe"
Reader = Annotated[Caller, allow("leads:read")]
Buyer = Annotated[Caller, allow("leads:write")]
RETURNED = (
    '<!doctype html><html lang="en"><title>Thank you</title><h1>Thank you</h1>'
    "<p>You can close this page. Your subscription shows as soon as the payment is confirmed.</p></html>"
)
HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


@router.post(ROUTE, tags=["webhooks"], status_code=200)
async def payment_event(request: Request, ctx: Ctx) -> Response:
    """Take one signed Stripe webhook. Events that change nothing here and copies are answered with 200 as well."""
    raw = await request.body()
    org_id, secret = ctx.settings.org_id, ctx.settings.vendors.stripe.webhook_secret.get_secret_value()
    genuine = stripe.verify(raw, request.headers, secret=secret, at=clock.now())
    async with ctx.db.tenant(org_id) as db:
        reason = None if genuine else why_refused(request, "stripe-signature")
        await execute(db, SQL["note_signature"], org_id=org_id, route=ROUTE, ok=genuine, reason=reason)
    if not genuine:
        raise NotSignedIn("the signature does not fit, or is older than five minutes")
    event = stripe.parse_event(raw)
    async with ctx.db.tenant(org_id) as db:
        stored = await scalar(
            db,
            SQL["store_receipt"],
            org_id=org_id,
            event_type=event.type,
            dedupe_key=event.id,
            payload=ctx.sealer.seal(org_id, raw.decode()),
        )
        if stored is not None:
            await journey.wake(db, org_id, {"payment_event_received"})
    return Response(status_code=200)


@router.get(checkout.RETURN, include_in_schema=False)
async def returned() -> Response:
    """Where people come back to from the payment service. It knows nothing: the webhook tells."""
    return Response(RETURNED, media_type="text/html; charset=utf-8", headers=HEADERS)


class Subscription(BaseModel):
    """A customer's subscription. Who has used nothing yet is in the trial. `period_end`: the day after the last."""

    broker_id: UUID
    name: str
    email: str
    role: Literal["user", "admin", "superadmin"]
    tier: Literal["trial", "professional", "enterprise"]
    status: Literal["active", "past_due", "paused", "cancelled"]
    trial_leads_remaining: int
    monthly_lead_count: int
    monthly_lead_cap: int | None
    service_area: list[Any]
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    stripe_subscription_item_id: str | None
    period_start: date | None
    period_end: date | None
    cancels_at_period_end: bool
    created_at: datetime | None
    updated_at: datetime | None


class Purchase(BaseModel):
    """Which tier to subscribe to. Brokers subscribe for themselves; staff name the broker."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"tier": "professional"}]})
    tier: Literal["professional", "enterprise"]
    broker_id: UUID | None = None


class Change(BaseModel):
    """Whose subscription to change. Brokers change their own; staff name the broker."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})
    broker_id: UUID | None = None


class Elsewhere(BaseModel):
    """An address to open in a browser."""

    url: str


class UsedInADay(BaseModel):
    """What a customer used of one thing on one day (org time), and what it costs them."""

    broker_id: UUID
    day: date
    metric: Literal["leads_generated", "emails_sent", "voice_minutes", "sms_messages", "api_calls"]
    quantity: float
    cost_usd: float
    details: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@router.get("/v1/subscriptions", tags=["billing"])
async def list_subscriptions(caller: Reader) -> list[Subscription]:
    """The subscriptions that the caller may see: all for staff and keys, their own for a broker."""
    return [Subscription(**row) for row in await subscriptions.listing(caller.db)]


@router.get("/v1/subscriptions/{broker_id}", tags=["billing"])
async def show_subscription(broker_id: UUID, caller: Reader) -> Subscription:
    """One subscription."""
    return Subscription(**await subscriptions.show(caller.db, broker_id))


@router.post("/v1/subscriptions/checkout", tags=["billing"])
async def begin_checkout(purchase: Purchase, caller: Buyer) -> Elsewhere:
    """Begin a subscription: gives the page where the card is entered."""
    broker_id = await _whose(caller, purchase.broker_id)
    actor = caller.who.actor
    url = await checkout.start_checkout(caller.ctx, caller.org_id, broker_id, tier=purchase.tier, actor=actor)
    return Elsewhere(url=url)


@router.post("/v1/subscriptions/portal", tags=["billing"])
async def open_portal(change: Change, caller: Buyer) -> Elsewhere:
    """Change card or plan, read invoices, end the subscription: gives the page where that is done."""
    return Elsewhere(url=await checkout.portal(caller.ctx, caller.org_id, await _whose(caller, change.broker_id)))


async def _whose(caller: Caller, named: UUID | None) -> UUID:
    """Whose subscription this is about, after the caller has been seen to be allowed to change it."""
    if caller.who.role == "broker" and caller.who.user_id is not None:
        if named not in (None, caller.who.user_id):
            raise NotAllowed("Brokers subscribe for themselves only.")
        return caller.who.user_id
    if caller.who.role not in ("admin", "operator") and not caller.who.may("admin"):
        raise NotAllowed("Only brokers, operators and admins change subscriptions.")
    if named is None:
        raise InvalidInput("broker_id is missing", fix="name the broker whose subscription it is")
    return named


@router.get("/v1/billing_usage", tags=["billing"])
async def show_usage(
    caller: Reader,
    broker_id: UUID | None = None,
    metric: Literal["leads_generated", "emails_sent", "voice_minutes", "sms_messages", "api_calls"] | None = None,
    since: Annotated[date | None, Query(description="First day, org time.")] = None,
    until: Annotated[date | None, Query(description="Last day, org time.")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[UsedInADay]:
    """What was used, by customer, day and metric, newest first."""
    asked = {"broker_id": broker_id, "metric": metric, "since": since, "until": until, "limit": limit}
    return [UsedInADay(**row) for row in await rows(caller.db, charges.SQL["days"], **asked)]
