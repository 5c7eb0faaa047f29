"""What happens around every request: an id, a bound on its rate, a measurement, one log line. Pure ASGI."""

import re
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.limits import RateLimiter
from penstock.core import clock
from penstock.core.errors import TooLarge, TooMany
from penstock.core.problems import problem
from penstock.insight import metrics

log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Vendors prove themselves by signature and come in bursts; one mail scanner may open a thousand people's links, and an
# opt-out must never be turned away; probes and scrapes neither.
_UNLIMITED: Final = ("/webhooks/", "/consent", "/unsubscribe/", "/r/", "/healthz", "/readyz", "/metrics")
_UPLOADS: Final = "/v1/uploads"
_LARGE_BODIES: Final = (_UPLOADS, "/v1/permits/import", "/webhooks/")
LARGEST_BODY: Final = 1_000_000  # bytes
_SMALLER: Final = "send less at a time, in several requests"
LARGEST_BODIES: Final = {"/insert": 16_000_000}  # of routes that take records in bulk


class RequestContext:
    """Gives each request an id (the caller's own if it is well formed), says it back, logs and measures the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status, started = 500, clock.stopwatch()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                if status == 401:
                    headers["www-authenticate"] = "Bearer"  # RFC 9110 11.6.1: a 401 names the way to sign in
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = clock.stopwatch() - started
                route = route_template(scope)
                metrics.observe_request(scope["method"], route, status, seconds)
                log.info(
                    "request", method=scope["method"], route=route, status=status, duration_ms=round(seconds * 1000, 1)
                )


def route_template(scope: Scope) -> str:
    """The path as declared (`/v1/leads/{lead_id}`): what logs and metrics may hold. A path may carry a token."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


class LimitAnonymous:
    """Holds callers without credentials to a rate per IP address; the others are counted where they are known."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter, upload_limiter: RateLimiter) -> None:
        self.app = app
        self.limiter = limiter
        self.upload_limiter = upload_limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection, or answer 429 with `Retry-After`."""
        if scope["type"] == "http" and (wait := self._wait_s(scope)):
            refusal = problem(TooMany, fix=f"wait {wait} s", retry_after_s=wait)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _wait_s(self, scope: Scope) -> int:
        path: str = scope["path"]
        known_later = path.startswith("/v1/") and "authorization" in Headers(scope=scope)
        if known_later or path.startswith(_UNLIMITED):
            return 0
        # A signed upload is not signed in: its key is found by the stage, under a rate of its own.
        limiter = self.upload_limiter if path == _UPLOADS and scope["method"] == "POST" else self.limiter
        return limiter.wait_s(f"ip:{address(scope)}")


class LimitBody:
    """Refuses bodies over `LARGEST_BODY` before they fill the memory. Uploads and mails have bounds of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection, or answer 413."""
        if scope["type"] != "http" or scope["path"].startswith(_LARGE_BODIES):
            await self.app(scope, receive, send)
            return
        largest = LARGEST_BODIES.get(scope["path"], LARGEST_BODY)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > largest:
            await problem(TooLarge, _too_large(largest), fix=_SMALLER)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > largest:  # sent in chunks, or more than was declared
                raise HTTPException(413, _too_large(largest))
            return message

        await self.app(scope, counted, send)


def _too_large(largest: int) -> str:
    return f"The body is larger than {largest // 1_000_000} MB, the most that this address takes."


def address(scope: Scope) -> str:
    """The caller's IP address as the server knows it (behind a proxy: uvicorn's --forwarded-allow-ips decides)."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
