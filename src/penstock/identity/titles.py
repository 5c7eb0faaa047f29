"""Which slot of a company a job title fills: CEO, CFO, HR or none, by the table titles.yaml.

The table says what is decided and why; here is only how it is read.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import resources
from typing import Any, Final, Literal, NamedTuple, get_args

import yaml

Slot = Literal["CEO", "CFO", "HR"]
SLOTS: Final[tuple[Slot, ...]] = get_args(Slot)

_CLAUSES = re.compile(r"[;|•·\n]|\s[-–—]+\s|[–—]")
_BETWEEN = re.compile(r"[^a-z0-9]+")


class TitleClaim(NamedTuple):
    """A slot and how good the title's claim to it is: 1 names the role, 2 stands in for it."""

    slot: Slot
    rank: int


def slot_of_title(title: str | None) -> Slot | None:
    """The slot that the title fills, or None."""
    claim = claim_of_title(title)
    return claim.slot if claim else None


@lru_cache(maxsize=20_000)
def claim_of_title(title: str | None) -> TitleClaim | None:
    """The slot that the title fills, and with what rank; None where it fills none."""
    found = [claim for clause in _CLAUSES.split(title or "") for claim in _claims(clause)]
    return min(found, key=lambda claim: (claim.rank, SLOTS.index(claim.slot)), default=None)


class _Rule(NamedTuple):
    """Fits where one of `phrases` is there (and of `of`, if given) or the clause is one of `whole`; and no `unless`."""

    slot: Slot
    rank: int
    phrases: re.Pattern[str] | None
    of: re.Pattern[str] | None
    whole: frozenset[str]
    unless: tuple[re.Pattern[str], ...]

    def fits(self, words: str) -> bool:
        if any(pattern.search(words) for pattern in self.unless):
            return False
        if self.phrases is None:
            return words in self.whole
        return bool(self.phrases.search(words)) and (self.of is None or bool(self.of.search(words)))


class _Table(NamedTuple):
    spellings: list[tuple[re.Pattern[str], str]]
    lists: dict[str, re.Pattern[str]]
    rules: list[_Rule]


def _claims(clause: str) -> Iterator[TitleClaim]:
    table = _table()
    words = _plain(clause, table)
    if cut := table.lists["from_here_on"].search(words):
        words = words[: cut.start()].strip()
    if table.lists["never"].search(words):
        return
    words = table.lists["narrower"].sub("-", words)
    for rule in table.rules:
        if not table.lists["low" if rule.slot == "HR" else "unit"].search(words) and rule.fits(words):
            yield TitleClaim(rule.slot, rule.rank)


def _plain(clause: str, table: _Table) -> str:
    clause = clause.replace("&", " and ").replace("+", " and ").replace("@", " at ")
    text = unicodedata.normalize("NFKD", clause.casefold())
    text = "".join(c for c in text if c not in ".'’" and not unicodedata.combining(c))
    text = _BETWEEN.sub(" ", text).strip()
    for pattern, plain in table.spellings:
        text = pattern.sub(plain, text)
    return text


@lru_cache(maxsize=1)
def _table() -> _Table:
    read: dict[str, Any] = yaml.safe_load((resources.files(__package__) / "titles.yaml").read_text("utf-8"))
    spellings, slots = read.pop("spellings"), read.pop("slots")
    lists = {name: _any_of(_flat(phrases)) for name, phrases in read.items()}
    return _Table(
        [(_any_of([long]), spellings[long]) for long in sorted(spellings, key=len, reverse=True)],
        lists,
        [_rule(slot, rule, lists) for slot in SLOTS for rule in slots[slot]],
    )


def _rule(slot: Slot, rule: dict[str, Any], lists: dict[str, re.Pattern[str]]) -> _Rule:
    phrases, of = (_any_of(rule[name]) if name in rule else None for name in ("phrases", "of"))
    unless = tuple(lists[name] for name in rule.get("unless", ()))
    return _Rule(slot, rule["rank"], phrases, of, frozenset(rule.get("whole", ())), unless)


def _flat(phrases: list[str] | list[list[str]]) -> Iterable[str]:
    return (word for entry in phrases for word in ([entry] if isinstance(entry, str) else entry))


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of the phrases as whole words."""
    return re.compile(rf"\b(?:{'|'.join(re.escape(phrase) for phrase in phrases)})\b")
