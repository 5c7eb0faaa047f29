"""A made-up county: as many places as wanted, each the same every time, in a file such as assessors hand out."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from random import Random

STATE, COUNTY = "FL", "Hillsborough"
SOURCE = "benchmark_county"
HEADER = (
    *("Parcel Number", "Property Address", "Unit", "City", "State", "Zip", "County", "Latitude", "Longitude"),
    *("Property Type", "Year Built", "Bedrooms", "Bathrooms", "Living Area", "Lot Size Sqft", "Market Value"),
    *("Last Sale Date", "Last Sale Price", "Owner Name", "Mailing Address", "Mailing City", "Mailing State"),
    *("Mailing Zip", "Homestead"),
)
REPEATED = 100  # every hundredth row of a file says again what another row has said


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TREES = _words("""
Alder Aspen Balsam Banyan Beech Birch Cedar Cherry Citrus Cypress Elm Fir Hazel Hickory Juniper Laurel Linden Magnolia
Mangrove Maple Myrtle Oak Olive Palm Pecan Pine Poplar Sabal Spruce Willow
""")
_LAY = _words("""
Bay Bend Bluff Brook Cove Creek Field Glen Grove Harbor Haven Hill Hollow Lake Landing Meadow Point Ridge Shore Spring
Trace Vale View Vista Wood
""")
_KINDS = _words("St Ave Rd Ln Dr Ct Pl Way")
_ZIPS = _words("33602 33603 33604 33605 33606 33607 33609 33610 33611 33612 33613 33614")
_FIRST = _words(
    "Ada Ben Carla Dan Elena Frank Grace Hugo Iris Jack Karen Luis Maria Nora Omar Paula Ruth Sam Tina Walt"
)
_LAST = _words("""
Abbot Brandt Castillo Dawson Ellery Foster Garza Holt Ibarra Jensen Keller Lowe Mercer Nolan Ortega Pratt Quinn Reyes
Stone Tanner Underhill Vance Whitaker Yates Zeller
""")
_STREETS = len(_TREES) * len(_LAY) * len(_KINDS)


@dataclass(frozen=True, slots=True)
class Place:
    """One parcel with its owner. Dollars, years and square feet; `line1` without the unit."""

    apn: str
    line1: str
    unit: str
    postal_code: str
    owner: str
    value: int


def place(number: int) -> Place:
    """The place of that number: no two share a parcel number or an address."""
    dice = Random(number)
    street, house = number % _STREETS, 100 + number // _STREETS
    kind, street = _KINDS[street % len(_KINDS)], street // len(_KINDS)
    name = f"{_TREES[street % len(_TREES)]} {_LAY[street // len(_TREES)]} {kind}"
    return Place(
        apn=f"{number // 10_000:03}-{number % 10_000:04}-{number * 7919 % 1000:03}",
        line1=f"{house} {name}",
        unit=f"Apt {dice.randint(1, 40)}" if dice.random() < 0.1 else "",
        postal_code=_ZIPS[number % len(_ZIPS)],
        owner=f"{dice.choice(_FIRST)} {dice.choice(_LAST)}",
        value=dice.randrange(90_000, 900_000, 1_000),
    )


def write(path: Path, rows: int, *, years: int = 0) -> None:
    """Write the county of so many rows. Their order is that of no key; values rise by 4 % for each of `years`."""
    repeated = rows // REPEATED
    numbers = [*range(rows - repeated), *range(repeated)]
    Random(rows).shuffle(numbers)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(HEADER)
        lines.writerows(_line(number, years) for number in numbers)


def _line(number: int, years: int) -> tuple[object, ...]:
    here, dice = place(number), Random(-number)
    owner, mailing, lives_there = _owner(number, here)
    return (
        *(here.apn, here.line1, here.unit, "Tampa", STATE, here.postal_code, COUNTY),
        *(f"{27.9 + dice.random() / 5:.6f}", f"{-82.5 + dice.random() / 5:.6f}", "Single Family"),
        *(
            dice.randint(1920, 2022),
            dice.randint(1, 6),
            dice.choice(("1", "1.5", "2", "2.5", "3")),
            dice.randint(600, 4_500),
        ),
        *(dice.randint(2_000, 20_000), f"${round(here.value * 1.04**years):,}"),
        *(f"{dice.randint(1, 12):02}/{dice.randint(1, 28):02}/{dice.randint(1990, 2024)}", f"${here.value * 3 // 4:,}"),
        *(owner, *mailing, "Y" if lives_there else "N"),
    )


def _owner(number: int, here: Place) -> tuple[str, tuple[str, str, str, str], bool]:
    """Name, mailing address, whether they live there.

    Most do; every sixth place is one of a landlord's three, every twentieth a firm's.
    """
    at_home = (f"{here.line1} {here.unit}".strip(), "Tampa", STATE, here.postal_code)
    if number % 20 == 0:
        return (
            f"{here.line1.split()[1]} Holdings {number} LLC",
            (f"{number} Commerce St", "Orlando", STATE, "32801"),
            False,
        )
    if number % 6 == 0:
        landlord = number // 18
        return place(landlord).owner, (f"{landlord + 1} Lakeshore Dr", "Atlanta", "GA", "30303"), False
    return here.owner, at_home, True
