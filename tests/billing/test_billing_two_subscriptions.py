"""One customer, one subscription: what somebody begins twice is neither paid nor invoiced twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from billing_house import House, open_house
from sqlalchemy import text

from ground import BROKER_ID, START
from penstock.billing import checkout, news, reconcile, usage
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import Conflict, ProviderBusy
from penstock.insight import alerts
from penstock.providers.payments import Subscription

KEY = {"Authorization": "Bearer sk_1"}
KNOWN = text("select stripe_subscription_id from app.subscriptions")
FOUND = text("select details from app.audit_logs where action = 'second subscription found' order by id")


@pytest.fixture
async def house(ctx: Context) -> AsyncIterator[House]:
    async with open_house(ctx, START) as made:
        yield made


async def begin(house: House, tier: str = "professional") -> str:
    return await checkout.start_checkout(house.ctx, 1, BROKER_ID, tier=tier, actor="test")


async def pay(house: House, page: str) -> int:
    status: int = (await house.ctx.http.post(page)).status_code
    return status


async def customer_of(house: House) -> str:
    async with house.ctx.db.tenant(1) as db:
        return str(await scalar(db, text("select stripe_customer_id from app.subscriptions")))


async def listed(house: House, what: str) -> list[dict[str, Any]]:
    query = {"customer": await customer_of(house), "limit": "100"}
    answer = await house.ctx.http.get(f"http://town/stripe/v1/{what}", headers=KEY, params=query)
    found: list[dict[str, Any]] = answer.json()["data"]
    return list(reversed(found))


async def lives(house: House) -> list[str]:
    return [one["id"] for one in await listed(house, "subscriptions")]


async def begin_there(house: House, tier: str = "professional") -> str:
    """Another subscription of the same customer, begun past us."""
    price = await checkout.service(house.ctx).price(tier)
    assert price is not None
    data = {"customer": await customer_of(house), "items[0][price]": price.id}
    made = await house.ctx.http.post("http://town/stripe/v1/subscriptions", headers=KEY, data=data)
    await house.move(minutes=15)
    return str(made.json()["id"])


async def known(house: House) -> str:
    async with house.ctx.db.tenant(1) as db:
        return str(await scalar(db, KNOWN))


async def firing(house: House) -> dict[str, str]:
    await alerts.evaluate(house.ctx, 1)
    async with house.ctx.db.tenant(1) as db:
        open_now = await rows(db, text("select rule, value from app.alerts where resolved_at is null"))
    return {row["rule"]: row["value"] for row in open_now}


def test_one_of_several_counts() -> None:
    def one(id: str, status: Any, day: int, key: str = "professional") -> Subscription:
        return Subscription(id, status, START + timedelta(days=day), None, key, None, None)

    def kept(known: str | None, *found: Subscription) -> str | None:
        chosen = news.choose(found, known)
        return chosen.id if chosen else None

    assert kept(None, one("a", "unfinished", 3)) is None
    assert kept(None, one("a", "cancelled", 2), one("b", "past_due", 5), one("c", "unfinished", 3)) == "b"
    assert kept(None, one("a", "active", 2), one("b", "active", 1)) == "b"
    assert kept("a", one("a", "active", 2), one("b", "active", 1)) == "a"
    assert kept("a", one("a", "cancelled", 2), one("b", "active", 3)) == "b"
    assert kept(None, one("a", "cancelled", 2), one("b", "cancelled", 1)) == "a"
    theirs = one("b", "active", 1, "gym")
    assert kept(None, one("a", "active", 2), theirs) == "a"
    assert news.seconds_of(one("a", "active", 2), [theirs]) == []  # another business of theirs


# --- before the card is entered ---------------------------------------------------------------------------------------
async def test_a_page_that_is_opened_anew_ends_the_one_before(house: House) -> None:
    first, second = await begin(house), await begin(house, "enterprise")
    assert await pay(house, first) == 410
    assert await pay(house, second) == 303
    assert len(await lives(house)) == 1
    await house.move(minutes=15)
    await usage.pump(house.ctx, 1)
    assert [await known(house)] == await lives(house) and await firing(house) == {}


async def test_who_paid_a_moment_ago_gets_no_second_page(house: House) -> None:
    assert await pay(house, await begin(house)) == 303
    with pytest.raises(Conflict, match="already"):  # though no webhook has come yet
        await begin(house)
    assert [await known(house)] == await lives(house)


async def test_of_two_who_begin_at_once_one_gets_a_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made, both = [], asyncio.Event()
    kind = type(checkout.service(house.ctx))
    opened = kind.checkout
    await begin(house)

    async def together(self: Any, *args: Any, **named: Any) -> Any:
        page = await opened(self, *args, **named)
        made.append(page)
        if len(made) == 2:
            both.set()
        await both.wait()
        return page

    monkeypatch.setattr(kind, "checkout", together)
    ends = await asyncio.gather(begin(house), begin(house), return_exceptions=True)
    pages = [one for one in ends if isinstance(one, str)]
    assert len(pages) == 1 and [type(one) for one in ends if not isinstance(one, str)] == [Conflict]
    assert [await pay(house, page.url) for page in made if page.url != pages[0]] == [410]
    assert await pay(house, pages[0]) == 303


async def test_a_page_whose_maker_died_was_shown_to_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await begin(house)
    kind = type(checkout.service(house.ctx))
    opened = kind.checkout

    async def dies(self: Any, *args: Any, **named: Any) -> Any:
        await opened(self, *args, **named)
        raise asyncio.CancelledError

    monkeypatch.setattr(kind, "checkout", dies)
    with pytest.raises(asyncio.CancelledError):
        await begin(house)
    monkeypatch.undo()
    last = await begin(house)
    assert (await pay(house, first), await pay(house, last)) == (410, 303)


async def test_after_the_end_of_a_subscription_another_page_is_given(house: House) -> None:
    await house.subscribe()
    await checkout.cancel(house.ctx, 1, BROKER_ID, at_once=True, actor="test")
    assert await pay(house, await begin(house)) == 303


# --- after it ---------------------------------------------------------------------------------------------------------
async def test_a_second_subscription_is_ended_and_somebody_is_told(house: House) -> None:
    await house.subscribe()
    first, second = await known(house), await begin_there(house, "enterprise")
    await usage.pump(house.ctx, 1)
    assert await lives(house) == [first] and await known(house) == first
    says = (await firing(house))["subscription_doubled"]
    assert "Bea" in says and second in says
    async with house.ctx.db.tenant(1) as db:
        (found,) = await rows(db, FOUND)
    assert (found["details"]["ended"], found["details"]["kept"]) == (second, first)
    await house.leads(3)
    await house.move(minutes=15)
    await usage.pump(house.ctx, 1)
    await house.move(days=31)
    assert [one["lines"]["data"][0]["quantity"] for one in await listed(house, "invoices")] == [3]
    assert "subscription_doubled" not in await firing(house)  # it is said for a week


async def test_of_two_that_nobody_knows_the_older_stays(house: House) -> None:
    await begin(house)
    first, _ = await begin_there(house), await begin_there(house)
    await usage.pump(house.ctx, 1)
    assert await lives(house) == [first] == [await known(house)]


async def test_two_who_look_at_once_leave_one_alive(house: House) -> None:
    await begin(house)
    await begin_there(house)
    await begin_there(house)
    vendor = checkout.service(house.ctx)
    await asyncio.gather(*(news.refresh(house.ctx, 1, BROKER_ID, vendor) for _ in range(4)))
    assert await lives(house) == [await known(house)]
    async with house.ctx.db.tenant(1) as db:
        assert len(await rows(db, FOUND)) == 1


async def test_who_dies_before_the_end_of_the_second_is_followed_by_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.subscribe()
    first = await known(house)
    await begin_there(house)

    async def dies(*_: Any, **__: Any) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(type(checkout.service(house.ctx)), "cancel", dies)
    with pytest.raises(asyncio.CancelledError):
        await usage.pump(house.ctx, 1)
    monkeypatch.undo()
    assert len(await lives(house)) == 2 and "subscription_doubled" in await firing(house)
    await usage.pump(house.ctx, 1)
    assert await lives(house) == [first]


async def test_a_second_that_cannot_be_ended_waits_in_the_dlq(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.subscribe()
    await begin_there(house)

    async def busy(*_: Any, **__: Any) -> Any:
        raise ProviderBusy("stripe is busy")

    monkeypatch.setattr(type(checkout.service(house.ctx)), "cancel", busy)
    await usage.pump(house.ctx, 1)
    async with house.ctx.db.tenant(1) as db:
        assert "busy" in await scalar(db, text("select error from app.dlq where item like 'subscription:%'"))
        await execute(db, text("update app.dlq set retry_after = app.now() - interval '1 second'"))
    monkeypatch.undo()
    await usage.pump(house.ctx, 1)
    assert len(await lives(house)) == 1


async def test_who_cancels_is_left_with_none(house: House) -> None:
    await house.subscribe()
    house.town.webhooks.stripe_url = ""
    await begin_there(house)
    await checkout.cancel(house.ctx, 1, BROKER_ID, at_once=True, actor="test")
    await usage.pump(house.ctx, 1)
    assert await lives(house) == []


async def test_the_night_finds_a_second_one_that_no_webhook_told_of(house: House) -> None:
    await house.subscribe()
    first = await known(house)
    house.town.webhooks.stripe_url = ""
    await begin_there(house)
    await usage.pump(house.ctx, 1)
    assert len(await lives(house)) == 2
    await reconcile.reconcile_usage(house.ctx, 1, clock.now())
    await usage.pump(house.ctx, 1)
    assert await lives(house) == [first]
