"""The actors: what each reads from a URL, as the world is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.town.business import odds
from penstock.town.business.company import Company
from penstock.town.business.pages import page_at
from penstock.town.business.profiles import profile_url, slug_of
from penstock.town.business.sites import site_of
from penstock.town.people import Person
from penstock.town.state import TownState

Item = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """One actor of the store: its id, and a function from URL to dataset item."""

    name: str
    read: Callable[[TownState, str], Item]

    @property
    def id(self) -> str:
        """As in paths."""
        return f"penstock~{self.name}"

    @property
    def price_tenths(self) -> int:
        """Tenths of a cent for each good item."""
        return odds.PRICES["apify", self.name]

    def item(self, url: str) -> str:
        """What is bought, however the URL was written."""
        parts = urlsplit(url if "://" in url else f"https://{url}")
        return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/')}".casefold()


def read_profile(town: TownState, url: str) -> Item:
    """A person's profile: where they say they work now. Whoever left may name an employer out of town, or none."""
    person = town.companies.at_profile(slug_of(url, "in"))
    if person is None or not _is_member(town, person):
        return {"url": url, "error": "not_found"}
    town.truth.business.page("profile", profile_url(person))
    now = town.clock.now()
    terms = [
        (company, term)
        for company in town.companies.employers(person)
        for term in company.terms
        if term.person.id == person.id and term.on_profile(now)
    ]
    if not terms:
        gone = town.dice.pick(("Open to new opportunities", "Independent advisor", "Retired"), "after", person.id)
        return {"url": url, "fullName": person.name, "headline": gone, "company": "", "companyUrl": "", "title": ""}
    company, term = terms[0]
    headline = " | ".join(f"{held.title} at {at.short}" for at, held in terms)
    return {
        "url": url,
        "fullName": person.name,
        "headline": headline,
        "company": company.short,
        "companyUrl": company.linkedin_url,
        "title": term.title,
    }


def read_company(town: TownState, url: str) -> Item:
    """A company's page, with those of its officers who are members and say that they work there."""
    company = town.companies.at_page(slug_of(url, "company"))
    if company is None:
        return {"url": url, "error": "not_found"}
    town.truth.business.page("linkedin", company.linkedin_url)
    now = town.clock.now()
    return {
        "url": url,
        "name": company.short,
        "website": f"https://{company.domain}",
        "employees": company.employees,
        "people": [
            {"fullName": term.person.name, "title": term.title, "profileUrl": profile_url(term.person)}
            for term in company.terms
            if term.on_profile(now) and _is_member(town, term.person)
        ],
    }


def read_website(town: TownState, url: str) -> Item:
    """A page as a browser would see it. A misbehaving site is an item with its status and no markup."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    company: Company | None = town.companies.at_domain((parts.hostname or "").casefold().removeprefix("www."))
    if company is None or company.domain_state in ("nxdomain", "servfail"):
        return {"url": url, "error": "dns_failed"}
    site = site_of(town.dice, company)
    path = parts.path.rstrip("/") or "/"
    if site.odd or site.dns_private:
        return {"url": url, "error": "page_failed", "statusCode": 500 if site.odd == "error_500" else 0}
    page = page_at(town.dice, site, path, town.clock.now())
    if page is None:
        return {"url": url, "html": "<h1>Not found</h1>", "statusCode": 404}
    town.truth.business.page(page.kind, f"{company.domain}{path}")
    return {"url": url, "html": page.body, "statusCode": 200}


def _is_member(town: TownState, person: Person) -> bool:
    return town.dice.chance(odds.ON_LINKEDIN, "on linkedin", person.id)


ACTORS: Final[Mapping[str, Actor]] = {
    actor.id: actor
    for actor in (
        Actor("profile-scraper", read_profile),
        Actor("company-scraper", read_company),
        Actor("website-scraper", read_website),
    )
}
