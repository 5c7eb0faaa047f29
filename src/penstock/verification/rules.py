"""Which check of a point's chain follows, and when it is checked anew. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.playbook import Check
from penstock.providers.checks import next_check


@dataclass(frozen=True, slots=True)
class Plan:
    """Which check of the chain is next and when; `due_at` None: none is.

    `gray_rounds`: rounds in a row that could not decide.
    """

    step: int
    due_at: datetime | None
    gray_rounds: int = 0


MOST_GRAY_ROUNDS = 5


def plan(
    chain: Sequence[Check],
    runnable: Sequence[bool],
    step: int,
    colour: str,
    *,
    at: datetime,
    gray_rounds: int,
    charged: bool,
) -> Plan:
    """What follows the check `step` that left the point `colour` at `at`.

    A gray answer that was paid for (`charged`) is not bought again before its freshness window ends: asking again costs
    nothing within it.
    """
    follows = next_check(chain, runnable, step, colour)
    if follows is not None:
        return Plan(follows, at, gray_rounds)
    terms = chain[step]
    if colour == "gray":
        rounds = gray_rounds + 1
        if terms.gray_hours is None or rounds > MOST_GRAY_ROUNDS:
            return Plan(0, None, rounds)
        wait = timedelta(hours=terms.gray_hours)
        return Plan(0, at + (max(wait, timedelta(days=terms.fresh_days)) if charged else wait), rounds)
    if colour == "red" or terms.recheck_days is None:
        return Plan(0, None)
    return Plan(0, at + timedelta(days=terms.recheck_days))
