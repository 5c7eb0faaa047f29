"""What we ask a vendor that finds people's phones and emails, and what it can answer, in our own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import phonenumbers

from penstock.providers import Reply


class LineType(StrEnum):
    """What kind of line a phone number is on."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    VOIP = "voip"


class OwnerCheck(StrEnum):
    """What the vendor says about the name we gave: does that person belong to this address?"""

    CONFIRMED = "confirmed"
    HOUSEHOLD = "household"  # the family name fits, the first name does not
    MOVED = "moved"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """The person and place to look up. `unit` is the apartment or suite; names may be empty, the address may not.

    A person at work has a `domain` instead of an address. `reference` is ours: it is sent to nobody.
    """

    first_name: str = ""
    last_name: str = ""
    line1: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    domain: str = ""
    reference: str = ""

    @property
    def full_name(self) -> str:
        """First and last name in one."""
        return f"{self.first_name} {self.last_name}".strip()

    def key(self) -> str:
        """The same text for every spelling of this question: case, spacing, punctuation and ZIP+4 do not count."""
        words = (self.first_name, self.last_name, self.line1, self.unit, self.city, self.state, self.postal_code[:5])
        return "|".join(_plain(word) for word in (*words, *([self.domain] if self.domain else [])))


@dataclass(frozen=True, slots=True)
class FoundPhone:
    """A phone a vendor gave us. `number` is E.164, `score` 0-100; None means the vendor did not say.

    `belongs`: the vendor's word on whether the number goes with the person asked for.
    """

    number: str
    line_type: LineType | None = None
    score: int | None = None
    dnc: bool | None = None
    tcpa: bool | None = None
    belongs: bool | None = None


@dataclass(frozen=True, slots=True)
class FoundEmail:
    """An email a vendor gave us, lower-case; `belongs` as for phones."""

    address: str
    score: int | None = None
    belongs: bool | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What one vendor knows about one Subject. `mak` is Melissa's key of the delivery point (10 digits).

    `facts`, each only where the vendor said it: latitude, longitude, estimated_value, estimated_equity (US dollars),
    owner_occupied, vacant, born (YYYYMM), mak_base.
    """

    matched: bool
    first_name: str = ""
    last_name: str = ""
    owner: OwnerCheck = OwnerCheck.UNKNOWN
    phones: tuple[FoundPhone, ...] = ()
    emails: tuple[FoundEmail, ...] = ()
    mak: str | None = None
    litigator: bool = False
    deceased: bool = False
    codes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class ContactFinder(Protocol):
    """A vendor that finds contact points for a person at an address, many at a time."""

    @property
    def batch_size(self) -> int:
        """The most subjects one call may carry."""

    async def fetch(self, subjects: Sequence[Subject]) -> list[Reply]:
        """One reply per subject, in the same order. Raises ProviderBusy, ProviderUnclear, ProviderRefused."""

    def read(self, raw: Mapping[str, Any]) -> Found:
        """What a stored raw reply says. Pure: the same raw reply always reads the same."""


def e164(raw: object) -> str | None:
    """`raw` as an E.164 number (US unless it says otherwise), or None if no phone number can look like that."""
    try:
        number = phonenumbers.parse(str(raw), "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_address(raw: object) -> str | None:
    """`raw` lower-case and trimmed, or None if it is plainly no email address."""
    address = str(raw or "").strip().lower()
    local, at, domain = address.partition("@")
    return address if local and at and "." in domain and " " not in address else None


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
