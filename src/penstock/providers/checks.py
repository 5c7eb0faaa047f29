"""What a vendor that checks a phone number or an email address is asked and can answer, and what the answer means."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.core.errors import ProviderError
from penstock.playbook import Check
from penstock.providers import Reply
from penstock.providers.contacts import LineType


@dataclass(frozen=True, slots=True)
class Report:
    """What one check found. `codes` are the vendor's result codes, the input of app.verification_code_map.

    dnc: listed on a do-not-call registry. tcpa: the number of a known litigator. None: the vendor did not say.
    """

    codes: tuple[str, ...]
    line_type: LineType | None = None
    carrier: str | None = None
    dnc: bool | None = None
    tcpa: bool | None = None
    score: int | None = None


class Checker(Protocol):
    """A vendor that says whether phones (E.164) or emails (lower-case) are alive, many at a time."""

    @property
    def batch_size(self) -> int:
        """The most values one call may carry."""

    async def fetch(self, values: Sequence[str]) -> list[Reply]:
        """One reply per value, in the same order. Raises ProviderBusy, ProviderUnclear, ProviderRefused."""

    def read(self, raw: Mapping[str, Any]) -> Report:
        """What a stored raw reply says. Pure: the same raw reply always reads the same."""


async def one_by_one(values: Sequence[str], ask: Callable[[str], Awaitable[Reply]], *, at_once: int) -> list[Reply]:
    """One reply per value, in order, from a vendor that takes one value per call; `at_once` calls run side by side.

    An answer that was paid for is never thrown away because a neighbour's call went wrong: that one carries its error.
    Where all went wrong in the same way, that error is raised.
    """
    room = asyncio.Semaphore(at_once)

    async def reply(value: str) -> Reply:
        async with room:
            try:
                return await ask(value)
            except ProviderError as error:
                return Reply(raw={}, billable=False, error=error)

    replies = await asyncio.gather(*(reply(value) for value in values))
    errors = [found.error for found in replies if found.error is not None]
    if len(errors) == len(replies) and len({type(error) for error in errors}) == 1:
        raise errors[0]
    return replies


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


UNDECIDED = Verdict(verified=False, status="gray")
WORST_FIRST = ("red", "yellow", "gray", "green")


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
