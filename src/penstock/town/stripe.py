"""Stripe's REST API, version 1, and its hosted pages: form-encoded requests, JSON answers, errors as it words them.

Its habits: a wrong or missing version is the account's own, an Idempotency-Key gives the first answer again for a day
(another body under it is refused), lists come in pages of 100 at most.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.town.state import TownState
from penstock.town.stripe_books import Books, Fields, Refused
from penstock.town.wire import bearer, hurt

KEPT: Final = timedelta(hours=24)  # answers under an Idempotency-Key
DAY_S: Final = 86400
PAGE: Final = 100
Endpoint = Callable[[Request, Fields], Awaitable[Fields]]


class Stripe:
    """The endpoints over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town
        self.books = Books(town)
        self._kept: dict[str, tuple[datetime, str, int, bytes]] = {}

    def routes(self) -> list[Route]:
        """Paths below the vendor's base URL, /v1 included; the hosted pages stand beside it."""
        one = "/v1/subscriptions/{id}"
        return [
            self._route("/v1/customers", self.customers, "GET"),
            self._route("/v1/customers", self.make_customer, "POST"),
            self._route("/v1/prices", self.prices, "GET"),
            self._route("/v1/prices", self.make_price, "POST"),
            self._route("/v1/checkout/sessions", self.make_session, "POST"),
            self._route("/v1/checkout/sessions/{id}", self.session, "GET"),
            self._route("/v1/checkout/sessions/{id}/expire", self.expire_session, "POST"),
            self._route("/v1/billing_portal/sessions", self.portal, "POST"),
            self._route("/v1/subscriptions", self.subscriptions, "GET"),
            self._route("/v1/subscriptions", self.make_subscription, "POST"),
            self._route(one, self.subscription, "GET"),
            self._route(one, self.change_subscription, "POST"),
            self._route(one, self.end_subscription, "DELETE"),
            self._route("/v1/invoices", self.invoices, "GET"),
            self._route("/v1/billing/meters", self.meters, "GET"),
            self._route("/v1/billing/meters", self.make_meter, "POST"),
            self._route("/v1/billing/meters/{id}/event_summaries", self.summaries, "GET"),
            self._route("/v1/billing/meter_events", self.meter_event, "POST"),
            self._route("/v1/billing/meter_event_adjustments", self.adjust, "POST"),
            Route("/checkout/{id}", self.page, methods=["GET"]),
            Route("/checkout/{id}", self.pay, methods=["POST"]),
            Route("/portal/{id}", self.portal_page, methods=["GET"]),
        ]

    # --- customers and prices -----------------------------------------------------------------------------------------
    async def customers(self, request: Request, sent: Fields) -> Fields:
        """Customers, newest first; `email` as written."""
        found = self.books.customers.values()
        return _page(sent, [one for one in found if sent.get("email") in (None, one["email"])])

    async def make_customer(self, request: Request, sent: Fields) -> Fields:
        """A customer."""
        return self.books.make_customer(sent)

    async def prices(self, request: Request, sent: Fields) -> Fields:
        """Prices with `lookup_keys`."""
        keys = sent.get("lookup_keys")
        return _page(sent, [one for one in self.books.prices.values() if not keys or one["lookup_key"] in keys])

    async def make_price(self, request: Request, sent: Fields) -> Fields:
        """A price."""
        return self.books.make_price(sent)

    # --- subscriptions ------------------------------------------------------------------------------------------------
    async def make_session(self, request: Request, sent: Fields) -> Fields:
        """A Checkout session with the address of its page."""
        return self.books.open_session(sent, _base(request))

    async def session(self, request: Request, sent: Fields) -> Fields:
        """One Checkout session."""
        return _found(self.books.sessions, request.path_params["id"])

    async def expire_session(self, request: Request, sent: Fields) -> Fields:
        """End one that is open."""
        return self.books.expire(_found(self.books.sessions, request.path_params["id"]))

    async def portal(self, request: Request, sent: Fields) -> Fields:
        """A portal session."""
        customer = _found(self.books.customers, sent.get("customer"))
        made = self.books.new("bps", "billing_portal.session", customer=customer["id"])
        return made | {"url": f"{_base(request)}/portal/{customer['id']}", "return_url": sent.get("return_url")}

    async def subscriptions(self, request: Request, sent: Fields) -> Fields:
        """A customer's subscriptions; without `status=all` those that have ended are left out."""
        found = [
            one
            for one in self.books.subscriptions.values()
            if sent.get("customer") in (None, one["customer"])
            and (sent.get("status") == "all" or one["status"] != "canceled")
        ]
        return _page(sent, found)

    async def make_subscription(self, request: Request, sent: Fields) -> Fields:
        """A subscription without Checkout."""
        return self.books.begin(sent)

    async def subscription(self, request: Request, sent: Fields) -> Fields:
        """One subscription."""
        return _found(self.books.subscriptions, request.path_params["id"])

    async def change_subscription(self, request: Request, sent: Fields) -> Fields:
        """Change one."""
        return self.books.change(_found(self.books.subscriptions, request.path_params["id"]), sent)

    async def end_subscription(self, request: Request, sent: Fields) -> Fields:
        """End one now."""
        return self.books.end(_found(self.books.subscriptions, request.path_params["id"]))

    async def invoices(self, request: Request, sent: Fields) -> Fields:
        """Invoices of a customer."""
        found = self.books.invoices.values()
        return _page(sent, [one for one in found if sent.get("customer") in (None, one["customer"])])

    # --- meters -------------------------------------------------------------------------------------------------------
    async def meters(self, request: Request, sent: Fields) -> Fields:
        """Meters; none is ever deactivated here."""
        return _page(sent, self.books.meters.values())

    async def make_meter(self, request: Request, sent: Fields) -> Fields:
        """A meter."""
        return self.books.make_meter(sent)

    async def meter_event(self, request: Request, sent: Fields) -> Fields:
        """Usage."""
        return self.books.hear(sent)

    async def adjust(self, request: Request, sent: Fields) -> Fields:
        """Usage taken back."""
        return self.books.forget(sent)

    async def summaries(self, request: Request, sent: Fields) -> Fields:
        """What was counted, by day (UTC) if so asked, else in one sum; newest first; days without any are left out."""
        meter = _found(self.books.meters, request.path_params["id"])
        try:
            start, end = int(sent["start_time"]), int(sent["end_time"])
        except (KeyError, ValueError) as error:
            raise Refused("Missing or invalid start_time, end_time.", param="start_time") from error
        by_day = sent.get("value_grouping_window") == "day"
        step = DAY_S if by_day else 60
        if start % step or end % step or start >= end:
            raise Refused("start_time and end_time must be aligned with the window.", param="start_time")
        found = []
        for since in range(start, end, DAY_S) if by_day else (start,):
            until = since + DAY_S if by_day else end
            value = self.books.counted(meter["id"], sent.get("customer", ""), since, until)
            span = {"id": f"mtrusg_{since}", "object": "billing.meter_event_summary", "meter": meter["id"]}
            if value:
                found.append(span | {"start_time": since, "end_time": until, "aggregated_value": value, "created": 0})
        return _page(sent, found)

    # --- hosted pages -------------------------------------------------------------------------------------------------
    async def page(self, request: Request) -> Response:
        """The Checkout page. Opening it pays nothing."""
        session = self.books.sessions.get(request.path_params["id"])
        if session is None or session["status"] == "expired":
            return _no_page(session)
        price = self.books.prices[session["price"]]
        each = html.escape(f"{float(price['unit_amount_decimal']) / 100:.2f}")
        return HTMLResponse(
            f"<!doctype html><html lang=en><title>Checkout</title><h1>{each} USD a lead</h1>"
            "<form method=post><p><label>Card <input name=card value='4242 4242 4242 4242'></label>"
            "<p><button>Subscribe</button></form></html>"
        )

    async def pay(self, request: Request) -> Response:
        """Subscribe, and go back to where the page was opened from."""
        session = self.books.sessions.get(request.path_params["id"])
        if session is None or session["status"] == "expired":
            return _no_page(session)
        return RedirectResponse(self.books.complete(session)["success_url"], status_code=303)

    async def portal_page(self, request: Request) -> Response:
        """The billing portal, to look at."""
        found = self.books.subscriptions.values()
        mine = [one for one in found if one["customer"] == request.path_params["id"]]
        lines = "".join(
            f"<li>{html.escape(one['items']['data'][0]['price']['lookup_key'])}: {one['status']}" for one in mine
        )
        return HTMLResponse(
            f"<!doctype html><html lang=en><title>Billing</title><h1>Billing</h1><ul>{lines}</ul></html>"
        )

    # --- guards -------------------------------------------------------------------------------------------------------
    def _route(self, path: str, endpoint: Endpoint, method: str) -> Route:
        return Route(path, self._guarded(endpoint), methods=[method])

    def _guarded(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint behind key, faults and the memory of Idempotency-Keys."""

        async def guarded(request: Request) -> Response:
            if not bearer(request).strip():
                return _error(Refused("You did not provide an API key.", status=401))
            body = (await request.body()).decode(errors="replace")
            if blow := self._town.faults.strike("stripe", f"{request.method} {request.url.path} {body}"):
                busy = _error(Refused("Too many requests", code="rate_limit", status=429))
                busy.headers["Retry-After"] = "1"
                return await hurt(request, blow, busy=busy, broken=_error(Refused("An error occurred.", status=500)))
            key = request.headers.get("idempotency-key") if request.method == "POST" else None
            fingerprint = hashlib.sha256(f"{request.url.path} {body}".encode()).hexdigest()
            if key and (kept := self._recall(key)):
                if kept[0] != fingerprint:
                    return _error(Refused("Keys for idempotent requests can only be used with the same parameters."))
                return Response(kept[2], kept[1], media_type="application/json")
            answer = await self._answer(request, endpoint, body)
            if key:
                self._kept[key] = (self._town.clock.now(), fingerprint, answer.status_code, bytes(answer.body))
            return answer

        return guarded

    async def _answer(self, request: Request, endpoint: Endpoint, body: str) -> JSONResponse:
        try:
            sent = nested([*request.query_params.multi_items(), *parse_qsl(body, keep_blank_values=True)])
            return JSONResponse(json.loads(json.dumps(await endpoint(request, sent))))
        except Refused as refused:
            return _error(refused)

    def _recall(self, key: str) -> tuple[str, int, bytes] | None:
        kept = self._kept.get(key)
        if kept is None or self._town.clock.now() - kept[0] >= KEPT:
            return None
        return kept[1:]


def nested(pairs: Iterable[tuple[str, str]]) -> Fields:
    """Form names in brackets as nested objects; lists where all the names of a level are numbers."""
    found: Fields = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+", name) or [name]
        inside = found
        for part, following in zip([first, *rest], rest, strict=False):
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                raise Refused(f"Invalid parameter {following}", param=name)
        inside[[first, *rest][-1]] = value
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    return list(inner.values()) if inner and all(name.isdecimal() for name in inner) else inner


def _page(sent: Fields, found: Iterable[Fields]) -> Fields:
    """The newest `limit` of them, after the one named by `starting_after`."""
    every = list(reversed(list(found)))
    if after := sent.get("starting_after"):
        position = next((n for n, one in enumerate(every) if one["id"] == after), None)
        if position is None:
            raise Refused(f"No such object: {after}", code="resource_missing", param="starting_after")
        every = every[position + 1 :]
    limit = max(1, min(int(sent.get("limit") or 10), PAGE))
    return {"object": "list", "data": every[:limit], "has_more": len(every) > limit}


def _found(kind: dict[str, Fields], number: object) -> Fields:
    found = kind.get(str(number))
    if found is None:
        raise Refused(f"No such object: '{number}'", code="resource_missing", param="id", status=404)
    return found


def _no_page(session: Fields | None) -> Response:
    return HTMLResponse("<h1>This page is gone</h1>", status_code=404 if session is None else 410)


def _base(request: Request) -> str:
    """The address under which the caller reached the vendor, without /v1."""
    return str(request.url).partition("/v1/")[0]


def _error(refused: Refused) -> JSONResponse:
    kind = {429: "rate_limit_error", 500: "api_error"}.get(refused.status, "invalid_request_error")
    error = {"type": kind, "message": refused.message, "code": refused.code, "param": refused.param}
    body = {"error": {name: value for name, value in error.items() if value}}
    return JSONResponse(body, refused.status, headers={"stripe-should-retry": str(refused.status >= 429).lower()})
