"""Addresses as the town knows them: one key per delivery point, and what a ZIP code says about it."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import phonenumbers
import zipcodes

SUFFIX: Final = {
    "avenue": "ave", "av": "ave", "street": "st", "str": "st", "drive": "dr", "road": "rd", "lane": "ln", "court": "ct",
    "boulevard": "blvd", "boul": "blvd", "place": "pl", "terrace": "ter", "circle": "cir", "parkway": "pkwy",
    "highway": "hwy", "square": "sq", "trail": "trl", "north": "n", "south": "s", "east": "e", "west": "w",
    "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
}  # fmt: skip
DIRECTIONS: Final = frozenset(("n", "s", "e", "w", "ne", "nw", "se", "sw"))
UNIT: Final = re.compile(r"\s(?:(?:apartment|apt|unit|suite|ste|room|rm|no|lot)\b\s*#?|#)\s*(?P<unit>[\w-]+)$")
UNIT_WORD: Final = re.compile(r"^(?:(?:apartment|apt|unit|suite|ste|room|rm|no|lot)\b)?[\s#]*")


@dataclass(frozen=True, slots=True)
class ZipCode:
    """One ZIP code: five digits, its main city in lower case, state code, county, IANA zone, area codes, centre."""

    code: str
    city: str
    state: str
    county: str
    zone: str
    area_codes: tuple[str, ...]
    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Address:
    """A delivery point. All parts are normalised: lower case, single blanks, standard abbreviations, unit apart.

    `city` is the main city of the ZIP code when that is known, so that an address with a ZIP code and the same address
    with only city and state have one key.
    """

    street: str
    unit: str
    city: str
    state: str
    zip5: str

    @property
    def key(self) -> str:
        """Names the delivery point; the unit is part of it."""
        return "|".join((self.street, self.unit, self.city, self.state))

    @property
    def building(self) -> str:
        """The key of the building the unit is in."""
        return "|".join((self.street, "", self.city, self.state))

    @property
    def house_number(self) -> str:
        """The leading number of the street line, or an empty string."""
        found = re.match(r"\d+", self.street)
        return found.group() if found else ""


def address(street: str, unit: str = "", city: str = "", state: str = "", postal: str = "") -> Address:
    """The delivery point that a caller wrote, however it was spelt. Never raises: garbage is its own delivery point."""
    line = squeeze(street.replace(",", " # ") if unit_after_comma(street) else street)
    if not unit.strip() and (found := UNIT.search(line)):
        unit, line = found["unit"], line[: found.start()]
    words = line.split(" ")
    line = " ".join([words[0], *(SUFFIX.get(word, word) for word in words[1:])])
    known = zip_code(postal)
    return Address(
        street=line,
        unit=UNIT_WORD.sub("", squeeze(unit)).replace(" ", ""),
        city=known.city if known else squeeze(city),
        state=known.state if known else squeeze(state).upper(),
        zip5=known.code if known else "",
    )


def squeeze(text: str) -> str:
    """Lower case, letters, digits, '#', '-' and '/' only, single blanks."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace(".", "")
    return " ".join(re.sub(r"[^\w#/-]+", " ", plain).split())


def pretty(street: str) -> str:
    """A normalised street line as a vendor prints it: "100 n oak st" becomes "100 N Oak St"."""
    return " ".join(word.upper() if word in DIRECTIONS else word.capitalize() for word in street.split())


def unit_after_comma(street: str) -> bool:
    """True for "22 Blue Heron Dr, 4B": the part after the comma is a unit without its word."""
    head, comma, tail = street.rpartition(",")
    return bool(comma and re.match(r"\s*\d", head) and re.fullmatch(r"\s*\d*-?\w{0,2}\d*\s*", tail) and tail.strip())


@lru_cache(maxsize=1)
def _codes() -> Mapping[str, ZipCode]:
    """Every standard ZIP code with a zone and area codes."""
    found: dict[str, ZipCode] = {}
    for row in zipcodes.list_all():  # type: ignore[no-untyped-call]
        if row["active"] and row["timezone"] and row["area_codes"] and row["zip_code_type"] != "MILITARY":
            found[row["zip_code"]] = ZipCode(
                code=row["zip_code"],
                city=squeeze(row["city"]),
                state=row["state"],
                county=row["county"].removesuffix(" County"),
                zone=row["timezone"],
                area_codes=tuple(sorted(row["area_codes"])),
                lat=float(row["lat"]),
                lng=float(row["long"]),
            )
    return found


@lru_cache(maxsize=1)
def _codes_by_city() -> Mapping[tuple[str, str], tuple[str, ...]]:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code in sorted(_codes()):
        places[_codes()[code].city, _codes()[code].state].append(code)
    return {place: tuple(codes) for place, codes in places.items()}


@lru_cache(maxsize=1)
def codes_by_state() -> Mapping[str, tuple[str, ...]]:
    """The ZIP codes of each state code, in order."""
    states: dict[str, list[str]] = defaultdict(list)
    for code in sorted(_codes()):
        states[_codes()[code].state].append(code)
    return {state: tuple(codes) for state, codes in states.items()}


@lru_cache(maxsize=64)
def standard_codes(state: str) -> tuple[str, ...]:
    """The ZIP codes of a state in which people live (no PO box and company codes)."""
    found = zipcodes.filter_by(state=state, zip_code_type="STANDARD", active=True)  # type: ignore[no-untyped-call]
    return tuple(sorted(row["zip_code"] for row in found if row["zip_code"] in _codes()))


def zip_code(postal: str) -> ZipCode | None:
    """The ZIP code at the start of "33602", "33602-1234" or "2134" (a lost leading zero), or None."""
    digits = re.match(r"\s*(\d{3,5})", postal)
    return _codes().get(digits.group(1).zfill(5)) if digits else None


def home_code(place: Address, pick: int) -> ZipCode | None:
    """The ZIP code of a delivery point: its own, or one of its city's, or one of its state's, chosen by `pick`."""
    if place.zip5:
        return _codes()[place.zip5]
    codes = _codes_by_city().get((place.city, place.state)) or codes_by_state().get(place.state)
    return _codes()[codes[pick % len(codes)]] if codes else None


@lru_cache(maxsize=2048)
def usable_area_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Those area codes whose numbers the public numbering plan accepts; never empty (813 if all fail)."""
    good = tuple(code for code in codes if is_number(code + "3462207"))
    return good or ("813",)


def is_number(digits: str) -> bool:
    """True if ten digits are a valid North American number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse("+1" + digits))
    except phonenumbers.NumberParseException:
        return False
