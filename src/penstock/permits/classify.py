"""What work is a permit for? Rules over its type, its description and its value; the first that fits decides.

The table is data (`work.yaml`): a playbook that looks for other work brings its own in the same form.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from penstock.core.errors import InvalidInput

READ_AT_MOST: Final = 4000  # characters of a description; what the work is stands at its beginning
WORDS_AT_MOST: Final = 120  # characters of the words that an answer rests on

_WORD = re.compile(r"[\w/&'-]+")
_ABBREVIATION = re.compile(r"\bw/(?!o\b)|(?<=\s)&(?=\s)")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """One row of the table. What it does not name it does not ask; `value` in dollars, both ends included."""

    name: str
    kind: str
    type: str | None = None
    text: str | None = None
    unless: str | None = None
    value: tuple[float | None, float | None] | None = None
    confidence: float = Field(gt=0, le=1)

    @field_validator("type", "text", "unless")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _compiled(pattern)
        return pattern


class Otherwise(_Strict):
    """The answer where no rule fits."""

    kind: str
    confidence: float = Field(gt=0, le=1)


class Table(_Strict):
    """A whole table, as its YAML file says it."""

    version: int
    kinds: dict[str, str]
    otherwise: Otherwise
    spellings: dict[str, str] = {}
    ignored: list[str] = []
    doubts: list[str] = []
    doubt_factor: float = Field(default=1.0, gt=0, le=1)
    rules: list[Rule]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kind of work, how sure (0–1), the words it rests on as found after spelling, and the rule that said so."""

    kind: str
    confidence: float
    words: tuple[str, ...]
    rule: str


class Classifier:
    """A table ready for use. Pure: the same permit always gets the same verdict."""

    def __init__(self, table: Table) -> None:
        self.kinds: Mapping[str, str] = table.kinds
        self.version = table.version
        self._otherwise = table.otherwise
        self._rules = [_Ready(rule) for rule in table.rules]
        self._spellings = {wrong.casefold(): right for wrong, right in table.spellings.items()}
        self._ignored = [_compiled(pattern) for pattern in table.ignored]
        self._doubts = [_compiled(pattern) for pattern in table.doubts]
        self._doubt_factor = table.doubt_factor

    def __call__(
        self, *, type_raw: str | None, work_raw: str | None, description: str | None, valuation: Decimal | int | None
    ) -> Verdict:
        """The verdict on one permit; any part may be missing. A value of 0 or 1 dollar is one not stated."""
        form = plain(" | ".join(filter(None, (type_raw, work_raw))))
        spelt = self._spelt(plain(description or ""))
        told = spelt
        for pattern in self._ignored:
            told = pattern.sub(" ", told)
        value = None if valuation is None or valuation <= 1 else float(valuation)
        factor = self._doubt_factor if any(doubt.search(spelt) for doubt in self._doubts) else 1.0
        for rule in self._rules:
            words = rule.fits(form, told, value)
            if words is not None:
                return Verdict(rule.kind, round(rule.confidence * factor, 3), words, rule.name)
        return Verdict(self._otherwise.kind, round(self._otherwise.confidence * factor, 3), (), "otherwise")

    def _spelt(self, told: str) -> str:
        return _WORD.sub(lambda word: self._spellings.get(word.group(), word.group()), told)


class _Ready:
    """A rule with its expressions compiled."""

    def __init__(self, rule: Rule) -> None:
        self.name, self.kind, self.confidence = rule.name, rule.kind, rule.confidence
        self._type = None if rule.type is None else _compiled(rule.type)
        self._text = None if rule.text is None else _compiled(rule.text)
        self._unless = None if rule.unless is None else _compiled(rule.unless)
        self._low, self._high = rule.value or (None, None)

    def fits(self, form: str, told: str, value: float | None) -> tuple[str, ...] | None:
        """The words that make the rule fit, or None."""
        if not self._affordable(value):
            return None
        found = []
        for pattern, where in ((self._type, form), (self._text, told)):
            if pattern is not None:
                match = pattern.search(where)
                if match is None:
                    return None
                found.append(" ".join(match.group().split())[:WORDS_AT_MOST])
        if self._unless is not None and self._unless.search(told):
            return None
        return tuple(found)

    def _affordable(self, value: float | None) -> bool:
        if self._low is None and self._high is None:
            return True
        if value is None:
            return False
        return (self._low is None or value >= self._low) and (self._high is None or value <= self._high)


def load_table(text: str, where: str) -> Table:
    """The table that a YAML text holds. Raises InvalidInput, naming `where`, if it is not one."""
    try:
        table = Table.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError, re.error) as error:
        raise InvalidInput(
            f"The table of permit work {where!r} is not as docs/reference/permits.md says: {error}"
        ) from error
    named = {rule.kind for rule in table.rules} | {table.otherwise.kind}
    if unknown := sorted(named - set(table.kinds)):
        raise InvalidInput(f"The table of permit work {where!r} uses kinds it does not explain: {', '.join(unknown)}.")
    return table


@lru_cache(maxsize=1)
def standard() -> Classifier:
    """The classifier over the table that comes with Penstock."""
    text = (resources.files(__package__) / "work.yaml").read_text("utf-8")
    return Classifier(load_table(text, "work.yaml"))


def plain(text: str) -> str:
    """Lower case, single blanks, one form of each character: "RE–ROOF" reads as "re-roof"."""
    text = unicodedata.normalize("NFKC", text[:READ_AT_MOST]).casefold()
    text = text.translate(_PUNCTUATION)
    return " ".join(_ABBREVIATION.sub(_spoken, text).split())


def _spoken(mark: re.Match[str]) -> str:
    return "and" if mark.group() == "&" else "with "


# Dashes to a hyphen, curly quotes to straight ones, bullets and dots in a row to the end of a sentence.
_PUNCTUATION: Final = {
    **dict.fromkeys(map(ord, "‐‑‒–—―"), "-"),
    **dict.fromkeys(map(ord, "‘’′"), "'"),
    **dict.fromkeys(map(ord, "“”″"), '"'),
    **dict.fromkeys(map(ord, "•·●▪\n\r"), " ; "),
}


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def tally(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """Precision, recall and counts per kind out of (right, given) pairs. An empty ratio is 1."""
    kinds = sorted({kind for pair in pairs for kind in pair})
    found = {}
    for kind in kinds:
        hit = sum(right == given == kind for right, given in pairs)
        given_so = sum(given == kind for _, given in pairs)
        are_so = sum(right == kind for right, _ in pairs)
        found[kind] = {
            "precision": hit / given_so if given_so else 1.0,
            "recall": hit / are_so if are_so else 1.0,
            "right": are_so,
            "given": given_so,
        }
    return found
