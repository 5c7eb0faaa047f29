"""An email on the wire: names, headers, parts, and the token by which its answers and bounces find their way back.

The token of a message is a keyed hash of what it is (org, enrollment, step), so a step that is built again after a
crash carries
the same Message-ID, and nobody outside can invent a bounce that matches (EM-06).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from penstock.core.errors import InvalidInput
from penstock.outreach.render import Rendered

# RFC 8058 wants the unsubscribe headers under the DKIM signature, and folding them has broken signatures: nothing is
# folded.
WIRE = SMTP.clone(max_line_length=None)
_TOKEN = re.compile(r"(?:^|[<\s,:;\"'])(?:reply|bounce|unsubscribe)\+([a-z2-7]{26})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([a-z2-7]{26})@[^<>\s]+>", re.IGNORECASE)


@dataclass(frozen=True)
class Envelope:
    """Who writes to whom. `domain` is the seller's mail domain, `from_local` the part before @ of the From address."""

    recipient: str
    recipient_name: str
    from_name: str
    from_local: str
    domain: str
    token: str
    sent_at: datetime
    unsubscribe_url: str | None = None
    references: Sequence[str] = field(default=())
    automatic: bool = False

    @property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets."""
        return f"<{self.token}@{self.domain}>"

    @property
    def return_path(self) -> str:
        """The SMTP sender: a bounce to it names the message."""
        return f"bounce+{self.token}@{self.domain}"


def token_for(key: bytes, org_id: int, subject: str, step: int | str) -> str:
    """26 lower-case base-32 letters that name one message for ever: `subject` is the enrollment (or inbound message) it
    belongs to."""
    digest = hmac.new(key, f"mail:{org_id}:{subject}:{step}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def token_in(address: str) -> str | None:
    """The token in one of our plus addresses (`reply+…@`, `bounce+…@`, `unsubscribe+…@`), or None."""
    match = _TOKEN.search(address)
    return match[1].lower() if match else None


def tokens_in_ids(header: str) -> list[str]:
    """The tokens of our own Message-IDs in an In-Reply-To or References header, newest last."""
    return [match.lower() for match in _MESSAGE_ID.findall(header)]


def build(rendered: Rendered, envelope: Envelope) -> EmailMessage:
    """The whole message; flatten it with `message.as_bytes(policy=WIRE)`. Raises InvalidInput on a header that holds a
    line break."""
    message = EmailMessage(
        policy=SMTP
    )  # bodies are folded when they are set, headers (not) when the message is flattened
    try:
        message["From"] = _address(envelope.from_name, f"{envelope.from_local}@{envelope.domain}")
        message["To"] = _address(envelope.recipient_name, envelope.recipient)
        message["Reply-To"] = _address(envelope.from_name, f"reply+{envelope.token}@{envelope.domain}")
        message["Subject"] = rendered.subject
    except ValueError as error:
        raise InvalidInput("a name or subject holds a line break or an address is malformed") from error
    message["Date"] = format_datetime(envelope.sent_at)
    message["Message-ID"] = envelope.message_id
    if envelope.references:
        message["In-Reply-To"] = envelope.references[-1]
        message["References"] = " ".join(envelope.references)
    if envelope.unsubscribe_url:
        mailto = f"mailto:unsubscribe+{envelope.token}@{envelope.domain}?subject=unsubscribe"
        message["List-Unsubscribe"] = f"<{envelope.unsubscribe_url}>, <{mailto}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if envelope.automatic:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return message


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
