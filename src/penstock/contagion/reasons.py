"""Why a property has its score, in codes and in sentences that somebody in the trade can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite
from typing import Any

from penstock.contagion.arrays import Reach
from penstock.contagion.score import Action, Confidence, Known, Tier, Weights

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Words:
    """What the permits of a playbook are about. `this` stands for the property's own in a sentence."""

    one: str  # "re-roof"
    many: str  # "re-roofs"
    part: str  # "roof"
    this: str = "yours"
    actions: Mapping[Action, str] = field(
        default_factory=lambda: {
            Action.LEAVE: "leave",
            Action.WAIT: "wait",
            Action.NURTURE: "nurture",
            Action.LOOK_FIRST: "look_first",
            Action.CONTACT: "contact",
        }
    )


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a score. `points` is what it is worth reading first: the highest leads."""

    code: str
    sentence: str
    points: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row of SCORES in words, ready to be shown or stored."""

    property_id: int
    total: int
    tier: str
    confidence: str
    recommended_action: str
    scoring_version: str
    data_sources_used: tuple[str, ...]
    reasons: tuple[Reason, ...]
    scored_on: date | None = None
    nearest_permit_address: str | None = None
    nearest_permit_date: date | None = None
    neighbor_contractor_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Teller:
    """Puts rows of one run into words. `contractors` names their codes where names may be shown."""

    words: Words
    reach: Reach
    weights: Weights
    as_of: int
    contractors: Mapping[int, str] = field(default_factory=dict)

    def verdict(self, felt: Any, scored: Any, facts: Any) -> Verdict:
        """One row each of NEIGHBOURS, SCORES and FACTS in words."""
        reasons = [*self._nearby(felt, scored), *self._age(felt, scored), *self._title(facts), *self._seen(facts)]
        return Verdict(
            property_id=int(scored["id"]),
            total=int(scored["total"]),
            tier=Tier(int(scored["tier"])).name,
            confidence=Confidence(int(scored["confidence"])).name.lower(),
            recommended_action=self.words.actions[Action(int(scored["action"]))],
            scoring_version=self.weights.version,
            data_sources_used=_sources(felt, scored),
            reasons=tuple(sorted(reasons, key=lambda reason: -reason.points)),
        )

    def _nearby(self, felt: Any, scored: Any) -> list[Reason]:
        if not scored["known"] & Known.CONTAGION:
            return [Reason("PERMITS_UNKNOWN", "No permits are known here, so it cannot rank as due", 50)]
        if not felt["area"]:
            far = _feet(self.reach.area_ft)
            return [Reason("NONE_NEARBY", f"No {self.words.one} within {far} in {self._window()}", 2)]
        points = float(scored["contagion"]) * self.weights.contagion
        return [self._count(felt, scored, points), *self._further(felt, points)]

    def _count(self, felt: Any, scored: Any, points: float) -> Reason:
        same = "on buildings of the same years as this one"
        if not self._guessed(felt, scored):
            same = f"{self.words.this} is the same age"
        alike = f", {same}" if scored["matches"] else ""
        if felt["block"]:
            where = f"within {_feet(self.reach.block_ft)} since {self._since(int(felt['since']))}"
            return Reason("CLOSE_BY", f"{self._counted(int(felt['block']))} {where}{alike}", points)
        where = f"within {_feet(self.reach.area_ft)} in {self._window()}"
        return Reason("IN_THE_AREA", f"{self._counted(int(felt['area']))} {where}{alike}", points)

    def _further(self, felt: Any, points: float) -> list[Reason]:
        found = []
        if felt["near"] and isfinite(felt["nearest_ft"]):
            found.append(
                Reason(
                    "NEXT_DOOR",
                    f"The nearest {self.words.one} is about {rounded_feet(felt['nearest_ft']):,} ft away",
                    points / 2,
                )
            )
        if felt["same_subdivision"]:
            counted = self._counted(int(felt["same_subdivision"]))
            found.append(Reason("SAME_SUBDIVISION", f"{counted} in the same subdivision", points / 3))
        if busiest := self.contractors.get(int(felt["contractors"][0])):
            others = int(felt["contractor_count"]) - 1
            and_others = f" and {others} other{'s' * (others > 1)}" if others else ""
            found.append(Reason("CONTRACTORS_NEARBY", f"At work close by: {busiest}{and_others}", points / 4))
        return found

    def _age(self, felt: Any, scored: Any) -> list[Reason]:
        age, year, part = int(scored["age_years"]), int(felt["installed_year"]), self.words.part
        points = float(scored["age_match"]) * self.weights.age_match
        if age < 0:
            return [Reason("AGE_UNKNOWN", f"How old the {part} is, is not known", 1)]
        if scored["fresh"]:
            how = f"by its permit of {year}" if felt["by_permit"] else f"as the building, of {year}"
            return [Reason("FRESH", f"The {part} is new, {how}: nothing is due", 100)]
        if felt["by_permit"]:
            return [Reason("AGE_BY_PERMIT", f"The {part} is {age} years old, by its permit of {year}", points)]
        if self._guessed(felt, scored):
            return [Reason("AGE_GUESSED", f"The building is of {year}; when its {part} was last done is not known", 1)]
        return [Reason("AGE_OF_BUILDING", f"The {part} is {age} years old if it is the first (built {year})", points)]

    def _guessed(self, felt: Any, scored: Any) -> bool:
        """Whether only the building's age is known: a part of it that old has surely been done since."""
        return not felt["by_permit"] and int(scored["age_years"]) > 2 * self.weights.due_to_years

    def _title(self, facts: Any) -> list[Reason]:
        found = []
        if facts["equity_percent"] >= self.weights.equity_percent[0]:
            found.append(Reason("EQUITY", f"About {facts['equity_percent']:.0f} % of the value is the owner's", 5))
        if facts["refinanced"] == 1:
            found.append(Reason("REFINANCED", "Lately refinanced, or a line of credit opened", 4))
        if facts["liens"] == 1:
            found.append(Reason("LIENS", "There are liens on the property", 4))
        return found

    def _seen(self, facts: Any) -> list[Reason]:
        found = []
        if facts["damage"] > 0:
            sentence = f"Pictures show damage ({facts['damage']:.0f} of 100)"
            found.append(Reason("DAMAGE", sentence, float(facts["damage"]) * self.weights.visual))
        if facts["life_left_years"] <= 5:
            left = int(facts["life_left_years"])
            found.append(Reason("WORN", f"By its pictures it lasts {left} more year{'s' * (left != 1)}", 8))
        return found

    def _counted(self, number: int) -> str:
        return f"{number:,} {self.words.one if number == 1 else self.words.many}"

    def _window(self) -> str:
        count = round(self.reach.window_days / 365.25)
        return f"{count} years" if count > 1 else f"{self.reach.window_days} days"

    def _since(self, day: int) -> str:
        """The month, with its year unless it is one of the last twelve."""
        then, today = EPOCH + timedelta(days=day), EPOCH + timedelta(days=self.as_of)
        months = (today.year - then.year) * 12 + today.month - then.month
        return then.strftime("%B") if months < 12 else then.strftime("%B %Y")


def _sources(felt: Any, scored: Any) -> tuple[str, ...]:
    known = Known(int(scored["known"]))
    named = {
        "permits": Known.CONTAGION in known,
        "own_permit": bool(felt["by_permit"]),
        "year_built": Known.AGE in known and not felt["by_permit"],
        "title": Known.FINANCIAL in known,
        "imagery": Known.VISUAL in known,
    }
    return tuple(name for name, used in named.items() if used)


def rounded_feet(feet: float) -> int:
    """Feet as one says them: to ten, and at least ten."""
    return max(10, 10 * round(float(feet) / 10))


def _feet(feet: float) -> str:
    return {1320.0: "a quarter mile", 2640.0: "half a mile", 5280.0: "a mile"}.get(feet, f"{feet:,g} ft")
