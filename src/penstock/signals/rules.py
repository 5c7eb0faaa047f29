"""The rules that make signals of facts: read from YAML, checked, and asked. Pure but for reading the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from penstock.core.errors import NotConfigured
from penstock.playbook import Playbook
from penstock.signals.evidence import dated

OFFICER_CHANGE = "officer_change"
Action = Literal["none", "rescore", "let_go"]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_FIELD = re.compile(r"\{(\w+)\}")


def _pattern(text: object) -> object:
    if isinstance(text, str):
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
    return text


class Condition(BaseModel):
    """What a field has to be like; all that is said must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    one_of: tuple[Any, ...] | None = None
    matches: Annotated[str, BeforeValidator(_pattern)] | None = None
    at_least: float | None = None
    present: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, read: object) -> object:
        """A plain value or a list of them stands for `one_of`."""
        if isinstance(read, dict):
            return read
        return {"one_of": tuple(read) if isinstance(read, list) else (read,)}

    def holds(self, value: Any) -> bool:
        if self.present is not None and self.present != (value not in (None, "")):
            return False
        if self.one_of is not None and value not in self.one_of:
            return False
        if self.matches is not None and not (isinstance(value, str) and re.search(self.matches, value, re.IGNORECASE)):
            return False
        return self.at_least is None or (isinstance(value, int | float) and value >= self.at_least)


class Rule(BaseModel):
    """One entry of a rules file; the file says what its fields mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Word
    fact: Word | None = None
    window: Word | None = None
    where: dict[str, Condition] = Field(default_factory=dict)
    within_days: int | None = Field(default=None, ge=0)
    cause: Word | None = None
    payload: tuple[Word, ...] | None = None
    then: Action = "none"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.fact is None) == (self.window is None):
            raise ValueError("say either fact or window")
        if self.fact is not None and self.cause is None:
            raise ValueError("a fact needs a cause: what makes it one signal")
        if self.window is not None and (self.where or self.cause or self.payload or self.within_days is not None):
            raise ValueError("a window gives cause and payload itself: leave out where, within_days, cause and payload")
        return self

    def raised_by(self, told: Told) -> Raised | None:
        """The signal that the fact raises, or None."""
        value = told.value
        if self.fact != told.kind or not all(one.holds(value.get(name)) for name, one in self.where.items()):
            return None
        if self.within_days is not None and not self._recent(told, self.within_days):
            return None
        assert self.cause is not None
        fields = {**value, "key": told.key}
        cause = _FIELD.sub(lambda named: str(fields.get(named[1]) or ""), self.cause)
        kept = dict(value) if self.payload is None else {name: value.get(name) for name in self.payload}
        return Raised(self.reason, cause, kept)

    @staticmethod
    def _recent(told: Told, days: int) -> bool:
        day = dated(told.value)
        return told.page_read_before if day is None else (told.found_at.date() - day).days <= days


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as rules see it. `page_read_before`: its page was known without it, so it is new."""

    kind: str
    key: str
    value: Mapping[str, Any]
    found_at: datetime
    page_read_before: bool = True


@dataclass(frozen=True, slots=True)
class Raised:
    """A signal before it is stored."""

    reason: str
    cause: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the companies of one playbook: by reason, once each."""

    by_reason: Mapping[str, Rule]

    def raised_by(self, told: Told) -> list[Raised]:
        """All signals that a fact raises."""
        asked = (rule.raised_by(told) for rule in self.by_reason.values())
        return [raised for raised in asked if raised is not None]

    def windows(self) -> list[Rule]:
        return [rule for rule in self.by_reason.values() if rule.window is not None]


def rules_of(playbook: Playbook | None) -> Rules:
    """The rules for companies of a playbook, or (None) for those of none: the common ones, then its own; later wins.

    Raises NotConfigured with file and entry for a file that makes no sense.
    """
    sources = [files(__package__).joinpath("rules.yaml")]
    if playbook is not None and playbook.signal_rules is not None:
        sources.append(playbook.signal_rules)
    read_in = (read(source.read_text("utf-8"), str(source)) for source in sources)
    return Rules({reason: rule for rules in read_in for reason, rule in rules.items()})


@lru_cache(maxsize=100)
def read(text: str, name: str) -> Mapping[str, Rule]:
    """The rules of a YAML text by reason. Raises NotConfigured; `name` is what it calls the file."""
    try:
        entries = yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        raise NotConfigured(f"{name} is no YAML: {error}", fix="mend the line it names") from error
    if not isinstance(entries, list):
        raise NotConfigured(f"{name} is no list of rules", fix="begin every rule with '- reason: …'")
    found: dict[str, Rule] = {}
    for number, entry in enumerate(entries, start=1):
        called = entry.get("reason") if isinstance(entry, dict) else None
        where = f"{name}, entry {number}" + (f" ({called})" if called else "")
        try:
            rule = Rule.model_validate(entry)
        except ValidationError as error:
            raise NotConfigured(
                f"{where}: {_said(error)}", fix="docs/reference/signals.md shows every field"
            ) from error
        if rule.reason in found:
            raise NotConfigured(f"{where}: the reason stands there twice", fix="one entry per reason")
        found[rule.reason] = rule
    return found


def _said(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    return "; ".join(_one_said(fault["loc"], fault["msg"]) for fault in faults)


def _one_said(place: Iterable[object], message: str) -> str:
    path = ".".join(str(part) for part in place)
    return f"{path}: {message}" if path else message
