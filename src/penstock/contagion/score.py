"""From what is felt and known of a property to a score: four parts from 0 to 100, their weighted mean, tier, action.

A part that is not known says nothing: it takes no share of the mean, and lowers the confidence instead. Without permits
on record nothing ranks as due: the total stays below WARM, whatever title, age and pictures say. Whatever was done
lately, or built lately, is due to nobody: its total is 0. An owner's income is not asked for and age of a person
plays no part; what is weighed is the building, its neighbours and its title.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from penstock.contagion.arrays import Flags, Floats, Rows, years
from penstock.core.errors import InvalidInput

FACTS = np.dtype(
    [
        ("value_cents", "<i8"),  # estimated value of the property; 0: not known
        ("equity_percent", "<f8"),  # NaN: not known
        ("liens", "<i1"),  # 1 yes, 0 no, -1 not known
        ("refinanced", "<i1"),  # lately refinanced, or a line of credit opened
        ("damage", "<f8"),  # 0–100 as seen on live pictures; NaN: none looked at
        ("life_left_years", "<f8"),  # as seen on live pictures; NaN: none looked at
        ("disputed", "?"),  # who looked at the pictures saw very different things
        ("covered", "?"),  # permits of this place are on record, so that "none nearby" means none
    ]
)


class Known(IntFlag):
    """Which parts rest on something."""

    CONTAGION = 1
    AGE = 2
    FINANCIAL = 4
    VISUAL = 8


class Tier(IntEnum):
    COLD = 0
    WARM = 1
    HOT = 2


class Confidence(IntEnum):
    LOW = 0
    MEDIUM = 1
    HIGH = 2


class Action(IntEnum):
    LEAVE = 0  # done lately
    WAIT = 1  # cold
    NURTURE = 2  # warm
    LOOK_FIRST = 3  # hot, but little is known: have it looked at
    CONTACT = 4  # hot


SCORES = np.dtype(
    [
        ("id", "<i8"),
        ("contagion", "u1"),  # 0–100, as the three below and the total
        ("age_match", "u1"),
        ("financial", "u1"),
        ("visual", "u1"),
        ("total", "u1"),
        ("tier", "u1"),  # Tier
        ("confidence", "u1"),  # Confidence
        ("action", "u1"),  # Action
        ("known", "u1"),  # Known
        ("fresh", "?"),  # done or built within Weights.fresh_years
        ("age_years", "<i2"),  # -1: not known
        ("age_difference", "<i2"),  # years between its age and that of what the neighbours replaced; -1: not known
        ("matches", "?"),  # that difference is within Weights.same_age_years
    ]
)


@dataclass(frozen=True, slots=True)
class Weights:
    """How the parts are weighed and where their scales begin and end. A playbook sets it, and names the version."""

    contagion: float = 0.45
    age_match: float = 0.30
    financial: float = 0.15
    visual: float = 0.10
    half_pressure: float = 1.0  # the pressure at which contagion is 50
    subdivision: float = 0.15  # pressure added for each doubling of the permits in the subdivision
    due_from_years: float = 12  # nothing is due before, everything after due_to_years
    due_to_years: float = 22
    fresh_years: int = 6
    same_age_years: float = 3
    other_age_years: float = 12  # from here on the neighbours' age says nothing
    match_share: float = 0.4  # of the age part, where both ages are known
    value_dollars: tuple[float, float] = (100_000, 400_000)
    equity_percent: tuple[float, float] = (10, 50)
    hot: int = 80
    warm: int = 60
    version: str = "v1.1"

    def __post_init__(self) -> None:
        parts = (self.contagion, self.age_match, self.financial, self.visual)
        if min(parts) < 0 or sum(parts) <= 0:
            raise InvalidInput("Weights are not negative, and one of them is positive")
        if not 0 < self.warm < self.hot <= 100 or self.half_pressure <= 0:
            raise InvalidInput("The tiers must be 0 < warm < hot <= 100, and half_pressure positive")


def unknown_facts(size: int) -> Rows:
    """FACTS of properties of which only place, age and permits are known."""
    made = np.zeros(size, dtype=FACTS)
    for name in ("equity_percent", "damage", "life_left_years"):
        made[name] = np.nan
    made["liens"] = made["refinanced"] = -1
    made["covered"] = True
    return made


def score(felt: Rows, facts: Rows, weights: Weights, *, as_of: int) -> Rows:
    """SCORES of each property out of its NEIGHBOURS and FACTS on a day (days since 1970-01-01)."""
    made = np.zeros(len(felt), dtype=SCORES)
    made["id"] = felt["id"]
    _ages(made, felt, weights, as_of)
    parts = {
        Known.CONTAGION: (weights.contagion, *_contagion(felt, facts, weights)),
        Known.AGE: (weights.age_match, *_age_match(made, felt, weights)),
        Known.FINANCIAL: (weights.financial, *_financial(facts, weights)),
        Known.VISUAL: (weights.visual, *_visual(facts)),
    }
    total, known_weight = np.zeros(len(felt)), np.zeros(len(felt))
    for name, (flag, (weight, points, known)) in zip(
        ("contagion", "age_match", "financial", "visual"), parts.items(), strict=True
    ):
        made[name] = np.rint(np.where(known, points, 0))
        made["known"] |= np.where(known, np.uint8(flag), np.uint8(0))
        total += np.where(known, weight * points, 0)
        known_weight += weight * known
    np.divide(total, known_weight, out=total, where=known_weight > 0)
    # The neighbours' permits are what makes a lead: the rest alone must not stand in for them.
    np.minimum(total, weights.warm - 1, out=total, where=~facts["covered"])
    made["total"] = np.where(made["fresh"], 0, np.rint(total))
    made["tier"] = np.digitize(made["total"], [weights.warm, weights.hot])
    made["confidence"] = np.digitize(
        known_weight / (weights.contagion + weights.age_match + weights.financial + weights.visual), [0.6, 0.85]
    )
    made["confidence"] -= facts["disputed"] & (made["confidence"] > Confidence.LOW)
    made["action"] = _action(made)
    return made


def _ages(made: Rows, felt: Rows, weights: Weights, as_of: int) -> None:
    year = int(years(np.array([as_of]))[0])
    known = felt["installed_year"] > 0
    made["age_years"] = np.where(known, np.maximum(year - felt["installed_year"], 0), -1)
    made["fresh"] = known & (made["age_years"] < weights.fresh_years)
    both = known & ~np.isnan(felt["replaced_year"])
    difference = np.abs(felt["installed_year"] - np.nan_to_num(felt["replaced_year"]))
    made["age_difference"] = np.where(both, np.rint(difference), -1)
    made["matches"] = both & (difference <= weights.same_age_years)


def _contagion(felt: Rows, facts: Rows, weights: Weights) -> tuple[Floats, Flags]:
    pressure = felt["pressure"] + weights.subdivision * np.log2(1 + felt["same_subdivision"])
    return 100 * (1 - np.exp2(-pressure / weights.half_pressure)), facts["covered"]


def _age_match(made: Rows, felt: Rows, weights: Weights) -> tuple[Floats, Flags]:
    known = made["age_years"] >= 0
    due = _ramp(made["age_years"].astype(np.float64), weights.due_from_years, weights.due_to_years)
    # A building older than two lives has been done before, nobody knows when: half way is the best guess.
    due[~felt["by_permit"] & (made["age_years"] > 2 * weights.due_to_years)] = 0.5
    alike = 1 - _ramp(made["age_difference"].astype(np.float64), weights.same_age_years, weights.other_age_years)
    with_match = (1 - weights.match_share) * due + weights.match_share * alike
    return 100 * np.where(made["age_difference"] >= 0, with_match, due), known


def _financial(facts: Rows, weights: Weights) -> tuple[Floats, Flags]:
    valued, equity = facts["value_cents"] > 0, ~np.isnan(facts["equity_percent"])
    able = _ramp(facts["value_cents"] / 100, *weights.value_dollars) * valued
    owned = _ramp(np.nan_to_num(facts["equity_percent"]), *weights.equity_percent) * equity
    known = valued | equity
    mean = (able + owned) / np.maximum(valued.astype(np.int64) + equity, 1)
    return np.clip(100 * mean + 10 * (facts["refinanced"] == 1) - 20 * (facts["liens"] == 1), 0, 100), known


def _visual(facts: Rows) -> tuple[Floats, Flags]:
    worn = 100 * (1 - _ramp(facts["life_left_years"], 0, 10))
    points = np.fmax(np.clip(facts["damage"], 0, 100), worn)
    return np.nan_to_num(points), ~np.isnan(points)


def _action(made: Rows) -> NDArray[np.uint8]:
    action: NDArray[np.uint8] = np.array([Action.WAIT, Action.NURTURE, Action.CONTACT], dtype=np.uint8)[made["tier"]]
    action[(made["tier"] == Tier.HOT) & (made["confidence"] == Confidence.LOW)] = Action.LOOK_FIRST
    action[made["fresh"]] = Action.LEAVE
    return action


def _ramp(values: Floats, start: float, end: float) -> Floats:
    """0 up to start, 1 from end on, a straight line between."""
    ramp: Floats = np.clip((values - start) / (end - start), 0, 1)
    return ramp
