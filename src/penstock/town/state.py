"""All that a running town holds, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from penstock.town import names
from penstock.town.agenda import Agenda
from penstock.town.clock import Clock
from penstock.town.dice import Dice
from penstock.town.faults import Faults
from penstock.town.letters import Letter
from penstock.town.people import Person, World
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


@dataclass
class TownState:
    """The world, its clock and timetable, what it knows of us, and what it has seen us do."""

    dice: Dice
    clock: Clock
    post: Post
    world: World
    timetable: Timetable
    faults: Faults
    truth: Truth
    agenda: Agenda
    webhooks: Webhooks = field(default_factory=Webhooks)
    staff: set[str] = field(default_factory=set)
    letters: dict[str, list[Letter]] = field(default_factory=dict)  # by mailbox, oldest first
    message_ids: set[str] = field(default_factory=set)  # of the mails that people have sent
    moods: dict[str, Mood] = field(default_factory=dict)

    def mood(self, person: Person) -> Mood:
        """The person's mood, cold at first."""
        return self.moods.setdefault(person.id, Mood())

    def mail_domains(self) -> frozenset[str]:
        """The domains that have a mail server here."""
        return frozenset((*names.MAIL_DOMAINS, *names.CATCH_ALL_DOMAINS, *names.STAFF_DOMAINS))

    def accepts_all(self, domain: str) -> bool:
        """True if that domain's server accepts every local part."""
        return domain in names.CATCH_ALL_DOMAINS


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
        timetable=Timetable(clock),
        faults=Faults(dice),
        truth=Truth(clock),
        agenda=Agenda(dice, clock),
    )
