"""Who signed an upload: three schemes, one answer.

- Standard Webhooks: headers webhook-id, webhook-timestamp, webhook-signature; HMAC-SHA256 in base64 over
  "id.timestamp.body".
- v2: X-Signature: sha256=<hex> and X-Signature-Timestamp; HMAC-SHA256 over "timestamp.body".
- v1: X-Signature over the body alone, with or without a timestamp; only for keys that allow it. Without a signed
  timestamp a captured request could be sent again later: the replay guard catches that, the window cannot.

The body is verified as it streams in, so the signature is checked only when the last byte has been read.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from penstock.core.errors import NotSignedIn

WINDOW: Final = timedelta(minutes=5)
_SHA256_HEX = re.compile(r"^sha256=([0-9a-fA-F]{64})$")


class Digest(Protocol):
    """The part of `hmac.HMAC` that we use."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Signature:
    """What the headers claim: the bytes that come before the body under the signature, and the accepted digests."""

    prefix: bytes
    digests: tuple[bytes, ...]
    scheme: str
    secret: bytes

    def start(self) -> Digest:
        """A running digest, fed with the prefix; feed it the body, then ask `matches`."""
        return hmac.new(self.secret, self.prefix, hashlib.sha256)

    def matches(self, running: Digest) -> bool:
        """Whether the body that was fed is the one that was signed."""
        found = running.digest()
        return any(hmac.compare_digest(found, wanted) for wanted in self.digests)


def claimed(headers: Mapping[str, str], secret: str, now: datetime, *, allow_v1: bool) -> Signature:
    """The signature that the request's headers (lower-case names) claim. Raises NotSignedIn with the reason.

    Standard Webhooks secrets ("whsec_…") are base64; under the X-Signature schemes the same text is used as it is.
    """
    if sent := headers.get("webhook-signature"):
        message, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not message or not stamp:
            raise NotSignedIn("webhook-signature needs webhook-id and webhook-timestamp beside it")
        _within_window(stamp, now)
        digests = tuple(_base64(part.removeprefix("v1,")) for part in sent.split() if part.startswith("v1,"))
        if not digests:
            raise NotSignedIn("webhook-signature holds no v1 signature")
        return Signature(f"{message}.{stamp}.".encode(), digests, "standard", _standard_secret(secret))
    found = _SHA256_HEX.match(headers.get("x-signature", "").strip())
    if not found:
        raise NotSignedIn("the upload is not signed", fix="send X-Signature: sha256=<hex> and X-Signature-Timestamp")
    digest = bytes.fromhex(found[1])
    stamp = headers.get("x-signature-timestamp", "").strip()
    if allow_v1:
        if stamp:
            _within_window(stamp, now)
        return Signature(b"", (digest,), "v1", secret.encode())
    if not stamp:
        raise NotSignedIn("X-Signature-Timestamp is missing", fix="sign timestamp.body and send the timestamp with it")
    _within_window(stamp, now)
    return Signature(f"{stamp}.".encode(), (digest,), "v2", secret.encode())


def sign_v2(secret: str, stamp: str, body: bytes) -> str:
    """The X-Signature of a body under v2."""
    return "sha256=" + hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def _within_window(stamp: str, now: datetime) -> None:
    """Accepts Unix seconds and RFC 3339."""
    try:
        at = datetime.fromtimestamp(int(stamp), UTC) if stamp.isdigit() else datetime.fromisoformat(stamp)
    except (ValueError, OverflowError):
        raise NotSignedIn("the signature's timestamp is neither Unix seconds nor RFC 3339") from None
    if at.tzinfo is None:
        raise NotSignedIn("the signature's timestamp has no time zone")
    if abs(now - at) > WINDOW:
        raise NotSignedIn("the signature's timestamp is more than five minutes from now", fix="check the clock")


def _standard_secret(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    return _base64(secret.removeprefix("whsec_"))


def _base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""
