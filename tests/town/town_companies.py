"""Finding companies, officers and websites with wanted habits, and visiting them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
from town_bench import Bench

from penstock.town.business.company import Company, Term
from penstock.town.business.sites import Site, site_of


def companies(bench: Bench, count: int = 3000) -> Iterator[Company]:
    """The first companies of the town."""
    return (bench.state.companies.company(number) for number in range(count))


def an_officer(bench: Bench, **wanted: object) -> tuple[Company, Term]:
    """The first (company, term of now) with a company like that, the officer's mailbox in state `box`."""
    box = wanted.pop("box", "live")
    wanted = {"catch_all": False, "greylists": False, "domain_state": "mx"} | wanted
    for company in companies(bench):
        if all(getattr(company, name) == value for name, value in wanted.items()):
            for term in company.terms:
                if term.holds(bench.state.clock.now()) and term.person.mailboxes[0].state == box:
                    return company, term
    raise AssertionError(f"no officer at a company with {wanted}")


def some_site(bench: Bench, **wanted: object) -> Site:
    """The first site with those habits, good ones unless `odd` says otherwise."""
    wanted = {"odd": "", "dns_private": False} | wanted
    for number in range(8000):
        company = bench.state.companies.company(number)
        if company.domain_state in ("nxdomain", "servfail"):
            continue
        site = site_of(bench.state.dice, company)
        if all(getattr(site, name) == value for name, value in wanted.items()):
            return site
    raise AssertionError(f"no site with {wanted}")


async def visit(bench: Bench, site: Site, path: str = "/", host: str = "", **headers: str) -> httpx.Response:
    """A GET with the site's Host header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await bench.client.get(path, headers={"Host": host or site.company.domain, **named})
