"""VAPI: starting and reading outbound calls.

Its habits: GET /call is a bare array, errors come in Nest's shape, and a call can be accepted (201) and then end at
once with a `call.start.error-…`.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town import odds
from penstock.town.calls import Call, Dialling
from penstock.town.clock import parse_instant
from penstock.town.state import TownState
from penstock.town.timetable import NotDelivered
from penstock.town.wire import bearer, body_as_object, hurt, text

ONE_OF: Final = (
    ("assistantId", "assistant", "squadId", "squad", "workflowId", "workflow"),
    ("phoneNumberId", "phoneNumber"),
)
NOT_HERE: Final = ("customers", "customerId", "schedulePlan")  # of the real API, not offered by the town
NAMES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class Vapi:
    """The endpoints over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town
        self._calls: dict[str, Call] = {}
        self._to_number: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        """Paths below the vendor's base URL."""
        return [
            Route("/call", self.create, methods=["POST"]),
            Route("/call", self.calls, methods=["GET"]),
            Route("/call/{id}", self.call, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Start a call: 201 queued; what comes of it is told by webhooks a few simulated minutes later."""
        if refused := _key_refused(request):
            return refused
        try:
            sent = await body_as_object(request)
        except ValueError:
            return _error(400, "the body must be a JSON object")
        if trouble := _trouble(sent):
            return _error(400, trouble)
        town, number = self._town, text(sent["customer"]["number"])[2:]
        if blow := town.faults.strike("vapi", f"call {number}"):
            return await hurt(
                request, blow, busy=_error(429, "Too Many Requests"), broken=_error(500, "Internal error")
            )
        self._to_number[number] += 1
        nth, live = self._to_number[number], sum(call.status != "ended" for call in self._calls.values())
        token, now = town.dice.token("call", number, nth), town.clock.now()
        call = Call(
            id=f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:]}",
            nth=nth,
            number=number,
            request=sent,
            created_at=now,
            updated_at=now,
            blocked=live >= odds.VAPI_LINES,
        )
        self._calls[call.id] = call
        dialling = Dialling(town, call)
        if call.starts():
            town.truth.call(
                dialling.person, number, right=bool(dialling.person and town.is_right_party(dialling.person))
            )
        delay = timedelta(minutes=town.dice.between(1, 3, "dial", number, nth))
        town.timetable.add(town.clock.after(delay), dialling)
        answer = call.as_json() | {
            "subscriptionLimits": {
                "concurrencyBlocked": call.blocked,
                "concurrencyLimit": odds.VAPI_LINES,
                "remainingConcurrentCalls": max(0, odds.VAPI_LINES - live - 1),
            }
        }
        if town.faults.overtakes("vapi", f"{number} {nth}"):
            with contextlib.suppress(NotDelivered):
                await dialling.ring()
        return JSONResponse(answer, status_code=201)

    async def calls(self, request: Request) -> Response:
        """Calls, newest first, as a bare array."""
        if refused := _key_refused(request):
            return refused
        query = request.query_params
        try:
            limit = int(query.get("limit", "100"))
            bounds = {name: parse_instant(query[name]) for name in query if name.startswith("createdAt")}
        except ValueError as error:
            return _error(400, [str(error)])
        found = [
            call
            for call in sorted(self._calls.values(), key=lambda call: (call.created_at, call.id), reverse=True)
            if all(_within(call.created_at, name, bound) for name, bound in bounds.items())
        ]
        return JSONResponse([call.as_json() for call in found[:limit]])

    async def call(self, request: Request) -> Response:
        """One call by id."""
        if refused := _key_refused(request):
            return refused
        found = self._calls.get(request.path_params["id"])
        return JSONResponse(found.as_json()) if found else _error(404, "Couldn't Find Call.")


def _trouble(sent: dict[str, Any]) -> str | list[str]:
    """What is wrong with a new call, in the vendor's words; empty if nothing is."""
    if unoffered := [name for name in NOT_HERE if name in sent]:
        return [f"{name} is not available on this account" for name in unoffered]
    customer = sent.get("customer")
    if not isinstance(customer, dict) or not text(customer.get("number")):
        return ["customer.number must be given"]
    if not re.fullmatch(r"\+1[2-9]\d{9}", text(customer["number"])):
        return ["customer.number must be a valid phone number in the E.164 format"]
    for names in ONE_OF:
        if sum(name in sent for name in names) != 1:
            return f"Need exactly one of {', '.join(f'`{name}`' for name in names)}."
    return ""


def _within(created: datetime, name: str, bound: datetime) -> bool:
    comparison = name.removeprefix("createdAt")
    if comparison == "Gt":
        return created > bound
    if comparison == "Ge":
        return created >= bound
    if comparison == "Lt":
        return created < bound
    return created <= bound


def _key_refused(request: Request) -> Response | None:
    key = bearer(request)
    if not key:
        return _error(401, "Missing Authorization Header. Hint, provide your private key as a Bearer token.")
    if key.startswith("pk_"):
        return _error(401, "Invalid Key. Hint, you may be using the public key instead of the private key.")
    return None


def _error(status: int, message: str | list[str]) -> Response:
    body = {"message": message, "error": NAMES[status], "statusCode": status}
    headers = {"Retry-After": "1"} if status == 429 else None
    return JSONResponse(body, status_code=status, headers=headers)
