"""What is true of a company and of an officer, as JSON for tests and measurements."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from penstock.town.business import chronicle
from penstock.town.business.company import OFFICES, Term
from penstock.town.business.profiles import profile_url
from penstock.town.business.sites import site_of
from penstock.town.people import Person
from penstock.town.state import TownState


def company(town: TownState, number: int) -> dict[str, Any]:
    """A company now: facts, `officers` by office, `terms` (past and to come), `history`, `mail` and `site` habits."""
    found = town.companies.company(number)
    now = town.clock.now()
    site = site_of(town.dice, found)
    holders = {office: found.holder(office, now) for office in OFFICES}
    return {
        "number": number,
        "name": found.name,
        "short": found.short,
        "ein": found.ein,
        "domain": found.domain,
        "linkedin": found.linkedin_url,
        "news": found.news_url,
        "city": found.zip_code.city.title(),
        "state": found.zip_code.state,
        "zip": found.zip_code.code,
        "zone": found.zip_code.zone,
        "employees": found.employees,
        "renewal_month": found.renewal_month,
        "shares_office": town.companies.shared(number),
        "officers": {office: _officer(town, term, now) if term else None for office, term in holders.items()},
        "terms": [_term(term) for term in found.terms],
        "history": chronicle.history(town.dice, found),
        "mail": {
            "pattern": found.pattern,
            "catch_all": found.catch_all,
            "greylists": found.greylists,
            "refuses_probes": found.refuses_probes,
            "domain_state": found.domain_state,
        },
        "site": {
            "odd": site.odd,
            "robots": site.robots,
            "crawl_delay": site.crawl_delay,
            "team_path": site.team_path,
            "shape": site.shape,
            "validators": site.validators,
            "dns_private": site.dns_private,
        },
    }


def officer(town: TownState, person: Person) -> dict[str, Any]:
    """A person with an office: themselves, their stance, and the offices they hold at some time."""
    mood = town.moods.get(person.id)
    return {
        "person": asdict(person) | {"stance": mood.stance if mood else "cold"},
        "companies": [
            {"domain": at.domain, "name": at.name, **_term(term)}
            for at in town.companies.employers(person)
            for term in at.terms
            if term.person.id == person.id
        ],
    }


def _officer(town: TownState, term: Term, now: datetime) -> dict[str, Any]:
    person = term.person
    box = town.companies.mailbox(person.mailboxes[0].email, now)
    return {
        "id": person.id,
        "name": person.name,
        "title": term.title,
        "email": person.mailboxes[0].email,
        "mailbox": box.state if box else "dead",
        "profile": profile_url(person),
        "since": term.since.isoformat(),
        "on_site": term.on_site(now),
        "on_profile": term.on_profile(now),
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "office": term.office,
        "id": term.person.id,
        "name": term.person.name,
        "title": term.title,
        "email": term.person.mailboxes[0].email,
        "since": term.since.isoformat(),
        "until": term.until.isoformat() if term.until else None,
        "site_since": term.site_since.isoformat(),
        "site_until": term.site_until.isoformat() if term.site_until else None,
        "profile_since": term.profile_since.isoformat(),
        "profile_until": term.profile_until.isoformat() if term.profile_until else None,
        "mailbox_ends": term.mailbox_ends.isoformat() if term.mailbox_ends else None,
    }
