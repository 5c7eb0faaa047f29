"""People at companies: who is one person, whether a file, a page or a vendor told of them.

A person is told by profile page, then email, then name at a company. Two people may have one name at a company if their
profiles differ; somebody who works for two companies is one person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import copy_in, driver, execute, rows
from penstock.core.sqlfile import load
from penstock.identity.companies import person_name_key, profile_address, profile_key
from penstock.identity.key_cascade import PERSON, RowKeys, place_all
from penstock.identity.titles import Slot, claim_of_title

SQL: Final = load(__package__, "people.sql")

STAGED_PERSON: Final = (
    *("full_name", "first_name", "last_name", "title", "slot", "rank", "name_key", "profile_key", "profile_url"),
    *("email", "email_is_shared", "phone", "phone_type"),
)
_PARTICLES: Final = frozenset("de di del della la le van von der den ter st san santa dos da du bin abu mc mac".split())  # noqa: SIM905
STAND_IN: Final = 2  # rank of a claim to a slot that no title bears out


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as a source tells of them. `email` and `phone` are sealed; `slot` is what they are said to hold.

    `email_is_shared`: an office's address (info@): kept, but no sign that two people are one.
    """

    name: str
    title: str | None = None
    slot: Slot | None = None
    profile_url: str | None = None
    email: str | None = None
    email_is_shared: bool = False
    phone: str | None = None
    phone_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPerson(Person):
    """Somebody found at a company, and where: website, linkedin, news…"""

    company_id: int
    source: str


async def found_people(db: AsyncConnection, org_id: int, people: Sequence[FoundPerson]) -> list[int]:
    """Merge people found on pages into the contacts of their companies; gives each one's contact id, in order.

    Slots stay as they are: who holds one is for the caller to decide.
    """
    if not people:
        return []
    await execute(db, SQL["one_at_a_time"], org_id=org_id)
    await open_people(db)
    lines = ((n, None, one.company_id, *staged_person(one), one.source) for n, one in enumerate(people, start=1))
    await copy_in(db, "people_in", ("n", "row_number", "company_id", *STAGED_PERSON, "source"), lines)
    await merge_people(db, org_id, seen_there=True)
    return [row["contact_id"] for row in await rows(db, SQL["contacts_of_lines"])]


async def open_people(db: AsyncConnection) -> None:
    """Make the empty table `people_in` and those that the merge needs, gone with the transaction."""
    for name in ("drop_people", "open_people", "open_people_placed", "open_people_claimed"):
        await execute(db, SQL[name])


async def merge_people(db: AsyncConnection, org_id: int, *, seen_there: bool) -> None:
    """Merge what stands in `people_in` into contacts, set-based; leaves the tables people_placed and persons.

    `seen_there`: they were seen at the company now, so whoever was thought to have left it has not.
    """
    await execute(db, SQL["analyze_people"])
    known = [_known(row) for row in await rows(db, SQL["known_people"])]
    placed, things = place_all(PERSON, known, await _keys(db))
    lines = ((one.row_number, one.place, one.outcome, one.first_row) for one in placed)
    await copy_in(db, "people_placed", ["n", "place", "outcome", "first_n"], lines)
    claims = ((t.number, t.first_row, t.known_id is None, t.known_id, next(iter(t.keys[0]), None)) for t in things)
    await copy_in(db, "people_claimed", ["place", "first_n", "is_new", "contact_id", "profile_key"], claims)
    await execute(db, SQL["make_persons"])
    await execute(db, SQL["analyze_persons"])
    await execute(db, SQL["insert_people"], org_id=org_id)
    await execute(db, SQL["update_people"], seen_there=seen_there)
    await execute(db, SQL["merge_people_points"], org_id=org_id)
    await execute(db, SQL["dead_primaries"])
    await execute(db, SQL["new_primaries"])
    await execute(db, SQL["watch_profiles"], org_id=org_id)


@lru_cache(maxsize=50_000)
def given_and_family(name: str) -> tuple[str | None, str | None]:
    """ "Dr. Jane Q. van Dyke, Jr." -> ("Jane", "van Dyke"); one word is a given name."""
    family, comma, given = name.partition(",")
    if comma and person_name_key(name).split()[:1] == person_name_key(given).split()[:1]:  # "Doe, Jane"
        name = f"{given} {family}"
    known = set(person_name_key(name).split())
    words = [word for word in name.replace(",", " ").split() if person_name_key(word) in known]
    if not words:
        return None, None
    cut = len(words) - 1
    while cut > 1 and words[cut - 1].strip(".").casefold() in _PARTICLES:
        cut -= 1
    return words[0], " ".join(words[cut:]) if len(words) > 1 else None


def staged_person(one: Person) -> tuple[Any, ...]:
    """The columns STAGED_PERSON of somebody, keys made."""
    first, last = given_and_family(one.name)
    claim = claim_of_title(one.title)
    rank = claim.rank if claim and claim.slot == one.slot else STAND_IN
    name = " ".join(one.name.split())
    profile = _profile(one.profile_url)
    return (
        *(name, first, last, one.title, one.slot, rank, person_name_key(name) or name.casefold()),
        *(profile, profile_address(profile, one.profile_url or "") if profile else None),
        *(one.email, one.email_is_shared, one.phone, one.phone_type),
    )


def _profile(url: str | None) -> str | None:
    try:
        return profile_key(url) if url else None
    except ValueError:
        return None


def _known(row: Any) -> tuple[int, RowKeys]:
    name = person_name_key(row["full_name"] or "")
    companies = {row["company_id"], *(row["companies"] or ())} - {None} if name else ()
    profile = (row["profile_key"],) if row["profile_key"] else ()
    return row["id"], (profile, tuple(row["emails"] or ()), tuple(f"{company}:{name}" for company in companies))


async def _keys(db: AsyncConnection) -> list[tuple[int, RowKeys]]:
    async with (await driver(db)).cursor() as cursor:
        await cursor.execute(str(SQL["people_keys"]))
        return [
            (n, ((profile,) if profile else (), (email,) if email else (), (f"{company}:{name}",)))
            async for n, profile, email, company, name in cursor
        ]
