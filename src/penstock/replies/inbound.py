"""Inbound mail read: raw MIME or Postmark's inbound JSON become one `Inbound`, whoever delivered it."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.policy import compat32, default
from email.utils import getaddresses, parseaddr
from typing import Any

from penstock.core.errors import InvalidInput
from penstock.replies.automatic import is_automatic
from penstock.replies.bounces import Bounce, Complaint, original_id, read_report
from penstock.replies.quotes import new_text

Headers = Mapping[str, tuple[str, ...]]
"""Lower-case header name to all its values, in order."""

_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_BREAKS = re.compile(r"(?i)<(?:br|/p|/div|/tr|/li|/h\d|hr)\b[^>]*>")
_BLIND = re.compile(r"(?is)<(style|script|head)\b.*?</\1\s*>|<!--.*?-->")
_QUOTED_HTML = re.compile(
    r"(?is)<blockquote\b.*|<div[^>]+(?:gmail_quote|divRplyFwdMsg|yahoo_quoted|moz-cite-prefix|OLK_SRC_BODY_SECTION)"
    r".*|<hr[^>]+(?:stopSpelling|divRplyFwd|tabindex).*|<div[^>]+border-top:\s*(?:solid|\d|#)[^>]*>.*"
)


@dataclass(frozen=True)
class Inbound:
    """One message as it arrived. `text` is what the person newly wrote; `whole` is the plain text with quotes and
    signature;
    `original_id` the Message-ID of the mail that a report returns."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    subject: str
    text: str
    whole: str
    headers: Headers
    automatic: bool
    bounces: tuple[Bounce, ...] = ()
    complaint: Complaint | None = None
    original_id: str = ""

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next(iter(self.headers.get(name.lower(), ())), "")


def parse_mime(raw: bytes) -> Inbound:
    """An RFC 5322 message. Raises InvalidInput when it has no header at all."""
    # The lenient old policy for headers: real mail breaks the grammar that the new one insists on.
    message = message_from_bytes(raw, policy=compat32)
    if not message.keys():
        raise InvalidInput("not an email: no header lines")
    headers = _fold((name, _decoded(value)) for name, value in message.items())
    rich = message_from_bytes(raw, policy=default)
    plain, markup = _bodies(rich)
    return _inbound(headers, plain, markup, message)


def parse_postmark(payload: Mapping[str, Any]) -> Inbound:
    """Postmark's inbound webhook body; a bounce that arrives this way is read from its text and attachments."""
    try:
        listed = [(str(item["Name"]), str(item["Value"])) for item in payload.get("Headers") or []]
        given = [
            (name, str(payload[key]))
            for name, key in (("From", "From"), ("To", "To"), ("Cc", "Cc"), ("Subject", "Subject"), ("Date", "Date"))
            if payload.get(key)
        ]
        if not payload.get("From") and not payload.get("FromFull"):
            raise InvalidInput("not an inbound mail: no From")
        present = {name.lower() for name, _ in listed}
        headers = _fold([*listed, *((name, value) for name, value in given if name.lower() not in present)])
        if "message-id" not in headers and payload.get("MessageID"):
            headers = {**headers, "message-id": (f"<{payload['MessageID']}@inbound.postmarkapp>",)}
        if payload.get("OriginalRecipient"):
            headers = {**headers, "delivered-to": (str(payload["OriginalRecipient"]),)}
        plain, markup = str(payload.get("TextBody") or ""), str(payload.get("HtmlBody") or "")
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"not Postmark's inbound shape: {error}") from error
    report = _report_of(headers, plain, payload.get("Attachments") or [])
    return _inbound(headers, plain, markup, report)


def _inbound(headers: Headers, plain: str, markup: str, message: Message) -> Inbound:
    bounces, complaint = read_report(message, plain)
    report = bool(bounces or complaint) or message.get_content_type() == "multipart/report"

    def first(name: str) -> str:
        return next(iter(headers.get(name, ())), "")

    recipients = getaddresses(
        [value for name in ("to", "cc", "delivered-to", "x-original-to") for value in headers.get(name, ())]
    )
    whole = plain if plain.strip() else html_text(markup)
    fresh = new_text(plain) if plain.strip() else new_text(html_text(_QUOTED_HTML.sub("", markup)))
    return Inbound(
        sender=parseaddr(first("from"))[1].lower(),
        recipients=tuple(dict.fromkeys(address.lower() for _, address in recipients if "@" in address)),
        message_id=next(iter(_MESSAGE_ID.findall(first("message-id"))), first("message-id").strip()),
        in_reply_to=" ".join(_MESSAGE_ID.findall(first("in-reply-to"))),
        references=tuple(_MESSAGE_ID.findall(first("references"))),
        subject=" ".join(first("subject").split()),
        text=fresh,
        whole=whole,
        headers=headers,
        automatic=report or is_automatic(headers),
        bounces=bounces,
        complaint=complaint,
        original_id=original_id(message) if report else "",
    )


def html_text(markup: str) -> str:
    """The words of an HTML body, one line per block."""
    text = _BREAKS.sub("\n", _BLIND.sub("", markup).replace("\r", "").replace("\n", " "))
    lines = (" ".join(html.unescape(re.sub(r"<[^>]*>", "", line)).split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _bodies(message: Message) -> tuple[str, str]:
    found = {"plain": "", "html": ""}
    for part in message.walk():
        if part.get_content_maintype() != "text" or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_subtype()
        if kind in found and not found[kind]:
            found[kind] = _content(part)
    return found["plain"], found["html"]


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8").replace("\r\n", "\n")
    except (LookupError, ValueError):  # no charset that anybody knows, or bytes that are not what the header says
        return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def _decoded(value: object) -> str:
    try:
        return str(make_header(decode_header(str(value))))
    except (LookupError, ValueError):
        return str(value)


def _fold(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    folded: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        folded[name.lower()] = (*folded.get(name.lower(), ()), value)
    return folded


def _report_of(headers: Headers, plain: str, attachments: Iterable[Mapping[str, Any]]) -> EmailMessage:
    """The parts Postmark took apart, put together again: bounces keep their report in attachments."""
    message = EmailMessage()
    for name in ("from", "subject", "x-failed-recipients", "return-path", "auto-submitted"):
        for value in headers.get(name, ()):
            message[name] = " ".join(value.split())
    reports = [
        item for item in attachments if str(item.get("ContentType", "")).lower().startswith(("message/", "text/rfc822"))
    ]
    if not reports:
        message.set_content(plain)
        return message
    kind = (
        "feedback-report"
        if any("feedback" in str(item["ContentType"]).lower() for item in reports)
        else "delivery-status"
    )
    text = EmailMessage()
    text.set_content(plain)
    message.set_type("multipart/report")
    message.set_param("report-type", kind)
    parts: list[Message | str] = [text]
    for item in reports:
        raw = base64.b64decode(str(item.get("Content") or item.get("Data") or ""))
        parts.append(
            message_from_bytes(b"Content-Type: " + str(item["ContentType"]).encode("ascii", "replace") + b"\n\n" + raw)
        )
    message.set_payload(parts)
    return message
