"""Who holds which office of a company, and what changed: one pure function of all that is known, whatever its order.

A slot is never moved by the newest message alone: everything known is read again in the order in which it happened. So
facts that come late, twice or out of order end in the same slots and the same signals as if they had come in time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from penstock.identity import SLOTS, Slot
from penstock.signals.evidence import PAGES_LAG, SET, Evidence, Fact, Pages, Person, understood
from penstock.signals.names import name_key

_INTERIM = re.compile(r"\b(?:interim|acting)\b", re.IGNORECASE)
_JOINT = re.compile(r"\b(?:co|joint)\b[- ]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tenure:
    """Somebody in an office, and what says so."""

    person: Person
    since: datetime
    by: Evidence


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody took or left a slot. `other`: whom they follow, or who follows them; `turn`: the how manieth time."""

    slot: Slot
    change: Literal["took", "left"]
    person: Person
    at: datetime
    by: Evidence
    other: Person | None = None
    turn: int = 1

    def as_value(self) -> dict[str, Any]:
        """The change as rules see it. Holds names, no email and no phone."""
        title = self.by.person.title if self.by.person and self.person.is_(self.by.person) else self.person.title
        return {
            "slot": self.slot,
            "change": self.change,
            "person": self.person.name,
            "who": name_key(self.person.name) + (f":{self.turn}" if self.turn > 1 else ""),
            "title": title,
            "interim": bool(_INTERIM.search(title or "")),
            "successor" if self.change == "left" else "predecessor": self.other.name if self.other else None,
            "date": self.at.date().isoformat(),
            "evidence": self.by.kind,
            "source": self.by.fact.source,
            "source_url": self.by.fact.source_url,
        }


@dataclass(slots=True)
class Standing:
    """Who holds what, and all changes that led there, in order of time."""

    holders: dict[Slot, Tenure | None]
    changes: list[Change]


def standing(facts: Iterable[Fact]) -> Standing:
    """How the offices of one company stand by all its facts."""
    evidence = understood(facts)
    fold = _Fold(Pages(evidence))
    for one in evidence:
        fold.take_in(one)
    return Standing(fold.held, fold.changes)


@dataclass(slots=True)
class _Fold:
    pages: Pages
    held: dict[Slot, Tenure | None] = field(default_factory=lambda: dict.fromkeys(SLOTS))
    changes: list[Change] = field(default_factory=list)
    had: set[Slot] = field(default_factory=set)  # slots that somebody is known to have held before
    gone: list[Evidence] = field(default_factory=list)

    def take_in(self, one: Evidence) -> None:
        match one.kind:
            case "slot_set":
                self._set(one)
            case "departure":
                self._departed(one)
            case "person_absent":
                self._missed(one)
            case "appointment":
                self._appointed(one)
            case "person_at":
                self._listed(one)

    def _set(self, one: Evidence) -> None:
        """Our own records: no movement, but where a hand took somebody out of the slot, or put back who had left."""
        assert one.slot is not None
        if self.held[one.slot] is not None or one.before is not None:
            self.had.add(one.slot)
        if one.before is not None and not self._left_without_a_hand(one.slot, one.before):
            self._tell(one.slot, "left", one.before, one, other=one.person)
        if one.by_hand and one.person is not None and self._has_left(one.person):
            self._tell(one.slot, "took", one.person, one, other=one.before)
        elsewhere = self._slot_of(one.person)
        if elsewhere is not None:
            self.held[elsewhere] = None
        self.held[one.slot] = Tenure(one.person, one.at, one) if one.person else None

    def _departed(self, one: Evidence) -> None:
        assert one.person is not None
        self.gone.append(one)
        holding = self._slot_of(one.person)
        if holding is not None and one.slot in (None, holding):
            self._leave(holding, one)
        elif one.slot is not None and not self._last_told(one.slot, one.person, "left"):
            self._tell(one.slot, "left", one.person, one)

    def _missed(self, one: Evidence) -> None:
        assert one.slot is not None
        assert one.person is not None
        holder = self.held[one.slot]
        if holder and one.person.is_(holder.person) and holder.since <= one.at and self.pages.confirms_absence(one):
            self._leave(one.slot, one)

    def _appointed(self, one: Evidence) -> None:
        assert one.slot is not None
        assert one.person is not None
        holder = self.held[one.slot]
        if holder and one.person.is_(holder.person):
            if not self._last_told(one.slot, one.person, "took"):
                self._tell(one.slot, "took", one.person, one)  # we knew the name before the news came
            return
        if holder and _JOINT.search(one.person.title or ""):
            return
        self._take(one.slot, one, told=True)

    def _listed(self, one: Evidence) -> None:
        assert one.slot is not None
        assert one.person is not None
        holder = self.held[one.slot]
        if (holder and one.person.is_(holder.person)) or self._left_lately(one):
            return
        elsewhere = self._slot_of(one.person)
        if elsewhere and self.pages.names(one.person, elsewhere, page_id=one.fact.page_id, at=one.at):
            return  # two offices in one hand: a person holds one slot
        if holder is None:
            self._take(one.slot, one, told=one.slot in self.had)
        elif not self._outweighs(holder, one):
            self._take(one.slot, one, told=True)

    def _outweighs(self, holder: Tenure, one: Evidence) -> bool:
        """Whether the holder stays although a page names another."""
        assert one.slot is not None
        if self.pages.names(holder.person, one.slot, page_id=one.fact.page_id, at=one.at):
            return True  # named side by side
        if one.fact.page_read_before:
            return False  # the name is new on a page that we knew
        by_news = holder.by.kind == "appointment" and one.at - holder.since <= PAGES_LAG
        return by_news or self.pages.stands_elsewhere(holder.person, one.slot, page_id=one.fact.page_id)

    def _left_lately(self, one: Evidence) -> bool:
        """A page read for the first time may still name who has left by the news."""
        return not one.fact.page_read_before and any(
            gone.slot in (None, one.slot)
            and one.at - gone.at <= PAGES_LAG
            and gone.person
            and gone.person.is_(one.person)
            for gone in self.gone
        )

    def _take(self, slot: Slot, one: Evidence, *, told: bool) -> None:
        person = one.person
        assert person is not None
        elsewhere = self._slot_of(person)
        before = self.held[slot]
        if before is not None:
            self._tell(slot, "left", before.person, one, other=person)
            self.had.add(slot)
        self.held[slot] = Tenure(person, one.at, one)
        if told:
            self._tell(slot, "took", person, one, other=before.person if before else None)
        if elsewhere is not None:
            self._leave(elsewhere, one)

    def _leave(self, slot: Slot, one: Evidence) -> None:
        leaver = self.held[slot]
        assert leaver is not None
        next_in_line = self._in_line(slot, leaver, one.at)
        self.held[slot] = (
            Tenure(next_in_line.person, one.at, next_in_line) if next_in_line and next_in_line.person else None
        )
        self.had.add(slot)
        self._tell(slot, "left", leaver.person, one, other=next_in_line.person if next_in_line else None)

    def _in_line(self, slot: Slot, leaver: Tenure, at: datetime) -> Evidence | None:
        """Who was named in the slot beside the one who leaves, and still is."""
        for one in self.pages.listings:
            person = one.person
            if one.slot != slot or one.at > at or person is None or person.is_(leaver.person):
                continue
            if one.fact.seen_at < leaver.since or not self.pages.current(one):
                continue
            if self._slot_of(person) is None and not self._left_lately(one):
                return one
        return None

    def _slot_of(self, person: Person | None) -> Slot | None:
        if person is None:
            return None
        return next((slot for slot, tenure in self.held.items() if tenure and person.is_(tenure.person)), None)

    def _tell(
        self, slot: Slot, change: Literal["took", "left"], person: Person, one: Evidence, *, other: Person | None = None
    ) -> None:
        turn = 1 + sum(told.slot == slot and told.change == change and person.is_(told.person) for told in self.changes)
        self.changes.append(Change(slot, change, person, one.at, one, other, turn))

    def _left_without_a_hand(self, slot: Slot, person: Person) -> bool:
        """Whether pages or news had told of it before a hand did what follows from it."""
        last = next((told for told in reversed(self.changes) if told.slot == slot and person.is_(told.person)), None)
        return last is not None and last.change == "left" and last.by.kind != SET

    def _has_left(self, person: Person) -> bool:
        return any(told.change == "left" and person.is_(told.person) for told in self.changes)

    def _last_told(self, slot: Slot, person: Person, change: Literal["took", "left"]) -> bool:
        """Whether the last that was told of the person in this slot is this."""
        for told in reversed(self.changes):
            if told.slot == slot and person.is_(told.person):
                return told.change == change
        return False


def set_by_records(slot: Slot, at: datetime, person: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fact that a slot stands so in our records: kind, key and value. `person`: contact_id and name, or None."""
    who = {"contact_id": person["contact_id"], "name": person["name"]} if person else {"contact_id": None, "name": None}
    return {"kind": SET, "key": f"{slot}:{at.isoformat()}", "value": {"slot": slot, **who}}
