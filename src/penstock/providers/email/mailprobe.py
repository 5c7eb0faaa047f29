"""Our own check: syntax, lists, MX, and the question RCPT TO at the mail server; never DATA, so nobody gets any mail.

It costs nothing and proves less than a vendor's check: many large hosts accept every recipient or answer late. A
stranger's address is asked about at the same domain, and what is learned of a domain that accepts all is kept for seven
days.
To stay welcome, one process keeps at most one connection to a mail server and waits between probes of one domain.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from ipaddress import ip_address
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import aiosmtplib
import httpx
from email_validator import EmailNotValidError, validate_email

from penstock.core import clock
from penstock.core.errors import NotConfigured
from penstock.core.settings import Settings
from penstock.providers import Reply
from penstock.providers.checks import Report, one_by_one
from penstock.providers.email.mail_hosts import BySystem, ByUrl, Lookup, LookupFailed, NoMail, NoSuchName, mail_hosts
from penstock.providers.email.verdicts import ACCEPTED, Word, verdict
from penstock.providers.pages.addresses import is_public

VENDOR = "mailprobe"
BATCH_SIZE = 20
HOSTS_TRIED = 2  # of the MX records of a domain
REMEMBERED = timedelta(days=7)
MOST_REMEMBERED = 100_000
SILENT_S = 300.0
LISTS = files(__package__).joinpath("lists")
T = TypeVar("T")


def _words(name: str) -> frozenset[str]:
    lines = LISTS.joinpath(name).read_text("utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


ROLES = _words("roles.txt")
DISPOSABLE = _words("disposable.txt")


class Manners:
    """What one process has to remember to be a good guest: who is being asked, who was asked when, who accepts all."""

    def __init__(self) -> None:
        self._in_use: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._asked_at: dict[str, float] = {}
        self._silent_at: dict[str, float] = {}
        self._accepts_all: dict[str, tuple[bool, datetime]] = {}

    def alone_with(self, name: str) -> asyncio.Lock:
        """The lock of a mail server or a domain; it is there for as long as somebody holds or waits for it."""
        return self._in_use.setdefault(name, asyncio.Lock())

    async def wait_for_turn(self, domain: str, seconds: float) -> None:
        """Lets `seconds` pass between two probes of a domain."""
        if seconds <= 0:
            return
        if (before := self._asked_at.get(domain)) is not None:
            await asyncio.sleep(max(0.0, before + seconds - clock.stopwatch()))
        _keep(self._asked_at, domain, clock.stopwatch())

    def is_silent(self, host: str) -> bool:
        """Whether the server did not talk to us a moment ago: a queue of addresses need not wait for it each time."""
        at = self._silent_at.get(host)
        return at is not None and clock.stopwatch() - at < SILENT_S

    def found_silent(self, host: str) -> None:
        """The server did not talk to us."""
        _keep(self._silent_at, host, clock.stopwatch())

    def accepts_all(self, domain: str) -> bool | None:
        """Whether the domain takes mail for anybody; None where that was not asked within seven days."""
        known = self._accepts_all.get(domain)
        return known[0] if known is not None and clock.now() - known[1] < REMEMBERED else None

    def learn(self, domain: str, accepts_all: bool) -> None:
        """Keep what a stranger's address showed."""
        _keep(self._accepts_all, domain, (accepts_all, clock.now()))


def _keep(memory: dict[str, T], name: str, value: T) -> None:
    """Put the newest last, and forget the oldest once there are too many."""
    memory.pop(name, None)
    memory[name] = value
    if len(memory) > MOST_REMEMBERED:
        memory.pop(next(iter(memory)))


_MANNERS: WeakKeyDictionary[httpx.AsyncClient, Manners] = WeakKeyDictionary()  # as long as the process's client lives


@dataclass(frozen=True, slots=True)
class Setup:
    """How we present ourselves. `smtp_to` (host, port) stands in for every mail server; None: port 25 of the MX."""

    helo_name: str
    mail_from: str
    seconds_per_domain: float = 1.0
    timeout_s: float = 10.0
    smtp_to: tuple[str, int] | None = None


def connect(client: httpx.AsyncClient, settings: Settings) -> "MailProbe":
    """The probe as the settings have it. Raises NotConfigured where it is switched off."""
    probe, net = settings.probe, settings.net
    if not probe.helo_name:
        raise NotConfigured(
            "our own check of mailboxes is switched off",
            fix="set PENSTOCK_PROBE__HELO_NAME to the reverse name of an address that may speak on port 25",
        )
    host, _, port = net.smtp_to.rpartition(":")
    setup = Setup(
        helo_name=probe.helo_name,
        mail_from=probe.mail_from or f"probe@{probe.helo_name}",
        seconds_per_domain=probe.seconds_per_domain,
        timeout_s=probe.timeout_s,
        smtp_to=(host, int(port)) if net.smtp_to else None,
    )
    lookup = ByUrl(client, net.dns_url) if net.dns_url else BySystem()
    return MailProbe(setup, lookup, _MANNERS.setdefault(client, Manners()))


class MailProbe:
    """The check, as a Checker like the vendors'."""

    batch_size = BATCH_SIZE

    def __init__(self, setup: Setup, lookup: Lookup, manners: Manners | None = None) -> None:
        self._setup, self._lookup, self._manners = setup, lookup, manners or Manners()

    async def fetch(self, values: Sequence[str]) -> list[Reply]:
        """One reply per address, in order; never charged, and never an error: what cannot be found out is undecided."""
        return await one_by_one(values, self._ask, at_once=BATCH_SIZE)

    def read(self, raw: Mapping[str, Any]) -> Report:
        """What one stored probe says."""
        code = str(raw.get("code") or "undecided")
        return Report(codes=("exists:role",) if code == "exists" and raw.get("role") else (code,))

    async def _ask(self, address: str) -> Reply:
        try:
            found = validate_email(address, check_deliverability=False)
        except EmailNotValidError:
            return _reply("syntax")
        domain, ascii_address = found.ascii_domain, found.ascii_email
        if is_disposable(domain):
            return _reply("disposable")
        try:
            hosts = await mail_hosts(self._lookup, domain)
        except NoMail as no_mail:
            return _reply(no_mail.code)
        except LookupFailed:
            return _reply("dns_failed")
        if ascii_address is None:
            return _reply("cannot_verify")  # a local part beyond ASCII: few servers can be asked about it
        return await self._ask_servers(ascii_address, domain, hosts[:HOSTS_TRIED])

    async def _ask_servers(self, address: str, domain: str, hosts: Sequence[str]) -> Reply:
        """The word of the first server that talks to us."""
        async with self._manners.alone_with(f"domain {domain}"):
            if self._manners.accepts_all(domain):
                return _reply("catch_all", remembered=True)
            for host in hosts:
                async with self._manners.alone_with(f"server {host}"):
                    if self._manners.is_silent(host):
                        continue
                    await self._manners.wait_for_turn(domain, self._setup.seconds_per_domain)
                    try:
                        async with asyncio.timeout(self._setup.timeout_s):
                            return await self._talk(host, address, domain)
                    except (aiosmtplib.SMTPException, OSError, TimeoutError):
                        self._manners.found_silent(host)
        return _reply("no_connection")

    async def _talk(self, host: str, address: str, domain: str) -> Reply:
        """What the server says of the address, and of a stranger where it is not known yet whether it accepts all."""
        hostname, port = self._setup.smtp_to or (await self._public_address(host), 25)
        client = aiosmtplib.SMTP(
            hostname=hostname,
            port=port,
            timeout=self._setup.timeout_s,
            local_hostname=self._setup.helo_name,
            start_tls=False,
        )
        try:
            await client.connect()
            try:
                await client.ehlo()
                await client.mail(self._setup.mail_from)
            except aiosmtplib.SMTPResponseException as refused:
                # It will not hear the question: that is about us, whatever the number.
                return _reply("greylisted" if 400 <= refused.code < 500 else "refused", smtp=refused.code)
            target = await _rcpt(client, address)
            stranger = None
            if target.code in ACCEPTED and self._manners.accepts_all(domain) is None:
                stranger = await _rcpt(client, self._stranger(domain))
            return self._judged(domain, address, target, stranger)
        finally:
            await _take_leave(client)

    async def _public_address(self, host: str) -> str:
        """Where the mail server is. Raises OSError: anybody may write a name inside our own network into their MX."""
        try:
            records = await self._lookup(host, "A") or await self._lookup(host, "AAAA")
            addresses = [ip_address(record.value) for record in records]
        except (NoSuchName, LookupFailed, ValueError) as error:
            raise OSError("the mail server has no address") from error
        if not addresses or not all(is_public(address) for address in addresses):
            raise OSError("the mail server is not in the public network")
        return str(addresses[0])

    def _stranger(self, domain: str) -> str:
        """A mailbox that nobody has: always the same for a domain, so that two runs ask the same."""
        return f"{hashlib.sha256(f'{self._setup.helo_name}|{domain}'.encode()).hexdigest()[:20]}@{domain}"

    def _judged(self, domain: str, address: str, target: Word, stranger: Word | None) -> Reply:
        code = verdict(target, stranger)
        if stranger is not None and code in ("exists", "catch_all"):
            self._manners.learn(domain, code == "catch_all")
        return _reply(code, smtp=target.code, enhanced=target.enhanced, role=is_role(address))


def is_role(address: str) -> bool:
    """Whether the address is an office's: info@, hr@, sales+web@."""
    return address.partition("@")[0].partition("+")[0].lower() in ROLES


def is_disposable(domain: str) -> bool:
    """Whether mailboxes of the domain, or of one above it, live for minutes."""
    labels = domain.lower().split(".")
    return any(".".join(labels[start:]) in DISPOSABLE for start in range(len(labels)))


async def _rcpt(client: aiosmtplib.SMTP, address: str) -> Word:
    try:
        answer = await client.rcpt(address)
    except aiosmtplib.SMTPRecipientRefused as refused:
        return Word(refused.code, refused.message)
    return Word(answer.code, answer.message)


async def _take_leave(client: aiosmtplib.SMTP) -> None:
    """Ends the session without mail, politely where the server still listens."""
    try:
        if client.is_connected:
            await client.rset()
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        pass  # it hung up first
    finally:
        client.close()


def _reply(code: str, **what_was_said: Any) -> Reply:
    return Reply(raw={"code": code, **what_was_said}, billable=False)
