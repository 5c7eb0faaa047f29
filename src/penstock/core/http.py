"""The one way out to vendors: a request as plain values in, parsed JSON out, and one small family of errors.

Any reply becomes the parsed body, ``ProviderBusy`` (come back later), its kind ``ProviderUnclear`` (the vendor may have
done, and charged for, what we asked) or ``ProviderRefused`` (permanent: asking again changes nothing).
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import structlog

from penstock.core import clock
from penstock.core.errors import ProviderBusy, ProviderRefused

log = structlog.get_logger(__name__)

TRIES = 3
LONGEST_WAIT_S = 2.0  # a longer wait belongs to the queue, not to a sleeping worker
DEFAULT_RETRY_S = 30.0
LONGEST_RETRY_S = 86400.0
# Refused at the door, before any work was done or charged. Everything else from 500 up leaves that open.
TURNED_AWAY = frozenset({429, 503})
# Raised before a byte of the request left this machine.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ProviderUnclear(ProviderBusy):
    """No answer came back to what was sent: it may have been carried out and charged. Never repeat it blindly."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a vendor. `repeatable` says that a second copy does no harm and costs nothing (reads)."""

    vendor: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    timeout_s: float = 30.0
    repeatable: bool = False


def make_client(*, connections: int = 64, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """The client all vendors share. Redirects are not followed: a signed body must not travel to another host."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # httpx logs whole URLs, and a query may hold an email
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        headers={"User-Agent": "penstock"},
        transport=transport,
    )


async def ask_json(client: httpx.AsyncClient, request: Request) -> Any:
    """The vendor's parsed JSON answer (None for an empty body).

    Asks again, at most twice and only after short waits, where that cannot pay twice: the request is repeatable, never
    left this machine, or was turned away at the door. Raises ProviderBusy, ProviderUnclear or ProviderRefused.
    """
    response = await ask(client, request)
    if not response.content.strip():
        return None
    try:
        return response.json()
    except ValueError as error:
        raise ProviderUnclear(f"{request.vendor} answered with something that is not JSON") from error


async def ask(client: httpx.AsyncClient, request: Request) -> httpx.Response:
    """The vendor's 2xx response, under the same rules as `ask_json`."""
    reached = False
    for attempt in range(1, TRIES + 1):
        try:
            return await _once(client, request)
        except ProviderBusy as busy:
            reached = busy.reached = reached or busy.reached  # an earlier try may have, whatever became of this one
            harmless = request.repeatable or not isinstance(busy, ProviderUnclear)
            if attempt == TRIES or not harmless or busy.retry_after_s > LONGEST_WAIT_S:
                raise
            await asyncio.sleep(busy.retry_after_s)
    raise AssertionError("unreachable: the last try returns or raises")


async def _once(client: httpx.AsyncClient, request: Request) -> httpx.Response:
    began = clock.stopwatch()
    try:
        response = await client.request(
            request.method,
            request.url,
            params=dict(request.query) or None,
            headers=dict(request.headers),
            json=request.json,
            content=request.content,
            timeout=request.timeout_s,
        )
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ProviderRefused(f"the address set for {request.vendor} is not an http(s) URL") from error
    except NEVER_SENT as error:
        _note(request, type(error).__name__, began)
        raise ProviderBusy(f"{request.vendor} cannot be reached", retry_after_s=0.5, reached=False) from error
    except httpx.TransportError as error:
        _note(request, type(error).__name__, began)
        raise ProviderUnclear(f"{request.vendor} did not answer ({type(error).__name__})", retry_after_s=0.5) from error
    _note(request, response.status_code, began)
    return _accept(request, response)


def _accept(request: Request, response: httpx.Response) -> httpx.Response:
    status = response.status_code
    if status in TURNED_AWAY:
        wait = retry_after_s(response.headers)
        raise ProviderBusy(f"{request.vendor} answered {status}", retry_after_s=wait, reached=False)
    if status >= 500:
        raise ProviderUnclear(f"{request.vendor} answered {status}", retry_after_s=retry_after_s(response.headers, 1.0))
    if not 200 <= status < 300:
        reason = f"{request.vendor} answered {status}: {short_reason(response)}"
        # The answer itself goes along, for adapters that must look closer; its text never becomes part of ours.
        raise ProviderRefused(reason) from httpx.HTTPStatusError(reason, request=response.request, response=response)
    return response


def retry_after_s(headers: Mapping[str, str], default_s: float = DEFAULT_RETRY_S) -> float:
    """Seconds to wait by the Retry-After header (delta or HTTP date), else `default_s`. Between 0 and a day.

    A date is read against the Date of the same answer where there is one: the vendor's clock need not be ours.
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value), LONGEST_RETRY_S)
    due, sent = _http_date(value), _http_date(headers.get("date", ""))
    if due is None:
        return default_s
    return min(max((due - (sent or clock.now())).total_seconds(), 0.0), LONGEST_RETRY_S)


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def short_reason(response: httpx.Response) -> str:
    """The error code, if the body names one in a known place; never its free text, which may quote a person. What
    cannot be printed is left out: no database keeps a NUL or half of a character."""
    try:
        body = response.json()
    except ValueError:
        return "no reason given"
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        error = str(error.get("code", "no reason given"))
    if not isinstance(error, str):
        return "no reason given"
    return "".join(character for character in error if character.isprintable())[:80]


def _note(request: Request, outcome: int | str, began: float) -> None:
    log.info(
        "vendor_call",
        vendor=request.vendor,
        method=request.method,
        host=httpx.URL(request.url).host,  # never path or query: they may hold a key, an email or a number
        outcome=outcome,
        duration_ms=round((clock.stopwatch() - began) * 1000),
    )
