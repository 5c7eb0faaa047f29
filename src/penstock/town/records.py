"""Property records as a county would export them: made from the seed, true to the world, and messy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from penstock.town import names, places
from penstock.town.dice import Dice
from penstock.town.people import Household, World

HEADER: Final = (
    "Parcel ID", "Property Address", "Unit", "City", "State", "Zip", "County", "Owner 1 First Name",
    "Owner 1 Last Name", "Mailing Address", "Mailing City", "Mailing State", "Mailing Zip", "Owner Occupied",
    "Est. Value", "Est. Equity", "Year Built", "Land Use",
)  # fmt: skip
STATES: Final = {
    "FL": 0.22, "PA": 0.16, "TN": 0.13, "TX": 0.15, "NY": 0.11, "OH": 0.11, "GA": 0.08, "CA": 0.02, "WA": 0.02,
}  # fmt: skip
DUPLICATE: Final = 0.02
RESPELT: Final = 0.01
BAD: Final = 0.01
UNITS: Final = 0.08
TRUST: Final = 0.02  # the owner of record is a family trust
LAND_USE: Final = ("Single Family Residential", "SFR", "SINGLE FAMILY", "Residential - 1 Family", "Townhouse")


def county_file(dice: Dice, world: World, rows: int) -> str:
    """A CSV of `rows` records and a header line. The first rows are the same however many are asked for."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_rows(dice, world, rows))
    return out.getvalue()


def _rows(dice: Dice, world: World, rows: int) -> Iterator[list[str]]:
    clean: list[list[str]] = []
    for position in range(rows):
        kind = dice.weighted({"again": DUPLICATE, "respelt": RESPELT, "bad": BAD}, "row kind", position)
        if kind in ("again", "respelt") and clean:
            earlier = dice.pick(clean, "row again", position)
            yield earlier if kind == "again" else respelt(dice, earlier, position)
        else:
            row = clean_row(dice, world, position)
            if kind != "bad":
                clean.append(row)
            yield spoilt(dice, row, position) if kind == "bad" else row


def clean_row(dice: Dice, world: World, position: int) -> list[str]:
    """One good record, in the ways of writing that a county clerk may have."""
    home = _home(dice, world, position)
    return home_row(dice, home, ("record", position), apn=home.apn, year_built=home.year_built)


def home_row(dice: Dice, home: Household, key: tuple[object, ...], *, apn: str, year_built: int) -> list[str]:
    """The good record of a household."""
    place, code, owner = home.address, home.zip_code, home.owner_of_record
    first, last = owner.first, owner.last
    if dice.chance(TRUST, "trust", *key):
        first, last = "", f"{owner.last} Family Trust"
    street = places.pretty(place.street)
    if home.owner_occupied:
        mailing = [_with_unit(street, place.unit), code.city.title(), code.state, code.code]
    else:
        elsewhere = (
            places.home_code(places.address("", city="", state=code.state), dice.number("mailing", *key)) or code
        )
        house = f"{dice.between(1, 9999, 'po', *key)}"
        mailing = [f"PO Box {house}", elsewhere.city.title(), elsewhere.state, elsewhere.code]
    occupied = dice.pick((("N", "No", "n"), ("Y", "Yes", "y"))[home.owner_occupied], "yes", *key)
    row = [
        apn,
        street,
        place.unit.upper(),
        code.city.title(),
        code.state,
        code.code if dice.chance(0.9, "plus4", *key) else f"{code.code}-{home.plus4}",
        code.county,
        first,
        last,
        *mailing,
        "" if dice.chance(0.04, "blank", *key) else occupied,
        _money(dice, home.value, "value", *key),
        _money(dice, home.equity, "equity", *key),
        str(year_built) if dice.chance(0.96, "year", *key) else "0",
        "Condominium" if place.unit else dice.pick(LAND_USE, "use", *key),
    ]
    shouted = dice.chance(0.25, "capitals", *key)
    return [cell.upper() for cell in row] if shouted else row


def respelt(dice: Dice, row: list[str], position: int) -> list[str]:
    """The same record once more, with other capitals and blanks."""
    case = dice.pick((str.lower, str.upper, str.title), "case", position)
    return [case(cell).replace(" ", "  ") + dice.pick(("", " "), "blank", position, cell) for cell in row]


def spoilt(dice: Dice, row: list[str], position: int) -> list[str]:
    """The record with something in it that cannot be used."""
    row = list(row)
    how = dice.pick(("no address", "no such state", "garbage"), "spoilt", position)
    if how == "no address":
        row[0], row[1] = "", ""
    elif how == "no such state":
        row[4], row[5] = "ZZ", "00000"
    else:
        row[1], row[5], row[14] = "#REF!", "N/A", "see deed book"
        row[0] = ""
    return row


def _home(dice: Dice, world: World, position: int) -> Household:
    """The household of the n-th record; the first address tried that can exist."""
    for attempt in range(50):
        key = ("parcel", position, attempt)
        state = dice.weighted(STATES, "state", *key, otherwise="FL")
        code = dice.pick(places.standard_codes(state), "zip", *key)
        street = f"{dice.between(1, 9899, 'house', *key)} {dice.pick(names.STREETS, 'street', *key)}"
        street += f" {dice.pick(names.SUFFIXES, 'suffix', *key)}"
        unit = ""
        if dice.chance(UNITS, "unit", *key):
            unit = f"{dice.between(1, 24, 'floor', *key)}{dice.pick(('', 'A', 'B', 'C'), 'door', *key)}"
        if found := world.household(places.address(street, unit, postal=code)):
            return found
    raise AssertionError("no address in 50 tries")


def _with_unit(street: str, unit: str) -> str:
    return f"{street} Unit {unit.upper()}" if unit else street


def _money(dice: Dice, amount: int, *key: object) -> str:
    how = dice.pick(("plain", "dollars", "spaced", "commas"), "money", *key)
    return {"plain": f"{amount}", "dollars": f"${amount:,}", "spaced": f" $ {amount:,.2f} ", "commas": f"{amount:,}"}[
        how
    ]
