"""What all vendors' front doors share: reading a request, and failing on demand."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.town.faults import HOLD_SECONDS, Blow

ABORT = "town.abort"  # ASGI scope key: a function that cuts the connection


async def body_as_object(request: Request) -> dict[str, Any]:
    """The JSON object of the body. Raises ValueError for anything else."""
    sent = await request.json()
    if not isinstance(sent, dict):
        raise ValueError("the body is no JSON object")
    return sent


def bearer(request: Request) -> str:
    """The token of the Authorization header, or an empty string."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def text(value: object) -> str:
    """A JSON value as stripped text; null and missing are empty."""
    return "" if value is None else str(value).strip()


def ten_digits(number: str) -> str:
    """A US number in any spelling as ten digits, or an empty string."""
    digits = re.sub(r"\D", "", number)
    digits = digits.removeprefix("1") if len(digits) == 11 else digits
    return digits if len(digits) == 10 else ""


async def hurt(request: Request, blow: Blow, *, busy: Response, broken: Response) -> Response:
    """The response of a request that a fault has struck: `busy` for 429, `broken` for 500, else no response at all."""
    if blow == "rate_429":
        return busy
    if blow == "rate_500":
        return broken
    if blow == "timeout":
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                while (await request.receive())["type"] != "http.disconnect":
                    continue
    request.scope[ABORT]()
    return Response(status_code=500)  # cannot arrive: the connection is gone
