"""How companies' mail servers treat a recipient: as households' do, and some greylist or refuse probes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from penstock.town.business.company import Company
from penstock.town.state import TownState

GREYLIST: Final = timedelta(minutes=10)  # of town time, from the first try on
PROBES: Final = frozenset(("probe", "mailprobe", "verify", "verifier", "check", "checker", ""))


def is_probe(mail_from: str, helo: str) -> bool:
    """True if the sender only asks whether a mailbox exists: by an empty sender, or by its own or its host's name."""
    sender = mail_from.casefold().partition("@")[0]
    return sender in PROBES or helo.casefold().partition(".")[0] in PROBES - {""}


def refusal(town: TownState, company: Company, address: str, mail_from: str, *, probe: bool) -> str:
    """The SMTP reply that turns a recipient at the company away, or an empty string."""
    if not company.takes_mail:
        return "550 5.1.2 No such domain here"
    if probe and company.refuses_probes:
        return "550 5.7.1 Access denied by policy"
    if company.greylists and _is_too_soon(town, address, mail_from):
        return "450 4.7.1 Greylisted, please try again later"
    mailbox = town.companies.mailbox(address, town.clock.now())
    if mailbox is not None and mailbox.state == "full":
        return "452 4.2.2 Mailbox full"
    exists = mailbox is not None and mailbox.state != "dead"
    return "" if exists or company.catch_all else "550 5.1.1 No such mailbox here"


def _is_too_soon(town: TownState, address: str, mail_from: str) -> bool:
    """True for the first try of a sender's domain to an address, and for ten minutes after it."""
    key = (mail_from.casefold().rpartition("@")[2], address)
    now = town.clock.now()
    return now - town.greylisted.setdefault(key, now) < GREYLIST
