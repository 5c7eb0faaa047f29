"""Does the score find those who ask next? Scored with what was known on a day, held against what came after it.

Each way of ranking is judged by the share of the later permits that its first tenth, fifth … of the properties caught.
Ties are split evenly, so that a ranking that knows nothing is exactly random. The intervals come from drawing whole
neighbourhoods with replacement: neighbours are alike, and drawing single properties would promise too much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from penstock.contagion.arrays import Flags, Floats, Ints, Reach, Rows
from penstock.contagion.field import prepare
from penstock.contagion.neighbours import measure
from penstock.contagion.score import Weights, score, unknown_facts
from penstock.core.errors import InvalidInput

OURS = "total score"
FEW = 50  # with fewer hits than this, an interval says little
TOO_FEW = 10  # hits in fewer neighbourhoods than this are drawn too much alike: the interval would be a lie
_LEVELS = np.linspace(0, 1, 11)


class Interval(NamedTuple):
    """A figure and where 95 of 100 draws of neighbourhoods put it; NaN where there are too few to draw from."""

    value: float
    low: float
    high: float


class Decile(NamedTuple):
    """A tenth of the properties, the best ranked first. Hits are a fraction where a tie lies across the edge."""

    number: int
    properties: float
    hits: float
    lift: float  # times as many hits as a random tenth
    low: float  # 95 of 100 draws of neighbourhoods put the lift between these; NaN: too few to draw from
    high: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """How one way of ranking did."""

    name: str
    deciles: tuple[Decile, ...]
    lift: Interval  # of the first tenth
    captured: Interval  # share of all hits in the first fifth
    auc: Interval  # chance that a hit ranks above a miss; 0.5: knows nothing


class Comparison(NamedTuple):
    """Lift of the first tenth, ours less theirs, over the same draws. An interval around zero: no better, take the
    simpler of the two."""

    ours: str
    theirs: str
    difference: Interval


@dataclass(frozen=True, slots=True)
class Report:
    """A backtest. Days since 1970-01-01."""

    as_of: int
    until: int
    properties: int
    permits_known: int
    hits: int  # properties with a permit of their own in (as_of, until]
    blocks: int  # neighbourhoods drawn from
    rankings: tuple[Ranking, ...]
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]


def backtest(
    properties: Rows,
    permits: Rows,
    own: Ints,
    blocks: Ints,
    *,
    as_of: int,
    reach: Reach,
    weights: Weights,
    horizon_days: int = 365,
    resamples: int = 500,
    seed: int = 1,
) -> Report:
    """Score on `as_of` and look at who asked in the `horizon_days` after it. `blocks`: the neighbourhood of each."""
    until = as_of + horizon_days
    field = prepare(properties, permits, own, as_of=as_of, reach=reach)
    felt = measure(properties, field)
    scored = score(felt, unknown_facts(len(felt)), weights, as_of=as_of)
    hit = _asked(len(properties), permits, own, as_of, until)
    # Whoever was done lately comes last in each of them: that is no merit of any.
    rankings = {
        OURS: scored["total"].astype(np.float64),
        "contagion alone": np.where(scored["fresh"], -1, felt["pressure"]),
        "number of neighbours' permits": np.where(scored["fresh"], -1.0, felt["area"]),
        "age alone": _age(scored["age_years"]),
    }
    judged = judge(rankings, hit, blocks, resamples=resamples, seed=seed)
    comparisons = tuple(compare(judged, ours, theirs) for ours, theirs in combinations(rankings, 2))
    return Report(
        as_of=as_of,
        until=until,
        properties=len(properties),
        permits_known=int(np.count_nonzero(permits["day"] <= as_of)),
        hits=int(hit.sum()),
        blocks=len(np.unique(blocks)),
        rankings=tuple(each.ranking for each in judged.values()),
        comparisons=comparisons,
        warnings=tuple(_warnings(permits, scored, hit, blocks, until)),
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """A ranking and the lift of its first tenth in each draw; draw k is the same for all rankings of one call."""

    ranking: Ranking
    lifts: Floats


def judge(
    rankings: Mapping[str, Floats], hit: Flags, blocks: Ints, *, resamples: int = 500, seed: int = 1
) -> dict[str, Judged]:
    """Each ranking (higher: sooner) against who was hit. Raises InvalidInput if nobody was."""
    if not hit.any():
        raise InvalidInput("No property asked in the time after: there is nothing to measure against")
    _, block = np.unique(blocks, return_inverse=True)
    enough = len(np.unique(block[hit])) >= TOO_FEW
    draws = list(_draws(int(block.max()) + 1, hit, block, resamples if enough else 0, seed))
    return {name: _judge(name, values, hit, block, draws) for name, values in rankings.items()}


def compare(judged: Mapping[str, Judged], ours: str, theirs: str) -> Comparison:
    """The lift of the first tenth, ours less theirs, draw by draw."""
    a, b = judged[ours], judged[theirs]
    return Comparison(ours, theirs, _interval(a.ranking.lift.value - b.ranking.lift.value, a.lifts - b.lifts))


def _draws(count: int, hit: Flags, block: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each neighbourhood is drawn; a draw without any hit is drawn again, for it measures nothing."""
    chance = np.random.default_rng(seed)
    with_hits = np.unique(block[hit])
    for _ in range(resamples):
        drawn = chance.multinomial(count, np.full(count, 1 / count))
        while not drawn[with_hits].any():
            drawn = chance.multinomial(count, np.full(count, 1 / count))
        yield drawn.astype(np.float64)


def _judge(name: str, values: Floats, hit: Flags, block: Ints, draws: list[Floats]) -> Judged:
    _, rank = np.unique(-values, return_inverse=True)
    curve, auc = _curve(rank, hit, np.ones(len(hit)))
    drawn = [_curve(rank, hit, draw[block]) for draw in draws]
    curves = np.array([each[0] for each in drawn]).reshape(-1, len(_LEVELS))
    aucs = np.array([each[1] for each in drawn])
    gained = np.diff(curve)
    drawn_gains = np.diff(curves, axis=1)
    lifts = [_interval(float(gained[k] * 10), drawn_gains[:, k] * 10) for k in range(10)]
    deciles = tuple(Decile(k + 1, len(hit) / 10, float(gained[k] * hit.sum()), *lifts[k]) for k in range(10))
    ranking = Ranking(
        name,
        deciles,
        lift=_interval(float(curve[1] * 10), curves[:, 1] * 10),
        captured=_interval(float(curve[2]), curves[:, 2]),
        auc=_interval(auc, aucs),
    )
    return Judged(ranking, curves[:, 1] * 10)


def _curve(rank: Ints, hit: Flags, weight: Floats) -> tuple[Floats, float]:
    """(share of the hits caught by the first 0, 10, … 100 % of the properties, area under the ROC curve)."""
    everybody = np.bincount(rank, weights=weight)
    hits = np.bincount(rank[hit], weights=weight[hit], minlength=len(everybody))
    misses = everybody - hits
    share_of_all = np.concatenate([[0.0], np.cumsum(everybody) / everybody.sum()])
    share_of_hits = np.concatenate([[0.0], np.cumsum(hits) / hits.sum()])
    below = misses.sum() - np.cumsum(misses) + misses / 2
    auc = float((hits * below).sum() / max(hits.sum() * misses.sum(), 1e-300)) if misses.any() else 0.5
    return np.interp(_LEVELS, share_of_all, share_of_hits), auc


def _interval(value: float, drawn: Floats) -> Interval:
    if not len(drawn):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _asked(size: int, permits: Rows, own: Ints, as_of: int, until: int) -> Flags:
    hit = np.zeros(size, dtype=bool)
    hit[own[(own >= 0) & (permits["day"] > as_of) & (permits["day"] <= until)]] = True
    return hit


def _age(years: Ints) -> Floats:
    """Age for ranking; what is not known ranks in the middle, so that it speaks neither for nor against."""
    known = years >= 0
    middle = float(np.median(years[known])) if known.any() else 0.0
    return np.where(known, years, middle).astype(np.float64)


def _warnings(permits: Rows, scored: Rows, hit: Flags, blocks: Ints, until: int) -> Iterator[str]:
    if hit.sum() < FEW:
        yield f"Only {int(hit.sum())} properties asked in the time after: the intervals are wide"
    if (places := len(np.unique(blocks[hit]))) < TOO_FEW:
        yield f"They lie in only {places} neighbourhoods: too few for any interval"
    if len(permits) and permits["day"].max() < until:
        yield f"The permits end {until - int(permits['day'].max())} days before the time after does"
    if (unknown := float((scored["age_years"] < 0).mean())) > 0.5:
        yield f"The age of {unknown:.0%} is not known"
