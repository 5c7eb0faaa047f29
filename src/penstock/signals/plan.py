"""From what is known of a company to what is to be done about its slots. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from penstock.identity import Slot
from penstock.signals.evidence import SET, Fact, Person, held_before
from penstock.signals.names import name_key
from penstock.signals.officers import Change, Tenure, set_by_records, standing

FILLED = {"person_at": "named on a page", "appointment": "appointed", "slot_set": "as it was"}
EMPTIED = {
    "departure": "left the company",
    "person_absent": "no longer named",
    "person_at": "moved",
    "appointment": "moved",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """A slot as it stands in our records. `at`: since when; `untouched`: nobody ever held it."""

    role: Slot
    holder: Person | None
    at: datetime
    untouched: bool


@dataclass(slots=True)
class Company:
    """All that is known of the offices of a company. `unread`: ids of facts that no rule has looked at."""

    id: int
    playbook: str | None
    seats: list[Seat] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)
    colleagues: list[Person] = field(default_factory=list)

    def colleague(self, person: Person) -> Person | None:
        """Whom of the people we know there this can be; the same contact goes first, then the same spelling."""
        found = [one for one in self.colleagues if person.is_(one)]
        return min(
            found,
            key=lambda one: (
                one.contact_id != person.contact_id,
                name_key(one.name) != name_key(person.name),
                one.contact_id,
            ),
            default=None,
        )


@dataclass(frozen=True, slots=True)
class Move:
    """A slot that changes hands. `after` None: it becomes vacant."""

    role: Slot
    before: Person | None
    after: Tenure | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written down, done and told about one company."""

    company: Company
    notes: list[dict[str, Any]]
    moves: list[Move]
    put_out: list[tuple[Person, datetime]]  # by hand, of a slot that they held
    present: list[tuple[Person, Fact]]  # holders of whom a page tells something new, with the name we know them by
    changes: list[Change]


def plan(company: Company) -> Plan:
    """What the facts of a company call for.

    A slot that does not stand as the facts read so far would have it was set by a list; that becomes a fact too, dated
    when it was done, so that only what is newer overrides it. What a hand did is a fact already.
    """
    before = standing(fact for fact in company.facts if fact.kind == SET or fact.id not in company.unread)
    records = [
        _as_fact(number, seat) for number, seat in enumerate(company.seats) if _set_otherwise(seat, before.holders)
    ]
    known = {fact.key for fact in company.facts if fact.kind == SET}
    after = standing([*company.facts, *(fact for fact in records if fact.key not in known)])
    notes = [
        {"company_id": company.id, "kind": SET, "key": f.key, "value": dict(f.value), "at": f.found_at.isoformat()}
        for f in records
    ]
    moves = [move for seat in company.seats if (move := _move(seat, after.holders[seat.role], after.changes))]
    moved = {move.role for move in moves}
    present = [
        (seat.holder, tells)
        for seat in company.seats
        if seat.role not in moved and seat.holder and (tells := _tells(company, seat.role, seat.holder))
    ]
    put_out = [
        (holder, fact.found_at)
        for fact in company.facts
        if fact.kind == SET and fact.id in company.unread and (holder := held_before(fact.value))
    ]
    return Plan(company, notes, moves, put_out, present, after.changes)


def _set_otherwise(seat: Seat, expected: dict[Slot, Tenure | None]) -> bool:
    tenure = expected[seat.role]
    if seat.holder is None:
        return tenure is not None and not seat.untouched
    return tenure is None or not seat.holder.is_(tenure.person)


def _as_fact(number: int, seat: Seat) -> Fact:
    holder = {"contact_id": seat.holder.contact_id, "name": seat.holder.name} if seat.holder else None
    note = set_by_records(seat.role, seat.at, holder)
    return Fact(-1 - number, SET, note["key"], note["value"], seat.at, seat.at, source="records")


def _move(seat: Seat, after: Tenure | None, changes: Sequence[Change]) -> Move | None:
    if after is None:
        if seat.holder is None:
            return None
        left = next((one for one in reversed(changes) if one.slot == seat.role and one.change == "left"), None)
        return Move(seat.role, seat.holder, None, EMPTIED[left.by.kind], left.at) if left else None
    if seat.holder and after.person.is_(seat.holder):
        return None
    return Move(seat.role, seat.holder, after, FILLED[after.by.kind], after.since)


def _tells(company: Company, role: Slot, holder: Person) -> Fact | None:
    """The newest unread listing of the holder."""
    listed = [
        fact
        for fact in company.facts
        if fact.id in company.unread and fact.kind == "person_at" and fact.value.get("slot") == role
        and isinstance(fact.value.get("name"), str) and Person(fact.value["name"]).is_(holder)
    ]  # fmt: skip
    return max(listed, key=lambda fact: (fact.found_at, fact.id), default=None)
