"""Name look-ups as JSON, in place of a resolver: `GET /town/dns?name=&type=A|AAAA|MX`.

Answers are {"status", "answers"}: NOERROR with addresses, or with "10 mx.name" (preference and exchange) for MX, where
"0 ." is a null MX (RFC 7505); NODATA, NXDOMAIN or SERVFAIL with none.
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town.business.company import Company
from penstock.town.business.sites import site_of
from penstock.town.state import TownState
from penstock.town.wire import hurt

TYPES: Final = ("A", "AAAA", "MX")
INSIDE: Final = {"intranet": "10.0.0.5", "vpn": "192.168.1.10"}  # names that should never have been public
LINKEDIN: Final = ("linkedin.com", "www.linkedin.com")
SITES_IPV6: Final = 0.3
Found = tuple[str, list[str]]


class NameServer:
    """The resolver over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town

    def routes(self) -> list[Route]:
        """Paths from the root of the town."""
        return [Route("/town/dns", self.look_up, methods=["GET"])]

    async def look_up(self, request: Request) -> Response:
        """One question."""
        name = request.query_params.get("name", "").casefold().rstrip(".")
        kind = request.query_params.get("type", "A").upper()
        if not name or kind not in TYPES:
            raise HTTPException(400, f"name and type ({', '.join(TYPES)}) are needed")
        self._town.truth.business.counts["dns"] += 1
        broken = JSONResponse({"status": "SERVFAIL", "answers": []})
        if blow := self._town.faults.strike("dns", f"{name} {kind}"):
            return await hurt(request, blow, busy=broken, broken=broken)
        status, answers = self.answer(name, kind)
        return JSONResponse({"status": status, "answers": answers})

    def answer(self, name: str, kind: str) -> Found:
        """Status and answers for a name in lower case without its last dot."""
        companies = self._town.companies
        if company := companies.at_domain(name):
            return self._company(company, name, kind, apex=True)
        first, _, rest = name.partition(".")
        if company := companies.at_domain(rest):
            if first == "www":
                return self._company(company, name, kind, apex=False)
            return self._below(company, first, kind)
        domain = rest if first == "mx" else name
        if domain in self._town.mail_domains():
            return self._mail_domain(name, kind, is_mx=first == "mx")
        if name in LINKEDIN:
            return ("NOERROR", ["13.107.42.14"]) if kind == "A" else ("NODATA", [])
        return "NXDOMAIN", []

    def _company(self, company: Company, name: str, kind: str, *, apex: bool) -> Found:
        if company.domain_state in ("nxdomain", "servfail"):
            return company.domain_state.upper(), []
        site = site_of(self._town.dice, company)
        if kind == "A":
            return "NOERROR", ["10.0.0.5" if site.dns_private else self._address(company.domain)]
        if kind == "AAAA":
            if site.dns_private:
                return "NOERROR", ["::ffff:10.0.0.5"]
            has = self._town.dice.chance(SITES_IPV6, "ipv6", company.stem)
            return ("NOERROR", [self._ipv6(company.domain)]) if has else ("NODATA", [])
        if not apex or company.domain_state == "no_mx":
            return "NODATA", []
        return "NOERROR", ["0 ."] if company.domain_state == "null_mx" else [f"10 mx.{name}"]

    def _below(self, company: Company, label: str, kind: str) -> Found:
        """Other names of a company: its mail server, and what leaked from inside."""
        if company.domain_state in ("nxdomain", "servfail"):
            return company.domain_state.upper(), []
        if label in INSIDE:
            return ("NOERROR", [INSIDE[label]]) if kind == "A" else ("NODATA", [])
        if label == "mx" and company.domain_state == "mx":
            return ("NOERROR", [self._address(f"mx.{company.domain}")]) if kind == "A" else ("NODATA", [])
        return "NXDOMAIN", []

    def _mail_domain(self, name: str, kind: str, *, is_mx: bool) -> Found:
        if kind == "A":
            return "NOERROR", [self._address(name)]
        return ("NOERROR", [f"10 mx.{name}"]) if kind == "MX" and not is_mx else ("NODATA", [])

    def _address(self, name: str) -> str:
        dice = self._town.dice
        return f"93.184.{dice.between(0, 255, 'a', name)}.{dice.between(1, 254, 'b', name)}"

    def _ipv6(self, name: str) -> str:
        return f"2606:2800:220:1::{self._town.dice.between(1, 0xFFFF, 'aaaa', name):x}"
