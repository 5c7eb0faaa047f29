"""A mail as its recipient sees it: who wrote, what it says, where its links lead, how to get off the list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Final

LINK: Final = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail in one mailbox. `nth` counts the mails to its person from 1.

    `answers` is the Message-ID it replies to; `automatic` says that it calls itself that and offers no way off a list.
    """

    mailbox: str
    nth: int
    received_at: datetime
    raw: bytes
    envelope_from: str
    sender: str
    sender_name: str
    reply_to: str
    subject: str
    message_id: str
    text: str
    links: tuple[str, ...]
    one_click: str  # URL of the List-Unsubscribe header, empty if it offers no one-click POST
    answers: str
    automatic: bool

    def link(self, mark: str) -> str:
        """The first link whose path contains `mark`, or an empty string."""
        return next((link for link in self.links if mark in link), "")


def open_letter(raw: bytes, *, mailbox: str, nth: int, received_at: datetime, envelope_from: str) -> Letter:
    """Read a message. Never raises: what a mail lacks is empty."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    plain, markup = _part(message, "plain"), _part(message, "html")
    links = [link.rstrip(".,;:!?)") for link in LINK.findall(plain)] + links_of(markup)
    name, sender = parseaddr(_header(message, "From"))
    off_list = _header(message, "List-Unsubscribe")
    one_click = LINK.search(off_list) if _header(message, "List-Unsubscribe-Post") else None
    return Letter(
        mailbox=mailbox,
        nth=nth,
        received_at=received_at,
        raw=raw,
        envelope_from=envelope_from,
        sender=sender,
        sender_name=name,
        reply_to=parseaddr(_header(message, "Reply-To"))[1] or sender,
        subject=_header(message, "Subject"),
        message_id=_header(message, "Message-ID"),
        text=plain or re.sub(r"<[^>]+>", " ", markup),
        links=tuple(dict.fromkeys(links)),
        one_click=one_click.group() if one_click else "",
        answers=_header(message, "In-Reply-To"),
        automatic=bool(_header(message, "Auto-Submitted")) and not off_list,
    )


def _header(message: EmailMessage, name: str) -> str:
    value = message.get(name)
    return " ".join(str(value).split()) if value is not None else ""


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def links_of(markup: str) -> list[str]:
    """The href of every anchor, in order."""
    reader = _Anchors()
    reader.feed(markup)
    reader.close()
    return reader.found


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href") or ""
        if tag == "a" and link.startswith(("http://", "https://")):
            self.found.append(link)
