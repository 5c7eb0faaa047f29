"""What a company makes known over time: news, money raised, open positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

from penstock.town.business import odds, words
from penstock.town.business.company import OFFICES, Company, Term, fold
from penstock.town.dice import Dice

FIRST_YEAR: Final = 2025
LAST_YEAR: Final = 2030
SERIES: Final = "ABCD"
Kind = Literal["noise", "funding", "appointment", "departure"]


@dataclass(frozen=True, slots=True)
class Article:
    """One piece of news. `cause` names what it is about, for the truth; noise has none."""

    at: datetime
    kind: Kind
    headline: str
    body: str
    cause: str

    @property
    def path(self) -> str:
        """Where on the company's site it stands."""
        title = "-".join(filter(None, (fold(word) for word in self.headline.split())))[:60].rstrip("-")
        return f"/news/{self.at:%Y-%m-%d}-{title}"


@dataclass(frozen=True, slots=True)
class Opening:
    """One open position, listed from `posted_at` until `closed_at`."""

    title: str
    benefits: bool
    posted_at: datetime
    closed_at: datetime

    @property
    def path(self) -> str:
        """Where on the company's site it stands."""
        return f"/careers/{'-'.join(self.title.lower().split())}-{self.posted_at:%y%m%d}"


@lru_cache(maxsize=4096)
def articles(dice: Dice, company: Company) -> tuple[Article, ...]:
    """Everything the company ever publishes, oldest first."""
    found = [*_monthly(dice, company), *_changes(dice, company)]
    return tuple(sorted(found, key=lambda article: (article.at, article.headline)))


@lru_cache(maxsize=4096)
def openings(dice: Dice, company: Company) -> tuple[Opening, ...]:
    """Every position the company ever advertises, oldest first."""
    found: list[Opening] = []
    for month in _months():
        key = ("job", company.stem, f"{month:%Y-%m}")
        if dice.chance(odds.JOBS_A_MONTH, *key):
            benefits = dice.chance(odds.BENEFITS_JOB, "benefits", *key)
            title = dice.pick(words.BENEFITS_JOBS if benefits else words.JOBS, "title", *key)
            posted = _within(dice, month, *key)
            open_for = timedelta(days=dice.between(25, 70, "open", *key))
            found.append(Opening(title, benefits, posted, posted + open_for))
    return tuple(found)


def _monthly(dice: Dice, company: Company) -> Iterator[Article]:
    rounds = 0
    for month in _months():
        key = ("news", company.stem, f"{month:%Y-%m}")
        if dice.chance(odds.NEWS_A_MONTH, *key):
            headline, body = (part.format(**_facts(company, month)) for part in dice.pick(words.NOISE, "noise", *key))
            yield Article(_within(dice, month, "noise", *key), "noise", headline, body, "")
        if rounds < len(SERIES) and dice.chance(odds.FUNDING_A_MONTH, "funding", *key):
            amount = dice.between(2, 30, "amount", *key) * (rounds + 1)
            facts = {"amount": amount, "series": SERIES[rounds], "investor": dice.pick(words.INVESTORS, "who", *key)}
            headline = dice.pick(words.FUNDINGS, "words", *key).format(short=company.short, **facts)
            body = f"{company.short} will use the money to hire and to open new sites. {facts['investor']} took part."
            cause = f"series {SERIES[rounds]}"
            yield Article(_within(dice, month, "funding", *key), "funding", headline, body, cause)
            rounds += 1


def _changes(dice: Dice, company: Company) -> Iterator[Article]:
    """News of officers who come and go, at the time or a little later."""
    for term in company.terms:
        if term.until and dice.chance(odds.CHANGE_IN_NEWS["departure"], "in news", term.person.id, company.stem):
            yield _change(dice, company, term, "departure", term.until, words.DEPARTURES)
        came = any(earlier.until and earlier.until <= term.since for earlier in _before(company, term))
        if came and dice.chance(odds.CHANGE_IN_NEWS["appointment"], "in news", term.person.id, company.stem, "came"):
            yield _change(dice, company, term, "appointment", term.since, words.APPOINTMENTS)


def _before(company: Company, term: Term) -> list[Term]:
    return [other for other in company.terms if other.office == term.office and other.since < term.since]


def _change(dice: Dice, company: Company, term: Term, kind: Kind, at: datetime, wordings: tuple[str, ...]) -> Article:
    key = (kind, company.stem, term.person.id)
    office = dice.pick((words.OFFICES[term.office], term.office if term.office != "HR" else "head of HR"), *key)
    headline = dice.pick(wordings, "words", *key).format(short=company.short, name=term.person.name, office=office)
    came = f"{term.person.name} brings twenty years of experience to the role of {term.title}."
    left = f"{company.short} thanks {term.person.name} for years of good work. A search for a successor is under way."
    body = came if kind == "appointment" else left
    return Article(at + timedelta(hours=dice.between(0, 48, "delay", *key)), kind, headline, body, term.person.id)


def _facts(company: Company, month: datetime) -> dict[str, str]:
    return {
        "short": company.short,
        "city": company.zip_code.city.title(),
        "years": str(month.year - company.founded),
        "employees": str(company.employees),
    }


def _months() -> Iterator[datetime]:
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for month in range(1, 13):
            yield datetime(year, month, 1, tzinfo=UTC)


def _within(dice: Dice, month: datetime, *key: object) -> datetime:
    """An instant in that month, in working hours."""
    day, quarter = dice.between(0, 27, "day", *key), dice.between(52, 84, "quarter", *key)
    return month + timedelta(days=day, minutes=15 * quarter)


def history(dice: Dice, company: Company) -> list[dict[str, str]]:
    """All that changes at a company, oldest first: officers, money raised, positions for benefits."""
    changes: list[tuple[datetime, dict[str, str]]] = []
    for office in OFFICES:
        terms = [term for term in company.terms if term.office == office]
        for earlier in terms:
            if earlier.until:
                after = company.holder(office, earlier.until)
                what = {"kind": "officer", "office": office, "left": earlier.person.name}
                changes.append((earlier.until, what | {"came": after.person.name if after else ""}))
        for term in terms[1:]:
            if not company.holder(office, term.since - timedelta(minutes=1)):
                changes.append(
                    (term.since, {"kind": "officer", "office": office, "left": "", "came": term.person.name})
                )
    news = [(item.at, {"kind": item.kind, "headline": item.headline}) for item in articles(dice, company) if item.cause]
    jobs = [(job.posted_at, {"kind": "job", "title": job.title}) for job in openings(dice, company) if job.benefits]
    ordered = sorted([*changes, *news, *jobs], key=lambda change: (change[0], sorted(change[1].items())))
    return [{"at": at.isoformat(), **what} for at, what in ordered]
