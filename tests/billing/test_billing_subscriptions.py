"""Customers subscribe, change their mind and stop paying: what the payment service says is what counts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from billing_house import House, open_house
from sqlalchemy import text
from test_billing_endpoint import OTHER_BROKER, signed_in

from ground import BROKER_ID, START
from penstock.api.app import create_app
from penstock.billing import checkout, news, subscriptions, usage
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotConfigured

STANDING = text("select tier, status, cancels_at_period_end as ends, news, news_read from app.subscriptions")


@pytest.fixture
async def house(ctx: Context) -> AsyncIterator[House]:
    async with open_house(ctx, START) as made:
        yield made


async def stands(house: House) -> tuple[str, str, bool]:
    async with house.ctx.db.tenant(1) as db:
        (row,) = await rows(db, STANDING)
    return row["tier"], row["status"], row["ends"]


async def post(house: House, body: bytes, *, secret: str = "whsec_town0001", age_s: int = 0) -> int:
    stamp = str(int(clock.now().timestamp()) - age_s)
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    transport = httpx.ASGITransport(create_app(house.ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://us") as client:
        headers = {"Stripe-Signature": f"t={stamp},v1={signature}"}
        return (await client.post("/webhooks/stripe", content=body, headers=headers)).status_code


def event(number: str, kind: str, customer: str, **more: Any) -> bytes:
    subject = {"id": "x", "object": "subscription", "customer": customer, **more}
    body = {"id": number, "type": kind, "created": int(START.timestamp()), "data": {"object": subject}}
    return json.dumps(body).encode()


async def test_who_pays_gets_the_tier_and_who_waits_for_leads_is_woken(house: House) -> None:
    await house.leads(25)
    await house.subscribe("enterprise")
    assert await stands(house) == ("enterprise", "active", False)
    async with house.ctx.db.tenant(1) as db:
        woken = await rows(db, text("select distinct task_name from public.procrastinate_jobs"))
        told = await scalar(
            db, text("select details from app.pipeline_events where event_type = 'subscription_changed'")
        )
        outcomes = await rows(db, text("select event_type, outcome from app.webhook_receipts order by event_type"))
    assert {"pump.scans", "pump.billing.usage"} <= {row["task_name"] for row in woken}
    assert (told["tier"], told["status"]) == ("enterprise", "active")
    assert [(row["event_type"], row["outcome"]) for row in outcomes] == [
        ("checkout.session.completed", "noted"),
        ("customer.subscription.created", "noted"),
    ]
    with pytest.raises(Conflict, match="already"):
        await checkout.start_checkout(house.ctx, 1, BROKER_ID, tier="professional", actor="test")


async def test_webhooks_that_come_twice_change_nothing_twice(house: House) -> None:
    house.town.faults.configure({"stripe": {"duplicate_webhook": 1.0}})
    await house.subscribe()
    async with house.ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.webhook_receipts")) == 2
        changes = text("select count(*) from app.pipeline_events where event_type = 'subscription_changed'")
        assert await scalar(db, changes) == 1


async def test_an_old_webhook_that_arrives_late_does_not_bring_the_old_state_back(house: House) -> None:
    customer = await house.subscribe()
    await checkout.cancel(house.ctx, 1, BROKER_ID, at_once=True, actor="test")
    assert (await stands(house))[1] == "cancelled"
    assert await post(house, event("evt_late", "customer.subscription.created", customer, status="active")) == 200
    await usage.pump(house.ctx, 1)
    assert (await stands(house))[1] == "cancelled"


async def test_an_older_reading_does_not_overwrite_a_newer_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = await house.subscribe()
    vendor = checkout.service(house.ctx)
    read, slow, gone = type(vendor).subscriptions, asyncio.Event(), asyncio.Event()

    async def held(self: Any, number: str) -> Any:
        found = await read(self, number)
        gone.set()
        await slow.wait()
        return found

    async with house.ctx.db.tenant(1) as db:
        await execute(db, subscriptions.SQL["told"], customer=customer)
    monkeypatch.setattr(type(vendor), "subscriptions", held)
    first = asyncio.create_task(news.refresh(house.ctx, 1, BROKER_ID, vendor))
    await gone.wait()  # it has read "active", and is slow to write that down
    monkeypatch.undo()
    async with house.ctx.db.tenant(1) as db:
        number = await scalar(db, text("select stripe_subscription_id from app.subscriptions"))
        await execute(db, subscriptions.SQL["told"], customer=customer)
    await vendor.cancel(number, at_period_end=False)
    await news.refresh(house.ctx, 1, BROKER_ID, vendor)
    slow.set()
    await first
    assert (await stands(house))[1] == "cancelled"


async def test_a_card_that_is_declined_stops_leads_until_it_is_paid(house: House) -> None:
    await house.subscribe()
    await house.leads(1)
    await usage.pump(house.ctx, 1)
    house.town.faults.configure({"stripe": {"card_declined": 1.0}})
    await house.move(days=31)
    await usage.pump(house.ctx, 1)
    assert (await stands(house))[1] == "past_due"
    house.town.faults.configure({})
    await house.move(days=4)
    await usage.pump(house.ctx, 1)
    assert (await stands(house))[1] == "active"


async def test_a_subscription_ends_with_its_period_and_may_begin_again(house: House) -> None:
    await house.subscribe()
    await checkout.cancel(house.ctx, 1, BROKER_ID, at_once=False, actor="test")
    assert await stands(house) == ("professional", "active", True)
    await house.move(days=31)
    await usage.pump(house.ctx, 1)
    assert (await stands(house))[1] == "cancelled"
    await house.subscribe("enterprise")
    assert await stands(house) == ("enterprise", "active", False)


async def test_a_webhook_of_somebody_else_is_kept_and_left_alone(house: House) -> None:
    assert await post(house, event("evt_1", "invoice.paid", "cus_stranger")) == 200
    assert await post(house, event("evt_2", "customer.updated", "cus_stranger")) == 200
    await usage.pump(house.ctx, 1)
    async with house.ctx.db.tenant(1) as db:
        outcomes = await rows(db, text("select outcome from app.webhook_receipts order by dedupe_key"))
    assert [row["outcome"] for row in outcomes] == ["unmatched", "ignored"]


async def test_only_what_is_signed_now_with_our_secret_is_taken(house: House) -> None:
    body = event("evt_1", "invoice.paid", "cus_1")
    assert await post(house, body, secret="whsec_other") == 401
    assert await post(house, body, age_s=301) == 401
    assert await post(house, b"[" * 100_000) == 422
    assert await post(house, b"{}") == 422
    async with house.ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.webhook_receipts")) == 0
        assert await scalar(db, text("select count(*) from app.signature_checks where not ok")) == 2


async def test_a_price_that_is_none_of_ours_waits_in_the_dlq(house: House) -> None:
    await house.subscribe()
    vendor = checkout.service(house.ctx)
    meter = await vendor.meter("leads_generated")
    assert meter is not None
    await house.ctx.http.post(
        "http://town/stripe/v1/prices",
        headers={"Authorization": "Bearer sk_1"},
        data={"lookup_key": "gold", "unit_amount": "9900", "recurring[meter]": meter},
    )
    gold = await vendor.price("gold")
    assert gold is not None
    async with house.ctx.db.tenant(1) as db:
        customer = await scalar(db, text("select stripe_customer_id from app.subscriptions"))
    data = {"customer": customer, "items[0][price]": gold.id}
    headers = {"Authorization": "Bearer sk_1"}
    await checkout.cancel(house.ctx, 1, BROKER_ID, at_once=True, actor="test")
    await house.ctx.http.post("http://town/stripe/v1/subscriptions", headers=headers, data=data)
    await house.move(minutes=15)
    await usage.pump(house.ctx, 1)
    async with house.ctx.db.tenant(1) as db:
        assert "'gold'" in await scalar(db, text("select error from app.dlq where item like 'subscription:%'"))


async def test_prices_are_compared_and_missing_ones_made(house: House) -> None:
    playbook = house.ctx.playbooks["roofing"]
    tags = await checkout.prices(house.ctx, playbook)
    assert [(tag.tier, tag.ours_cents, tag.agrees) for tag in tags] == [
        ("professional", 2500, True),
        ("enterprise", 1800, True),
    ]


async def test_without_a_payment_service_tiers_are_set_by_hand(ctx: Context) -> None:
    with pytest.raises(NotConfigured):
        await checkout.start_checkout(ctx, 1, BROKER_ID, tier="professional", actor="test")
    async with ctx.db.tenant(1) as db:
        await subscriptions.set_by_hand(db, 1, BROKER_ID, tier="enterprise", actor="ops")
        assert (await subscriptions.show(db, BROKER_ID))["tier"] == "enterprise"
        with pytest.raises(InvalidInput, match="platinum"):
            await subscriptions.set_by_hand(db, 1, BROKER_ID, tier="platinum", actor="ops")
    await checkout.cancel(ctx, 1, BROKER_ID, at_once=False, actor="ops")
    async with ctx.db.tenant(1) as db:
        assert (await subscriptions.show(db, BROKER_ID))["status"] == "cancelled"


async def test_what_stripe_keeps_is_not_set_by_hand(house: House) -> None:
    await house.subscribe()
    with pytest.raises(Conflict, match="payment service"):
        async with house.ctx.db.tenant(1) as db:
            await subscriptions.set_by_hand(db, 1, BROKER_ID, tier="trial", actor="ops")


# --- over HTTP --------------------------------------------------------------------------------------------------------
async def test_a_broker_subscribes_for_themselves_and_for_nobody_else(house: House) -> None:
    async with signed_in(house.ctx, BROKER_ID) as bea:
        answer = await bea.post("/v1/subscriptions/checkout", json={"tier": "professional"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["url"].startswith("http://town/stripe/checkout/")
        other = {"tier": "professional", "broker_id": str(OTHER_BROKER)}
        assert (await bea.post("/v1/subscriptions/checkout", json=other)).status_code == 403
        assert (await bea.post("/v1/subscriptions/checkout", json={"tier": "trial"})).status_code == 422
        portal = await bea.post("/v1/subscriptions/portal", json={})
        assert portal.json()["url"].startswith("http://town/stripe/portal/")
        assert (await bea.get("/billing/return")).status_code == 200
    async with signed_in(house.ctx, OTHER_BROKER, "operator") as ops:
        assert (await ops.post("/v1/subscriptions/checkout", json={"tier": "professional"})).status_code == 422
        named = {"tier": "enterprise", "broker_id": str(BROKER_ID)}
        assert (await ops.post("/v1/subscriptions/checkout", json=named)).status_code == 200


async def test_a_broker_sees_their_own_subscription_and_usage(house: House) -> None:
    await house.leads(3)
    async with signed_in(house.ctx, BROKER_ID) as bea:
        mine = (await bea.get(f"/v1/subscriptions/{BROKER_ID}")).json()
        (used,) = (await bea.get("/v1/billing_usage", params={"metric": "leads_generated"})).json()
        assert (await bea.get("/v1/billing_usage", params={"metric": "emails_sent"})).json() == []
        assert (await bea.get("/v1/billing_usage", params={"since": "2026-12-01"})).json() == []
        assert (await bea.get("/v1/billing_usage", params={"metric": "fax"})).status_code == 422
    assert (mine["tier"], mine["trial_leads_remaining"], mine["monthly_lead_count"]) == ("trial", 22, 3)
    assert (used["day"], used["quantity"], used["cost_usd"]) == ("2026-11-30", 3, 0)
    async with signed_in(house.ctx, OTHER_BROKER) as stranger:
        assert (await stranger.get(f"/v1/subscriptions/{BROKER_ID}")).status_code == 404
        assert (await stranger.get("/v1/billing_usage")).json() == []
