"""Does a sentence of news tell of our company, and of now? A news page also tells of customers, units and the past."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from penstock.identity import plain_name

_GIVES = re.compile(
    r"\b(?:names?|named|appoints?|appointed|promotes?|promoted|hires?|hired|taps?|tapped|elects?|elected|selects?|selected|"
    r"picks?|picked|recruits?|recruited|welcomes?|welcomed|announces?|announced)\b",
    re.IGNORECASE,
)
_GOES_TO = re.compile(r"\b(?:joins?|joined|joining)\s+(.{2,80}?)\s+as\b")
_GOES_FROM = re.compile(
    r"\b(?:left|leaves?|leaving|departs?|departed|departing|exits?|exited|exiting|quits?)\s+([^,.;]{2,80})"
)
_OF = re.compile(r"\b(?:of|at|for)\s+(.+)$", re.IGNORECASE)
_PART = re.compile(
    r"\b(?:unit|division|subsidiary|arm|branch|affiliate|joint venture|foundation|operations in|business in)\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:became|was|were|has been|had been|have been|joined|served|took over|named|appointed)\b.*\b(?:in|since)\s+"
    r"(?:[a-z]+\.?\s+)?((?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_AGAIN = re.compile(r"\bre-?(?:appoint|elect|confirm)\w*\b", re.IGNORECASE)
_CAPITAL = re.compile(r"[^\W\d_a-z][\w&.'’-]*")
# Who gives an office without being a company: "The Board of Directors appoints…".
_NOBODY = frozenset(
    """a after an and as at board ceo chair chairman chairwoman co company council directors executive family firm
    following for founder founders group here in it its meet members of on our owners partners press president release
    shareholders supervisory the this today trustees update we with yesterday""".split()  # noqa: SIM905
)
_NO_WORD = frozenset({"the", "of", "and", "for", "de", "la"})


@dataclass(frozen=True, slots=True)
class Names:
    """By what a company is called: the words of its name, its initials, the label of its domain."""

    words: frozenset[str]
    short: frozenset[str]

    def are_in(self, text: str) -> bool:
        found = plain_name(text).split()
        return bool(self.words & set(found)) or bool(self.short & {*found, "".join(found)})


@lru_cache(maxsize=5_000)
def names_of(name: str, domain: str | None) -> Names:
    """The names of a company, for `is_ours`."""
    words = [word for word in plain_name(name).split() if word not in _NO_WORD]
    label = (domain or "").split(".")[0].replace("-", "")
    initials = "".join(word[0] for word in words) if len(words) > 1 else ""
    return Names(frozenset(words), frozenset(filter(None, (label, initials, "".join(words)))))


def is_ours(value: Mapping[str, Any], names: Names, year: int) -> bool:
    """Whether a move that a sentence tells counts for this company; without a sentence it does. `year`: when found.

    No, where somebody else gives or loses the officer ("our customer X names…", "leaves Y"), where the office is that
    of a part of the company, and where it is an old story or no change at all ("in 2011", "reappointed").
    """
    sentence, title, person = (str(value.get(field) or "") for field in ("sentence", "title", "name"))
    if not sentence:
        return True
    past = _PAST.search(sentence)
    if _AGAIN.search(sentence) or (past and int(past[1]) < year - 1):
        return False
    office = _OF.search(title)
    if office and (_PART.search(office[1]) or _another(office[1], names, person)):
        return False
    return not any(_another(place, names, person) for place in _places(sentence))


def _places(sentence: str) -> list[str]:
    """Who gives the office, where somebody goes, where somebody leaves: as far as the sentence says."""
    gives = _GIVES.search(sentence)
    agent = [sentence[: gives.start()]] if gives else []
    return [*agent, *(found[1] for pattern in (_GOES_TO, _GOES_FROM) for found in pattern.finditer(sentence))]


def _another(text: str, names: Names, person: str) -> bool:
    """Whether the words name a company that is not ours. The person's own name is none."""
    if names.are_in(text):
        return False
    own = {word.casefold() for word in person.split()}
    called = [word for word in _CAPITAL.findall(text) if word.strip(".'’").casefold() not in own | _NOBODY]
    return bool(called)
