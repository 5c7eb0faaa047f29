"""The pages without sign-in: a signed link is the whole permission. GET shows, POST acts."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from datetime import UTC
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.compliance import consent, pages, tokens, wording
from penstock.compliance.consent import Form, FormRefused, Offer
from penstock.compliance.snapshot import SQL
from penstock.compliance.suppression import suppress
from penstock.compliance.tokens import TokenRefused
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.edge import Ctx
from penstock.core.errors import PenstockError

router = APIRouter(tags=["consent"], default_response_class=HTMLResponse)
log = structlog.get_logger()
MAX_BODY = 16_384


class Guesses:
    """Bad tokens per address in the last minute, in this process: enough to make guessing slow, nothing to remember."""

    LIMIT, WINDOW_S, ADDRESSES = 10, 60.0, 10_000

    def __init__(self) -> None:
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def too_many(self, ip: str) -> bool:
        """Whether the address used up its guesses."""
        recent = self._seen.get(ip)
        while recent and clock.stopwatch() - recent[0] > self.WINDOW_S:
            recent.popleft()
        return recent is not None and len(recent) >= self.LIMIT

    def bad(self, ip: str) -> None:
        """Count one bad token."""
        self._seen.setdefault(ip, deque(maxlen=self.LIMIT)).append(clock.stopwatch())
        self._seen.move_to_end(ip)
        while len(self._seen) > self.ADDRESSES:
            self._seen.popitem(last=False)


guesses = Guesses()


@router.get("/consent/{token}")
async def show_consent(token: str, request: Request, ctx: Ctx) -> Response:
    """Show the seller, the full text and the unticked boxes. Changes nothing, so a mail scanner may open it."""
    try:
        claims = _read(ctx, token, request)
        async with ctx.db.tenant(int(claims.seller)) as db:
            offer = await consent.open_offer(ctx, db, claims, token)
    except (TokenRefused, PenstockError) as refused:
        return _invalid("/consent", request, refused)
    page = consent.page_for(ctx, offer, form=tokens.new_nonce(), shown_at=clock.now().astimezone(UTC).isoformat())
    return _html(page)


@router.post("/consent")
async def give_consent(request: Request, ctx: Ctx) -> Response:
    """Redeem the link: consent, evidence and audit in one transaction, once."""
    form = _form(request, await _fields(request))

    async def redeem(db: AsyncConnection) -> Response:
        offer = await consent.open_offer(ctx, db, claims, form.token, used=True)
        answer = await _answer(ctx, db, offer, form)
        await _checked(db, offer.org_id, "/consent")
        return answer

    try:
        claims = _read(ctx, form.token, request)
        return await ctx.db.again(int(claims.seller), redeem)
    except (TokenRefused, PenstockError) as refused:
        await _refused(ctx, "/consent", str(refused))
        return _invalid("/consent", request, refused)


async def _answer(ctx: Context, db: AsyncConnection, offer: Offer, form: Form) -> Response:
    try:
        receipt = await consent.record_consent(ctx, db, offer, form)
    except FormRefused as refused:
        details = json.dumps({"form": wording.sha256(form.form)})
        await execute(
            db,
            SQL["audit_consent"],
            org_id=offer.org_id,
            lead_id=str(offer.lead_id),
            consent_id=None,
            action="refused",
            reason="form incomplete",
            ip=form.ip,
            user_agent=form.user_agent,
            text_id=offer.text.id,
            details=details,
            at=clock.now(),
        )
        again = consent.page_for(
            ctx, offer, form=form.form, shown_at=form.shown_at, errors=refused.errors, phone=form.phone, name=form.name
        )
        return _html(again, status=422)
    return _html(
        pages.receipt(
            seller=offer.org["legal_name"],
            captured_at=receipt.captured_at.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC"),
            channels=receipt.channels,
            receipt=str(receipt.consent_id),
            revoke_url=receipt.revoke_url,
            email=offer.org["support_email"],
            phone=offer.org["support_phone"],
        )
    )


@router.get("/unsubscribe/{token}")
async def show_unsubscribe(token: str) -> Response:
    """A page with one button, the same for every link. Changes nothing."""
    return _html(pages.unsubscribe())


@router.post("/unsubscribe/{token}")
async def unsubscribe(token: str, request: Request, ctx: Ctx) -> Response:
    """Stop everything for the person.

    By the button, or by a mail program in one click (RFC 8058). Always 200, any number of times. A program learns
    nothing of unknown links; a person is told when theirs is damaged (it is signed: there is nothing to guess).
    """
    by_page = "page" in await _fields(request)

    async def stop(db: AsyncConnection) -> None:
        await suppress(
            ctx,
            db,
            org_id,
            reason="SUPP_OPT_OUT",
            method="page" if by_page else "one-click",
            actor="person",
            lead_id=lead,
            contact_point_id=int(point) if point else None,
        )
        await _checked(db, org_id, "/unsubscribe")

    try:
        org_id, lead, point = tokens.read_unsubscribe(token, consent.unsubscribe_keys(ctx))
        await ctx.db.again(org_id, stop)  # a wish is not lost because a sender was busy with the same person
    except (TokenRefused, PenstockError) as refused:
        await _refused(ctx, "/unsubscribe", "UNSUB_UNKNOWN")
        log.info("unsubscribe link unknown", reason=str(refused))
        return _html(pages.damaged() if by_page else "")
    return _html(pages.unsubscribed() if by_page else "")


def _read(ctx: Context, token: str, request: Request) -> tokens.ConsentClaims:
    ip = _ip(request)
    if guesses.too_many(ip):
        raise TokenRefused("too many bad tokens")
    try:
        return tokens.read_consent(token, consent.consent_keys(ctx), now=clock.now())
    except TokenRefused:
        guesses.bad(ip)
        raise


def _invalid(route: str, request: Request, refused: Exception) -> Response:
    """One page for every failure; the log knows which."""
    log.info("link refused", route=route, reason=str(refused))
    return _html(pages.invalid(), status=410)


def _html(page: str, *, status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": pages.content_security_policy(),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return HTMLResponse(page, status_code=status, headers=headers)


async def _fields(request: Request) -> dict[str, list[str]]:
    """The fields of a URL-encoded form. A body that is too long or not a form has none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return {}
    try:
        return parse_qs(body.decode(), max_num_fields=50)
    except ValueError:
        return {}


def _form(request: Request, fields: dict[str, list[str]]) -> Form:
    def first(name: str) -> str:
        return fields.get(name, [""])[0]

    return Form(
        token=first("token"),
        form=first("form"),
        shown_at=first("shown_at"),
        mark=first("mark"),
        channels=tuple(dict.fromkeys(fields.get("channels", ()))),
        phone=first("phone"),
        name=first("name")[:200],
        ip=_ip(request),
        proxies=tuple(request.headers.getlist("x-forwarded-for")),
        user_agent=request.headers.get("user-agent", "")[:500],
        referrer=request.headers.get("referer", "")[:500],
    )


def _ip(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def _checked(db: AsyncConnection, org_id: int, route: str) -> None:
    """A signature that held: the alert on failures counts these too."""
    await execute(db, SQL["record_check"], org_id=org_id, at=clock.now(), route=route, ok=True, reason=None)


async def _refused(ctx: Context, route: str, reason: str) -> None:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        await execute(db, SQL["record_check"], org_id=None, at=clock.now(), route=route, ok=False, reason=reason)
