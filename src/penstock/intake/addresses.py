"""US address lines taken apart: street and unit, city and state, one-line addresses.

A table grammar (the words of USPS Publication 28), not a parser: it only cuts off what it is sure of.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from penstock.core.states import CODES, STATES
from penstock.intake.normalise import NOTHING, ZIP_AT_END

# Words that name a unit. Those of the second group stand alone, without a number.
_NUMBERED: Final = {
    "APT": "", "APARTMENT": "", "UNIT": "", "STE": "", "SUITE": "", "NO": "",
    "RM": "RM", "ROOM": "RM", "FL": "FL", "FLR": "FL", "FLOOR": "FL", "BLDG": "BLDG", "BUILDING": "BLDG",
    "LOT": "LOT", "SPC": "SPC", "SPACE": "SPC", "TRLR": "TRLR", "TRAILER": "TRLR", "PH": "PH", "PENTHOUSE": "PH",
}  # fmt: skip
_ALONE: Final = {
    "BSMT": "BSMT", "BASEMENT": "BSMT", "REAR": "REAR", "FRNT": "FRNT", "FRONT": "FRNT", "UPPR": "UPPR",
    "UPPER": "UPPR", "LOWR": "LOWR", "LOWER": "LOWR", "PH": "PH", "PENTHOUSE": "PH", "OFC": "OFC", "OFFICE": "OFC",
}  # fmt: skip

_UNIT_AT_END = re.compile(
    r"(?:[,\s]+(?P<word>" + "|".join(w for w in _NUMBERED if w != "NO") + r")\.?\s*#?\s*|[,\s]*#\s*)"
    r"(?P<unit>(?!(?:ST|RD|DR|LN|CT|PL)$)(?:[A-Z]{0,4}-?\d[A-Z0-9-]*(?: [A-Z])?|[A-Z]{1,2}(?:-[A-Z0-9]+)?))$",
    re.I,
)
# What every pattern of a unit needs somewhere in the line: without it none is tried.
_MAY_HAVE_UNIT = re.compile(r"[,#]|\s(?:" + "|".join(w for w in (*_NUMBERED, *_ALONE) if w != "NO") + ")", re.I)
_FLOOR_AT_END = re.compile(r"[,\s]+(?P<unit>\d+)(?:ST|ND|RD|TH)\s+(?:FL|FLR|FLOOR)$", re.I)
_ALONE_AT_END = re.compile(r"[,\s]+(?P<word>BSMT|BASEMENT|REAR|FRNT|UPPR|LOWR|PENTHOUSE|PH)$", re.I)
_COMMA_AT_END = re.compile(r"\s*,\s*(?P<unit>[A-Z]{0,3}[\s-]?\d[A-Z0-9-]{0,6}|[A-Z]{1,2})$", re.I)
_UNIT_PATTERNS: Final = (_FLOOR_AT_END, _UNIT_AT_END, _COMMA_AT_END, _ALONE_AT_END)
_BOX = re.compile(r"^(?:P\.?\s*O\.?\s*|POST OFFICE )(?:BOX|BX)\s*#?\s*(?P<box>[A-Z0-9-]+)$", re.I)
_NO_NUMBER = re.compile(r"^(?:N/A|0+|\.|-|\?|UNKNOWN|NO NUMBER)[\s,]+(?=\S)", re.I)
_HAS_LETTER = re.compile("[A-Za-z]")
_HAS_NUMBER = re.compile(
    r"[0-9]|^(?:ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|ELEVEN|TWELVE)\s", re.I
)  # "ONE IRVING PLACE"
_STREET_ORDINAL = re.compile(
    r"^(?:[NSEW]{1,2}\.?\s+|NORTH\s+|SOUTH\s+|EAST\s+|WEST\s+)?\d+(?:ST|ND|RD|TH)?\s+(?:ST|STREET|AVE|AVENUE|RD|ROAD)$",
    re.I,
)
_STATE_AT_END = re.compile(
    r"[\s,]+(?P<state>" + "|".join(sorted((*STATES, *CODES), key=len, reverse=True)) + r")\.?$", re.I
)

_KEEP_UPPER: Final = frozenset(
    {"N", "S", "E", "W", "NE", "NW", "SE", "SW", "PO", "US", "II", "III", "IV", "RR", "HC", "CR", "FM"}
    | {"LLC", "LLP", "LLLP", "PLLC", "LP", "PC", "NA", "USA", "HOA", "HUD", "FHA"}
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class Street(NamedTuple):
    """A delivery line: the street without its unit, the bare unit ("4B", "FL 3"), and whether it has a house number."""

    line: str | None
    unit: str | None
    numbered: bool


class CityLine(NamedTuple):
    """The last line of an address; parts that are not there are None."""

    city: str | None
    state: str | None
    zip_code: str | None


def street(value: str) -> Street:
    """Street and unit of a line: "22 BLUE HERON DR, 4B" -> "22 Blue Heron Dr" and "4B".

    "0  FOREST PARK RD" and "EAST 181 STREET" have no house number; "P.O. Box 10" is "PO Box 10".
    """
    line = " ".join(value.split()).strip(",; ")
    line = _NO_NUMBER.sub("", line)
    if line.casefold() in NOTHING:
        return Street(None, None, False)
    if box := _BOX.match(line):
        return Street(f"PO Box {box['box'].upper()}", None, True)
    unit: str | None = None
    for pattern in _UNIT_PATTERNS if _MAY_HAVE_UNIT.search(line) else ():
        found = pattern.search(line)
        if found and found.start() > 0 and any(c.isalpha() for c in line[: found.start()]):
            unit, line = _bare(pattern, found), line[: found.start()].rstrip(", ")
            break
    numbered = _tells_a_place(line)
    return Street(presentable(line), unit, numbered)


def _tells_a_place(line: str) -> bool:
    """Whether the street line has a house number and a street."""
    return bool(_HAS_NUMBER.search(line) and _HAS_LETTER.search(line) and not _STREET_ORDINAL.match(line))


def _bare(pattern: re.Pattern[str], found: re.Match[str]) -> str:
    parts = found.groupdict()
    if pattern is _FLOOR_AT_END:
        return f"FL {parts['unit']}"
    if "unit" not in parts:
        return _ALONE[parts["word"].upper()]
    word = _NUMBERED.get((parts.get("word") or "").upper(), "")
    return f"{word} {_compact(parts['unit'])}".strip()


def _compact(value: str) -> str:
    return value.replace(" ", "").upper().lstrip("#")


def unit(value: str) -> str | None:
    """A unit as it stands in a column of its own: "APT 4B", "#4b", "4 B" -> "4B"; "2nd floor" -> "FL 2"."""
    value = " ".join(value.split()).strip(",. ")
    if value.casefold() in NOTHING or value in {"0", "#"}:
        return None
    found = street(f"x {value}" if not value.startswith("#") else f"x{value}")
    if found.unit:
        return found.unit
    alone = _ALONE.get(value.upper())
    return alone or value.replace(" ", "").upper()[:20]


def city_line(value: str) -> CityLine:
    """City, state and ZIP of "PHILADELPHIA PA", "Tampa, FL 33602" or "Goodlettsville"."""
    rest = " ".join(value.split()).strip(",; ")
    code = state_code = None
    if found := ZIP_AT_END.search(rest):
        code, rest = found["zip"], rest[: found.start()].rstrip(", ")
    if found := _STATE_AT_END.search(" " + rest):
        named = found["state"].upper()
        state_code = named if named in CODES else STATES[named.casefold()]
        rest = rest[: max(found.start() - 1, 0)].rstrip(", ")
    return CityLine(city(rest), state_code, code)


def city(value: str) -> str | None:
    """A city name, white space collapsed, in title case unless its writer mixed cases."""
    value = " ".join(value.split()).strip(",. ")
    return None if value.casefold() in NOTHING or not any(c.isalpha() for c in value) else presentable(value)


@lru_cache(maxsize=65536)
def presentable(value: str) -> str:
    """Text of one case only in title case ("N 5TH ST" -> "N 5th St"); mixed case is somebody's choice and stays."""
    if not (value.isupper() or value.islower()):
        return value
    return _WORD.sub(lambda word: _titled(word.group()), value)


@lru_cache(maxsize=65536)
def _titled(word: str) -> str:
    upper = word.upper()
    if upper in _KEEP_UPPER:
        return upper
    if word[0].isdigit():
        return word.lower() if upper[-2:] in {"ST", "ND", "RD", "TH"} and upper[:-2].isdigit() else upper
    if upper.startswith("MC") and len(upper) > 3:
        return "Mc" + upper[2] + word[3:].lower()
    if upper[1:2] == "'" and len(upper) > 3:
        return upper[:3] + word[3:].lower()
    return upper[0] + word[1:].lower()
