"""What a company is: its facts, and who held which office when."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from penstock.town.people import Person
from penstock.town.places import ZipCode

Office = Literal["CEO", "CFO", "HR"]
OFFICES: Final[tuple[Office, ...]] = ("CEO", "CFO", "HR")
DomainState = Literal["mx", "no_mx", "null_mx", "nxdomain", "servfail"]
BEGINNING: Final = datetime(2024, 1, 1, tzinfo=UTC)  # whoever was there before came then
ROLE_BOXES: Final = ("info", "contact", "hr", "careers")  # mailboxes of nobody in particular


@dataclass(frozen=True, slots=True)
class Term:
    """Somebody holds an office from `since` until `until` (None: for good).

    The website shows it from `site_since` until `site_until`, the person's own profile from `profile_since` until
    `profile_until`; the mailbox is closed at `mailbox_ends`. All of these lie at or after what they follow.
    """

    office: Office
    person: Person
    title: str
    since: datetime
    until: datetime | None
    site_since: datetime
    site_until: datetime | None
    profile_since: datetime
    profile_until: datetime | None
    mailbox_ends: datetime | None

    def holds(self, at: datetime) -> bool:
        """True if the person is in office at that instant."""
        return _within(self.since, at, self.until)

    def on_site(self, at: datetime) -> bool:
        """True if the company's own pages say so at that instant."""
        return _within(self.site_since, at, self.site_until)

    def on_profile(self, at: datetime) -> bool:
        """True if the person's profile says so at that instant."""
        return _within(self.profile_since, at, self.profile_until)


@dataclass(frozen=True, slots=True)
class Company:
    """One company. `name` is the full legal name as on paper, `short` what people call it; `phone` has ten digits."""

    number: int
    stem: str
    name: str
    short: str
    ein: str  # nine digits
    street: str
    unit: str
    zip_code: ZipCode
    phone: str
    employees: int
    renewal_month: int
    founded: int
    pattern: str
    catch_all: bool
    greylists: bool
    refuses_probes: bool
    domain_state: DomainState
    terms: tuple[Term, ...]  # by office, then in order of time

    @property
    def domain(self) -> str:
        """Domain of the website and the mailboxes."""
        return f"{self.stem}.example"

    @property
    def linkedin_url(self) -> str:
        """The company's page there."""
        return f"https://www.linkedin.com/company/{self.stem}"

    @property
    def news_url(self) -> str:
        """Where it publishes news."""
        return f"https://{self.domain}/news"

    @property
    def takes_mail(self) -> bool:
        """True if the domain has a mail server that anybody can find."""
        return self.domain_state in ("mx", "no_mx")

    def holder(self, office: str, at: datetime) -> Term | None:
        """Who holds the office at that instant."""
        return next((term for term in self.terms if term.office == office and term.holds(at)), None)

    def people(self) -> dict[str, Person]:
        """Everybody who ever holds an office, by id."""
        return {term.person.id: term.person for term in self.terms}


def fold(name: str) -> str:
    """A name as ASCII letters and digits in lower case: "García-López" becomes "garcialopez"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.casefold())


def local_part(pattern: str, first: str, last: str) -> str:
    """The mailbox name by a pattern such as first.last or flast."""
    given, family = fold(first), fold(last)
    return {
        "first.last": f"{given}.{family}",
        "flast": f"{given[:1]}{family}",
        "first": given,
        "first_last": f"{given}_{family}",
        "firstl": f"{given}{family[:1]}",
    }[pattern]


def _within(since: datetime, at: datetime, until: datetime | None) -> bool:
    return since <= at and (until is None or at < until)
