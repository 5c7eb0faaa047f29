"""Delivery reports (RFC 3464 and the plain-text bounces of older mailers) and complaint reports (RFC 5965)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from email.utils import parseaddr
from enum import StrEnum


class BounceKind(StrEnum):
    """What a report means for the address (EM-06)."""

    HARD = "hard"  # the mailbox does not exist: never again
    SOFT = "soft"  # full, late, busy: counts; three in 14 days rest the address
    SENDER = "sender"  # our reputation or authentication: the address is innocent


@dataclass(frozen=True)
class Bounce:
    """One recipient (empty when the report names none) of one report. `status` is x.y.z or empty; `diagnostic` the
    remote server's words, one line."""

    recipient: str
    kind: BounceKind
    status: str
    diagnostic: str


@dataclass(frozen=True)
class Complaint:
    """A mailbox provider passed on that the recipient pressed "spam"."""

    recipient: str
    feedback_type: str


_STATUS = re.compile(r"(?<![\d.])([245])[.](\d{1,3})[.](\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.-])([45]\d\d)(?=[ -](?!\d))")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+=&'*/-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_POSTMASTER = re.compile(
    r"(?i)^(?:mailer-daemon|mail(?:er)?\.?daemon|postmaster|mdaemon|mail-?delivery|bounce|double-bounce)\b"
)
_SUBJECT = re.compile(
    r"(?i)undeliver|failure notice|mail delivery|delivery (?:status|failure|report|problem|notification"
    r"|(?:has )?failed)"
    r"|returned mail|returning message|non-?delivery|could ?n[o']t be delivered|not delivered|mail system error"
    r"|permanent delivery|delayed mail|warning: could not send|user unknown|rejected"
)
_GIST = (
    # Order matters: "user unknown" decides before a "rejected" in the same sentence.
    (
        BounceKind.SENDER,
        r"spf|dkim|dmarc|blacklist|block ?list|blocked (?:by|using|for|because)|\brbl\b|spamhaus|spamcop"
        r"|barracuda|reputation"
        r"|unsolicited|(?:looks like|identified as|considered|detected as|classified as|is|was) spam"
        r"|spam message|policy"
        r"|reverse dns|\bptr\b|relay(?:ing)? (?:access )?(?:denied|not|prohibited)|authenticat"
        r"|not (?:authorized|permitted) to send"
        r"|too many (?:connections|messages|recipients)|rate limit|virus|content rejected|bad (?:helo"
        r"|sender)|sender address rejected",
    ),
    (
        BounceKind.SOFT,
        r"mailbox (?:is )?(?:full|exceeded)|over ?quota|quota|storage|disk space|too (?:large|big)"
        r"|size (?:limit|exceed)|exceeds"
        r"|temporar|try again|timed? ?out|deferred|greylist|delayed|busy|connection (?:refused|reset|lost)"
        r"|inactive|suspended"
        r"|insufficient|expired|not yet been delivered|will continue to try|4\.\d\.\d",
    ),
    (
        BounceKind.HARD,
        r"(?:user|recipient|mailbox|account|address|destination)[^.]{0,40}(?:unknown|not? (?:exist|found"
        r"|valid|known|listed)|does ?n[o']t"
        r"|invalid|unavailable|disabled|no longer|not recogni[sz]ed|isn't)|(?:unknown|no such|invalid|bad"
        r"|nonexistent|undefined|illegal)"
        r"[^.]{0,25}(?:user|recipient|mailbox|account|address|person|local|destination|domain|host)"
        r"|no mailbox|not a valid|unrouteable"
        r"|host (?:or domain name )?(?:not found|unknown)|name service error|domain (?:not found"
        r"|does not exist)|nxdomain"
        r"|no longer (?:valid|active|available|at)|unable to find|cannot find|could not be found"
        r"|has been deactivated|no mx record|domain is not reachable"
        r"|not listed in|does not accept mail|unable to deliver message to",
    ),
)
_RULES = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _GIST)
_END_OF_REPORT = re.compile(
    r"(?mi)^[ \t-]*(?:-{2,}[ \t]*)?(?:(?:below this line is |this is )?a copy of (?:the|your) message"
    r"|original (?:message|headers)|"
    r"(?:unsent|returned|undelivered|your) message (?:follows|below|headers|is)|message headers? follow"
    r"|included is a copy|received:).*$"
)


def classify(status: str, diagnostic: str, action: str = "failed") -> BounceKind:
    """What a status code and the server's words mean for the address, by EM-06; the words decide where the code is
    vague."""
    if action in ("delayed", "delivered", "relayed", "expanded") or status.startswith("4."):
        return BounceKind.SOFT
    if status.startswith("5.7."):
        return BounceKind.SENDER
    if status in ("5.1.7", "5.1.8"):  # the *sender's* address is bad
        return BounceKind.SENDER
    if status == "5.2.1" or (status.startswith("5.1.") and status != "5.1.0"):
        return BounceKind.HARD
    if status.startswith("5.2."):
        return BounceKind.SOFT
    found = next((kind for kind, pattern in _by_words(diagnostic) if pattern.search(diagnostic)), BounceKind.SOFT)
    return BounceKind.HARD if status == "5.1.0" and found is BounceKind.SOFT else found


def _by_words(diagnostic: str) -> Iterator[tuple[BounceKind, re.Pattern[str]]]:
    sender, soft, hard = _RULES
    if re.search(r"(?i)user unknown|no such user|unknown user|mailbox not found|recipient unknown", diagnostic):
        yield hard
    yield sender
    yield soft
    yield hard


def read_report(message: Message, plain: str) -> tuple[tuple[Bounce, ...], Complaint | None]:
    """The bounces and the complaint that a message carries; nothing for ordinary mail."""
    complaint = _complaint(message)
    if complaint is not None:
        return (), complaint
    stated = list(_stated_recipients(message))
    if stated:  # also when it says "delivered": then it is no bounce, whatever the text sounds like
        return tuple(bounce for fields in stated if (bounce := _from_block(fields))), None
    return tuple(_from_words(message, plain)) if _from_a_mailer(message) else (), None


def original_id(message: Message) -> str:
    """The Message-ID of the mail that a report returns, with brackets; empty when it returns none."""
    for part in message.walk():
        if part is not message and part.get("message-id"):
            return str(part["message-id"]).strip()
    for text in _texts(message):
        if found := re.search(r"(?mi)^[> \t]*message-id:\s*(<[^<>\s]+>)", text):
            return found[1]
    return ""


def _complaint(message: Message) -> Complaint | None:
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(part)
            recipient = fields.get("original-rcpt-to") or fields.get("removal-recipient") or ""
            return Complaint(parseaddr(recipient)[1].lower(), fields.get("feedback-type", "abuse").lower())
    return None


def _fields(part: Message) -> dict[str, str]:
    payload = part.get_payload()
    blocks = _blocks(part) if isinstance(payload, list) else [message_from_string(str(payload))]
    return {name: value for block in blocks for name, value in _named(block).items()}


def _blocks(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def _named(block: Message) -> dict[str, str]:
    return {name.lower(): " ".join(str(value).split()) for name, value in block.items()}


def _stated_recipients(message: Message) -> Iterator[dict[str, str]]:
    """The per-recipient fields of a delivery-status part."""
    for part in message.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            for block in _blocks(part):
                fields = _named(block)
                if fields.get("final-recipient") or fields.get("original-recipient"):
                    yield fields


def _from_block(fields: dict[str, str]) -> Bounce | None:
    recipient = fields.get("final-recipient") or fields["original-recipient"]
    action = fields.get("action", "failed").split()[0].lower() if fields.get("action", "failed").split() else "failed"
    if action in ("delivered", "relayed", "expanded"):
        return None
    diagnostic = fields.get("diagnostic-code", "")
    status = _better_status(fields.get("status", ""), diagnostic)
    return Bounce(_bare(recipient), classify(status, diagnostic, action), status, diagnostic[:500])


def _better_status(stated: str, diagnostic: str) -> str:
    """The most exact code: the remote server's own words outrank the field, which gateways fill with 5.0.0 or 5.1.0."""
    spoken = [match[0] for match in _STATUS.finditer(diagnostic) if match[3] != "0"]
    first = _STATUS.search(stated) or _STATUS.search(diagnostic)
    return spoken[-1] if spoken else first[0] if first else ""


def _bare(recipient: str) -> str:
    return recipient.split(";")[-1].strip().strip("<>").lower()


def _from_a_mailer(message: Message) -> bool:
    name, address = parseaddr(str(message.get("from", "")))
    sender = address or name or str(message.get("from", ""))
    nobody = str(message.get("return-path", "x")).strip() in ("", "<>")
    subject = bool(_SUBJECT.search(str(message.get("subject", ""))))
    return (
        bool(message.get("x-failed-recipients"))
        or (subject and (nobody or bool(_POSTMASTER.match(sender))))
        or (nobody and bool(_POSTMASTER.match(sender)))
    )


def _from_words(message: Message, plain: str) -> Iterator[Bounce]:
    text = plain or "\n".join(_texts(message))
    if cut := _END_OF_REPORT.search(text):
        text = text[: cut.start()]
    words = " ".join(text.split())
    named = str(message.get("x-failed-recipients", ""))
    recipients = dict.fromkeys(address.lower().rstrip(".") for address in _ADDRESS.findall(named or text))
    ours = {address.lower() for address in _ADDRESS.findall(f"{message.get('to', '')} {message.get('from', '')}")}
    failed = [address for address in recipients if address not in ours and not _POSTMASTER.match(address)]
    status = _better_status("", words)
    reply = _REPLY.search(words)
    if not status and reply and reply[1].startswith("4"):
        status = "4.0.0"
    # Some mailers never say which address: the bounce address it came to does, so the report still counts.
    for recipient in (failed if named else failed[:1]) or [""]:
        yield Bounce(recipient, classify(status, words), status, words[:500])


def _texts(message: Message) -> Iterator[str]:
    for part in message.walk():
        if part.get_content_maintype() == "text" or part.get_content_type().startswith("message/"):
            payload = part.get_payload(decode=True)
            yield payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
