"""What officers do with mail: they act while they hold an office; who has left leaves that to the mailbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from penstock.town.business import odds, wordings
from penstock.town.business.company import Company, Term
from penstock.town.people import Person
from penstock.town.state import TownState

NEAR: Final = timedelta(days=120)
MOVED_BY_INTEREST: Final = ("consent", "positive", "question", "book")


def choose(town: TownState, person: Person, nth: int) -> str:
    """What an officer does with the nth mail, which they have read: a name from the tables, empty for nothing."""
    stance = town.mood(person).stance
    posts = town.companies.posts(person, town.clock.now())
    if stance in ("gone", "booked") or not posts:
        return ""
    table = {"cold": odds.COLD, "warm": odds.WARM, "consented": odds.CONSENTED}[stance]
    if stance == "cold":
        factor = max(_interest(company, term, town.clock.now()) for company, term in posts)
        table = {act: share * factor if act in MOVED_BY_INTEREST else share for act, share in table.items()}
    return town.dice.weighted(table, "officer's act", person.id, nth)


def _interest(company: Company, term: Term, now: datetime) -> float:
    near = _next_renewal(company.renewal_month, now) - now <= NEAR
    return odds.INTEREST[term.office] * (odds.RENEWAL_NEAR if near else 1.0)


def _next_renewal(month: int, now: datetime) -> datetime:
    first = now.replace(month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
    return first if first > now else first.replace(year=now.year + 1)


def spoken(
    town: TownState, person: Person, intent: str, key: tuple[object, ...]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The wordings of an intent, and what stands for the names in them and in the signature."""
    now = town.clock.now()
    posts = town.companies.posts(person, now)
    company = posts[0][0] if posts else town.companies.home_of(person)
    title = posts[0][1].title if posts else ""
    others = [term for term in company.terms if term.holds(now) and term.person.id != person.id]
    colleague = town.dice.pick(others, "colleague", *key).person if others else None
    filled = {
        "company": company.short,
        "month": f"{datetime(2000, company.renewal_month, 1):%B}",  # noqa: DTZ001  (only its name is used)
        "title": title,
        "name": person.name,
        "colleague": colleague.name if colleague else "our front office",
        "email": colleague.mailboxes[0].email if colleague else f"info@{company.domain}",
    }
    return wordings.BY_INTENT[intent], filled
