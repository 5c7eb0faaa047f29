"""What a geocoder is asked and can answer, in our own words."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["match", "no_match", "tie", "unanswered"]


@dataclass(frozen=True, slots=True)
class Place:
    """An address in parts. Empty parts are not known."""

    street: str
    city: str = ""
    state: str = ""
    zip: str = ""

    @property
    def one_line(self) -> str:
        """ "100 Main St, Austin, TX 78701"."""
        last = " ".join(filter(None, (self.state, self.zip)))
        return ", ".join(filter(None, (self.street, self.city, last)))


@dataclass(frozen=True, slots=True)
class Located:
    """Where a place is. Only a match has coordinates (WGS84); `exact`: no word of the address had to be changed.

    tie: several places fit and the vendor does not choose; unanswered: it left the place out, which may be asked again.
    `county`: five digits (state and county FIPS).
    """

    outcome: Outcome
    exact: bool = False
    address: str = ""
    lat: float | None = None
    lng: float | None = None
    county: str | None = None
