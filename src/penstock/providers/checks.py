"""What a vendor that checks a phone number or an email address is asked and can answer, in our own words."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.core.errors import ProviderError
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
