"""What the town's Stripe keeps: customers, prices, subscriptions on the town's clock, meters, invoices.

A meter counts an identifier once within 24 hours, as the vendor promises, and again after that: the grade counts those.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from penstock.town.state import TownState
from penstock.town.stripe_news import announce
from penstock.town.timetable import Event

Fields = dict[str, Any]
REMEMBERED: Final = timedelta(hours=24)  # identifiers of meter events
OLDEST: Final = timedelta(days=35)
NEWEST: Final = timedelta(minutes=5)
CANCELLABLE: Final = timedelta(hours=24)
RETRY: Final = timedelta(days=3)  # of an invoice that could not be paid
EVENT_NAME: Final = "leads_generated"
PRICES: Final = {"professional": "2500", "enterprise": "1800"}  # US cents a lead, by lookup key


class Refused(Exception):
    """An error as the vendor words it."""

    def __init__(self, message: str, *, code: str = "", param: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.param, self.status = message, code, param, status


@dataclass
class Told:
    """A meter event that was counted."""

    identifier: str
    event_name: str
    customer: str
    value: float
    at: datetime
    received: datetime
    cancelled: bool = False


@dataclass
class Books:
    """Everything, by id. `made` counts objects of a kind, so that ids are the same in every run of a seed."""

    town: TownState
    customers: dict[str, Fields] = field(default_factory=dict)
    products: dict[str, Fields] = field(default_factory=dict)
    prices: dict[str, Fields] = field(default_factory=dict)
    meters: dict[str, Fields] = field(default_factory=dict)
    sessions: dict[str, Fields] = field(default_factory=dict)
    subscriptions: dict[str, Fields] = field(default_factory=dict)
    invoices: dict[str, Fields] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    heard: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))  # by identifier
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        meter = self.make_meter({"display_name": "Leads", "event_name": EVENT_NAME})
        for key, cents in PRICES.items():
            recurring = {"interval": "month", "usage_type": "metered", "meter": meter["id"]}
            named = {"name": f"Leads, {key}"}
            self.make_price({"lookup_key": key, "unit_amount": cents, "recurring": recurring, "product_data": named})

    def now(self) -> int:
        """The town's time in seconds."""
        return int(self.town.clock.now().timestamp())

    def new(self, prefix: str, object_name: str, **fields: Any) -> Fields:
        """An object with a new id of the vendor's shape."""
        self.made[prefix] += 1
        number = f"{prefix}_{self.town.dice.token('stripe', prefix, self.made[prefix])[:14]}"
        return {"id": number, "object": object_name, "created": self.now(), "livemode": False, **fields}

    # --- what is for sale ---------------------------------------------------------------------------------------------
    def make_meter(self, sent: Fields) -> Fields:
        """A meter; an event name belongs to one."""
        name = sent.get("event_name")
        if not name or any(one["event_name"] == name for one in self.meters.values()):
            raise Refused("An active meter with this event name exists already.", param="event_name")
        made = self.new("mtr", "billing.meter", status="active", display_name=sent.get("display_name"))
        made |= {"event_name": name, "default_aggregation": sent.get("default_aggregation") or {"formula": "sum"}}
        return self.meters.setdefault(made["id"], made)

    def make_price(self, sent: Fields) -> Fields:
        """A price with a product of its own, unless one is named."""
        key = sent.get("lookup_key")
        if key and any(one["lookup_key"] == key for one in self.prices.values()):
            raise Refused(f"A price already uses that lookup key: {key}", param="lookup_key")
        recurring = sent.get("recurring") or {}
        if recurring.get("usage_type") == "metered" and recurring.get("meter") not in self.meters:
            raise Refused("No such meter", code="resource_missing", param="recurring[meter]")
        product = sent.get("product")
        if not product:
            made = self.new("prod", "product", name=(sent.get("product_data") or {}).get("name"), active=True)
            product = self.products.setdefault(made["id"], made)["id"]
        amount = str(sent.get("unit_amount") or sent.get("unit_amount_decimal") or "0")
        made = self.new(
            "price", "price", active=True, currency="usd", lookup_key=key, product=product, type="recurring"
        )
        made |= {"unit_amount_decimal": amount, "unit_amount": int(amount) if amount.isdecimal() else None}
        made |= {"recurring": recurring, "billing_scheme": "per_unit"}
        return self.prices.setdefault(made["id"], made)

    def make_customer(self, sent: Fields) -> Fields:
        """A customer; two may have one email."""
        wanted = {name: sent.get(name) for name in ("email", "name")}
        made = self.new("cus", "customer", **wanted, metadata=sent.get("metadata") or {})
        return self.customers.setdefault(made["id"], made)

    # --- checkout and subscriptions -----------------------------------------------------------------------------------
    def open_session(self, sent: Fields, base: str) -> Fields:
        """A Checkout page for a subscription."""
        price = ((sent.get("line_items") or [{}])[0]).get("price")
        self._known(self.prices, price, "price")
        self._known(self.customers, sent.get("customer"), "customer")
        if sent.get("mode") != "subscription" or not sent.get("success_url"):
            raise Refused("You must provide mode and success_url.", param="success_url")
        made = self.new("cs_test", "checkout.session", status="open", payment_status="unpaid", mode="subscription")
        made |= {name: sent.get(name) for name in ("customer", "success_url", "cancel_url", "client_reference_id")}
        made |= {"url": f"{base}/checkout/{made['id']}", "subscription": None, "price": price}
        return self.sessions.setdefault(made["id"], made)

    def complete(self, session: Fields) -> Fields:
        """Somebody entered a card: the subscription begins. Once."""
        if session["status"] == "open":
            made = self.begin({"customer": session["customer"], "items": [{"price": session["price"]}]})
            session |= {"status": "complete", "payment_status": "paid", "subscription": made["id"]}
            announce(self.town, "checkout.session.completed", _shown(session))
        return session

    def expire(self, session: Fields) -> Fields:
        """Nobody can enter a card there any more. Only of one that is open."""
        if session["status"] != "open":
            raise Refused(
                'Only Checkout Sessions with a status in ["open"] can be expired.'
                f" This Checkout Session has a status of `{session['status']}`."
            )
        session |= {"status": "expired", "url": None}
        announce(self.town, "checkout.session.expired", _shown(session))
        return session

    def begin(self, sent: Fields) -> Fields:
        """A subscription from now on, invoiced at the end of each month for what its meter counted."""
        price = self._known(self.prices, ((sent.get("items") or [{}])[0]).get("price"), "price")
        self._known(self.customers, sent.get("customer"), "customer")
        item = self.new("si", "subscription_item", price=price, **self._period(self.town.clock.now()))
        made = self.new("sub", "subscription", customer=sent["customer"], status="active", cancel_at_period_end=False)
        made |= {"items": {"object": "list", "data": [item], "has_more": False}, "pause_collection": None}
        made |= {"billing_mode": {"type": "flexible"}, "latest_invoice": None, "trial_end": None}
        self.subscriptions[made["id"]] = made
        self._plan(made)
        announce(self.town, "customer.subscription.created", made)
        return made

    def change(self, subscription: Fields, sent: Fields) -> Fields:
        """`cancel_at_period_end` and `pause_collection`; an empty `pause_collection` resumes."""
        if "cancel_at_period_end" in sent:
            subscription["cancel_at_period_end"] = sent["cancel_at_period_end"] == "true"
        if "pause_collection" in sent:
            subscription["pause_collection"] = sent["pause_collection"] or None
        announce(self.town, "customer.subscription.updated", subscription)
        return subscription

    def end(self, subscription: Fields) -> Fields:
        """It is over now."""
        if subscription["status"] != "canceled":
            subscription |= {"status": "canceled", "canceled_at": self.now(), "ended_at": self.now()}
            announce(self.town, "customer.subscription.deleted", subscription)
        return subscription

    def _period(self, start: datetime) -> Fields:
        """A month from `start`; where people live faster than the clock, as much shorter as their lives."""
        clock = self.town.clock
        end = clock.after(timedelta(days=30), since=start) if clock.is_wall else _month_after(start)
        return {"current_period_start": int(start.timestamp()), "current_period_end": int(end.timestamp())}

    def _plan(self, subscription: Fields) -> None:
        item = subscription["items"]["data"][0]
        end = datetime.fromtimestamp(item["current_period_end"], UTC)
        self.town.timetable.add(end, PeriodEnds(self, subscription, item["current_period_end"]))

    def close(self, subscription: Fields) -> None:
        """The period is over: an invoice for what was counted, and the next period, or the end."""
        if subscription["status"] == "canceled":
            return
        item = subscription["items"]["data"][0]
        self._invoice(subscription, item)
        if subscription["cancel_at_period_end"]:
            self.end(subscription)
            return
        item |= self._period(datetime.fromtimestamp(item["current_period_end"], UTC))
        announce(self.town, "customer.subscription.updated", subscription)
        self._plan(subscription)

    def _invoice(self, subscription: Fields, item: Fields) -> None:
        since, until = item["current_period_start"], item["current_period_end"]
        quantity = self.counted(item["price"]["recurring"]["meter"], subscription["customer"], since, until)
        total = round(max(quantity, 0) * float(item["price"]["unit_amount_decimal"]))
        line = {"amount": total, "quantity": int(quantity), "period": {"start": since, "end": until}}
        parent = {"type": "subscription_details", "subscription_details": {"subscription": subscription["id"]}}
        made = self.new("in", "invoice", customer=subscription["customer"], status="open", total=total, parent=parent)
        made |= {"amount_due": total, "amount_paid": 0, "lines": {"object": "list", "data": [line]}, "attempt_count": 0}
        self.invoices[made["id"]] = made
        subscription["latest_invoice"] = made["id"]
        self.charge(made)

    def charge(self, invoice: Fields) -> None:
        """Try the card. With that fault on it is declined, and tried again three days later."""
        subscription = self.subscriptions[invoice["parent"]["subscription_details"]["subscription"]]
        invoice["attempt_count"] += 1
        if self.town.faults.declines(f"{invoice['id']} {invoice['attempt_count']}"):
            subscription["status"] = "past_due"
            announce(self.town, "invoice.payment_failed", invoice)
            self.town.timetable.add(self.town.clock.after(RETRY), CardIsTried(self, invoice))
        else:
            invoice |= {"status": "paid", "amount_paid": invoice["total"]}
            if subscription["status"] == "past_due":
                subscription["status"] = "active"
            announce(self.town, "invoice.paid", invoice)
        announce(self.town, "customer.subscription.updated", subscription)

    # --- meters -------------------------------------------------------------------------------------------------------
    def hear(self, sent: Fields) -> Fields:
        """A meter event. Of an unknown customer: taken, and never counted, as the vendor does."""
        now = self.town.clock.now()
        payload, identifier = sent.get("payload") or {}, str(sent.get("identifier") or "")
        if not any(one["event_name"] == sent.get("event_name") for one in self.meters.values()):
            raise Refused("No active meter found for this event name.", code="resource_missing", param="event_name")
        try:
            value = float(payload["value"])
            at = datetime.fromtimestamp(int(sent.get("timestamp") or now.timestamp()), UTC)
        except (KeyError, ValueError, TypeError) as error:
            raise Refused("Invalid payload", param="payload") from error
        if at < now - OLDEST or at > now + NEWEST:
            raise Refused("The timestamp is more than 35 days back or 5 minutes ahead.", param="timestamp")
        earlier = self.heard[identifier] if identifier else []
        if any(now - one.received < REMEMBERED for one in earlier):
            self.town.truth.usage["repeated"] += 1
            raise Refused(f"An event already exists with identifier {identifier}.", code="duplicate_meter_event")
        told = Told(identifier, sent["event_name"], str(payload.get("stripe_customer_id")), value, at, now)
        if told.customer in self.customers:
            self.told.append(told)
            self.town.truth.usage["events"] += 1
            self.town.truth.usage["counted_twice"] += bool(earlier)
        earlier.append(told)
        shown = {"object": "billing.meter_event", "event_name": told.event_name, "identifier": identifier}
        return shown | {"payload": payload, "timestamp": int(at.timestamp()), "created": self.now(), "livemode": False}

    def forget(self, sent: Fields) -> Fields:
        """Cancel a meter event that came within the last day."""
        identifier = str((sent.get("cancel") or {}).get("identifier"))
        now = self.town.clock.now()
        for told in self.heard.get(identifier, []):
            if told.event_name == sent.get("event_name") and not told.cancelled and now - told.received < CANCELLABLE:
                told.cancelled = True
                self.town.truth.usage["cancelled"] += 1
                shown = {"object": "billing.meter_event_adjustment", "type": "cancel", "status": "pending"}
                return shown | {"event_name": told.event_name, "cancel": {"identifier": identifier}, "livemode": False}
        raise Refused(f"No event of the last 24 hours has the identifier {identifier}.", code="resource_missing")

    def counted(self, meter: str, customer: str, since: int, until: int) -> float:
        """What a meter counted for a customer in a span of seconds."""
        name = self.meters[meter]["event_name"]
        return sum(
            told.value
            for told in self.told
            if told.event_name == name
            and told.customer == customer
            and not told.cancelled
            and since <= told.at.timestamp() < until
        )

    def _known(self, kind: dict[str, Fields], number: object, param: str) -> Fields:
        found = kind.get(str(number))
        if found is None:
            raise Refused(f"No such {param}: '{number}'", code="resource_missing", param=param)
        return found


class PeriodEnds(Event):
    """A month of a subscription is over."""

    def __init__(self, books: Books, subscription: Fields, end: int) -> None:
        super().__init__(actor=f"stripe {subscription['id']}", key=f"stripe {subscription['id']} {end}")
        self._books, self._subscription = books, subscription

    async def perform(self) -> None:
        """Close it."""
        self._books.close(self._subscription)


class CardIsTried(Event):
    """An unpaid invoice is tried again."""

    def __init__(self, books: Books, invoice: Fields) -> None:
        super().__init__(actor=f"stripe {invoice['id']}", key=f"stripe {invoice['id']} {invoice['attempt_count']}")
        self._books, self._invoice = books, invoice

    async def perform(self) -> None:
        """Try."""
        self._books.charge(self._invoice)


def _shown(session: Fields) -> Fields:
    return {name: value for name, value in session.items() if name != "price"}


def _month_after(day: datetime) -> datetime:
    """The same day and time of the next month, or its last day."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return day.replace(year=year, month=month, day=min(day.day, calendar.monthrange(year, month)[1]))
