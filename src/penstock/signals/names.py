"""Are two names one person's? Asked of two people in the same office of the same company, so doubt counts as yes.

A false "another person" stops a sequence and empties a slot; a false "the same" only waits for better evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nameparser import parse
from nicknames import NickNamer
from rapidfuzz.distance import OSA

_GENERATIONS = {"jr": 2, "junior": 2, "ii": 2, "sr": 1, "senior": 1, "i": 1, "iii": 3, "iv": 4, "v": 5}
_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_LETTERS = re.compile(r"[^\W\d_]+")
_LONG_ENOUGH = 5  # letters of a family name that may hide a slip of the pen


@dataclass(frozen=True, slots=True)
class _Name:
    """A name in parts, in plain lower-case letters. `called`: what stands in quotes or brackets."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    called: tuple[str, ...]
    maiden: tuple[str, ...]
    generation: int | None

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.given, *self.family)


def same_person(one: str, other: str) -> bool:
    """Whether both names can be one person's: initials, nicknames, middle names, suffixes, accents and order aside."""
    a, b = _read(one), _read(other)
    if not a.words or not b.words:
        return False
    if a.generation and b.generation and a.generation != b.generation:
        return False
    if "".join(sorted(a.words)) == "".join(sorted(b.words)) or "".join(a.words) == "".join(b.words):
        return True
    if not (a.given and a.family and b.given and b.family):
        return False
    return (_families_fit(a, b) and _givens_fit(a, b)) or _longer_surname(a, b) or _longer_surname(b, a)


def name_key(name: str) -> str:
    """First and family name in plain letters: for keys; two keys that differ may still be one person's."""
    read = _read(name)
    return " ".join((*read.given[:1], *read.family)) or " ".join(name.casefold().split())


@lru_cache(maxsize=50_000)
def _read(name: str) -> _Name:
    parts = parse(name)
    generation = next((_GENERATIONS[word] for word in _plain(parts.suffix) if word in _GENERATIONS), None)
    return _Name(
        _plain(parts.given_names), _plain(parts.family_base), _plain(parts.nickname), _plain(parts.maiden), generation
    )


def _plain(text: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_UNDECOMPOSED))
    bare = "".join(c for c in folded if not unicodedata.combining(c) and c not in "'’`ʼ")
    return tuple(_LETTERS.findall(bare))


def _families_fit(a: _Name, b: _Name) -> bool:
    if {*a.family, *a.maiden} & {*b.family, *b.maiden}:
        return True
    x, y = "".join(a.family), "".join(b.family)
    if x == y:
        return True
    # One slip of the pen, where nothing else differs: Krzystof's sister would have another first name.
    return min(len(x), len(y)) >= _LONG_ENOUGH and a.given[0] == b.given[0] and OSA.distance(x, y, score_cutoff=1) <= 1


def _givens_fit(a: _Name, b: _Name) -> bool:
    return any(
        _within(x, y) or _within(y, x) or "".join(x) == "".join(y)
        for x in filter(None, (a.given, a.called))
        for y in filter(None, (b.given, b.called))
    )


def _within(shorter: Sequence[str], longer: Sequence[str]) -> bool:
    """Whether each word of the shorter meets one of the longer, in order: Robert in J. Robert, J. in John Paul."""
    rest = iter(longer)
    return all(any(_alike(word, other) for other in rest) for word in shorter)


def _alike(a: str, b: str) -> bool:
    x, y = {a, *_canonicals(a)}, {b, *_canonicals(b)}
    if len(a) == 1 or len(b) == 1:
        return bool({word[0] for word in x} & {word[0] for word in y})
    return bool(x & y)


def _longer_surname(a: _Name, b: _Name) -> bool:
    """Maria Garcia is Maria Garcia Lopez: the words of one stand in the other, whole, the first one first."""
    rest = iter(b.words[1:])
    return a.given[0] == b.given[0] and all(len(word) > 1 and word in rest for word in a.words[1:])


@lru_cache(maxsize=1)
def _nicknames() -> NickNamer:
    return NickNamer()


@lru_cache(maxsize=20_000)
def _canonicals(word: str) -> frozenset[str]:
    return frozenset(_nicknames().canonicals_of(word))
