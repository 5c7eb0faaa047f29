"""Stripe on the wire: what we send, what we read, and what the town's Stripe makes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import InvalidInput, NotConfigured, ProviderBusy, ProviderRefused
from penstock.core.http import make_client
from penstock.providers import Account
from penstock.providers.payments import stripe
from penstock.providers.payments.words import Buyer, Usage
from penstock.town.app import make_app
from penstock.town.state import TownState, new_state
from penstock.town.stripe import nested

AT = datetime(2026, 11, 30, 17, tzinfo=UTC)
BEA = Buyer("1:bea", "Bea Roofs", "bea@acme.example")
ACCOUNT = Account("http://town/stripe", "sk_test_1")
EVENT = "leads_generated"


@pytest.fixture
async def world() -> AsyncIterator[tuple[stripe.Stripe, TownState, httpx.AsyncClient]]:
    """Our adapter whose requests end in a town with seed 7, the town, and a browser."""
    town = new_state(7)
    town.clock.put(AT)
    async with make_client(transport=httpx.ASGITransport(make_app(town))) as client:
        yield stripe.Stripe(client, ACCOUNT), town, client


async def subscribed(world: Any, tier: str = "professional") -> str:
    """Bea has gone through Checkout; gives her customer id."""
    vendor, _, browser = world
    customer = await vendor.customer(BEA)
    price = await vendor.price(tier)
    assert price is not None
    page = await vendor.checkout(customer, price.id, reference="r", done="http://us/done", left="http://us/left")
    before = await vendor.subscriptions(customer)
    assert "Subscribe" in (await browser.get(page.url)).text and await vendor.subscriptions(customer) == before
    paid = await browser.post(page.url)
    assert (paid.status_code, paid.headers["location"]) == (303, "http://us/done")
    return str(customer)


def used(customer: str, number: int, *, quantity: int = 1, at: datetime = AT) -> Usage:
    return Usage(f"ps-1-{number}", customer, Decimal(quantity), at)


async def counted(world: Any, customer: str) -> Decimal:
    vendor, _, _ = world
    meter = await vendor.meter(EVENT)
    since = AT.replace(hour=0)
    spans = await vendor.counted(meter, customer, since=since - timedelta(days=2), until=since + timedelta(days=2))
    return sum((one.quantity for one in spans), Decimal(0))


# --- signatures -------------------------------------------------------------------------------------------------------
BODY = b'{"id":"evt_1","object":"event","type":"invoice.paid"}'
SIGNED = "t=1790000000,v1=0f8fb984dfedf64024881241a11b8a8f5bbbf3f4d2fd4099a94ea1be49c2ffa6"
THEN = datetime.fromtimestamp(1790000000, UTC)


@pytest.mark.parametrize(
    ("header", "raw", "secret", "later_s", "fits"),
    [
        (SIGNED, BODY, "whsec_test", 0, True),
        (SIGNED, BODY, "whsec_test", 300, True),
        (SIGNED, BODY, "whsec_test", 301, False),
        (SIGNED, BODY, "whsec_test", -900, True),  # only old ones are refused
        (SIGNED.replace("v1=", "v1=00,v0=00,v1="), BODY, "whsec_test", 0, True),  # any v1 may fit
        (SIGNED.replace("v1=", "v0="), BODY, "whsec_test", 0, False),
        (SIGNED, BODY + b" ", "whsec_test", 0, False),
        (SIGNED, BODY, "whsec_other", 0, False),
        (SIGNED, BODY, "", 0, False),
        ("", BODY, "whsec_test", 0, False),
        ("t=,v1=é", BODY, "whsec_test", 0, False),
        ("t=1790000000,t=1790000001," + SIGNED.partition(",")[2], BODY, "whsec_test", 0, False),
    ],
)
def test_a_signature_is_of_time_and_body(header: str, raw: bytes, secret: str, later_s: int, fits: bool) -> None:
    at = THEN + timedelta(seconds=later_s)
    assert stripe.verify(raw, {"Stripe-Signature": header}, secret=secret, at=at) is fits


PLAIN = '{"id":"evt_1","type":"x","created":1790000000,"data":{"object":{}}}'
SENSELESS = [
    *(b"", b"[]", b"{}", b'{"id":1,"type":"x","created":"soon","data":{"object":{}}}', b"\xff"),
    *(b"[" * 100_000, PLAIN.encode("utf-16"), PLAIN.replace("evt_1", "evt\\u0000").encode()),
    PLAIN.replace('"x"', '"\\ud800"').encode(),
]


@pytest.mark.parametrize("raw", SENSELESS, ids=range(len(SENSELESS)))
def test_what_is_no_event_is_bad_input(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        stripe.parse_event(raw)
    assert stripe.parse_event(PLAIN.encode()).id == "evt_1"


# --- forms ------------------------------------------------------------------------------------------------------------
LEAF = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
NAMES = st.text("abc_", min_size=1, max_size=4)


def inside(x: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(x, min_size=1, max_size=3) | st.dictionaries(NAMES, x, min_size=1, max_size=3)


FORMS = st.dictionaries(NAMES, st.recursive(LEAF, inside, max_leaves=6), max_size=4)


@settings(max_examples=60, deadline=None)
@given(FORMS)
def test_forms_come_out_of_the_wire_as_they_went_in(form: dict[str, Any]) -> None:
    request = stripe.build_request(ACCOUNT, "POST", "/v1/x", form, key="k")
    assert request.content is not None
    assert nested(parse_qsl(request.content.decode(), keep_blank_values=True)) == form


def test_a_meter_event_is_told_in_stripes_words() -> None:
    fields = stripe.flatten(stripe.usage_fields(EVENT, used("cus_1", 42, quantity=100)))
    assert fields == {
        "event_name": EVENT,
        "identifier": "ps-1-42",
        "payload[stripe_customer_id]": "cus_1",
        "payload[value]": "100",
        "timestamp": str(int(AT.timestamp())),
    }


def test_every_call_names_the_version_and_only_writes_carry_a_key() -> None:
    read = stripe.build_request(ACCOUNT, "GET", "/v1/prices", {"lookup_keys": ["a"]})
    write = stripe.build_request(ACCOUNT, "POST", "/v1/customers", {"email": "a@b.example"}, key="k-1")
    assert read.headers["Stripe-Version"] == write.headers["Stripe-Version"] == "2026-10-28.endive"
    assert (read.query, "Idempotency-Key" in read.headers) == ({"lookup_keys[0]": "a"}, False)
    assert (write.headers["Idempotency-Key"], write.content) == ("k-1", b"email=a%40b.example")


# --- customers and subscriptions --------------------------------------------------------------------------------------
async def test_a_customer_is_made_once(world: Any) -> None:
    vendor, _, _ = world
    first = await vendor.customer(BEA)
    assert await vendor.customer(BEA) == first
    assert await vendor.customer(Buyer("1:other", "Other", BEA.email)) != first


async def test_checkout_begins_a_subscription_with_the_period_on_its_item(world: Any) -> None:
    customer = await subscribed(world)
    (found,) = await world[0].subscriptions(customer)
    assert (found.status, found.key) == ("active", "professional") and found.meter is not None
    assert (found.period_start, found.period_end) == (AT, AT.replace(month=12, day=30))
    assert found.item.startswith("si_")


async def test_a_subscription_ends_with_its_period_or_at_once(world: Any) -> None:
    vendor, town, _ = world
    customer = await subscribed(world)
    (found,) = await vendor.subscriptions(customer)
    ending = await vendor.cancel(found.id, at_period_end=True)
    assert (ending.status, ending.cancels_at_period_end) == ("active", True)
    await town.timetable.advance(AT + timedelta(days=31))
    assert [one.lives for one in await vendor.subscriptions(customer)] == [False]
    again = await subscribed(world, "enterprise")
    (living,) = [one for one in await vendor.subscriptions(customer) if one.lives]
    assert again == customer and living.key == "enterprise"
    assert (await vendor.cancel(living.id, at_period_end=False)).status == "cancelled"


async def test_a_checkout_page_that_is_ended_takes_no_card(world: Any) -> None:
    vendor, _, browser = world
    customer, price = await vendor.customer(BEA), await vendor.price("professional")
    pages = [
        await vendor.checkout(customer, price.id, reference="r", done="http://us/", left="http://us/") for _ in "ab"
    ]
    for _ in "ab":  # twice does no harm
        await vendor.expire(pages[0].id)
    assert (await browser.get(pages[0].url)).status_code == (await browser.post(pages[0].url)).status_code == 410
    assert (await browser.post(pages[1].url)).status_code == 303
    await vendor.expire(pages[1].id)  # used already: stays as it is
    await vendor.expire("cs_unknown")
    assert [one.status for one in await vendor.subscriptions(customer)] == ["active"]


async def test_the_portal_is_a_page_of_the_customer(world: Any) -> None:
    vendor, _, browser = world
    url = await vendor.portal(await subscribed(world), back="http://us/")
    assert "professional: active" in (await browser.get(url)).text


async def test_a_meter_and_its_prices_can_be_made(world: Any) -> None:
    vendor, _, _ = world
    assert await vendor.price("basic") is None and await vendor.meter("calls") is None
    meter = await vendor.make_meter("calls", name="Calls")
    price = await vendor.make_price("basic", cents=Decimal("12.5"), meter=meter, name="Calls, basic")
    found = await vendor.price("basic")
    assert (found.id, found.cents, found.meter) == (price.id, Decimal("12.5"), meter)
    assert await vendor.meter("calls") == meter


# --- usage ------------------------------------------------------------------------------------------------------------
async def test_an_identifier_is_counted_once_within_a_day_and_again_after_it(world: Any) -> None:
    vendor, town, _ = world
    customer = await subscribed(world)
    for _ in range(3):
        await vendor.tell(EVENT, used(customer, 1))
    await vendor.tell(EVENT, used(customer, 2, quantity=4))
    assert await counted(world, customer) == 5
    assert town.truth.grade()["usage"] == {"events": 2, "repeated": 2, "cancelled": 0}
    town.clock.put(AT + timedelta(hours=25))
    await vendor.tell(EVENT, used(customer, 1))
    assert await counted(world, customer) == 6
    assert town.truth.grade()["usage_counted_twice"] == 1


async def test_usage_is_taken_back_by_its_identifier_or_by_its_opposite(world: Any) -> None:
    vendor, town, _ = world
    customer = await subscribed(world)
    await vendor.tell(EVENT, used(customer, 1))
    await vendor.tell(EVENT, used(customer, 2))
    await vendor.forget(EVENT, "ps-1-1")
    assert await counted(world, customer) == 1
    town.clock.put(AT + timedelta(hours=25))
    with pytest.raises(ProviderRefused):
        await vendor.forget(EVENT, "ps-1-2")
    await vendor.tell(EVENT, Usage("ps-1-2-back", customer, Decimal(-1), AT))
    assert await counted(world, customer) == 0


@pytest.mark.parametrize("at", [AT - timedelta(days=35, seconds=1), AT + timedelta(minutes=6)])
async def test_usage_of_another_time_is_refused(world: Any, at: datetime) -> None:
    customer = await subscribed(world)
    with pytest.raises(ProviderRefused, match="400"):
        await world[0].tell(EVENT, used(customer, 1, at=at))


async def test_the_month_is_invoiced_for_what_was_counted_in_it(world: Any) -> None:
    vendor, town, browser = world
    customer = await subscribed(world)
    for number in range(3):
        await vendor.tell(EVENT, used(customer, number))
    await town.timetable.advance(AT + timedelta(days=31))
    sent = {"Authorization": "Bearer sk_1"}
    (invoice,) = (await browser.get("http://town/stripe/v1/invoices", headers=sent)).json()["data"]
    assert (invoice["status"], invoice["total"], invoice["customer"]) == ("paid", 7500, customer)
    assert invoice["parent"]["subscription_details"]["subscription"].startswith("sub_")
    assert (await vendor.subscriptions(customer))[0].period_start == AT.replace(month=12, day=30)


async def test_a_declined_card_makes_a_subscription_past_due_until_it_is_tried_again(world: Any) -> None:
    vendor, town, _ = world
    customer = await subscribed(world)
    await vendor.tell(EVENT, used(customer, 1))
    town.faults.configure({"stripe": {"card_declined": 1.0}})
    await town.timetable.advance(AT + timedelta(days=31))
    assert (await vendor.subscriptions(customer))[0].status == "past_due"
    town.faults.configure({})
    await town.timetable.advance(AT + timedelta(days=35))
    assert (await vendor.subscriptions(customer))[0].status == "active"


# --- errors -----------------------------------------------------------------------------------------------------------
def answering(status: int, body: Any, headers: dict[str, str] | None = None) -> stripe.Stripe:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=body if isinstance(body, str) else json.dumps(body), headers=headers or {})

    return stripe.Stripe(make_client(transport=httpx.MockTransport(answer)), ACCOUNT)


def error(message: str, code: str = "x") -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("No such price", "resource_missing"), ProviderRefused),
        (401, error("Invalid API Key"), NotConfigured),
        (402, error("Your card was declined", "card_declined"), ProviderRefused),
        (409, error("in use", "idempotency_key_in_use"), ProviderBusy),
        (500, error("oops"), ProviderBusy),
        (200, "<html>", ProviderBusy),
        (200, [], ProviderBusy),
        (200, {"data": {}}, ProviderBusy),
    ],
)
async def test_errors_in_our_words(status: int, body: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        await answering(status, body, {"retry-after": "0"}).price("professional")
    assert "card was declined" not in str(caught.value)  # never the vendor's free text


async def test_a_duplicate_is_known_by_its_words_where_there_is_no_code() -> None:
    told = answering(400, {"error": {"message": "An event already exists with identifier ps-1-1."}})
    await told.tell(EVENT, used("cus_1", 1))
    with pytest.raises(ProviderRefused):
        await answering(400, error("No such customer")).tell(EVENT, used("cus_1", 1))


async def test_a_key_under_which_something_else_was_asked_is_refused(world: Any) -> None:
    _, _, browser = world
    sent = {"Authorization": "Bearer sk_1", "Idempotency-Key": "one"}
    answers = [
        await browser.post("http://town/stripe/v1/customers", headers=sent, data={"email": email})
        for email in ("a@b.example", "a@b.example", "c@d.example")
    ]
    assert answers[0].json() == answers[1].json() and answers[2].status_code == 400
