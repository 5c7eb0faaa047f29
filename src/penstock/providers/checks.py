"""What a vendor that checks a phone number or an email address is asked and can answer, in our own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
