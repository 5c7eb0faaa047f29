"""From what a visit brought to rows of app.company_facts. Pure, but for the sealing of emails."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from penstock import identity
from penstock.providers.pages.words import PagePerson
from penstock.scrape.found import FoundFunding, FoundJob, FoundMove, FoundPerson
from penstock.scrape.visits import Part, Visit
from penstock.scrape.words import name_key

_CONTACT = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|\+?\d[\d\s().-]{7,}\d")
_EMAIL = re.compile(r"[a-z0-9._%+'-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")

Seal = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Watched:
    """Whose page it is. `companies`: id, name and linkedin_key of all where a person is thought to work,
    or of the one company.

    `full_name` and `contact_id` are those of the person, for a profile.
    """

    page_id: int
    url_type: str
    company_id: int
    companies: Sequence[Mapping[str, Any]]
    contact_id: int | None = None
    full_name: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The facts of a visit, and the addresses that list people: whoever is missing there is missing."""

    facts: list[dict[str, Any]]
    lists: list[str]


def facts_of(visit: Visit, watched: Watched, seal: Seal) -> Kept:
    """What is to be kept of a visit. `seal` hides an email."""
    if watched.url_type == "profile":
        return Kept(list(_profile(visit, watched)), [])
    found: list[dict[str, Any]] = []
    lists: list[str] = []
    if visit.page.people is not None:
        people = [FoundPerson(one.name, one.title, one.profile_url) for one in visit.page.people]
        found += _people(people, watched, visit.page.url, seal)
        lists += [visit.page.url] if people else []
    for part in visit.parts:
        if part.kind in {"home", "people"}:
            found += _people(part.reading.people, watched, part.url, seal)
            lists += [part.url] if part.reading.people else []
        found += _news(part, watched)
    # Of a fact on several pages the last counts: the home page names in passing whom the team page lists.
    return Kept(list({(one["company_id"], one["kind"], one["key"]): one for one in found}.values()), lists)


def _people(people: Sequence[FoundPerson], watched: Watched, url: str, seal: Seal) -> Iterator[dict[str, Any]]:
    """Those who hold an office that is a slot. Kept by page: what one page says is not unsaid by another."""
    for person in people:
        slot = identity.slot_of_title(person.title)
        if slot is None or not name_key(person.name):
            continue
        value = {"name": person.name, "title": person.title, "slot": slot}
        if person.profile_url:
            value["profile_url"] = person.profile_url
        if person.email and _EMAIL.fullmatch(person.email):
            value["email"] = seal(person.email)
        yield _fact(watched, "person_at", f"{watched.page_id}:{slot}:{name_key(person.name)}", value, url)


def _news(part: Part, watched: Watched) -> Iterator[dict[str, Any]]:
    for move in part.reading.moves:
        yield from _move(move, watched, part.url)
    for round_ in part.reading.funding:
        yield _funding(round_, watched, part.url)
    for job in part.reading.jobs:
        yield _job(job, watched, part.url)


def _move(move: FoundMove, watched: Watched, url: str) -> Iterator[dict[str, Any]]:
    """Appointments to a slot; departures from one, or of somebody whose office is not named."""
    slot = identity.slot_of_title(move.title)
    if slot is None and (move.kind == "appointment" or move.title):
        return
    value: dict[str, Any] = {"name": move.name, "sentence": _without_contacts(move.sentence)}
    if slot:
        value |= {"title": move.title, "slot": slot}
    if move.published:
        value["date"] = move.published.isoformat()
    yield _fact(watched, move.kind, f"{slot or ''}:{name_key(move.name)}:{value.get('date', '')}", value, url)


def _funding(found: FoundFunding, watched: Watched, url: str) -> dict[str, Any]:
    value = {
        "amount": found.amount,
        "currency": found.currency,
        "series": found.series,
        "headline": _without_contacts(found.sentence),
        "date": found.published.isoformat() if found.published else None,
    }
    return _fact(watched, "funding", f"{found.series or ''}:{found.amount or ''}:{found.currency}", value, url)


def _job(job: FoundJob, watched: Watched, url: str) -> dict[str, Any]:
    path = urlsplit(job.url).path if job.url else ""
    value = {"title": job.title, "url": job.url}
    return _fact(watched, "job", f"{job.title.casefold()}:{path}"[:500], value, url)


def _profile(visit: Visit, watched: Watched) -> Iterator[dict[str, Any]]:
    """Where a person says they work: at a company we know them at, or at another, and then they have left ours."""
    for person in visit.page.people or ():
        name = watched.full_name or person.name
        same = [company for company in watched.companies if _is(person, company)]
        for company in same:
            slot = identity.slot_of_title(person.title)
            value = {"name": name, "title": person.title, "slot": slot}
            key = f"{watched.page_id}:{slot or ''}:{name_key(name)}"
            yield _fact(watched, "person_at", key, value, visit.page.url, company_id=company["id"])
        if not same and all(_is_not(person, company) for company in watched.companies):
            for company in watched.companies:
                key = f"{watched.page_id}:{name_key(name)}:{(person.company or '').casefold()}"
                value = {"name": name, "now_at": person.company}
                # It is so now, also when the page is read for the first time: no story that may be years old.
                yield _fact(watched, "departure", key, value, visit.page.url, company_id=company["id"]) | {
                    "page_id": None
                }


def _is(person: PagePerson, company: Mapping[str, Any]) -> bool:
    """Whether the profile names this company, by its page or its name."""
    theirs = _linkedin_key(person.company_url)
    if theirs and theirs == company["linkedin_key"]:
        return True
    return not _names(person.company).isdisjoint(_names(company["name"]))


def _is_not(person: PagePerson, company: Mapping[str, Any]) -> bool:
    """Whether the profile certainly names another company: no word of the names is the same."""
    theirs, ours = _words(person.company), _words(company["name"])
    return bool(theirs) and theirs.isdisjoint(ours)


def _names(name: str | None) -> set[str]:
    """The names of a company without legal form: both of "X LLC dba Y"."""
    return set(identity.name_keys(name, None)) if name else set()


def _words(name: str | None) -> set[str]:
    return {word for one in _names(name) for word in one.rstrip("|").split()}


def _linkedin_key(url: str | None) -> str | None:
    try:
        return identity.linkedin_company_key(url) if url else None
    except ValueError:
        return None


def _fact(
    watched: Watched, kind: str, key: str, value: Mapping[str, Any], url: str, *, company_id: int | None = None
) -> dict[str, Any]:
    return {
        "company_id": company_id or watched.company_id,
        "contact_id": watched.contact_id,
        "kind": kind,
        "key": key,
        "value": {name: one for name, one in value.items() if one is not None},
        "page_id": watched.page_id,
        "source": watched.url_type,
        "source_url": url,
    }


def _without_contacts(text: str) -> str:
    """The sentence without emails and phone numbers: facts hold none in clear."""
    return _CONTACT.sub("…", text)
