"""Whether a message may be sent as written: elements the law asks for, and claims it forbids. Pure.

Sources: the rule sheet's EM-01, EM-07 (CAN-SPAM, 15 USC 7704; cold email) and MAP-02 (Regulation N, CFPB and FTC
actions on offers to older owners). `claims` works on any text, voice scripts included; `email` on a whole message.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Literal

Action = Literal["BLOCK", "REVIEW"]
MISSING = "CONTENT_MISSING_ELEMENT"
PROHIBITED = "CONTENT_PROHIBITED_CLAIM"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a message: the reason code, the rule (L1…L10 or EM-…), what to do, and the words."""

    code: str
    rule: str
    action: Action
    words: str


@dataclass(frozen=True, slots=True)
class Email:
    """A rendered message. `reply_to_known` is true when it answers a message of a real thread.

    `cold` when nobody gave the address.
    """

    from_name: str
    from_address: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str
    reply_to_known: bool = False
    affirmative_consent: bool = False
    cold: bool = False
    senior: bool = False


@dataclass(frozen=True, slots=True)
class Seller:
    """Who sends: the names it may sign with, the domains it owns, its postal address as verified."""

    names: frozenset[str]
    domains: frozenset[str]
    postal_address: str
    lenders: Sequence[str] = field(default=())


def reasons(findings: Sequence[Finding]) -> frozenset[str]:
    """The gate's content reasons: those of the findings that block."""
    return frozenset(finding.code for finding in findings if finding.action == "BLOCK")


# -- claims (MAP-02) -------------------------------------------------------------------------------------------------

UPKEEP = re.compile(
    r"tax(es)?\b.{0,60}insurance\b.{0,60}(maintenance|upkeep)|impuestos\b.{0,60}seguro\b.{0,60}mantenimiento"
)
NOT_GOVERNMENT = re.compile(
    r"\bnot (?:affiliated|associated|connected|acting|endorsed|a government|part of)\b[^.!?]*[.!?]?"
)
NO_PAYMENTS = re.compile(
    r"\b(?:no|zero|without|eliminate\w*|stop|end|get rid of|wipe out|never make another|say goodbye to)"
    r"(?: (?:your|any|more|those|the|all|making))*(?: monthly)?(?: mortgage)?(?: house)? payments?\b"
    r"|\b(?:sin|elimin\w+)(?: (?:sus|los|m[aá]s))*(?: pagos?)(?: mensuales)?\b"
)
AGENCIES = re.compile(
    r"\b(?:hud|fha|medicare|social security|department of housing|federal housing administration|seguro social"
    r"|department of veterans affairs|va (?:loan|benefit|program|approved|backed|home)s?)\b"
)
PATTERNS: tuple[tuple[str, Action, re.Pattern[str]], ...] = (
    (
        "L2",
        "BLOCK",
        re.compile(
            r"\bgovernment[- ](?:backed |sponsored |approved |funded )?(?:benefit|program|relief|grant)s?\b"
            r"|\b(?:hud|fha|federal(?:ly)?|government)[- ](?:backed|approved|sponsored)\b|\bstimulus\b"
            r"|\b(?:programa|beneficio|subsidio|ayuda) (?:del gobierno|federal)\b"
        ),
    ),
    (
        "L4",
        "BLOCK",
        re.compile(
            r"\bpre-?\s?approved\b|\bguaranteed?\b|\byou (?:already )?qualify\b"
            r"|\b(?:preaprobad|garantizad)[oa]s?\b|\b(?:usted )?califica\b"
        ),
    ),
    (
        "L5",
        "BLOCK",
        re.compile(
            r"\b(?:never|cannot|can not|can't|won't|will not) (?:have to )?(?:lose|leave)(?: \w+)? (?:home|house)\b"
            r"|\bnever owe more\b"
            r"|\blifetime income\b|\boutlive\b|\bincome for life\b|\bnunca (?:perder[aá]|pierd[ae]) su (?:casa|hogar)\b"
        ),
    ),
    (
        "L6",
        "BLOCK",
        re.compile(
            r"\bfinal notice\b|\b(?:expires|ends) (?:today|tonight)\b|\bimmediate response\b|\bact now\b"
            r"|\baviso final\b|\b(?:vence|expira) hoy\b"
        ),
    ),
    (
        "L7",
        "BLOCK",
        re.compile(
            r"\b(?:from|by|with|for|as|we are|on behalf of) your (?:current )?"
            r"(?:lender|servicer|mortgage company|bank)\b"
            r"|\byour (?:current )?(?:lender|servicer)'?s? (?:has|asked|wants|sent|offers?)\b"
            r"|\bsu (?:actual )?(?:prestamista|banco)\b"
        ),
    ),
    (
        "L8",
        "BLOCK",
        re.compile(
            r"\btax[- ]free (?:money|cash)\b|\bfree money\b|\brisk[- ]free\b"
            r"|\bdinero gratis\b|\bsin riesgo\b|\blibre de impuestos\b"
        ),
    ),
    (
        "L9",
        "REVIEW",
        re.compile(
            r"\d\s?%|\bapr\b|\$\s?[\d,.]+\s?(?:/|per |a )\s?mo(?:nth)?\b"
            r"|\b\d+[- ]year (?:fixed|term|loan)\b|\binterest rate\b"
        ),
    ),
)
LEISURE = re.compile(r"\b(?:vacation|cruise|new car|sports car|vacaciones|crucero)\b")


def claims(text: str, *, subject: str = "", senior: bool = False, lenders: Sequence[str] = ()) -> list[Finding]:
    """What an offer may not say, or may say only after a person has read it.

    `lenders` are names of the owner's known lenders.
    """
    body = normalise(f"{subject}\n{text}")
    return [*_payments(body), *_agencies(body, normalise(subject)), *_patterns(body, senior), *_lenders(body, lenders)]


def _payments(body: str) -> Iterator[Finding]:
    """L1: no payments, unless what stays due is said within 200 characters."""
    for found in NO_PAYMENTS.finditer(body):
        if not UPKEEP.search(body, found.end(), found.end() + 200):
            yield Finding(PROHIBITED, "L1", "BLOCK", found.group())


def _agencies(body: str, subject: str) -> Iterator[Finding]:
    """L3: an agency's name. Stating that we are not one is fine, and lets a person judge the factual `FHA-insured`."""
    spoken = NOT_GOVERNMENT.sub(" ", body)
    disclaimed = spoken != body
    for found in AGENCIES.finditer(spoken):
        factual = spoken[found.end() :].startswith("-insured") and disclaimed and not AGENCIES.search(subject)
        yield Finding(PROHIBITED, "L3", "REVIEW" if factual else "BLOCK", found.group())


def _patterns(body: str, senior: bool) -> Iterator[Finding]:
    spoken = NOT_GOVERNMENT.sub(" ", body)
    for rule, action, pattern in PATTERNS:
        if found := pattern.search(spoken):
            yield Finding(PROHIBITED, rule, action, found.group())
    if senior and (found := LEISURE.search(spoken)):
        yield Finding(PROHIBITED, "L10", "REVIEW", found.group())


def _lenders(body: str, lenders: Sequence[str]) -> Iterator[Finding]:
    for lender in lenders:
        if re.search(rf"\b{re.escape(normalise(lender))}\b", body):
            yield Finding(PROHIBITED, "L7", "BLOCK", lender)


# -- email (EM-01, EM-07) --------------------------------------------------------------------------------------------

URGENCY = re.compile(r"\b(?:final notice|account suspended|refund pending|action required|urgent)\b")
ADVERTISEMENT = re.compile(r"\b(?:advertisement|this is an ad|commercial message|solicitation|publicidad)\b")
OPT_OUT = re.compile(r"\b(?:unsubscribe|opt[- ]out|stop (?:receiving|getting)|no longer wish|darse de baja)\b")
ORIGIN = re.compile(
    r"\b(?:public|county|property|official|land|business) (?:property |land )?(?:records?|registry|register)\b"
    r"|\blicensed data\b"
)
PIXEL = re.compile(r"<img\b[^>]*\b(?:width|height)\s*=\s*[\"']?[01](?:px)?\b", re.IGNORECASE)
FIGURE = re.compile(r"\$\s?\d[\d,.]*|\d[\d,.]*\s?%")
THREAD = re.compile(r"\s*(?:re|fwd?|aw|wg)\s*:", re.IGNORECASE)
FIRST_LINES = 400
"""Characters in which a cold message says where the address came from: a greeting and the first sentence or two."""


def email(message: Email, seller: Seller) -> list[Finding]:
    """Everything wrong with a message, claims included."""
    return [
        *_identity(message, seller),
        *_elements(message, seller),
        *_subject(message),
        *(_cold(message) if message.cold else ()),
        *claims(message.text, subject=message.subject, senior=message.senior, lenders=seller.lenders),
        *claims(plain(message.html), senior=message.senior, lenders=seller.lenders),
    ]


def _identity(message: Email, seller: Seller) -> Iterator[Finding]:
    domain = message.from_address.rpartition("@")[2].lower()
    if domain not in seller.domains:
        yield Finding(MISSING, "EM-01 from", "BLOCK", domain)
    if not any(name and normalise(name) in normalise(message.from_name) for name in seller.names):
        yield Finding(MISSING, "EM-01 from name", "BLOCK", message.from_name)


def _elements(message: Email, seller: Seller) -> Iterator[Finding]:
    """The same elements in both parts, for a reader sees only one of them."""
    for part, raw in (("text", message.text), ("html", plain(message.html))):
        body = normalise(raw)
        link_in = raw if part == "text" else unescape(message.html)
        if not seller.postal_address.strip() or normalise(seller.postal_address) not in body:
            yield Finding(MISSING, "EM-01 postal address", "BLOCK", part)
        if not message.unsubscribe_url or message.unsubscribe_url not in link_in:
            yield Finding(MISSING, "EM-01 opt-out link", "BLOCK", part)
        if not OPT_OUT.search(body.replace(normalise(message.unsubscribe_url), " ")):
            yield Finding(MISSING, "EM-01 opt-out sentence", "BLOCK", part)
        if not message.affirmative_consent and not ADVERTISEMENT.search(body):
            yield Finding(MISSING, "EM-01 advertisement", "BLOCK", part)


def _subject(message: Email) -> Iterator[Finding]:
    subject = normalise(message.subject)
    if THREAD.match(message.subject) and not message.reply_to_known:
        yield Finding(PROHIBITED, "EM-01 subject thread", "BLOCK", message.subject)
    if found := URGENCY.search(subject):
        yield Finding(PROHIBITED, "EM-01 subject urgency", "BLOCK", found.group())
    body = normalise(message.text)
    for figure in FIGURE.findall(subject):
        if figure not in body:
            yield Finding(PROHIBITED, "EM-01 subject claim", "BLOCK", figure)


def _cold(message: Email) -> Iterator[Finding]:
    if not ORIGIN.search(normalise(message.text[:FIRST_LINES])):
        yield Finding(MISSING, "EM-07 source of the address", "BLOCK", message.text[:40])
    if found := PIXEL.search(message.html):
        yield Finding(PROHIBITED, "EM-07 tracking pixel", "BLOCK", found.group())


# -- text ------------------------------------------------------------------------------------------------------------


def normalise(text: str) -> str:
    """One form for the patterns: compatibility characters folded, case folded, quotes straight, spaces single."""
    folded = (
        unicodedata.normalize("NFKC", text).casefold().translate({0x2019: "'", 0x2018: "'", 0x2010: "-", 0x2011: "-"})
    )
    visible = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
    return re.sub(r"\s+", " ", visible).strip()


def plain(html: str) -> str:
    """The words of an HTML part, for the patterns only."""
    without = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", html)
    return unescape(re.sub(r"(?s)<[^>]*>", " ", without))
