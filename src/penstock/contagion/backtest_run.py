"""The backtest on what an org has on record: did the score of a day find those who asked in the time after it?

Scored with the permits up to the day and with the year built; title and pictures are left out, for only today's are
known. What came later serves to look at who asked, and for nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.backtest import OURS, Comparison, Interval, Report, backtest
from penstock.contagion.load import EPOCH, Loaded, check_past, day_number, load
from penstock.contagion.parts import by_cell
from penstock.contagion.rules import Rules, rules_of
from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook

BLOCK_RESOLUTION = 7  # H3: a neighbourhood of some five square kilometres
SIMPLER = {"number of neighbours' permits": "the plain neighbour count", "age alone": "age alone"}


@dataclass(frozen=True, slots=True)
class Proof:
    """A backtest and what it says in plain words. `sentences`: against chance, then against each simpler score."""

    playbook: str
    as_of: date
    until: date
    report: Report
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The same as plain values; a figure that cannot be given is null."""
        report = self.report
        return {
            "playbook": self.playbook, "as_of": self.as_of, "until": self.until, "properties": report.properties,
            "permits_known": report.permits_known, "hits": report.hits, "neighbourhoods": report.blocks,
            "rankings": [
                {
                    "name": each.name, "lift": _plain(each.lift), "captured": _plain(each.captured),
                    "auc": _plain(each.auc),
                    "deciles": [{k: _number(v) for k, v in decile._asdict().items()} for decile in each.deciles],
                }
                for each in report.rankings
            ],
            "comparisons": [
                {"ours": each.ours, "theirs": each.theirs, "difference": _plain(each.difference)}
                for each in report.comparisons
            ],
            "warnings": list(report.warnings), "verdict": list(self.sentences),
        }  # fmt: skip


async def prove(
    db: AsyncConnection, org_id: int, playbook: Playbook, *, as_of: date, days: int = 365, today: date
) -> Proof:
    """Score as of a day and look at who asked in the `days` after it.

    Raises InvalidInput saying what is missing: places, permits before the day, permits of known places after it.
    """
    if as_of >= today:
        raise InvalidInput(f"{as_of} is not over: nobody has asked after it yet", fix="give an earlier --as-of")
    check_past(as_of, today)
    rules, until = rules_of(playbook), as_of + timedelta(days=days)
    loaded = await load(db, org_id, playbook, as_of=until)
    _enough(loaded, rules, as_of, until)
    report = backtest(
        loaded.properties,
        loaded.permits,
        loaded.own,
        by_cell(loaded.properties, BLOCK_RESOLUTION),
        as_of=day_number(as_of),
        reach=rules.reach,
        weights=rules.weights,
        horizon_days=days,
    )
    return Proof(playbook.name, as_of, until, report, tuple(sentences(report)))


def _enough(loaded: Loaded, rules: Rules, as_of: date, until: date) -> None:
    many, days = rules.words.many, loaded.permits["day"]
    if not len(loaded.properties):
        raise InvalidInput("no place with coordinates is on record", fix="penstock import --playbook … FILE")
    if not len(days):
        raise InvalidInput(f"no {many} up to {until} are on record", fix="penstock permits import FILE, or follow")
    first = EPOCH + timedelta(days=int(days.min()))
    if first > as_of:
        raise InvalidInput(f"no {many} up to {as_of} are on record: the first is of {first}", fix=f"--as-of {first}")
    after = days > day_number(as_of)
    if not (at_places := int(np.count_nonzero(after & (loaded.own >= 0)))):
        said = f"of {int(after.sum())} {many} after {as_of} up to {until}, {at_places} are of a place on record"
        raise InvalidInput(said, fix="load the places of that town, match the permits, or give an earlier --as-of")


def sentences(report: Report) -> Iterator[str]:
    """What the figures say, and no more."""
    ours = next(each for each in report.rankings if each.name == OURS)
    share = f"The best tenth held {said(ours.lift)} times its share of the {report.hits} who asked"
    if math.isnan(ours.lift.low):
        yield f"{share}. They are too few, in too few neighbourhoods, to say anything of any score."
        return
    chance = "better than chance" if ours.lift.low > 1 else "worse than chance" if ours.lift.high < 1 else None
    yield f"{share}: {chance or 'not shown to be better than chance'}."
    for each in report.comparisons:
        if each.ours == OURS and each.theirs in SIMPLER:
            yield _against(each)


def _against(each: Comparison) -> str:
    name, apart = SIMPLER[each.theirs], f"the score's lift less that one's is {said(each.difference)}"
    if each.difference.low > 0:
        return f"The score finds more than {name}: {apart}."
    if each.difference.high < 0:
        return f"The simpler {name.removeprefix('the plain ')} predicts better than the score: {apart}."
    return f"As far as these figures tell, {name} predicts as well as the score: {apart}."


def said(interval: Interval) -> str:
    """A figure with its interval, if it has one."""
    between = "" if math.isnan(interval.low) else f" ({interval.low:.2f} to {interval.high:.2f})"
    return f"{interval.value:.2f}{between}"


def _plain(interval: Interval) -> dict[str, float | None]:
    return {name: _number(value) for name, value in interval._asdict().items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
