"""Our own polite reader of web pages: robots.txt, distance between requests, conditional requests, hard limits.

No request leaves before the name was looked up and every address behind it found public, and it goes to the address
that was checked, with the site's name in Host and TLS: a name that answers differently the second time (rebinding) is
asked once.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakKeyDictionary

import httpx
import structlog

from penstock.core import clock
from penstock.core.errors import ProviderBusy
from penstock.core.http import retry_after_s
from penstock.core.settings import Settings
from penstock.providers import Reply, may_be_asked
from penstock.providers.pages import body, lookup
from penstock.providers.pages.addresses import Target, one_of, target_of
from penstock.providers.pages.lookup import Resolver
from penstock.providers.pages.manners import AGENT, Manners
from penstock.providers.pages.words import Page, PageRefused, PageRequest

log = structlog.get_logger(__name__)

MAX_REDIRECTS = 5
ROBOTS_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB have to be read, the rest may be cut
STATUS_REASONS = {
    404: "not_found",
    410: "not_found",
    401: "forbidden",
    403: "forbidden",
    451: "forbidden",
    999: "forbidden",
}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {"Accept": "text/html,application/xhtml+xml;q=0.9,text/plain;q=0.5", "Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one page may cost us."""

    timeout_s: float = 20.0  # all redirects together; waiting for the host's distance does not count
    max_bytes: int = 5_000_000  # on the wire, and again when unpacked


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: httpx.Headers
    body: bytes


class Own:
    """Reads pages itself. One object serves a process: it remembers what it knows of hosts."""

    batch_size = 1

    def __init__(
        self,
        resolve: Resolver,
        *,
        connect_to: str = "",
        delay_s: float = 1.0,
        user_agent: str = AGENT,
        limits: Limits = Limits(),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._resolve, self._connect_to, self._limits = resolve, connect_to, limits
        self._headers = HEADERS | {"User-Agent": user_agent}
        self._manners = Manners(self._robots, delay_s=delay_s)
        # No proxy of the environment: it would look names up anew. No connection is kept: it is one to a number, and
        # the next request to that number may be for another host.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=ssl_context or True,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def fetch(self, wanted: Sequence[PageRequest]) -> list[Reply]:
        """One reply per page. Nothing here is charged; what went wrong stands in the reply."""
        return [await self._reply(request) for request in wanted]

    def read(self, raw: Mapping[str, Any]) -> Page:
        """The page of a reply. Raises what `fetch` met."""
        return read_reply(raw)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _reply(self, request: PageRequest) -> Reply:
        began = clock.stopwatch()
        try:
            page = await self._visit(request)
        except PageRefused as refused:
            reply = Reply({"refused": refused.reason, "detail": refused.detail}, billable=False)
        except ProviderBusy as busy:
            reply = Reply({"busy": busy.detail, "retry_after_s": busy.retry_after_s}, billable=False, failed=True)
        else:
            reply = Reply(asdict(page), billable=False)
        log.info(
            "page_fetched",
            outcome=reply.raw.get("refused") or reply.raw.get("busy") or reply.raw["status"],
            duration_ms=round((clock.stopwatch() - began) * 1000),
        )
        return reply

    async def _visit(self, request: PageRequest) -> Page:
        target, seen, spent = target_of(request.url), set[str](), 0.0
        asked = {"If-None-Match": request.etag, "If-Modified-Since": request.last_modified}
        conditions = {name: value for name, value in asked.items() if value}
        while len(seen) <= MAX_REDIRECTS and target.url not in seen:
            seen.add(target.url)
            await self._manners.admit(target)
            began = clock.stopwatch()
            try:
                answer = await self._get(target, conditions, timeout_s=self._limits.timeout_s - spent)
            finally:
                self._manners.answered(target)
            spent += clock.stopwatch() - began
            if answer.status not in REDIRECTS:
                return _page(target, answer, conditional=bool(conditions))
            target = _next(target, answer)
        raise PageRefused("redirects")

    async def _robots(self, target: Target) -> str:
        """The rules of a host. None (4xx) allows all; a host that cannot say (5xx) is not visited now."""
        at, left = Target(target.scheme, target.host, "/robots.txt"), MAX_REDIRECTS
        answer = await self._get(at, {}, timeout_s=self._limits.timeout_s, cut_at=ROBOTS_BYTES)
        while answer.status in REDIRECTS and left:
            left -= 1
            try:
                at = _next(at, answer)
                answer = await self._get(at, {}, timeout_s=self._limits.timeout_s, cut_at=ROBOTS_BYTES)
            except PageRefused:
                return ""
        if answer.status == 429 or 500 <= answer.status < 600:
            raise ProviderBusy("robots.txt cannot be read now", retry_after_s=retry_after_s(answer.headers, 300.0))
        return body.decode(answer.body, "charset=utf-8") if answer.status < 300 else ""

    async def _get(
        self, target: Target, headers: Mapping[str, str], *, timeout_s: float, cut_at: int | None = None
    ) -> Answer:
        """One request to a checked address. Raises PageRefused or ProviderBusy."""
        try:
            async with asyncio.timeout(timeout_s):
                request = await self._request(target, headers)
                response = await self._client.send(request, stream=True)
                try:
                    return await self._receive(response, cut_at)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ProviderBusy("the site is too slow", retry_after_s=600.0) from None
        except httpx.TransportError as error:
            if _is_certificate(error):
                raise PageRefused("tls") from error
            raise ProviderBusy(f"the site does not answer ({type(error).__name__})", retry_after_s=60.0) from error

    async def _request(self, target: Target, headers: Mapping[str, str]) -> httpx.Request:
        address = one_of(await self._resolve(target.host))
        if self._connect_to:
            host, _, port = self._connect_to.rpartition(":")
            where = httpx.URL(scheme="http", host=host, port=int(port), raw_path=target.path.encode())
        else:
            where = httpx.URL(scheme=target.scheme, host=str(address), port=target.port, raw_path=target.path.encode())
        return self._client.build_request(
            "GET",
            where,
            headers=self._headers | dict(headers) | {"Host": target.host, "Connection": "close"},
            extensions={"sni_hostname": target.host},
            timeout=None,  # the limit in all is above
        )

    async def _receive(self, response: httpx.Response, cut_at: int | None) -> Answer:
        if response.status_code in REDIRECTS or response.status_code == 304:
            return Answer(response.status_code, response.headers, b"")
        limit = cut_at or self._limits.max_bytes
        said = response.headers.get("content-length", "")
        if cut_at is None and said.isdecimal() and int(said) > limit:
            raise PageRefused("too_large")
        packed = body.Unpacker(response.headers.get("content-encoding", ""), limit, cut=cut_at is not None)
        async for chunk in response.aiter_raw():
            if not packed.add(chunk):
                break
        return Answer(response.status_code, response.headers, packed.body())


def _next(target: Target, answer: Answer) -> Target:
    """Where a redirect leads, checked like the first address."""
    location = answer.headers.get("location")
    if not location:
        raise PageRefused("refused", "a redirect that says not where to")
    return target_of(location, base=target)


def _page(target: Target, answer: Answer, *, conditional: bool) -> Page:
    status, headers = answer.status, answer.headers
    etag, modified = _kept(headers.get("etag")), _kept(headers.get("last-modified"))
    if status == 304 and conditional:
        return Page(target.url, status, etag=etag, last_modified=modified, not_modified=True)
    if status == 429 or 500 <= status < 600:
        raise ProviderBusy(f"the site answered {status}", retry_after_s=retry_after_s(headers, 300.0))
    if not 200 <= status < 300:
        reason = STATUS_REASONS.get(status, "refused")
        raise PageRefused(reason, f"the site answered {status}")
    kind = body.media_type(headers.get("content-type", ""))
    text = body.decode(answer.body, headers.get("content-type", ""))
    return Page(target.url, status, kind, text, etag, modified)


def _kept(validator: str | None) -> str | None:
    """A validator that can be sent back as it came; an odd one is forgotten."""
    return (
        validator if validator and len(validator) <= 200 and validator.isascii() and validator.isprintable() else None
    )


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def read_reply(raw: Mapping[str, Any]) -> Page:
    """The page that a reply of ours holds; raises what was met instead."""
    if reason := raw.get("refused"):
        raise PageRefused(reason, raw.get("detail") or "")
    if trouble := raw.get("busy"):
        raise ProviderBusy(trouble, retry_after_s=raw["retry_after_s"])
    return Page(**raw)


_made: WeakKeyDictionary[httpx.AsyncClient, Own] = WeakKeyDictionary()


def make(client: httpx.AsyncClient, settings: Settings, operation: str) -> Own:
    """The reader of a process (of its shared client), made once: so it knows the hosts it has visited."""
    may_be_asked(settings, "the web")
    net = settings.net
    if client not in _made:
        _made[client] = Own(
            lookup.by_url(net.dns_url) if net.dns_url else lookup.by_system,
            connect_to=net.connect_to,
            delay_s=1 / net.requests_per_s_per_host,
            user_agent=net.user_agent,
            limits=Limits(net.page_seconds, net.page_bytes),
        )
    return _made[client]
