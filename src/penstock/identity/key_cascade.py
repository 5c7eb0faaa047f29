"""Which company or person each row is: the key cascade for any kinds of keys, as a pure function over keys.

The rule is that of places (`cascade`): a row is the thing that holds its surest known key, unless a surer key of both
says otherwise; a thing keeps the keys it has and takes over those it lacks and nobody else holds. Here the kinds of
keys are given: a company has an EIN, a domain, a LinkedIn page, up to two names; a person a profile, emails, a name.
Places have a copy of their own with the loops written out: it takes half the time on their millions of rows.

Rows are placed surest keys first (`in_order`), whatever order a file has them in: so a shuffled file gives the same
things, and a row that has two keys joins the rows that have one of them each.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from penstock.identity.cascade import DUPLICATE, INSERTED, UPDATED

RowKeys = tuple[tuple[str, ...], ...]
"""A row's keys: for each kind, in order, those that it has (none, one or several)."""


class Kind(NamedTuple):
    """A kind of key: whether two things with different ones are never the same, and how many a thing holds at most."""

    parts: bool = True
    most: int | None = 1


COMPANY: tuple[Kind, ...] = (Kind(), Kind(), Kind(), Kind(parts=False, most=2))  # EIN, domain, LinkedIn, names
PERSON: tuple[Kind, ...] = (Kind(), *2 * (Kind(parts=False, most=None),))  # profile, emails, names at companies


class Thing:
    """A company or person with its keys; `known_id` if it is in the database, `first_row` the first that is it."""

    __slots__ = ("first_row", "keys", "known_id", "number")

    def __init__(self, number: int, known_id: int | None, kinds: int) -> None:
        self.number, self.known_id, self.first_row = number, known_id, -1
        self.keys: list[tuple[str, ...]] = [()] * kinds


class PlacedRow(NamedTuple):
    """What became of a row: its thing (a number within this run), known id if any, outcome, first row of that thing."""

    row_number: int
    place: int
    known_id: int | None
    outcome: str
    first_row: int


class KeyCascade:
    """Places rows one after the other. Feed it everything known that holds any key of the rows, oldest first."""

    def __init__(self, kinds: Sequence[Kind], known: Iterable[tuple[int, RowKeys]] = ()) -> None:
        self._kinds = tuple(kinds)
        self._most = [kind.most for kind in kinds]
        self._index: tuple[dict[str, Thing], ...] = tuple({} for _ in kinds)
        self.things: list[Thing] = []
        for known_id, keys in known:
            self._take(self._new(known_id), keys)

    def place(self, keys: RowKeys) -> Thing:
        """The thing that a row with these keys is, a new one if none holds them; later rows see what it added."""
        found = self._find(keys) or self._new(None)
        self._take(found, keys)
        return found

    def _find(self, keys: RowKeys) -> Thing | None:
        for level, (index, mine) in enumerate(zip(self._index, keys, strict=True)):
            for key in mine:
                if (thing := index.get(key)) is not None and self._agree(thing, keys, level):
                    return thing
        return None

    def _agree(self, thing: Thing, keys: RowKeys, level: int) -> bool:
        """Whether no surer key says that the row is another thing."""
        for kind, theirs, mine in zip(self._kinds[:level], thing.keys, keys, strict=False):
            if kind.parts and theirs and mine and theirs[0] != mine[0]:
                return False
        return True

    def _new(self, known_id: int | None) -> Thing:
        thing = Thing(len(self.things), known_id, len(self._kinds))
        self.things.append(thing)
        return thing

    def _take(self, thing: Thing, keys: RowKeys) -> None:
        held = thing.keys
        for level, mine in enumerate(keys):
            for key in mine:
                index = self._index[level]
                most = self._most[level]
                if (most is None or len(held[level]) < most) and key not in index:
                    held[level] = (*held[level], key)
                    index[key] = thing


_NONE = ("\U0010ffff",)  # sorts behind every key


def in_order(rows: Iterable[tuple[int, RowKeys]]) -> list[tuple[int, RowKeys]]:
    """Rows (number, keys), surest keys first, then by the keys themselves: the same for every order they come in."""
    return sorted(rows, key=lambda row: ([keys or _NONE for keys in row[1]], row[0]))


def place_all(
    kinds: Sequence[Kind], known: Iterable[tuple[int, RowKeys]], rows: Iterable[tuple[int, RowKeys]]
) -> tuple[list[PlacedRow], list[Thing]]:
    """Every row placed, by row number, and the things that some row is. The lowest row of a thing is its first."""
    cascade = KeyCascade(kinds, known)
    placed = [(number, cascade.place(keys)) for number, keys in in_order(rows)]
    placed.sort(key=lambda pair: pair[0])
    return list(_told(placed)), [thing for thing in cascade.things if thing.first_row >= 0]


def _told(placed: list[tuple[int, Thing]]) -> Iterator[PlacedRow]:
    for number, thing in placed:
        if thing.first_row < 0:
            thing.first_row = number
            outcome = INSERTED if thing.known_id is None else UPDATED
        else:
            outcome = DUPLICATE
        yield PlacedRow(number, thing.number, thing.known_id, outcome, thing.first_row)
