"""Written consent: the link that asks for it, and the record when it is given. Nobody else writes consent."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import phonenumbers
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.compliance import evidence, pages, ruleset, tokens, wording
from penstock.compliance.facts import canonical
from penstock.compliance.gates import DIALLABLE
from penstock.compliance.ruleset import CHANNELS
from penstock.compliance.snapshot import SQL, lock_people, policy_of, seller
from penstock.compliance.tokens import ConsentClaims, Keys, TokenRefused
from penstock.compliance.zones import Location, place
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar

OFFERED = ("voice_ai", "sms", "voice_live", "email")
LASTS_AT_LEAST = timedelta(days=3)  # a link in a mail is good for so long
BY_PHONE = frozenset(CHANNELS) - {"email"}


@dataclass(frozen=True, slots=True)
class Offer:
    """A consent link that is good: whose it is, what it offers, in which words."""

    org_id: int
    lead_id: UUID
    contact_id: int
    token_id: UUID
    token: str
    claims: ConsentClaims
    text: wording.TextVersion
    text_html: str
    purpose: str
    org: RowMapping
    revoke_url: str


@dataclass(frozen=True, slots=True)
class Form:
    """What the person sent.

    The hidden fields as we served them, what they typed, and what the browser said of itself.
    """

    token: str
    form: str
    shown_at: str
    mark: str
    channels: tuple[str, ...]
    phone: str
    name: str
    ip: str
    proxies: tuple[str, ...]
    user_agent: str
    referrer: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A consent on file."""

    consent_id: UUID
    channels: tuple[str, ...]
    captured_at: datetime
    org: RowMapping
    revoke_url: str


class FormRefused(Exception):
    """The form lacks something the person can mend; the link stays good."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


def consent_keys(ctx: Context) -> Keys:
    """Keys of consent tokens and their forms."""
    return Keys("k1", {"k1": ctx.sealer.secret("consent-tokens")})


def unsubscribe_keys(ctx: Context) -> Keys:
    """Keys of unsubscribe links; they outlive every rotation, because the links have no end."""
    return Keys("k1", {"k1": ctx.sealer.secret("unsubscribe-tokens")})


async def issue_consent_link(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    lead_id: UUID | str,
    channels: Sequence[str] = OFFERED,
    at: datetime | None = None,
    lasts: timedelta = LASTS_AT_LEAST,
) -> str:
    """A link to the lead's consent page, good for one use and for as long as it `lasts` at least: three days in a mail.

    A link that still lasts that long is given again, so that the links in a sequence of mails do not end one another;
    a new one, good for seven days, ends the lead's older unused links.
    """
    at = at or clock.now()
    org, text, nonce = await seller(db, org_id), wording.current(), tokens.new_nonce()
    known = await scalar(
        db,
        SQL["lasting_token"],
        lead_id=str(lead_id),
        text_id=text.id,
        channels=list(channels),
        until=at + lasts,
    )
    if known is not None:
        return _consent_url(org, ctx.sealer.open(org_id, known))
    await _know_text(db, text)
    await execute(db, SQL["void_tokens"], org_id=org_id, lead_id=str(lead_id), at=at)
    token = tokens.issue_consent(
        consent_keys(ctx),
        nonce=nonce,
        lead=str(lead_id),
        seller=str(org_id),
        phone_hash=None,
        channels=channels,
        text=text.id,
        audience=_host(org),
        now=at,
    )
    await execute(
        db,
        SQL["insert_token"],
        org_id=org_id,
        lead_id=str(lead_id),
        nonce_hash=wording.sha256(nonce),
        text_id=text.id,
        channels=list(channels),
        token_sealed=ctx.sealer.seal(org_id, token),
        at=at,
        expires_at=at + tokens.LIFETIME,
    )
    return _consent_url(org, token)


def _consent_url(org: RowMapping, token: str) -> str:
    return f"{org['public_url'].rstrip('/')}/consent/{token}"


async def unsubscribe_url(
    ctx: Context, db: AsyncConnection, org_id: int, *, lead_id: UUID | str, contact_point_id: int | None
) -> str:
    """A link that stops everything for the lead's person and this contact point; it never ends."""
    return _unsubscribe(ctx, await seller(db, org_id), lead_id, contact_point_id)


def _unsubscribe(ctx: Context, org: RowMapping, lead_id: UUID | str, contact_point_id: int | None) -> str:
    point = "" if contact_point_id is None else str(contact_point_id)
    token = tokens.issue_unsubscribe(unsubscribe_keys(ctx), org_id=org["id"], lead=str(lead_id), contact_point=point)
    return f"{org['public_url'].rstrip('/')}/unsubscribe/{token}"


async def open_offer(
    ctx: Context, db: AsyncConnection, claims: ConsentClaims, token: str, *, used: bool = False
) -> Offer:
    """The offer behind a genuine token, changing nothing.

    Raises TokenRefused. `used`: also one whose consent was given.
    """
    org_id = int(claims.seller)
    org = await seller(db, org_id)
    claims.check_audience(_host(org))
    found = await one(db, SQL["offer"], org_id=org_id, nonce_hash=wording.sha256(claims.nonce))
    if found is None or found["contact_id"] is None:
        raise TokenRefused("unknown nonce")
    if found["barred"]:
        raise TokenRefused("suppressed")
    if found["voided_at"] is not None:
        raise TokenRefused("replaced by a newer link")
    if found["used_at"] is not None and not used:
        raise TokenRefused("used")
    text = wording.versions().get(found["text_id"])
    if text is None or text.id != claims.text or set(claims.channels) - set(CHANNELS):
        raise TokenRefused("text or channels unknown")
    playbook = ctx.playbooks.get(found["playbook"])
    purpose = (playbook.call_purpose or playbook.title) if playbook else found["playbook"]
    revoke = _unsubscribe(ctx, org, found["lead_id"], None)
    policy = policy_of(ctx, org, found["playbook"])
    html = text.render(
        {
            "seller": org["legal_name"],
            "purpose": purpose,
            "messages_a_month": str(policy.sms_per_30_days or "as many as you allow"),
            "revoke_url": revoke,
            "revoke_email": org["support_email"],
            "revoke_phone": org["support_phone"],
        }
    )
    ids = found["lead_id"], found["contact_id"], found["token_id"]
    return Offer(org_id, *ids, token, claims, text, html, purpose, org, revoke)


def page_for(
    ctx: Context, offer: Offer, *, form: str, shown_at: str, errors: Sequence[str] = (), phone: str = "", name: str = ""
) -> str:
    """The consent page of an offer. The same arguments give the same page, so the page as shown can be proven later."""
    return pages.consent(
        seller=offer.org["legal_name"],
        postal_address=offer.org["postal_address"],
        text_html=offer.text_html,
        language=offer.text.language,
        channels=offer.claims.channels,
        token=offer.token,
        form=form,
        shown_at=shown_at,
        mark=tokens.form_mark(consent_keys(ctx), offer.token, form, shown_at),
        revoke_url=offer.revoke_url,
        errors=errors,
        phone=phone,
        name=name,
    )


async def record_consent(ctx: Context, db: AsyncConnection, offer: Offer, form: Form) -> Receipt:
    """Redeem the link once, and write consent, evidence, audit and lead in the caller's transaction.

    The same form sent again gets the first receipt. Raises TokenRefused for a used link, FormRefused for what can be
    mended.
    """
    at, org_id = clock.now(), offer.org_id
    keys = consent_keys(ctx)
    if not tokens.form_mark_holds(form.mark, keys, form.token, form.form, form.shown_at):
        raise TokenRefused("form is not ours")
    nonce_hash = wording.sha256(offer.claims.nonce)
    form_hash = wording.sha256(form.form)
    phone = _checked(offer, form)
    await lock_people(db, org_id, leads=[offer.lead_id], contacts=[])
    if await scalar(db, SQL["use_token"], org_id=org_id, nonce_hash=nonce_hash, at=at) is None:
        first = await one(db, SQL["first_receipt"], org_id=org_id, nonce_hash=nonce_hash, form=form_hash)
        if first is None:
            raise TokenRefused("used")
        return Receipt(first["id"], tuple(first["channels"]), first["captured_at"], offer.org, offer.revoke_url)
    consent_id = uuid.uuid4()
    record = await _evidence(ctx, db, offer, form, phone, consent_id, at)
    await _write(ctx, db, offer, form, phone, consent_id, record, at)
    return Receipt(consent_id, form.channels, at, offer.org, offer.revoke_url)


def _checked(offer: Offer, form: Form) -> str | None:
    """The number as E.164 (None where only email was ticked). Raises FormRefused."""
    errors = []
    if not form.channels or set(form.channels) - set(offer.claims.channels):
        errors.append("Tick at least one box, or leave this page.")
    if len(form.name.split()) < 2:
        errors.append("Type your full name, first and last, as your signature.")
    phone = e164(form.phone)
    if phone is None and (BY_PHONE & set(form.channels) or form.phone.strip()):
        errors.append("Enter your United States telephone number, area code first.")
    if errors:
        raise FormRefused(errors)
    return phone


def e164(typed: str) -> str | None:
    """A typed number of the United States or its territories in E.164, None if it is not one that can be dialled."""
    try:
        number = phonenumbers.parse(typed, "US")
    except phonenumbers.NumberParseException:
        return None
    regions = ruleset.load().limits.phone_regions
    good = phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in DIALLABLE
    if not good or phonenumbers.region_code_for_number(number) not in regions:
        return None
    return f"+{number.country_code}{number.national_number}"


async def _evidence(
    ctx: Context, db: AsyncConnection, offer: Offer, form: Form, phone: str | None, consent_id: UUID, at: datetime
) -> dict[str, Any]:
    org_id = offer.org_id
    sealed_email = await scalar(db, SQL["email_of_lead"], org_id=org_id, contact_id=offer.contact_id)
    before = await rows(db, SQL["previous_consents"], org_id=org_id, contact_id=offer.contact_id)
    head = await one(db, SQL["chain_head"], org_id=org_id)
    html = page_for(ctx, offer, form=form.form, shown_at=form.shown_at)
    sent_at = at.astimezone(UTC).isoformat()
    rules = ruleset.load()
    return {
        "consent_id": str(consent_id),
        "seller_id": org_id,
        "seller_legal_name": offer.org["legal_name"],
        "purpose": offer.purpose,
        "person_name": form.name.strip(),
        "phone": phone or "none",
        "email": ctx.sealer.open(org_id, sealed_email) if sealed_email else "none",
        "channels": list(form.channels),
        "boxes": evidence.boxes(
            offer.claims.channels, frozenset(form.channels), shown_at=form.shown_at, sent_at=sent_at
        ),
        "text_version": offer.text.id,
        "text_sha256": wording.sha256(offer.text_html),
        "page_html": html,
        "page_sha256": wording.sha256(html),
        "language": offer.text.language,
        "page_url": f"{offer.org['public_url'].rstrip('/')}/consent/{offer.token}",
        "build_id": version("penstock"),
        "signature": form.name.strip(),
        "signature_method": "typed name and tick",
        "server_time": sent_at,
        "client_time": "not sent: the page runs no script",
        "ip": form.ip,
        "proxies": list(form.proxies),
        "user_agent": form.user_agent or "none sent",
        "session_id": wording.sha256(form.form),
        "referrer": form.referrer or "none",
        "token_id": offer.claims.nonce,
        "code_check": {"result": "not offered: no sender of texts is registered", "at": sent_at},
        "esign_disclosure_version": offer.text.esign_disclosure,
        "geo_guess": " ".join(place(Location(phone=phone), rules).states) or "unknown",
        "previous_consents": [str(row["id"]) for row in before],
        "ledger_seq": head["chain_n"] if head else 0,
    }


async def _write(
    ctx: Context,
    db: AsyncConnection,
    offer: Offer,
    form: Form,
    phone: str | None,
    consent_id: UUID,
    record: dict[str, Any],
    at: datetime,
) -> None:
    org_id, lead = offer.org_id, str(offer.lead_id)
    text = canonical(record)
    sealed_phone = ctx.sealer.seal(org_id, phone or "none")
    if phone:
        await execute(db, SQL["own_phone"], org_id=org_id, contact_id=offer.contact_id, value=sealed_phone, at=at)
    await execute(
        db,
        SQL["insert_consent"],
        org_id=org_id,
        id=str(consent_id),
        lead_id=lead,
        contact_id=offer.contact_id,
        seller=offer.org["legal_name"],
        phone=sealed_phone,
        channels=list(form.channels),
        text_id=offer.text.id,
        text_sha256=record["text_sha256"],
        evidence_sealed=ctx.sealer.seal(org_id, text),
        evidence_sha256=hashlib.sha256(text.encode()).hexdigest(),
        token_id=str(offer.token_id),
        at=at,
    )
    await execute(
        db,
        SQL["audit_consent"],
        org_id=org_id,
        lead_id=lead,
        consent_id=str(consent_id),
        action="given",
        reason=None,
        ip=form.ip,
        user_agent=form.user_agent,
        text_id=offer.text.id,
        details=json.dumps({"form": wording.sha256(form.form), "channels": list(form.channels)}),
        at=at,
    )
    await execute(db, SQL["lead_consented"], org_id=org_id, lead_id=lead, voice="voice_ai" in form.channels, at=at)
    await execute(db, SQL["stop_enrollments"], org_id=org_id, lead_ids=[lead], reason="consent_given", at=at)
    details = {"channels": list(form.channels), "text": offer.text.id}
    await journey.announce(db, org_id, [journey.Event("consent_given", lead, stage="compliance", details=details)])
    await journey.wake(
        db, org_id, {"lead_updated"}
    )  # a number that is new to us has to be checked before it can be called


async def _know_text(db: AsyncConnection, text: wording.TextVersion) -> None:
    channels = [channel for channel in CHANNELS if channel in OFFERED]
    await execute(
        db,
        SQL["know_text"],
        id=text.id,
        body_html=text.template,
        sha256=wording.sha256(text.template),
        channels=channels,
        flags=sorted(text.flags),
        language=text.language,
        approved_by="not yet: counsel has to approve",
    )


def _host(org: RowMapping) -> str:
    return urlsplit(str(org["public_url"])).netloc
