"""What customers do at the payment service: begin a subscription, change it, end it. No transaction waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import RowMapping

from penstock.billing import news, standing, subscriptions
from penstock.billing.subscriptions import SQL
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.playbook import Playbook
from penstock.providers import account, payments
from penstock.providers.payments import Buyer, Payments

VENDOR = "stripe"
RETURN = "/billing/return"


def service(ctx: Context) -> Payments:
    """The payment service. Raises NotConfigured."""
    return payments.REGISTRY[VENDOR](ctx.http, account(ctx.settings, VENDOR))


async def start_checkout(ctx: Context, org_id: int, broker_id: UUID, *, tier: str, actor: str) -> str:
    """Where a broker enters a card and begins a subscription of this tier: an address to open in a browser.

    The subscription counts once the payment service tells of it. There is one such page at a time: the one before is
    ended first, and then looked whether it was used. Raises NotFound, InvalidInput for a tier that cannot be bought,
    Conflict for who has a subscription or begins one twice at once, NotConfigured without a payment service.
    """
    if tier not in standing.PAID:
        raise InvalidInput(f"the tier {tier!r} cannot be bought", fix=f"use one of: {', '.join(standing.PAID)}")
    vendor, broker = service(ctx), await _broker(ctx, org_id, broker_id)
    _refuse_second(broker)
    before = broker["stripe_checkout_id"]
    if before:
        await vendor.expire(before)
    if broker["stripe_customer_id"]:  # the page may have been used before it ended, and no webhook come yet
        await news.refresh(ctx, org_id, broker_id, vendor)
        _refuse_second(await _broker(ctx, org_id, broker_id))
    price = await vendor.price(tier)
    if price is None:
        raise InvalidInput(f"the payment service has no price {tier!r}", fix="penstock subscription prices --make")
    customer = await _customer(ctx, org_id, broker, vendor, actor=actor)
    back = ctx.settings.api.public_url.rstrip("/") + RETURN
    page = await vendor.checkout(customer, price.id, reference=_key(org_id, broker_id), done=back, left=back)
    async with ctx.db.tenant(org_id) as db:  # whoever dies before this has shown the page to nobody
        ours = await scalar(db, SQL["set_checkout"], broker_id=broker_id, page=page.id, seen=before)
    if ours is None:
        await vendor.expire(page.id)
        raise Conflict("a subscription is being begun elsewhere", fix="use that page, or begin again")
    return page.url


def _refuse_second(broker: RowMapping) -> None:
    if broker["stripe_subscription_id"] and broker["status"] != "cancelled":
        raise Conflict("there is a subscription already", fix="change the plan in the billing portal")


async def _customer(ctx: Context, org_id: int, broker: RowMapping, vendor: Payments, *, actor: str) -> str:
    """The broker's customer, noted before anything is told about it."""
    if broker["stripe_customer_id"]:
        return str(broker["stripe_customer_id"])
    name = broker["company"] or broker["name"]
    customer = await vendor.customer(Buyer(_key(org_id, broker["id"]), name, broker["email"]))
    async with ctx.db.tenant(org_id) as db:
        await subscriptions.locked(db, org_id, broker["id"])
        if await execute(db, SQL["set_customer"], broker_id=broker["id"], customer=customer):
            await subscriptions.audit(db, org_id, broker["id"], actor=actor, action="customer made", customer=customer)
    return customer


async def portal(ctx: Context, org_id: int, broker_id: UUID) -> str:
    """Where a broker changes card and plan, reads invoices, ends the subscription. Raises Conflict for no customer."""
    vendor, broker = service(ctx), await _broker(ctx, org_id, broker_id)
    if not broker["stripe_customer_id"]:
        raise Conflict("there is nothing to change yet", fix="subscribe first")
    back = ctx.settings.api.public_url.rstrip("/") + RETURN
    return await vendor.portal(broker["stripe_customer_id"], back=back)


async def cancel(ctx: Context, org_id: int, broker_id: UUID, *, at_once: bool, actor: str) -> None:
    """End a subscription, with its paid period or at once; one kept by hand ends at once."""
    broker = await _broker(ctx, org_id, broker_id)
    if not broker["stripe_subscription_id"]:
        async with ctx.db.tenant(org_id) as db:
            await subscriptions.end_by_hand(db, org_id, broker_id, actor=actor)
        return
    vendor = service(ctx)
    await news.refresh(ctx, org_id, broker_id, vendor)  # ends a second one that nobody has told of
    broker = await _broker(ctx, org_id, broker_id)
    await vendor.cancel(broker["stripe_subscription_id"], at_period_end=not at_once)
    async with ctx.db.tenant(org_id) as db:
        await subscriptions.audit(db, org_id, broker_id, actor=actor, action="cancelled", at_once=at_once)
    await news.refresh(ctx, org_id, broker_id, vendor)


async def _broker(ctx: Context, org_id: int, broker_id: UUID) -> RowMapping:
    async with ctx.db.tenant(org_id) as db:
        await subscriptions.open_trial(db, broker_id)
        found = await one(db, SQL["for_checkout"], broker_id=broker_id)
    if found is None:
        raise NotFound("there is no such broker", fix="penstock subscription list shows the brokers")
    return found


def _key(org_id: int, broker_id: UUID) -> str:
    return f"{org_id}:{broker_id}"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tier's price here and at the payment service, US cents a lead; None where there is none."""

    tier: str
    ours_cents: int
    theirs_cents: Decimal | None
    made: bool = False

    @property
    def agrees(self) -> bool:
        """Whether customers pay there what we say here."""
        return self.theirs_cents == self.ours_cents


async def prices(ctx: Context, playbook: Playbook, *, make: bool = False) -> Sequence[Tag]:
    """The prices of a playbook's tiers as they stand; `make`: with those made that were missing, and their meter."""
    vendor, event = service(ctx), ctx.settings.vendors.stripe.meter_event
    wanted = playbook.territory.lead_cents if playbook.territory else {}
    tags = []
    for tier, cents in wanted.items():
        found = await vendor.price(tier)
        if found is None and make:
            meter = await vendor.meter(event) or await vendor.make_meter(event, name="Leads")
            made = await vendor.make_price(tier, cents=Decimal(cents), meter=meter, name=f"Leads, {tier}")
            tags.append(Tag(tier, cents, made.cents, made=True))
        else:
            tags.append(Tag(tier, cents, found.cents if found else None))
    return tags
