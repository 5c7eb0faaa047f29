"""Requests by Host header: a company's domain gets its website, LinkedIn turns robots away, the rest is the town's own.

The town speaks plain HTTP whatever the scheme of the address was.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.town.business.pages import Page, page_at
from penstock.town.business.sites import Site, site_of
from penstock.town.state import TownState
from penstock.town.wire import hurt

PRIVATE_HOSTS: Final = ("127.0.0.1", "169.254.169.254", "10.0.0.5", "192.168.1.10", "localhost", "[::1]")
HTML: Final = "text/html; charset=utf-8"
ENDLESS_BYTES: Final = 3_000_000_000
BOMB_BLOCKS: Final = 64  # of 16 MiB each
DEPTH: Final = 300_000
DRIP_SECONDS: Final = 0.5
DRIPS: Final = 1200


class Front:
    """The outermost ASGI application."""

    def __init__(self, town: TownState, inside: ASGIApp) -> None:
        self._town = town
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for a site, or hand the request on."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = await self._answer(request, request.headers.get("host", "").casefold())
        await (answer or self._inside)(scope, receive, send)

    async def _answer(self, request: Request, host: str) -> Response | None:
        """The answer of a website, or None if the host is the town itself."""
        counts = self._town.truth.business.counts
        if host in PRIVATE_HOSTS:  # without a port it is not us who is meant
            counts["forbidden_hosts"] += 1
            return PlainTextResponse("internal: secret", status_code=200)
        name = host.rpartition(":")[0] if ":" in host else host
        if name == "linkedin.com" or name.endswith(".linkedin.com"):
            counts["linkedin_visits"] += 1
            return Response(status_code=999)
        www = name.startswith("www.")
        company = self._town.companies.at_domain(name.removeprefix("www."))
        if company is None:
            inner = self._town.companies.at_domain(name.partition(".")[2])
            counts["forbidden_hosts"] += inner is not None
            return PlainTextResponse("internal: secret") if inner else None
        site = site_of(self._town.dice, company)
        if company.domain_state in ("nxdomain", "servfail") or site.dns_private:
            counts["forbidden_hosts" if site.dns_private else "unresolved_hosts"] += 1
            return PlainTextResponse("nothing here", status_code=502)
        return await self._visit(request, site, www=www)

    async def _visit(self, request: Request, site: Site, *, www: bool) -> Response:
        town, path, domain = self._town, request.url.path, site.company.domain
        graded = town.truth.business
        graded.counts["site_requests"] += 1
        graded.request(domain, site.crawl_delay if path != "/robots.txt" else 0)
        if site.disallows(path):
            graded.disallowed(f"{domain}{path}")
        if blow := town.faults.strike("sites", f"{domain}{path}"):
            busy = PlainTextResponse("Too Many Requests", status_code=429, headers={"Retry-After": "1"})
            return await hurt(request, blow, busy=busy, broken=PlainTextResponse("error", status_code=500))
        if www and site.www_redirects:
            return RedirectResponse(f"https://{domain}{path}", status_code=301)
        if site.odd and (path != "/robots.txt" or site.odd == "error_500"):
            graded.counts["odd_sites"] += 1
            return misbehave(site, path)
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("Method Not Allowed", status_code=405)
        page = page_at(town.dice, site, path, town.clock.now())
        if page is None:
            return Response("<h1>Not found</h1>", status_code=404, media_type=HTML)
        graded.page(page.kind, f"{domain}{path.rstrip('/') or '/'}")
        return _fresh_or_not(request, page, validators=site.validators)


def _fresh_or_not(request: Request, page: Page, *, validators: bool) -> Response:
    """The page, or 304 if the caller has it as it is. An entity tag goes before a date (RFC 9110)."""
    body = page.body.encode()
    if not validators:
        return Response(body, media_type=page.media_type)
    tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    changed = page.changed_at.replace(microsecond=0)
    headers = {"ETag": tag, "Last-Modified": format_datetime(changed, usegmt=True), "Cache-Control": "no-cache"}
    known, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
    if known is not None:
        unchanged = known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]
    else:
        unchanged = since is not None and _has_seen(since, changed.timestamp())
    return Response(status_code=304, headers=headers) if unchanged else Response(body, 200, headers, page.media_type)


def _has_seen(since: str, changed: float) -> bool:
    try:
        return parsedate_to_datetime(since).timestamp() >= changed
    except ValueError:
        return False


def misbehave(site: Site, path: str) -> Response:
    """What an odd site answers."""
    domain = site.company.domain
    match site.odd:
        case "error_500":
            return PlainTextResponse("Internal Server Error", status_code=500)
        case "gone":
            return Response("<h1>Not found</h1>", status_code=404, media_type=HTML)
        case "loop":
            return RedirectResponse(f"https://{domain}{'/' if path == '/home' else '/home'}", status_code=302)
        case "to_loopback":
            return RedirectResponse("http://127.0.0.1/", status_code=302)
        case "to_metadata":
            return RedirectResponse("http://169.254.169.254/latest/meta-data/", status_code=302)
        case "endless":
            return StreamingResponse(_endless(), media_type=HTML)
        case "gzip_bomb":
            return StreamingResponse(_bomb(), media_type=HTML, headers={"Content-Encoding": "gzip"})
        case "deep":
            return Response(_deep(), media_type=HTML)
        case "wrong_type":
            return Response(b"\x89PNG\r\n\x1a\n" + bytes(2000), media_type="image/png")
    return StreamingResponse(_drip(), media_type=HTML)


async def _endless() -> AsyncIterator[bytes]:
    """HTML without an end, as fast as it is read."""
    chunk = b"<p>and so on and so on</p>\n" * 2400
    yield b"<!doctype html><html><body><h1>Our Team</h1>"
    for _ in range(ENDLESS_BYTES // len(chunk)):
        yield chunk
        await asyncio.sleep(0)


async def _bomb() -> AsyncIterator[bytes]:
    head, block = _bomb_parts()
    yield head
    for _ in range(BOMB_BLOCKS):
        yield block
    yield b"\x03\x00" + bytes(8)  # an empty last block, and a check sum that nobody should live to compare


@lru_cache(maxsize=1)
def _bomb_parts() -> tuple[bytes, bytes]:
    """The start of a gzip stream, and 16 MiB of it that can be repeated, since it ends on a full flush."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b"<!doctype html><html><body>") + packer.flush(zlib.Z_FULL_FLUSH)
    return head, packer.compress(b"<div>" * (16 * 1024 * 1024 // 5)) + packer.flush(zlib.Z_FULL_FLUSH)


@lru_cache(maxsize=1)
def _deep() -> bytes:
    return b"<!doctype html><html><body>" + b"<div>" * DEPTH + b"deep" + b"</div>" * DEPTH


async def _drip() -> AsyncIterator[bytes]:
    yield b"<!doctype html><html><body>"
    for _ in range(DRIPS):
        await asyncio.sleep(DRIP_SECONDS)
        yield b" "
