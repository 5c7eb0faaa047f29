"""Signed links: consent tokens (seven days, single use) and unsubscribe tokens (no expiry).

`base64url(payload) "." base64url(HMAC-SHA256(key, domain NUL base64url(payload)))`. The payload is canonical JSON and
names nobody: only ids. The algorithm follows from the version; no token says how it is to be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from penstock.compliance.facts import canonical

CONSENT = "consent-token.v1"
UNSUBSCRIBE = "unsubscribe-token.v1"
FORM = "consent-form.v1"
LIFETIME = timedelta(days=7)
CLOCK_SKEW_S = 60
MAX_LENGTH = 2048


class TokenRefused(Exception):
    """A token that opens nothing; `reason` is for the log, never for the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Keys:
    """Signing keys by id (`kid`), 32 bytes each.

    `current` signs, all verify. Raises ValueError for a weak or missing key.
    """

    current: str
    keys: Mapping[str, bytes]

    def __post_init__(self) -> None:
        if self.current not in self.keys or any(len(key) != 32 for key in self.keys.values()):
            raise ValueError("token keys are 32 bytes each, and one of them is the current one")

    def __repr__(self) -> str:
        return f"Keys(current={self.current!r})"


@dataclass(frozen=True, slots=True)
class ConsentClaims:
    """What a consent token says.

    Lead and seller by id, the channels offered, the text version, its nonce and its times.
    """

    nonce: str
    lead: str
    seller: str
    phone_hash: str | None
    channels: tuple[str, ...]
    purpose: str
    text: str
    issued_at: int
    expires_at: int
    audience: str

    def check_audience(self, host: str) -> None:
        """Raises TokenRefused if the token was issued for another host."""
        if self.audience != host:
            raise TokenRefused("other audience")


def new_nonce() -> str:
    """128 random bits, base64url."""
    return encode(secrets.token_bytes(16))


def issue_consent(
    keys: Keys,
    *,
    nonce: str,
    lead: str,
    seller: str,
    phone_hash: str | None,
    channels: Sequence[str],
    text: str,
    audience: str,
    now: datetime,
    purpose: str = "MARKETING",
) -> str:
    """A consent token that ends seven days after `now`."""
    issued = int(now.timestamp())
    payload = {
        "v": 1,
        "kid": keys.current,
        "tid": nonce,
        "lid": lead,
        "sid": seller,
        "ph": phone_hash,
        "ch": list(channels),
        "pur": purpose,
        "txt": text,
        "aud": audience,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    return sign(CONSENT, payload, keys.keys[keys.current])


def read_consent(token: str, keys: Keys, *, now: datetime) -> ConsentClaims:
    """The claims of a genuine, current token. Raises TokenRefused.

    Whose host it is for is checked by `check_audience`; whether it was used is the database's to say.
    """
    payload = _open(CONSENT, token, keys)
    seconds = now.timestamp()
    try:
        claims = ConsentClaims(
            nonce=str(payload["tid"]),
            lead=str(payload["lid"]),
            seller=str(payload["sid"]),
            phone_hash=payload["ph"],
            channels=tuple(payload["ch"]),
            purpose=str(payload["pur"]),
            text=str(payload["txt"]),
            issued_at=int(payload["iat"]),
            expires_at=int(payload["exp"]),
            audience=str(payload["aud"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TokenRefused("claims missing") from error
    if claims.issued_at > seconds + CLOCK_SKEW_S:
        raise TokenRefused("issued in the future")
    if seconds >= claims.expires_at:
        raise TokenRefused("expired")
    return claims


def issue_unsubscribe(keys: Keys, *, org_id: int, lead: str, contact_point: str) -> str:
    """A token that identifies recipient and list by itself and works for as long as its key is kept."""
    payload = {"v": 1, "kid": keys.current, "org": org_id, "lid": lead, "cp": contact_point}
    return sign(UNSUBSCRIBE, payload, keys.keys[keys.current])


def read_unsubscribe(token: str, keys: Keys) -> tuple[int, str, str]:
    """(org, lead, contact point) of a genuine unsubscribe token. Raises TokenRefused."""
    payload = _open(UNSUBSCRIBE, token, keys)
    try:
        return int(payload["org"]), str(payload["lid"]), str(payload["cp"])
    except (KeyError, TypeError, ValueError) as error:
        raise TokenRefused("claims missing") from error


def sign(domain: str, payload: Mapping[str, Any], key: bytes) -> str:
    """A token over the canonical JSON of `payload`."""
    body = encode(canonical(payload).encode())
    return f"{body}.{encode(_mac(domain, body, key))}"


def form_mark(keys: Keys, *fields: str) -> str:
    """The hidden field that ties a form to the page we served: a signature over what the page fixed."""
    return encode(_mac(FORM, canonical(fields), keys.keys[keys.current]))


def form_mark_holds(mark: str, keys: Keys, *fields: str) -> bool:
    """Whether the hidden field came from our own page."""
    given = mark.encode("utf-8", "replace")
    marks = [encode(_mac(FORM, canonical(fields), key)).encode() for key in keys.keys.values()]
    return any(hmac.compare_digest(given, expected) for expected in marks)


def encode(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of strict base64url without padding; one text per value. Raises TokenRefused."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenRefused("not base64url") from error
    if encode(raw) != text:
        # Spare bits in the last letter would give one value many spellings.
        raise TokenRefused("not base64url")
    return raw


def _open(domain: str, token: str, keys: Keys) -> Mapping[str, Any]:
    if len(token) > MAX_LENGTH:
        raise TokenRefused("too long")
    body, dot, mac = token.partition(".")
    if not dot or "." in mac:
        raise TokenRefused("not two parts")
    raw, given = decode(body), decode(mac)
    payload = _parse(raw)
    key = keys.keys.get(str(payload.get("kid")))
    if key is None:
        raise TokenRefused("unknown key")
    if not hmac.compare_digest(given, _mac(domain, body, key)):
        raise TokenRefused("bad signature")
    if canonical(payload).encode() != raw:
        raise TokenRefused("not canonical")
    if payload.get("v") != 1:
        raise TokenRefused("unknown version")
    return payload


def _parse(raw: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise TokenRefused("not JSON") from error
    if not isinstance(payload, dict):
        raise TokenRefused("not an object")
    return payload


def _mac(domain: str, body: str, key: bytes) -> bytes:
    return hmac.new(key, f"{domain}\0{body}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
