"""What people and mail servers send back, in the shape of an inbound mail webhook (Postmark's)."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from penstock.town import odds, wordings
from penstock.town.business import acts
from penstock.town.business import wordings as business_wordings
from penstock.town.letters import Letter
from penstock.town.people import Person
from penstock.town.state import TownState
from penstock.town.timetable import Event

AUTOMATIC: Final = ("out_of_office", "left_company")


def compose(town: TownState, person: Person, letter: Letter, intent: str, **words: str) -> dict[str, Any]:
    """The person's answer to a letter. The wording depends on person, letter number and intent alone."""
    dice, key = town.dice, (person.id, letter.nth, intent)
    given = letter.sender_name.partition(" ")[0] or "there"
    texts, filled = _spoken(town, person, intent, key)
    said = dice.pick(texts, "wording", *key).format(first=given, **filled, **words)
    automatic = intent in AUTOMATIC
    if not automatic:
        said = dice.pick(wordings.GREETINGS, "greeting", *key).format(first=given) + said
    if intent != "left_company" and dice.chance(odds.SIGNS, "signs", *key):
        number = person.own_number().number
        signatures = business_wordings.SIGNATURES if person.role == "officer" else wordings.SIGNATURES
        signed = {"name": person.name, "given": person.first, "phone": f"{number[:3]}-{number[3:6]}-{number[6:]}"}
        said += dice.pick(signatures, "signature", *key).format(**(filled | signed))
    quote = "" if automatic or not dice.chance(odds.QUOTES_ORIGINAL, "quotes", *key) else _quote(town, person, letter)
    headers = {"In-Reply-To": letter.message_id, "References": letter.message_id}
    if automatic:
        headers |= {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Precedence": "bulk"}
    return envelope(
        town,
        letter,
        key,
        sender=(letter.mailbox, person.name),
        to=letter.reply_to,
        subject=("Automatic reply: " if automatic else "Re: ") + letter.subject.removeprefix("Re: "),
        body=said + quote,
        stripped=said,
        headers=headers,
        zone=person.zone,
    )


def _spoken(
    town: TownState, person: Person, intent: str, key: tuple[object, ...]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The wordings of an intent and what is filled into them: people at home speak otherwise than in an office."""
    if person.role == "officer":
        return acts.spoken(town, person, intent, key)
    return wordings.BY_INTENT[intent], {"street": town.world.home_of(person).address.street.title()}


def bounce(town: TownState, letter: Letter) -> dict[str, Any]:
    """A delivery status notification (RFC 3464) for a mailbox that took the mail and then could not keep it."""
    domain = letter.mailbox.rpartition("@")[2]
    full = town.dice.chance(0.2, "bounce", letter.mailbox)
    status, reason = ("5.2.2", "mailbox full") if full else ("5.1.1", "user unknown")
    report = (
        f"Reporting-MTA: dns; mx.{domain}\r\nArrival-Date: {format_datetime(letter.received_at)}\r\n\r\n"
        f"Final-Recipient: rfc822; {letter.mailbox}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} <{letter.mailbox}>: {reason}\r\n"
    )
    original = f"Message-ID: {letter.message_id}\r\nTo: {letter.mailbox}\r\nSubject: {letter.subject}\r\n"
    body = (
        f"This is the mail system at host mx.{domain}.\n\nI'm sorry to have to inform you that your message could not\n"
        f"be delivered to one or more recipients. It's attached below.\n\n"
        f"<{letter.mailbox}>: host mx.{domain} said: 550 {status} {reason} (in reply to end of DATA command)\n"
    )
    return envelope(
        town,
        letter,
        ("bounce", letter.mailbox, letter.nth),
        sender=(f"MAILER-DAEMON@mx.{domain}", "Mail Delivery System"),
        to=letter.envelope_from or letter.sender,
        subject="Undelivered Mail Returned to Sender",
        body=body,
        stripped="",
        headers={
            "Return-Path": "<>",
            "Auto-Submitted": "auto-replied",
            "Content-Type": 'multipart/report; report-type=delivery-status; boundary="town"',
            "X-Failed-Recipients": letter.mailbox,
            "In-Reply-To": letter.message_id,
            "References": letter.message_id,
        },
        zone="UTC",
        attachments=[
            _attachment("details.txt", "message/delivery-status", report),
            _attachment("message.txt", "text/rfc822-headers", original),
        ],
    )


def envelope(
    town: TownState,
    letter: Letter,
    key: tuple[object, ...],
    *,
    sender: tuple[str, str],
    to: str,
    subject: str,
    body: str,
    stripped: str,
    headers: dict[str, str],
    zone: str,
    attachments: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The webhook body for one inbound mail."""
    address, name = sender
    token = town.dice.token("mail", *key)
    tag = to.partition("@")[0].partition("+")[2]
    recipient = {"Email": to, "Name": "", "MailboxHash": tag}
    now = town.clock.now().astimezone(ZoneInfo(zone))
    message_id = f"<{token}@{address.rpartition('@')[2]}>"
    town.message_ids.add(message_id)
    all_headers = {"Message-ID": message_id, "MIME-Version": "1.0", **headers}
    return {
        "FromName": name,
        "MessageStream": "inbound",
        "From": address,
        "FromFull": {"Email": address, "Name": name, "MailboxHash": ""},
        "To": to,
        "ToFull": [recipient],
        "Cc": "",
        "CcFull": [],
        "Bcc": "",
        "BccFull": [],
        "OriginalRecipient": to,
        "Subject": subject,
        "MessageID": f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:]}",
        "ReplyTo": "",
        "MailboxHash": tag,
        "Date": format_datetime(now),
        "TextBody": body,
        "HtmlBody": "",
        "StrippedTextReply": stripped,
        "Tag": "",
        "Headers": [{"Name": header, "Value": value} for header, value in all_headers.items() if value],
        "Attachments": attachments or [],
    }


class InboundMail(Event):
    """One mail to the product, by its inbound webhook. The body is written when it is first sent."""

    def __init__(self, town: TownState, actor: str, key: str) -> None:
        super().__init__(actor, key)
        self.town = town
        self._body = b""

    def write(self) -> dict[str, Any]:
        """The webhook body."""
        raise NotImplementedError

    async def perform(self) -> None:
        """Send it (twice with that fault); nothing happens while no webhook is configured."""
        await self.mail_out()

    async def mail_out(self) -> bool:
        """True if the product took the mail with a 2xx."""
        town, url = self.town, self.town.webhooks.mail_inbound
        if not url:
            return False
        self._body = self._body or json.dumps(self.write()).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "Postmark"}
        answer = await town.post.send("POST", url, body=self._body, headers=headers)
        if town.faults.doubles("mail", self.key):
            answer = await town.post.send("POST", url, body=self._body, headers=headers)
        if answer.is_error:
            town.truth.refusals["mail_inbound"] += 1
        return answer.is_success


class Bounce(InboundMail):
    """The notification of a mail server that accepted too early."""

    def __init__(self, town: TownState, letter: Letter) -> None:
        super().__init__(town, f"server {letter.mailbox}", f"bounce {letter.mailbox} {letter.nth:04d}")
        self._letter = letter

    def write(self) -> dict[str, Any]:
        """The delivery status notification."""
        return bounce(self.town, self._letter)

    async def perform(self) -> None:
        """Report it and count it."""
        if await self.mail_out():
            self.town.truth.replies["bounce"] += 1


class LeftNote(InboundMail):
    """What the mailbox of somebody who has left the company says."""

    def __init__(self, town: TownState, person: Person, letter: Letter) -> None:
        super().__init__(town, f"server {letter.mailbox}", f"left {letter.mailbox} {letter.nth:04d}")
        self._person, self._letter = person, letter

    def write(self) -> dict[str, Any]:
        """The note."""
        return compose(self.town, self._person, self._letter, "left_company")

    async def perform(self) -> None:
        """Send it and count it."""
        if await self.mail_out():
            self.town.truth.replies["left_company"] += 1


class AutoReply(InboundMail):
    """The out-of-office note of somebody who is away."""

    def __init__(self, town: TownState, person: Person, letter: Letter, back: datetime) -> None:
        super().__init__(town, f"server {letter.mailbox}", f"auto {letter.mailbox} {letter.nth:04d}")
        self._person, self._letter, self._back = person, letter, back

    def write(self) -> dict[str, Any]:
        """The note, with the day of return in one of several spellings."""
        spelling = self.town.dice.pick(("%B %-d", "%m/%d/%Y", "%A, %B %-d", "%d %b %Y"), "spelling", self._person.id)
        return compose(self.town, self._person, self._letter, "out_of_office", back=f"{self._back:{spelling}}")

    async def perform(self) -> None:
        """Send it and count it."""
        if await self.mail_out():
            self.town.truth.replies["out_of_office"] += 1


def _quote(town: TownState, person: Person, letter: Letter) -> str:
    lines = letter.text.strip().splitlines()[:40]
    sent = letter.received_at.astimezone(ZoneInfo(person.zone))
    return town.dice.pick(wordings.QUOTES, "quote style", letter.mailbox).format(
        date=f"{sent:%a, %b %-d, %Y at %-I:%M %p}",
        writer=letter.sender_name or letter.sender,
        address=letter.sender,
        subject=letter.subject,
        quoted="\n".join(f"> {line}" for line in lines),
        plain="\n".join(lines),
    )


def _attachment(name: str, kind: str, content: str) -> dict[str, Any]:
    data = base64.b64encode(content.encode()).decode()
    return {"Name": name, "ContentType": kind, "Data": data, "ContentLength": len(content)}
