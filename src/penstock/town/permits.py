"""Houses along streets, and the permits their cities give out: made from the seed, growing with the town's clock.

Roofs are replaced in waves: each quarter a few streets have had a storm, and most of that quarter's re-roofs are there.
A clerk enters some permits days after their date, and some with a slip (`Permit.slip`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from math import cos, radians
from typing import Final

from penstock.town import places
from penstock.town.dice import Dice

FIRST_DAY: Final = date(2020, 1, 1)
PER_DAY: Final = 1.6
STREETS: Final = 48
HOUSES: Final = 40  # a street
FOOT: Final = 1 / 364_000  # degrees of latitude
LOT_FT: Final = 62.0
SETBACK_FT: Final = 55.0  # from the middle of the street to a house
STORMS: Final = 4  # streets a quarter
LATE_DAYS: Final = 6  # how late a clerk may be
KINDS: Final = {"reroof": 0.3, "roof_repair": 0.05, "new_construction": 0.14, "solar": 0.07, "gutters": 0.02}
SLIPS: Final = {"no value": 0.08, "no place": 0.05, "zero place": 0.004, "swapped": 0.004, "2071": 0.001}
STORM_SHARE: Final = 0.65
STREET_NAMES: Final = (
    "Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fern", "Grove", "Holly", "Ivy", "Juniper", "Kestrel", "Laurel",
    "Maple", "Nettle", "Orchard", "Poplar", "Quail", "Redbud", "Spruce", "Tulip", "Umber", "Violet", "Willow", "Yarrow",
)  # fmt: skip
STREET_TYPES: Final = ("St", "Ave", "Dr", "Ln", "Ct")
ROOFERS: Final = (
    "Blue Ridge Roofing LLC", "Topside Exteriors", "Summit & Sons Roofing", "Eaves and Gables Inc", "Stormline Roofing",
    "Ridgecap Roofing Co", "Hillcrest Home Improvement", "Plumb Line Builders",
)  # fmt: skip
SAID: Final[Mapping[str, tuple[str, ...]]] = {
    "reroof": (
        "TEAR OFF AND REROOF, {sq} SQ, ARCHITECTURAL SHINGLES", "Remove and replace roof shingles, like for like",
        "Re-roof existing single family residence", "roof replacement, hail damage, {sq} squares",
        "Replace existing shingle roof with standing seam metal", "R&R ROOF - NO CHANGE TO FOOTPRINT",
    ),
    "roof_repair": ("Repair roof leak at valley, replace flashing", "PATCH ROOF, MISSING SHINGLES REAR SLOPE"),
    "new_construction": ("Construct new single family residence with attached garage", "NEW TWO STORY RESIDENCE"),
    "solar": ("Install {sq} roof mounted solar modules", "PHOTOVOLTAIC SYSTEM {sq} KW ON EXISTING ROOF"),
    "gutters": ("Replace gutters and downspouts",),
    "other": (
        "Kitchen remodel, no change to roof line", "Replace HVAC condenser", "Build deck at rear of residence",
        "Interior renovation, two bathrooms", "Screened porch with shed roof tied into existing roof",
    ),
}  # fmt: skip
WORTH: Final[Mapping[str, tuple[int, int]]] = {
    "reroof": (7_000, 32_000), "roof_repair": (400, 4_000), "new_construction": (180_000, 900_000),
    "solar": (11_000, 45_000), "gutters": (900, 5_000), "other": (500, 90_000),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class House:
    """A house on its lot."""

    number: int
    street: str  # "Alder 3 St"
    zip_code: places.ZipCode
    parcel: str
    year_built: int
    lat: float
    lng: float

    @property
    def line(self) -> str:
        """ "1204 Alder St"."""
        return f"{self.number} {self.street}"


@dataclass(frozen=True, slots=True)
class Permit:
    """One permit and what is wrong with its record. `published`: the day the portal first shows it."""

    number: str
    house: House
    kind: str
    description: str
    value: int
    applied: date
    issued: date
    completed: date
    published: date
    contractor: str
    slip: str


def _codes(city: str, state: str) -> list[places.ZipCode]:
    found = (places.zip_code(code) for code in places.standard_codes(state))
    return [code for code in found if code and code.city == city.casefold()][:12]


class City:
    """The houses and permits of one city with a portal."""

    def __init__(self, dice: Dice, name: str, state: str) -> None:
        self._dice = dice
        self.name, self.state = name, state
        self._codes = _codes(name, state)
        self._permits: list[Permit] = []

    @cached_property
    def streets(self) -> list[list[House]]:
        """Every street with its houses, those with even numbers on the north or east side."""
        return [list(self._street(position)) for position in range(STREETS)]

    @cached_property
    def by_line(self) -> Mapping[str, House]:
        """The houses by their address line as `places` normalises it."""
        return {places.address(house.line).street: house for street in self.streets for house in street}

    def reaches(self, lat: float, lng: float) -> bool:
        """True if a place may be in the city: it is within some twenty miles of one of its ZIP codes."""
        return any(abs(code.lat - lat) < 0.3 and abs(code.lng - lng) < 0.3 for code in self._codes)

    def permits(self, now: datetime) -> list[Permit]:
        """What the portal shows at that instant, in the order in which it was applied for."""
        today = now.date()
        while not self._permits or self._permits[-1].applied <= today:
            self._permits.append(self._permit(len(self._permits)))
        return [permit for permit in self._permits if permit.published <= today]

    def _street(self, position: int) -> Iterator[House]:
        key = ("street", self.name, position)
        code = self._codes[position % len(self._codes)]
        # A name is used once in a city, so that an address without a ZIP is one place.
        name = STREET_NAMES[position % len(STREET_NAMES)] + ("" if position < len(STREET_NAMES) else " Hill")
        street = f"{name} {self._dice.pick(STREET_TYPES, *key, 'type')}"
        lat = code.lat + (self._dice.roll(*key, "lat") - 0.5) * 0.03
        lng = code.lng + (self._dice.roll(*key, "lng") - 0.5) * 0.03
        built = self._dice.between(1948, 2008, *key, "built")
        first = self._dice.between(1, 40, *key, "first") * 100
        runs_east = self._dice.chance(0.5, *key, "east")
        for n in range(HOUSES):
            along, across = (n // 2) * LOT_FT, SETBACK_FT * (1 if n % 2 == 0 else -1)
            north, east = (across, along) if runs_east else (along, across)
            yield House(
                number=first + (n // 2) * 4 + n % 2,
                street=street,
                zip_code=code,
                parcel=f"{position + 101:03d}{n + 1:03d}00",
                year_built=built + self._dice.between(0, 6, *key, "year", n),
                lat=round(lat + north * FOOT, 7),
                lng=round(lng + east * FOOT / cos(radians(lat)), 7),
            )

    def _permit(self, n: int) -> Permit:
        dice, key = self._dice, ("permit", self.name, n)
        applied = FIRST_DAY + timedelta(days=int(n / PER_DAY))
        issued = applied + timedelta(days=dice.between(0, 9, *key, "issued"))
        kind = dice.weighted(KINDS, *key, "kind", otherwise="other")
        low, high = WORTH[kind]
        said = dice.pick(SAID[kind], *key, "said").format(sq=dice.between(12, 44, *key, "sq"))
        late = dice.between(1, LATE_DAYS, *key, "late") if dice.chance(0.06, *key, "is late") else 0
        return Permit(
            number=f"{applied.year}-{n:06d}",
            house=self._house(kind, issued, key),
            kind=kind,
            description=said,
            value=dice.between(low, high, *key, "value"),
            applied=applied,
            issued=issued,
            completed=issued + timedelta(days=dice.between(5, 120, *key, "completed")),
            published=issued + timedelta(days=late),
            contractor=dice.pick(ROOFERS, *key, "contractor"),
            slip=dice.weighted(SLIPS, *key, "slip"),
        )

    def _house(self, kind: str, issued: date, key: tuple[object, ...]) -> House:
        dice = self._dice
        street = dice.number(*key, "street") % STREETS
        if kind in ("reroof", "roof_repair") and dice.chance(STORM_SHARE, *key, "storm"):
            quarter, which = issued.year * 4 + (issued.month - 1) // 3, dice.number(*key, "which") % STORMS
            street = dice.number("storm", self.name, quarter, which) % STREETS
        return dice.pick(self.streets[street], *key, "house")
