"""The contact rules as frozen values, read from the YAML tables of this package.

Nothing else reads those files. A table that does not parse, names an unknown state, code or key, or leaves one out,
is refused with `RulesRefused`; a table edited without a new version in `manifest.yaml` loads, but with a `fault` that
makes the gate refuse everything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, cast

import yaml

from penstock.core.errors import NotConfigured

CHANNELS = ("email", "sms", "voice_ai", "voice_live")
"""What consents, opt-outs and suppressions name."""
BY_HAND = ("linkedin",)
"""What a person does on somebody else's platform: asked about like the others, barred by whatever bars email."""
REACHES = (*CHANNELS, *BY_HAND)
STATES = frozenset(
    re.findall(
        "..",
        "ALAKAZARCACOCTDEFLGAHIIDILINIAKSKYLAMEMDMAMIMNMSMOMTNENVNHNJNMNYNCNDOHOKORPARISCSDTNTXUTVTVAWAWVWIWY"
        "DCPRVIGUASMPAAAEAP",
    )
)
TABLES = ("states", "holidays", "reasons", "limits", "policy")

Kind = Literal["T", "A", "X"]
Hours = tuple[int, int] | None
"""(opens, closes) in local minutes since midnight, `closes` exclusive; None is a closed day."""


class RulesRefused(NotConfigured):
    """A rule table does not parse; nothing may be contacted under it."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """What one state allows.

    `hours` and `ai_hours` are keyed by weekday, saturday, sunday and, where it differs, holiday.
    """

    hours: Mapping[str, Hours]
    ai_hours: Mapping[str, Hours]
    cap24: int | None
    ai_mode: str
    own_list: bool
    live_consent: bool
    script: bool


@dataclass(frozen=True, slots=True)
class HolidayRow:
    """Holidays a state keeps beside those of the `holidays` library; `sunday` and `saturday` shift to observed days."""

    days: tuple[tuple[str, Any], ...]
    sunday: int
    saturday: int
    proclaimed: frozenset[date]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code: its rank (lower is named first), kind, channels, rule and what would cure it."""

    number: int
    code: str
    kind: Kind
    channels: tuple[str, ...]
    rule: str
    cure: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Values fixed by law; see rules/limits.yaml."""

    federal_window: tuple[int, int]
    registry_max_age_days: int
    inquiry_months: int
    purchase_months: int
    state_inquiry_days: int
    reply_window_minutes: int
    reply_messages: int
    all_party_recording: frozenset[str]
    sources_allowed: frozenset[str]
    sources_prohibited: frozenset[str]
    foreign_email_suffixes: frozenset[str]
    phone_regions: frozenset[str]
    alias_domains: frozenset[str]
    new_area_codes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Policy:
    """Values an organisation may set; see rules/policy.yaml. A cap of None is no cap of ours."""

    guard_minutes: int
    email_hours: tuple[int, int]
    valid_seconds: int
    in_flight_pause_seconds: int
    horizon_days: int
    email_per_day: int | None
    email_per_7_days: int | None
    sms_per_day: int | None
    sms_per_7_days: int | None
    sms_per_30_days: int | None
    voice_ai_per_day: int | None
    voice_ai_per_7_days: int | None
    voice_ai_per_30_days: int | None
    voice_live_per_day: int | None
    voice_live_per_7_days: int | None
    linkedin_per_day: int | None
    linkedin_per_7_days: int | None
    all_channels_per_day: int | None
    senior_per_day: int | None
    senior_from_age: int
    cold_sequence_length: int
    cold_gap_days: float
    consent_max_age_days: int
    line_max_age_days: int
    state_registry_max_age_days: int
    registry_lists: frozenset[str]
    switched_off: frozenset[str]
    sources: Mapping[str, str]
    unnamed_source: str
    counsel_memos: Mapping[str, str]
    state_list_exemptions: frozenset[str]

    def caps(self, channel: str) -> tuple[tuple[int | None, int], ...]:
        """The caps of a channel as (attempts, days)."""
        return {
            "email": ((self.email_per_day, 1), (self.email_per_7_days, 7)),
            "sms": ((self.sms_per_day, 1), (self.sms_per_7_days, 7), (self.sms_per_30_days, 30)),
            "voice_ai": ((self.voice_ai_per_day, 1), (self.voice_ai_per_7_days, 7), (self.voice_ai_per_30_days, 30)),
            "voice_live": ((self.voice_live_per_day, 1), (self.voice_live_per_7_days, 7)),
            "linkedin": ((self.linkedin_per_day, 1), (self.linkedin_per_7_days, 7)),
        }[channel]

    def with_settings(self, settings: Mapping[str, Any]) -> Policy:
        """The policy with an organisation's settings over it, in the shapes of policy.yaml; `sources` by name.

        Raises RulesRefused for anything else.
        """
        values = _values(Policy, settings, "policy", partial=True)
        if "sources" in values:
            values["sources"] = MappingProxyType({**self.sources, **values["sources"]})
        return replace(self, **values)


@dataclass(frozen=True, eq=False)
class RuleSet:
    """All tables of one version. Compared by identity, so that calendars can be kept per rule set."""

    version: str
    effective_from: date
    review_due: date
    states: Mapping[str, StateRow]
    holidays: Mapping[str, HolidayRow]
    reasons: Mapping[str, Reason]
    limits: Limits
    policy: Policy
    fault: str | None = None

    def row(self, state: str) -> StateRow:
        """The state's row, or the default row."""
        return self.states.get(state) or self.states["**"]


@cache
def load() -> RuleSet:
    """The rules of this release, read once per process. Raises RulesRefused."""
    home = files(__package__) / "rules"
    return parse({name: (home / f"{name}.yaml").read_text("utf-8") for name in ("manifest", *TABLES)})


def parse(texts: Mapping[str, str]) -> RuleSet:
    """A RuleSet from the YAML texts of manifest and tables. Raises RulesRefused when any of them does not fit."""
    try:
        tables = {name: yaml.safe_load(text) for name, text in texts.items()}
        manifest = tables["manifest"]
        return RuleSet(
            version=str(manifest["version"]),
            effective_from=_date(manifest["effective_from"]),
            review_due=_date(manifest["review_due"]),
            states=_states(tables["states"]),
            holidays=MappingProxyType({_state(st): _holiday_row(row) for st, row in tables["holidays"].items()}),
            reasons=_reasons(tables["reasons"]),
            limits=Limits(**_values(Limits, tables["limits"], "limits")),
            policy=Policy(**_values(Policy, tables["policy"], "policy")),
            fault=_fault(texts, manifest["sha256"]),
        )
    except RulesRefused:
        raise
    except (yaml.YAMLError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise RulesRefused(f"a rule table does not parse: {error!r}") from error


def digest(text: str) -> str:
    """The SHA-256 of a table as the manifest records it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _fault(texts: Mapping[str, str], expected: Mapping[str, str]) -> str | None:
    changed = [name for name in TABLES if digest(texts[name]) != expected.get(name)]
    return f"changed without a new version: {', '.join(changed)}" if changed else None


def _states(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, StateRow]:
    rows = {st if st == "**" else _state(st): _state_row(row) for st, row in table.items()}
    if "**" not in rows:
        raise RulesRefused("the state table has no default row")
    return MappingProxyType(rows)


def _state_row(row: Mapping[str, Any]) -> StateRow:
    days = ("weekday", "saturday", "sunday", "holiday")
    known = {*days, "ai", "cap24", "ai_mode", "own_list", "live_consent", "script", "note", "mark"}
    if unknown := row.keys() - known:
        raise RulesRefused(f"unknown state columns {sorted(unknown)}")
    if row["ai_mode"] not in ("PEWC", "INQUIRY", "COUNSEL", "BLOCK"):
        raise RulesRefused(f"unknown ai_mode {row['ai_mode']!r}")
    hours = {day: _hours(row[day]) for day in days if day in row or day != "holiday"}
    ai = {day: _hours(text) for day, text in row.get("ai", {}).items()}
    if ai.keys() - set(days):
        raise RulesRefused(f"unknown days {sorted(ai)}")
    return StateRow(
        hours=MappingProxyType(hours),
        ai_hours=MappingProxyType(hours | ai),
        cap24=None if "cap24" not in row else int(row["cap24"]),
        ai_mode=row["ai_mode"],
        own_list=row.get("own_list", False) is True,
        live_consent=row.get("live_consent", False) is True,
        script=row.get("script", False) is True,
    )


def _holiday_row(row: Mapping[str, Any]) -> HolidayRow:
    days = tuple(next(iter(day.items())) for day in row["days"])
    if unknown := {rule for rule, _ in days} - {"easter", "date", "nth", "election", "after_thanksgiving"}:
        raise RulesRefused(f"unknown holiday rules {sorted(unknown)}")
    shift = row.get("shift", {})
    return HolidayRow(
        days=tuple((rule, tuple(value) if isinstance(value, list) else value) for rule, value in days),
        sunday=int(shift.get("sunday", 0)),
        saturday=int(shift.get("saturday", 0)),
        proclaimed=frozenset(_date(day) for day in row.get("proclaimed", ())),
    )


def _reasons(table: list[Mapping[str, Any]]) -> Mapping[str, Reason]:
    reasons: dict[str, Reason] = {}
    for row in table:
        reason = Reason(
            number=int(row["number"]),
            code=str(row["code"]),
            kind=row["kind"],
            channels=tuple(row["channels"]),
            rule=str(row["rule"]),
            cure=row.get("cure"),
        )
        bad = reason.kind not in ("T", "A", "X") or set(reason.channels) - set(REACHES) or reason.code in reasons
        if bad or (reason.kind != "T" and not reason.cure):
            raise RulesRefused(f"reason {reason.code} does not fit")
        reasons[reason.code] = reason
    if len({reason.number for reason in reasons.values()}) != len(reasons):
        raise RulesRefused("two reasons share a number")
    return MappingProxyType(reasons)


def _values(
    kind: type[Limits] | type[Policy], table: Mapping[str, Any], name: str, *, partial: bool = False
) -> dict[str, Any]:
    """Field values of `kind` out of a YAML mapping, each in the type the dataclass declares."""
    declared = {field.name: str(field.type) for field in fields(kind)}
    unknown, absent = table.keys() - declared.keys(), declared.keys() - table.keys()
    if unknown or (absent and not partial):
        raise RulesRefused(f"{name}: unknown {sorted(unknown)}, missing {sorted(absent) if not partial else []}")
    try:
        return {key: _value(declared[key], value) for key, value in table.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise RulesRefused(f"{name}: {error}") from error


def _value(declared: str, value: Any) -> Any:
    if declared == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is not true or false")
        return value
    if declared in ("int", "int | None", "float"):
        return _count(declared, value)
    if declared == "tuple[int, int]":
        hours = _hours(value)
        if hours is None:
            raise ValueError("a closed window")
        return hours
    if declared == "frozenset[str]":
        return frozenset(str(member) for member in value)
    if declared == "str":
        return str(value)
    return MappingProxyType(dict(value.items()))


def _count(declared: str, value: Any) -> int | float | None:
    if value is None and declared == "int | None":
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value < 0
        or (declared != "float" and value != int(value))
    ):
        raise ValueError(f"{value!r} is not a number that fits")
    return value


def _state(code: str) -> str:
    if code not in STATES:
        raise RulesRefused(f"unknown state {code!r}")
    return code


def _hours(text: str) -> Hours:
    """`08-21` as minutes. Raises RulesRefused."""
    if text == "none":
        return None
    opens, _, closes = str(text).partition("-")
    if not (opens.isdigit() and closes.isdigit() and 0 <= int(opens) < int(closes) <= 24):
        raise RulesRefused(f"hours {text!r} do not parse")
    return int(opens) * 60, int(closes) * 60


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(cast(str, value))
