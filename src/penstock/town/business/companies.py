"""All companies of the town, and the way back to them from a domain, a mail address, a profile or a number.

Company n's domain is the n-th of all pairs of words in a shuffled order (an affine map, so that it can be undone);
when the pairs are used up, a figure is put behind them.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from penstock.town.business import odds, words
from penstock.town.business.builder import CompanyBuilder, shared_office
from penstock.town.business.company import ROLE_BOXES, Company, Office, Term
from penstock.town.business.profiles import PAIRS, person_id, profile_slug, sum_of
from penstock.town.dice import Dice
from penstock.town.people import Mailbox, Person

AT_MOST: Final = 10_000_000  # companies, and serial numbers of EINs


class Companies:
    """Makes companies on demand and keeps those that somebody has asked about."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._factor = next(
            factor
            for factor in range(1 + dice.between(1000, 9000, "companies", "factor"), PAIRS)
            if math.gcd(factor, PAIRS) == 1
        )
        self._shift = dice.between(0, PAIRS - 1, "companies", "shift")
        self._known: dict[int, Company] = {}
        self._mailboxes: dict[str, Person] = {}
        self._numbers: dict[str, Person] = {}

    def company(self, number: int) -> Company:
        """Company `number`, from 0."""
        if number not in self._known:
            self._keep(self._build(number))
        return self._known[number]

    def at_domain(self, domain: str) -> Company | None:
        """The company of a domain, without a leading www."""
        stem, dot, rest = domain.casefold().partition(".")
        return self._at_stem(stem) if dot and rest == "example" else None

    def at_page(self, slug: str) -> Company | None:
        """The company of the last part of a LinkedIn company URL."""
        return self._at_stem(slug.casefold())

    def at_profile(self, slug: str) -> Person | None:
        """The officer of the last part of a profile URL."""
        stem, _, post = person_id(slug.casefold()).partition("#")
        company = self._at_stem(stem)
        person = company.people().get(f"{stem}#{post}") if company else None
        return person if person and profile_slug(person) == slug.casefold() else None

    def person_at(self, email: str) -> Person | None:
        """Who has or had this mailbox."""
        email = email.casefold()
        return self._mailboxes.get(email) if self.at_domain(email.rpartition("@")[2]) else None

    def person_of(self, number: str) -> Person | None:
        """The officer with this ten digit number, if anybody has asked about the company before."""
        return self._numbers.get(number)

    def mailbox(self, email: str, at: datetime) -> Mailbox | None:
        """The mailbox as it is at that instant; None before its owner came, when it is closed, or without a domain."""
        local, _, domain = email.casefold().rpartition("@")
        company = self.at_domain(domain)
        if company is None or not company.takes_mail:
            return None
        if local in ROLE_BOXES:
            return Mailbox(f"{local}@{company.domain}", "live", company.catch_all)
        person = self._mailboxes.get(email.casefold())
        if person is None:
            return None
        terms = [term for term in company.terms if term.person is person]
        if not any(term.since <= at and (term.mailbox_ends is None or at < term.mailbox_ends) for term in terms):
            return None
        box = person.mailboxes[0]
        if box.state == "live" and not self.posts(person, at) and not self.answers_for_left(person):
            return Mailbox(box.email, "late", box.catch_all)
        return box

    def answers_for_left(self, person: Person) -> bool:
        """True if the mailbox says that its owner has left, as long as it is open; otherwise mail bounces later."""
        return self._dice.chance(odds.LEFT_ANSWERS, "left answers", person.id)

    def home_of(self, person: Person) -> Company:
        """The company whose domain the officer's mailbox has."""
        found = self._at_stem(person.home)
        assert found is not None
        return found

    def employers(self, person: Person) -> list[Company]:
        """The company or the two companies in which the person ever holds an office; the mailbox's own first."""
        home = self.home_of(person)
        pair = self.company(home.number ^ 1)
        return [home, pair] if person.id in pair.people() else [home]

    def posts(self, person: Person, at: datetime) -> list[tuple[Company, Term]]:
        """The offices that the person holds at that instant."""
        return [
            (company, term)
            for company in self.employers(person)
            for term in company.terms
            if term.person.id == person.id and term.holds(at)
        ]

    def shared(self, number: int) -> Office | None:
        """The office that this company shares with its neighbour, if any."""
        return shared_office(self._dice, number)

    # --- numbers and names --------------------------------------------------------------------------------------------
    def _stem(self, number: int) -> str:
        turn, place = divmod(number, PAIRS)
        first, second = divmod((self._factor * place + self._shift) % PAIRS, len(words.SECOND))
        return f"{words.FIRST[first]}-{words.SECOND[second]}{turn + 1 if turn else ''}"

    def _at_stem(self, stem: str) -> Company | None:
        place = sum_of(stem)
        if place < 0:
            return None
        turn, pair = divmod(place, PAIRS)
        number = turn * PAIRS + (pair - self._shift) * pow(self._factor, -1, PAIRS) % PAIRS
        return self.company(number) if number < AT_MOST else None

    def _ein(self, number: int) -> str:
        """Nine digits; no two companies have the same last seven."""
        prefix = self._dice.pick(words.EIN_PREFIXES, "ein prefix", number)
        return f"{prefix}{(number * 7_368_787 + self._dice.number('ein shift')) % AT_MOST:07d}"

    def _build(self, number: int) -> Company:
        partner = self.company(number - 1) if number % 2 and self.shared(number) else None
        return CompanyBuilder(self._dice, number, self._stem(number), self._ein(number), partner).company()

    def _keep(self, company: Company) -> None:
        self._known[company.number] = company
        for person in company.people().values():
            self._mailboxes[person.mailboxes[0].email] = person
            self._numbers[person.phones[0].number] = person
