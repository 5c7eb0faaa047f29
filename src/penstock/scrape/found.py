"""What is found on a page, in our own words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal


class Unreadable(Exception):
    """The page is made to exhaust its reader, or is no markup at all."""


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody with a title."""

    name: str
    title: str
    profile_url: str | None = None
    email: str | None = None

    def completed_by(self, other: "FoundPerson") -> "FoundPerson":
        """The same person with what `other` knows and this one does not."""
        return replace(self, profile_url=self.profile_url or other.profile_url, email=self.email or other.email)


@dataclass(frozen=True, slots=True)
class FoundNews:
    """A headline."""

    headline: str
    url: str | None = None
    published: date | None = None


@dataclass(frozen=True, slots=True)
class FoundMove:
    """Somebody takes or leaves an office, as a sentence of news tells it. An empty title: the sentence names none."""

    kind: Literal["appointment", "departure"]
    name: str
    title: str
    sentence: str
    published: date | None = None


@dataclass(frozen=True, slots=True)
class FoundFunding:
    """Money raised. `amount` in whole units of `currency`."""

    amount: int | None
    currency: str
    series: str | None
    sentence: str
    published: date | None = None


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job offered."""

    title: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one page says. `links`: address and text of what it leads to."""

    text: str = ""
    title: str = ""
    published: date | None = None
    people: tuple[FoundPerson, ...] = ()
    news: tuple[FoundNews, ...] = ()
    moves: tuple[FoundMove, ...] = ()
    funding: tuple[FoundFunding, ...] = ()
    jobs: tuple[FoundJob, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values; `of_json` makes the same Reading of them."""
        return asdict(self)

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> "Reading":
        """The Reading that `as_json` gave, after a way through JSON (dates as text)."""
        return cls(
            text=plain["text"],
            title=plain["title"],
            published=_day(plain["published"]),
            people=tuple(FoundPerson(**one) for one in plain["people"]),
            news=tuple(FoundNews(**_dated(one)) for one in plain["news"]),
            moves=tuple(FoundMove(**_dated(one)) for one in plain["moves"]),
            funding=tuple(FoundFunding(**_dated(one)) for one in plain["funding"]),
            jobs=tuple(FoundJob(**one) for one in plain["jobs"]),
            links=tuple((str(url), str(text)) for url, text in plain["links"]),
        )


def _dated(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {**plain, "published": _day(plain["published"])}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
