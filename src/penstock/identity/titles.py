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
_ABOUT_ROLES: Final = ("former", "never", "unit", "other_chief", "function")
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
    table = _table()
    clauses = [words for clause in _CLAUSES.split(title or "") if (words := _plain(clause, table))]
    around = ["", *clauses, ""]
    asides = [words if _is_aside(words, table) else "" for words in around]
    found = [
        claim
        for n, words in enumerate(clauses, start=1)
        for claim in _claims(words, f"{asides[n - 1]} | {asides[n + 1]}", f"{around[n - 1]} | {around[n + 1]}", table)
    ]
    return min(found, key=lambda claim: (claim.rank, SLOTS.index(claim.slot)), default=None)


class _Rule(NamedTuple):
    """Fits where one of `phrases` is there (and of `of`, if given) or the clause is one of `whole`; and no `unless`."""

    slot: Slot
    rank: int
    phrases: re.Pattern[str] | None
    of: re.Pattern[str] | None
    whole: frozenset[str]
    unless: tuple[re.Pattern[str], ...]

    def fits(self, words: str, beside: str) -> bool:
        if any(pattern.search(words) or pattern.search(beside) for pattern in self.unless):
            return False
        if self.phrases is None:
            return words in self.whole
        return bool(self.phrases.search(words)) and (self.of is None or bool(self.of.search(words)))


class _Table(NamedTuple):
    spellings: list[tuple[re.Pattern[str], str]]
    lists: dict[str, re.Pattern[str]]
    aside: re.Pattern[str]
    rules: list[_Rule]


def _is_aside(words: str, table: _Table) -> bool:
    """Whether the clause fills no slot and holds only words that say something of a role."""
    return not table.aside.sub("", words).strip() and not any(_claims(words, "", "", table))


def _claims(words: str, beside: str, around: str, table: _Table) -> Iterator[TitleClaim]:
    """What a clause claims; `beside` is what its neighbours say of it, `around` all that they hold."""
    if was := table.lists["former"].search(words):
        if was.end() == len(words):
            return
        words = words[: was.start()].strip()
    if table.lists["ended"].search(words):
        return
    if cut := table.lists["from_here_on"].search(words):
        words = words[: cut.start()].strip()
    if (
        table.lists["never"].search(words)
        or table.lists["another_role"].search(words)
        or table.lists["never"].search(beside)
        or table.lists["former"].search(beside)
    ):
        return
    words = table.lists["narrower"].sub("-", words)
    for rule in table.rules:
        narrow = table.lists["low" if rule.slot == "HR" else "unit"]
        if rule.whole and any(table.lists[role].search(around) for role in ("never", "another_role", "low")):
            continue  # the department of somebody whose role stands beside it
        if not narrow.search(words) and not narrow.search(beside) and rule.fits(words, beside):
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
    about_roles = (word for name in _ABOUT_ROLES for word in _flat(read[name]))
    return _Table(
        [(_any_of([long]), spellings[long]) for long in sorted(spellings, key=len, reverse=True)],
        lists,
        _any_of(sorted(["and", "of", "the", *about_roles], key=len, reverse=True)),
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
