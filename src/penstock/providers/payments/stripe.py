"""Stripe: customers, Checkout, subscriptions with metered prices, Billing Meters, signed webhooks.

Wire facts: the official Python package 16.1 (API 2026-10-28.endive), docs.stripe.com. Habits: bodies are form-encoded
with nested names in brackets; the period of a subscription stands on its item; a stored answer comes back for an
Idempotency-Key even if it was an error, so ours live for one call and its repeats only. A meter event is counted once
per identifier within at least a day: a second one is answered with 400, which is as good as done. Meter events of
unknown customers are accepted and dropped later: the nightly comparison tells.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx

from penstock.core.errors import InvalidInput, NotConfigured, ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account
from penstock.providers.payments.words import Buyer, Counted, News, Page, Price, Status, Subscription, Usage

VENDOR = "stripe"
VERSION = "2026-10-28.endive"
TOLERANCE_S = 300
PAGE = "100"
BUYER = "penstock_buyer"  # metadata of a customer: our key
STATUS: Final[Mapping[str, Status]] = {
    "trialing": "active",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "paused",
    "canceled": "cancelled",
    "incomplete": "unfinished",
    "incomplete_expired": "unfinished",
}
KNOWN_ALREADY: Final = "already exists with identifier"
# Events after which a subscription is read again. Others are taken and left alone.
ABOUT_SUBSCRIPTIONS: Final = frozenset(
    {
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "invoice.paid",
        "invoice.payment_failed",
    }
)


class Stripe:
    """Stripe over the shared client."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def customer(self, buyer: Buyer) -> str:
        """The customer's id. Looked for first: a crash between making and noting one leaves no second."""
        found = await self._read("/v1/customers", {"email": buyer.email, "limit": PAGE})
        for one in _list(found):
            if (one.get("metadata") or {}).get(BUYER) == buyer.key:
                return str(one["id"])
        made = {"email": buyer.email, "name": buyer.name, "metadata": {BUYER: buyer.key}}
        return _id(await self._write("/v1/customers", made))

    async def price(self, key: str) -> Price | None:
        """The active price with this lookup key."""
        found = _list(await self._read("/v1/prices", {"lookup_keys": [key], "active": "true", "limit": PAGE}))
        return parse_price(found[0]) if found else None

    async def checkout(self, customer: str, price: str, *, reference: str, done: str, left: str) -> Page:
        """The address of a hosted Checkout page. A metered price takes no quantity."""
        fields = {
            "mode": "subscription",
            "customer": customer,
            "client_reference_id": reference,
            "line_items": [{"price": price}],
            "success_url": done,
            "cancel_url": left,
        }
        made = await self._write("/v1/checkout/sessions", fields)
        return Page(_id(made), _url(made))

    async def expire(self, page: str) -> None:
        """End a Checkout session. Only an open one can be ended: a refusal is well if it is closed or not there."""
        path = f"/v1/checkout/sessions/{quote(page, safe='')}"
        try:
            await self._write(f"{path}/expire", {})
        except ProviderRefused as refused:
            if not is_gone(refused) and _object(await self._read(path, {})).get("status") == "open":
                raise

    async def portal(self, customer: str, *, back: str) -> str:
        """The address of a billing portal session."""
        return _url(await self._write("/v1/billing_portal/sessions", {"customer": customer, "return_url": back}))

    async def subscriptions(self, customer: str) -> Sequence[Subscription]:
        """The customer's subscriptions, those that ended too."""
        found = await self._read("/v1/subscriptions", {"customer": customer, "status": "all", "limit": PAGE})
        return [parse_subscription(one) for one in _list(found)]

    async def cancel(self, subscription: str, *, at_period_end: bool) -> Subscription:
        """End a subscription, now or with its period."""
        path = f"/v1/subscriptions/{quote(subscription, safe='')}"
        if at_period_end:
            return parse_subscription(await self._write(path, {"cancel_at_period_end": "true"}))
        return parse_subscription(await self._ask(build_request(self._account, "DELETE", path)))

    async def meter(self, event: str) -> str | None:
        """The active meter of an event name."""
        found = _list(await self._read("/v1/billing/meters", {"status": "active", "limit": PAGE}))
        return next((str(one["id"]) for one in found if one.get("event_name") == event), None)

    async def make_meter(self, event: str, *, name: str) -> str:
        """A new meter that sums up."""
        fields = {
            "display_name": name,
            "event_name": event,
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
        return _id(await self._write("/v1/billing/meters", fields))

    async def make_price(self, key: str, *, cents: Decimal, meter: str, name: str) -> Price:
        """A new metered price under a lookup key, with a product of its own."""
        fields = {
            "currency": "usd",
            "unit_amount_decimal": _plain(cents),
            "lookup_key": key,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter},
            "product_data": {"name": name},
        }
        return parse_price(await self._write("/v1/prices", fields))

    async def tell(self, event: str, usage: Usage) -> None:
        """One meter event. An identifier that is counted already is what we wanted."""
        try:
            # No Idempotency-Key: the identifier does its work, and a kept 500 would come back for a day.
            await self._ask(
                build_request(self._account, "POST", "/v1/billing/meter_events", usage_fields(event, usage))
            )
        except ProviderRefused as refused:
            if not is_known(refused):
                raise

    async def forget(self, event: str, identifier: str) -> None:
        """Cancel a meter event."""
        fields = {"event_name": event, "type": "cancel", "cancel": {"identifier": identifier}}
        await self._write("/v1/billing/meter_event_adjustments", fields)

    async def counted(self, meter: str, customer: str, *, since: datetime, until: datetime) -> Sequence[Counted]:
        """The meter's daily sums of a customer."""
        path = f"/v1/billing/meters/{quote(meter, safe='')}/event_summaries"
        query = {
            "customer": customer,
            "start_time": _stamp(since),
            "end_time": _stamp(until),
            "value_grouping_window": "day",
            "limit": PAGE,
        }
        return [parse_counted(one) for one in _list(await self._read(path, query))]

    async def _read(self, path: str, query: Mapping[str, Any]) -> Any:
        return await self._ask(build_request(self._account, "GET", path, query))

    async def _write(self, path: str, fields: Mapping[str, Any]) -> Any:
        return await self._ask(build_request(self._account, "POST", path, fields, key=str(uuid4())))

    async def _ask(self, request: Request) -> Any:
        try:
            return await ask_json(self._client, request)
        except ProviderRefused as refused:
            raise explain(refused) from refused.__cause__


def build_request(
    account: Account, method: str, path: str, fields: Mapping[str, Any] | None = None, *, key: str | None = None
) -> Request:
    """One call. `fields` go into the query of a GET, else into the body. A call may be repeated as it stands: reads,
    cancellations, what carries an Idempotency-Key, and meter events, which carry an identifier."""
    flat = flatten(fields or {})
    headers = account.bearer() | {"Stripe-Version": VERSION}
    if key is not None:
        headers |= {"Idempotency-Key": key}
    if method == "GET":
        return Request(VENDOR, method, account.url(path), headers, flat, timeout_s=account.timeout_s, repeatable=True)
    return Request(
        vendor=VENDOR,
        method=method,
        url=account.url(path),
        headers=headers | {"Content-Type": "application/x-www-form-urlencoded"},
        content=urlencode(flat).encode(),
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def flatten(fields: Mapping[str, Any] | Sequence[Any], prefix: str = "") -> dict[str, str]:
    """Nested values as Stripe's form names: {"a": [{"b": 1}]} gives {"a[0][b]": "1"}."""
    pairs = fields.items() if isinstance(fields, Mapping) else enumerate(fields)
    flat: dict[str, str] = {}
    for name, value in pairs:
        path = f"{prefix}[{name}]" if prefix else str(name)
        if isinstance(value, Mapping | list):
            flat |= flatten(value, path)
        else:
            flat[path] = str(value)
    return flat


def usage_fields(event: str, usage: Usage) -> dict[str, Any]:
    """The body of a meter event. Payload values are text."""
    return {
        "event_name": event,
        "identifier": usage.identifier,
        "payload": {"stripe_customer_id": usage.customer, "value": _plain(usage.quantity)},
        "timestamp": _stamp(usage.at),
    }


def explain(refused: ProviderRefused) -> Exception:
    """What a refusal of Stripe's is in our words: 409 passes, a key that is not taken is ours to mend."""
    response = answer_of(refused)
    status = response.status_code if response is not None else 0
    if status == 409:
        return ProviderBusy("stripe answered 409: another request is at work on this", retry_after_s=1.0)
    if status in (401, 403):
        return NotConfigured(f"stripe does not take our key ({status})", fix="set PENSTOCK_VENDORS__STRIPE__KEY")
    return refused


def answer_of(error: BaseException) -> httpx.Response | None:
    """The answer behind a refusal."""
    cause = error.__cause__
    return cause.response if isinstance(cause, httpx.HTTPStatusError) else None


def is_known(refused: ProviderRefused) -> bool:
    """Whether a meter event was refused because its identifier is counted already."""
    response = answer_of(refused)
    if response is None or response.status_code != 400:
        return False
    try:
        error = response.json()["error"]
        return KNOWN_ALREADY in str(error.get("message", "")) or error.get("code") == "duplicate_meter_event"
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def is_gone(refused: ProviderRefused) -> bool:
    """Whether something was refused because there is no such thing."""
    response = answer_of(refused)
    return response is not None and response.status_code == 404


def parse_price(body: object) -> Price:
    """A price; of one with tiers the cents are unknown."""
    data = _object(body)
    amount = data.get("unit_amount_decimal") or data.get("unit_amount")
    return Price(
        id=_id(data),
        key=str(data.get("lookup_key") or ""),
        cents=None if amount is None else Decimal(str(amount)),
        meter=(data.get("recurring") or {}).get("meter"),
    )


def parse_subscription(body: object) -> Subscription:
    """A subscription; its period is that of its first item."""
    data = _object(body)
    items = (data.get("items") or {}).get("data") or [{}]
    item, raw = items[0], str(data.get("status"))
    status: Status = STATUS.get(raw, "past_due")
    price, invoice = item.get("price") or {}, data.get("latest_invoice")
    return Subscription(
        id=_id(data),
        status="paused" if status == "active" and data.get("pause_collection") else status,
        created=_instant(data.get("created")) or datetime.fromtimestamp(0, UTC),
        item=item.get("id"),
        key=price.get("lookup_key"),
        period_start=_instant(item.get("current_period_start")),
        period_end=_instant(item.get("current_period_end")),
        cancels_at_period_end=bool(data.get("cancel_at_period_end")),
        meter=(price.get("recurring") or {}).get("meter"),
        invoice=_id(invoice) if isinstance(invoice, Mapping) else invoice,
    )


def parse_counted(body: object) -> Counted:
    """One span of a meter's sums."""
    data = _object(body)
    since, until = _instant(data.get("start_time")), _instant(data.get("end_time"))
    if since is None or until is None:
        raise ProviderUnclear("stripe answered a summary without its times")
    return Counted(since, until, Decimal(str(data.get("aggregated_value") or 0)))


def verify(raw: bytes, headers: Mapping[str, str], *, secret: str, at: datetime) -> bool:
    """Whether these bytes were signed with our secret, five minutes before `at` at the earliest.

    `Stripe-Signature: t=…,v1=…`: HMAC-SHA256 over `t.body`, keyed with the whole secret, `whsec_` included; any v1 may
    fit. An empty secret verifies nothing.
    """
    named = {name.lower(): value for name, value in headers.items()}
    parts = [part.partition("=") for part in named.get("stripe-signature", "").split(",")]
    stamps = [value for name, _, value in parts if name.strip() == "t" and value.isascii() and value.isdecimal()]
    given = [value for name, _, value in parts if name.strip() == "v1"]
    if not secret or len(stamps) != 1 or int(stamps[0]) < at.timestamp() - TOLERANCE_S:
        return False
    expected = hmac.new(secret.encode(), stamps[0].encode() + b"." + raw, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in given)


def parse_event(raw: bytes) -> News:
    """One verified webhook in our words. Raises InvalidInput for what is no event."""
    try:
        body = json.loads(raw.decode())
        subject = body["data"]["object"]
        customer = subject.get("customer")
        created = datetime.fromtimestamp(int(body["created"]), UTC)
        return News(
            id=_word(body["id"]),
            type=_word(body["type"]),
            created=created,
            customer=str(customer["id"]) if isinstance(customer, Mapping) else customer,
            about={name: str(subject[name]) for name in ("id", "object", "client_reference_id") if subject.get(name)},
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidInput("the webhook is not a Stripe event") from error


def _word(value: object) -> str:
    """A text without characters that no database keeps. Raises ValueError."""
    if not (word := str(value)).isprintable():
        raise ValueError("not a word")
    return word


def _object(body: object) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise ProviderUnclear("stripe answered with something that is no object")
    return body


def _list(body: object) -> list[Mapping[str, Any]]:
    data = _object(body).get("data")
    if not isinstance(data, list):
        raise ProviderUnclear("stripe answered with something that is no list")
    return data


def _id(body: object) -> str:
    found = _object(body).get("id")
    if not found:
        raise ProviderUnclear("stripe answered without an id")
    return str(found)


def _url(body: object) -> str:
    found = _object(body).get("url")
    if not found:
        raise ProviderUnclear("stripe answered without an address")
    return str(found)


def _instant(value: object) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) else None


def _stamp(at: datetime) -> str:
    return str(int(at.timestamp()))


def _plain(value: Decimal) -> str:
    """12.500 as 12.5 and 1.000 as 1, never in exponents."""
    return format(value.normalize(), "f")
