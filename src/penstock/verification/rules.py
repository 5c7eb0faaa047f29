"""What a checker's result codes mean for a contact point, and which check follows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.playbook import Check


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the code map. status: green, yellow, red or gray."""

    is_verified: bool
    status: str
    line_type: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What goes onto the point."""

    verified: bool
    status: str
    line_type: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Which check of the chain is next and when; `due_at` None: none is.

    `gray_rounds`: rounds in a row that could not decide.
    """

    step: int
    due_at: datetime | None
    gray_rounds: int = 0


UNDECIDED = Verdict(verified=False, status="gray")
WORST_FIRST = ("red", "yellow", "gray", "green")
MOST_GRAY_ROUNDS = 5


def judge(codes: Sequence[str], code_map: Mapping[str, Meaning]) -> Verdict:
    """The verdict over all codes of one check. The worst colour counts; a red point is never verified.

    Codes that the map does not know are informative (a breach, a cache) and change nothing; only such codes: undecided.
    """
    known = [code_map[code] for code in codes if code in code_map]
    if not known:
        return UNDECIDED
    colours = {meaning.status for meaning in known}
    status = next(colour for colour in WORST_FIRST if colour in colours)
    return Verdict(
        verified=status != "red" and any(meaning.is_verified for meaning in known),
        status=status,
        line_type=next((meaning.line_type for meaning in known if meaning.line_type), None),
    )


def settle(earlier: Verdict | None, now: Verdict, *, guessed: bool) -> Verdict:
    """The verdict of a chain so far: the last check that could decide has the word.

    `earlier`: what the checks before it in this round came to; None for the first. `guessed`: the address was made from
    a pattern, not given by anybody: at a domain that accepts all no vendor's word makes it green.
    """
    if earlier is None:
        return now
    if now.status == "gray":
        return earlier
    if guessed and earlier.status == "yellow" and now.status == "green":
        return earlier
    return now


def next_check(chain: Sequence[Check], runnable: Sequence[bool], step: int, colour: str) -> int | None:
    """The check that follows `step` on `colour`, among those whose vendor is connected; None: the round is over."""
    later = range(step + 1, len(chain))
    return next((number for number in later if runnable[number] and colour in chain[number].after), None)


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
