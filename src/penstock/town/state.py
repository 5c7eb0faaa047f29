"""All that a running town holds, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from penstock.town import names
from penstock.town.agenda import Agenda
from penstock.town.business.companies import Companies
from penstock.town.clock import Clock
from penstock.town.dice import Dice
from penstock.town.faults import Faults
from penstock.town.letters import Letter
from penstock.town.people import Mailbox, Person, Phone, World
from penstock.town.post import Post
from penstock.town.timetable import Timetable
from penstock.town.truth import Truth

Stance = Literal["cold", "warm", "consented", "booked", "gone"]


@dataclass
class Mood:
    """How a person stands towards us after what happened so far."""

    stance: Stance = "cold"
    calls: int = 0


@dataclass
class Webhooks:
    """Where the product listens. Empty URLs get nothing; VAPI calls name their own URL."""

    mail_inbound: str = ""
    calcom_url: str = ""
    calcom_secret: str = ""
    vapi_secret: str = ""
    stripe_url: str = ""
    stripe_secret: str = ""


@dataclass
class TownState:
    """The world, its clock and timetable, what it knows of us, and what it has seen us do."""

    dice: Dice
    clock: Clock
    post: Post
    world: World
    companies: Companies
    timetable: Timetable
    faults: Faults
    truth: Truth
    agenda: Agenda
    webhooks: Webhooks = field(default_factory=Webhooks)
    staff: set[str] = field(default_factory=set)
    letters: dict[str, list[Letter]] = field(default_factory=dict)  # by mailbox, oldest first
    message_ids: set[str] = field(default_factory=set)  # of the mails that people have sent
    moods: dict[str, Mood] = field(default_factory=dict)
    greylisted: dict[tuple[str, str], datetime] = field(default_factory=dict)  # sender's domain, recipient: first try

    def mood(self, person: Person) -> Mood:
        """The person's mood, cold at first."""
        return self.moods.setdefault(person.id, Mood())

    def person_at(self, email: str) -> Person | None:
        """Who reads or read the mail of this address, at home or in an office."""
        return self.world.person_at(email) or self.companies.person_at(email)

    def person_of(self, number: str) -> Person | None:
        """Who owns this ten digit number."""
        return self.world.person_of(number) or self.companies.person_of(number)

    def phone(self, number: str) -> Phone | None:
        """The phone behind this ten digit number, if the town has it."""
        person = self.person_of(number)
        return next((phone for phone in person.phones if phone.number == number), None) if person else None

    def mailbox(self, email: str) -> Mailbox | None:
        """The mailbox of this address as it is now, if the town has it."""
        return self.world.mailbox(email) or self.companies.mailbox(email, self.clock.now())

    def is_right_party(self, person: Person) -> bool:
        """Owns the property that a lead is about, or holds an office now."""
        if person.role == "officer":
            return bool(self.companies.posts(person, self.clock.now()))
        return person.is_right_party

    def has_mail(self, domain: str) -> bool:
        """True if that domain has a mail server here."""
        company = self.companies.at_domain(domain)
        return company.takes_mail if company else domain in self.mail_domains()

    def mail_domains(self) -> frozenset[str]:
        """The domains of households and staff that have a mail server here; see `has_mail` for companies."""
        return frozenset((*names.MAIL_DOMAINS, *names.CATCH_ALL_DOMAINS, *names.STAFF_DOMAINS))

    def accepts_all(self, domain: str) -> bool:
        """True if that domain's server accepts every local part."""
        company = self.companies.at_domain(domain)
        return company.catch_all and company.takes_mail if company else domain in names.CATCH_ALL_DOMAINS


def new_state(seed: int, *, pace: float | None = None, patience: float = 60.0, memory: Path | None = None) -> TownState:
    """A town where nothing has happened yet. `pace`: by the wall clock, that many times as fast.

    `patience`: see `Post`; `memory`: see `World`.
    """
    dice, clock = Dice(seed), Clock(pace)
    return TownState(
        dice=dice,
        clock=clock,
        post=Post(patience),
        world=World(dice, memory),
        companies=Companies(dice),
        timetable=Timetable(clock),
        faults=Faults(dice),
        truth=Truth(clock),
        agenda=Agenda(dice, clock),
    )
