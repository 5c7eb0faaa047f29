"""The houses of the cities with portals: who lives there, what they are worth, and lists of them.

A county's list comes street by street, with a clerk's slips; a vendor's is clean. Both are true to the world: the owner
of record is whom every other vendor means at that address.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.town import places, records
from penstock.town.dice import Dice
from penstock.town.people import Household, World
from penstock.town.permits import STREET_NAMES, City, House

HEADER: Final = (
    *records.HEADER, "Latitude", "Longitude", "Subdivision", "Roof Type", "Roof Sqft", "Has Mortgage", "Liens",
    "Recent Refinance", "Recent HELOC",
)  # fmt: skip
POINT_SLIPS: Final = {"none": 0.06, "zero": 0.01, "swapped": 0.01}
MATERIALS: Final = {"metal": 0.12, "tile": 0.08}
LIEN: Final = 0.03
REFINANCED: Final = 0.06
HELOC: Final = 0.04
OWED: Final = 0.05  # of its value: whoever owes less has paid the house off


def place_file(dice: Dice, world: World, city: City, rows: int) -> str:
    """A CSV of `rows` records (fewer where the city has no more houses) and a header line.

    The first rows are the same however many are asked for.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_rows(dice, world, city, rows))
    return out.getvalue()


def houses(city: City) -> Iterator[House]:
    """Every house of the city, street by street."""
    for street in city.streets:
        yield from street


def household(world: World, house: House) -> Household:
    """The people of a house."""
    found = world.household(places.address(house.line, postal=house.zip_code.code))
    assert found is not None, "a house has a number and a ZIP code"
    return found


def subdivision(house: House) -> str:
    """The development that the house was built in: the houses of its street."""
    return f"{house.street.rpartition(' ')[0]} {('Park', 'Estates', 'Meadows')[STREET_NAMES.index(_first(house)) % 3]}"


def details(dice: Dice, world: World, house: House) -> Mapping[str, Any]:
    """What else is true of a house: roof, debts."""
    home, key = household(world, house), (house.parcel, house.line)
    mortgaged = home.value - home.equity > home.value * OWED
    return {
        "roof_material": _material(dice, house),
        "living_sqft": dice.between(900, 3200, "living", *key),
        "mortgaged": mortgaged,
        "lien": dice.chance(LIEN, "lien", *key),
        "refinanced": mortgaged and dice.chance(REFINANCED, "refinanced", *key),
        "heloc": mortgaged and dice.chance(HELOC, "heloc", *key),
    }


def _rows(dice: Dice, world: World, city: City, rows: int) -> Iterator[list[str]]:
    clean: list[list[str]] = []
    left = houses(city)
    for position in range(rows):
        slips = {"again": records.DUPLICATE, "respelt": records.RESPELT, "bad": records.BAD}
        kind = dice.weighted(slips, "place row kind", city.name, position)
        if kind in ("again", "respelt") and clean:
            earlier = dice.pick(clean, "place row again", city.name, position)
            yield earlier if kind == "again" else records.respelt(dice, earlier, position)
            continue
        house = next(left, None)
        if house is None:
            return
        row = _row(dice, world, house)
        if kind == "bad":
            yield records.spoilt(dice, row, position)
        else:
            clean.append(row)
            yield row


def _row(dice: Dice, world: World, house: House) -> list[str]:
    """A good record, as far as a clerk has the coordinates."""
    known, home = details(dice, world, house), household(world, house)
    return [
        *records.home_row(dice, home, ("house", house.line), apn=house.parcel, year_built=house.year_built),
        *_point(dice, house),
        subdivision(house),
        known["roof_material"],
        str(round(known["living_sqft"] * 1.2)),
        *("Y" if known[name] else "N" for name in ("mortgaged", "lien", "refinanced", "heloc")),
    ]


def _point(dice: Dice, house: House) -> tuple[str, str]:
    slip = dice.weighted(POINT_SLIPS, "point slip", house.line, house.zip_code.code)
    lat, lng = str(house.lat), str(house.lng)
    return {"none": ("", ""), "zero": ("0", "0"), "swapped": (lng, lat)}.get(slip, (lat, lng))


def _material(dice: Dice, house: House) -> str:
    """As it looks from above."""
    where = (round(house.lat, 5), round(house.lng, 5))
    return dice.weighted(MATERIALS, "material", *where, otherwise="asphalt shingle")


def _first(house: House) -> str:
    return house.street.partition(" ")[0]
