"""What a playbook says to the engine. The engine knows no playbook by name; a new one is one new folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, Literal


@dataclass(frozen=True)
class WaterfallStep:
    """One paid look-up, cheapest first. `when` = still_missing: only for leads not yet contactable."""

    capability: str  # folder in providers/
    vendor: str  # file in it
    operation: str
    price_cents: Decimal
    when: Literal["always", "still_missing"] = "still_missing"
    fresh_days: int = 90  # the same question is not bought again within this time


@dataclass(frozen=True)
class Check:
    """How a kind of contact point is checked."""

    kind: Literal["email", "phone"]
    capability: str
    vendor: str
    operation: str
    price_cents: Decimal
    fresh_days: int = 30


@dataclass(frozen=True)
class SequenceStep:
    """A message of the sequence: sent on the n-th day (1 = the first), out of the templates with this stem."""

    day: int
    template: str


@dataclass(frozen=True)
class Persona:
    """Who writes."""

    name: str
    role: str
    tone: str
    signature: str


@dataclass(frozen=True)
class Fee:
    """From the n-th event of a month on, an event costs this much."""

    event_type: str
    from_count: int
    unit_cents: int


@dataclass(frozen=True)
class Playbook:
    """A business on the engine."""

    name: str
    title: str
    subject: Literal["property", "company"]
    waterfall: tuple[WaterfallStep, ...]
    checks: tuple[Check, ...]
    lead_score_sql: str  # select lead_id, lead_score … for leads `any(cast(:lead_ids as uuid[]))`; 0–100
    sequence_name: str
    sequence: tuple[SequenceStep, ...]
    templates: Traversable
    personas: tuple[Persona, ...]
    reply_template: str  # stem of the answer to an interested reply
    policy: Mapping[str, Any] = field(default_factory=dict)  # POLICY values this playbook sets
    fees: tuple[Fee, ...] = ()
    call_purpose: str = ""  # what a call is about, said to the person
    appointment_title: str = ""
    caps_cents: Mapping[str, Decimal] = field(default_factory=dict)  # spend caps by scope
