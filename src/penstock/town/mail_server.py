"""The town's mail server: real SMTP; every mailbox belongs to one of its people, or there is none."""

from __future__ import annotations

from typing import Any

from aiosmtpd.smtp import SMTP as Connection
from aiosmtpd.smtp import Envelope, Session

from penstock.town import habits, names
from penstock.town.business import mail as business_mail
from penstock.town.letters import open_letter
from penstock.town.state import TownState


class MailServer:
    """The handler of all SMTP connections."""

    def __init__(self, town: TownState) -> None:
        self._town = town

    async def handle_RCPT(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or say why not. Who only probes is told the same, and is no mail that was refused."""
        mail_from = envelope.mail_from or ""
        probe = business_mail.is_probe(mail_from, str(session.host_name or ""))
        refusal = self._refusal(address.casefold(), mail_from, probe=probe)
        if probe:
            self._town.truth.business.counts["probes"] += 1
        elif refusal.startswith(("550 5.1.1", "550 5.1.2")):
            self._town.truth.mail_refused()
        if not refusal:
            envelope.rcpt_tos.append(address)
        return refusal or "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        """Put the message into the mailboxes."""
        blow = self._town.faults.strike("smtp", f"data {' '.join(sorted(envelope.rcpt_tos))}")
        if blow in ("reset", "timeout"):
            server.transport.abort()
            return "421 4.3.2 closing"
        raw = envelope.content or b""
        for address in envelope.rcpt_tos:
            self._deliver(address.casefold(), raw.encode() if isinstance(raw, str) else raw, envelope.mail_from or "")
        return "250 2.0.0 Ok: queued"

    def _refusal(self, address: str, mail_from: str, *, probe: bool) -> str:
        """The SMTP reply that turns the recipient away, or an empty string."""
        if self._is_staff(address, mail_from):
            return ""
        if self._town.faults.strike("smtp", f"rcpt {address} {mail_from}") in ("rate_429", "rate_500"):
            return "451 4.7.1 Greylisted, please try again later"
        company = self._town.companies.at_domain(address.rpartition("@")[2])
        if company is not None:
            return business_mail.refusal(self._town, company, address, mail_from, probe=probe)
        mailbox = self._town.world.mailbox(address)
        if mailbox is not None and mailbox.state == "full":
            return "452 4.2.2 Mailbox full"
        exists = mailbox is not None and mailbox.state != "dead"
        accepted = exists or self._town.accepts_all(address.rpartition("@")[2])
        return "" if accepted else "550 5.1.1 No such mailbox here"

    def _is_staff(self, address: str, mail_from: str) -> bool:
        """True for the product's own people: named ones, staff domains, and mail within the sender's organisation."""
        domain = address.rpartition("@")[2]
        inside = _organisation(domain) == _organisation(mail_from.casefold().rpartition("@")[2])
        return inside or address in self._town.staff or domain in names.STAFF_DOMAINS

    def _deliver(self, address: str, raw: bytes, mail_from: str) -> None:
        town, is_staff = self._town, self._is_staff(address, mail_from)
        person = None if is_staff else town.person_at(address)
        nth = 1
        if person:
            nth += sum(len(town.letters.get(mailbox.email, ())) for mailbox in person.mailboxes)
        letter = open_letter(raw, mailbox=address, nth=nth, received_at=town.clock.now(), envelope_from=mail_from)
        town.letters.setdefault(address, []).append(letter)
        if not is_staff:
            habits.mail_arrived(town, person, letter)


def _organisation(domain: str) -> str:
    """The last two labels: mail.acme.example and acme.example are one house."""
    return ".".join(domain.split(".")[-2:])
