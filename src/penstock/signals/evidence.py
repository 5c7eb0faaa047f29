"""What pages, news and records say of who holds an office, as plain values in the order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Any, Final, Literal, get_args

from penstock.identity import SLOTS, Slot, slot_of_title
from penstock.signals.names import same_person

SET = "slot_set"  # how a slot stood in our own records: from a list, or by a person's hand
BY_HAND = "hand"  # source of a slot_set: somebody wrote to the slot, and it says who held it before
Kind = Literal["slot_set", "departure", "person_absent", "appointment", "person_at"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)  # in the order in which things of one instant are looked at
NEWS: Final = frozenset({"departure", "appointment"})

TWO_READINGS = timedelta(hours=12)  # a page is read once in thirty days; a retry within the hour is no second reading
NEWS_COUNTS_FOR = timedelta(days=180)  # what was older when it was found is history
PAGES_LAG = timedelta(days=90)  # so long a page may go on naming who has left


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of app.company_facts. `page_read_before`: its page had been read before it stood there."""

    id: int
    kind: str
    key: str
    value: Mapping[str, Any]
    found_at: datetime
    seen_at: datetime
    page_id: int | None = None
    contact_id: int | None = None
    source: str = ""
    source_url: str | None = None
    page_read_before: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as a source names them."""

    name: str
    title: str | None = None
    profile_url: str | None = None
    contact_id: int | None = None

    def is_(self, other: Person | None) -> bool:
        """Whether it can be the same person: by contact, by profile, by name."""
        if other is None:
            return False
        if self.contact_id is not None and self.contact_id == other.contact_id:
            return True
        if self.profile_url and self.profile_url == other.profile_url:
            return True
        return same_person(self.name, other.name)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A fact understood. `at`: since when it is so, as far as the fact tells; `person` None: a slot set to vacant.

    `before`: who held it until somebody's hand changed it.
    """

    fact: Fact
    kind: Kind
    at: datetime
    slot: Slot | None
    person: Person | None
    before: Person | None = None

    @property
    def by_hand(self) -> bool:
        return self.kind == SET and self.fact.source == BY_HAND

    @property
    def order(self) -> tuple[datetime, int, float, int, str, int]:
        """Makes one order of any facts, however they came in.

        What a hand did within one instant goes by its turn, and before what our records say of that instant's end.
        """
        slot = SLOTS.index(self.slot) if self.slot else len(SLOTS)
        turn = _whole(self.fact.value, "turn") if self.by_hand else None
        turns = inf if turn is None else turn
        return (self.at, KINDS.index(self.kind), turns, slot, self.fact.key, self.fact.id)


def understood(facts: Iterable[Fact]) -> list[Evidence]:
    """The facts that say something of an office, in the order of time; what says nothing is left out."""
    found = [evidence for fact in facts if (evidence := _understand(fact)) is not None]
    return sorted(found, key=lambda evidence: evidence.order)


def _understand(fact: Fact) -> Evidence | None:
    kind = next((kind for kind in KINDS if kind == fact.kind), None)
    if kind is None:
        return None
    slot, title = slot_in(fact.value), _text(fact.value, "title")
    name = _text(fact.value, "name")
    if kind == SET:
        person = Person(name, title, contact_id=_whole(fact.value, "contact_id")) if name else None
        return Evidence(fact, kind, fact.found_at, slot, person, held_before(fact.value)) if slot else None
    if name is None or (slot is None and kind != "departure"):
        return None
    at = fact.found_at
    if kind in NEWS:
        day = dated(fact.value)
        if day is None and not fact.page_read_before:  # undated, on a page that may be years old
            return None
        at = min(_midnight(day), fact.found_at) if day else fact.found_at
        if fact.found_at - at > NEWS_COUNTS_FOR:
            return None
    person = Person(name, title, _text(fact.value, "profile_url"), fact.contact_id)
    return Evidence(fact, kind, at, slot, person)


def held_before(value: Mapping[str, Any]) -> Person | None:
    """Who held a slot until somebody's hand changed it."""
    before = value.get("before")
    name = _text(before, "name") if isinstance(before, dict) else None
    return Person(name, contact_id=_whole(before, "contact_id")) if isinstance(before, dict) and name else None


def slot_in(value: Mapping[str, Any]) -> Slot | None:
    """The slot that a fact is about. A title that fills no slot (former, deputy…) outweighs a slot that is named."""
    named = next((slot for slot in SLOTS if slot == value.get("slot")), None)
    title = _text(value, "title")
    if title is None:
        return named
    read = slot_of_title(title)
    return named if named and read else read


def dated(value: Mapping[str, Any]) -> date | None:
    """The day that the fact itself bears, if any."""
    try:
        return date.fromisoformat(str(value.get("date") or value.get("published") or "")[:10])
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _text(value: Mapping[str, Any], field: str) -> str | None:
    found = value.get(field)
    return found.strip() or None if isinstance(found, str) else None


def _whole(value: Mapping[str, Any], field: str) -> int | None:
    found = value.get(field)
    return found if isinstance(found, int) else None


class Pages:
    """What the listings on pages say at an instant."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.listings = [one for one in evidence if one.kind == "person_at"]
        self._absent = [one for one in evidence if one.kind == "person_absent"]
        self._last_read: dict[int | None, datetime] = {}
        for one in evidence:
            known = self._last_read.get(one.fact.page_id)
            self._last_read[one.fact.page_id] = max(known, one.fact.seen_at) if known else one.fact.seen_at

    def names(self, person: Person, slot: Slot, *, page_id: int | None, at: datetime) -> bool:
        """Whether this page still named the person in the slot at the instant or after."""
        return any(one.fact.page_id == page_id and one.fact.seen_at >= at for one in self._of(person, slot))

    def stands_elsewhere(self, person: Person, slot: Slot, *, page_id: int | None) -> bool:
        """Whether another page names the person in the slot, as far as it was read last."""
        return any(one.fact.page_id != page_id and self.current(one) for one in self._of(person, slot))

    def current(self, listing: Evidence) -> bool:
        """Whether it was still there when its page was read last."""
        return listing.fact.seen_at >= self._last_read[listing.fact.page_id]

    def confirms_absence(self, absence: Evidence) -> bool:
        """Two readings miss the person, and no page has named them since."""
        person, slot, fact = absence.person, absence.slot, absence.fact
        assert person is not None
        assert slot is not None
        twice = fact.seen_at - fact.found_at >= TWO_READINGS
        elsewhere = any(
            other.fact.page_id != fact.page_id and other.slot == slot and person.is_(other.person)
            for other in self._absent
        )
        named_since = any(one.fact.seen_at > fact.found_at for one in self._of(person, slot))
        return (twice or elsewhere) and not named_since

    def _of(self, person: Person, slot: Slot) -> list[Evidence]:
        return [one for one in self.listings if one.slot == slot and person.is_(one.person)]
