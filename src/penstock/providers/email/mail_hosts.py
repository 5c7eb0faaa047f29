"""Which servers take mail for a domain: MX records, or the domain itself where it has none (RFC 5321, RFC 7505)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver
import httpx

from penstock.core.errors import ProviderError
from penstock.core.http import Request, ask_json

LIFETIME_S = 5.0
RecordType = Literal["MX", "A", "AAAA"]


class NoMail(Exception):
    """The domain takes no mail: no_domain, null_mx or no_mail_host. It will not tomorrow either."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NoSuchName(Exception):
    """The name does not exist at all (NXDOMAIN)."""


class LookupFailed(Exception):
    """Nobody could say: a time-out, a broken name server."""


@dataclass(frozen=True, slots=True)
class Record:
    """One answer: a host of an MX record with its preference, or an address (preference 0)."""

    value: str
    preference: int = 0


class Lookup(Protocol):
    """Asks for the records of a name. An empty list: the name is there, such a record is not."""

    async def __call__(self, name: str, kind: RecordType) -> list[Record]:
        """Raises NoSuchName and LookupFailed."""


async def mail_hosts(lookup: Lookup, domain: str) -> list[str]:
    """Hosts that take mail for `domain` (ASCII), best first. Raises NoMail and LookupFailed."""
    try:
        records = await lookup(domain, "MX")
    except NoSuchName:
        raise NoMail("no_domain") from None
    if any(not _host(record) for record in records):
        raise NoMail("null_mx")
    if records:
        return [_host(record) for record in sorted(records, key=lambda record: (record.preference, _host(record)))]
    for kind in ("A", "AAAA"):
        if await _there(lookup, domain, kind):
            return [domain]
    raise NoMail("no_mail_host")


async def _there(lookup: Lookup, domain: str, kind: RecordType) -> bool:
    try:
        return bool(await lookup(domain, kind))
    except NoSuchName:
        return False


def _host(record: Record) -> str:
    return record.value.rstrip(".").lower()


class BySystem:
    """Look-ups by the name servers that this machine is set up with."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def __call__(self, name: str, kind: RecordType) -> list[Record]:
        """The records, as the first name server to answer has them."""
        try:
            resolver = self._resolver or dns.asyncresolver.Resolver()
            # The dot at the end keeps the machine's search domains out of it.
            answer = await resolver.resolve(f"{name}.", kind, lifetime=LIFETIME_S)
        except dns.resolver.NXDOMAIN:
            raise NoSuchName(name) from None
        except dns.resolver.NoAnswer:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(type(error).__name__) from error
        if kind == "MX":
            return [Record(record.exchange.to_text(), record.preference) for record in answer]
        return [Record(record.address) for record in answer]


class ByUrl:
    """Look-ups over HTTP (GET ?name=&type=) by whatever stands in for the name servers."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client, self._url = client, url

    async def __call__(self, name: str, kind: RecordType) -> list[Record]:
        """The records of an answer {"status": NOERROR|NODATA|NXDOMAIN|SERVFAIL, "answers": […]}."""
        query = {"name": name, "type": kind}
        try:
            body = await ask_json(
                self._client, Request(vendor="dns", method="GET", url=self._url, query=query, repeatable=True)
            )
        except ProviderError as error:
            raise LookupFailed(str(error)) from error
        status = body.get("status") if isinstance(body, Mapping) else None
        if status == "NXDOMAIN":
            raise NoSuchName(name)
        if status not in ("NOERROR", "NODATA"):
            raise LookupFailed(str(status))
        return _records(body.get("answers") or [])


def _records(answers: Sequence[Any]) -> list[Record]:
    """MX as an object with preference and exchange, or as "10 mx.example."; an address as it is."""
    found = []
    for answer in answers:
        if isinstance(answer, Mapping):
            found.append(Record(str(answer.get("exchange") or ""), int(answer.get("preference") or 0)))
        else:
            preference, gap, host = str(answer).strip().partition(" ")
            found.append(Record(host.strip(), int(preference)) if gap else Record(preference))
    return found
