"""Single values cleaned: text as found in, a typed value or None out.

A value that makes no sense is a ValueError with the reason. Empty and "none here" marks are None. US values only.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, NamedTuple

import zipcodes

from penstock.core.states import state_code

NOTHING: Final = frozenset(
    {"", "-", "--", "---", ".", "?", "n/a", "#n/a", "null", "(blank)", "(null)", "not available"}
)

MILITARY: Final = frozenset({"AA", "AE", "AP"})

_MONEY = re.compile(r"^(\()?(-)?\$?(-)?([\d,]*\.?\d*)\)?$", re.A)
_DASHED_MONEY = re.compile(r"^\$?-+$")
_NUMBER = re.compile(r"^\d[\d,]*(\.\d+)?$", re.A)
_ZIP = re.compile(r"^(\d{3,5})(?:\.0)?$|^(\d{5})[- ]?(\d{4})?-?$", re.A)
ZIP_AT_END: Final = re.compile(r"(?:^|[\s,]+)(?P<zip>\d{5}(?:-\d{4})?)$")
_DATES = (
    (re.compile(r"^(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})(?:[T ].*)?$"), None),
    (re.compile(r"^(?P<m>\d{1,2})[-/](?P<d>\d{1,2})[-/](?P<y>\d{4}|\d{2})(?: .*)?$"), None),
    (re.compile(r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})$"), None),
    (re.compile(r"^[A-Za-z]{3,9}\.? \d{1,2},? \d{4}$"), ("%b %d %Y", "%B %d %Y")),
    (re.compile(r"^\d{1,2}[- ][A-Za-z]{3}[- ]\d{4}$"), ("%d %b %Y",)),
)
_ASCII_DIGIT = re.compile("[0-9]")
_EPOCH_MS = re.compile(r"^\d{12,13}$")
_PHONE = re.compile(r"^1?([2-9]\d\d)([2-9]\d\d)(\d{4})$", re.A)
_EXTENSION = re.compile(r"\s*(?:x|ext\.?|extension)\s*\d{1,6}\s*$", re.I)
_EMAIL = re.compile(r"^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_COUNTY_WORD = re.compile(r"\s+(?:COUNTY|CO|PARISH|BOROUGH|CENSUS AREA|MUNICIPIO)$")
_YES: Final = frozenset({"yes", "y", "true", "t", "1", "x"})
_NO: Final = frozenset({"no", "n", "false", "f", "0"})
# "PT OF LOTS 1 & 2 BLK C" at the beginning, and what says how the plat was changed at the end.
_LOT = re.compile(
    r"^(?:(?:PT|PART|PTS|P/O)\b\.?\s*(?:OF\s+)?)*"
    r"(?:(?:LOTS?|LTS?|UNITS?|BLDG|TRACTS?|TR|BLK|BLOCK|PH|PHASE|SEC|SECTION)\b\.?\s*"
    r"(?:[A-Z]{0,2}\d+[A-Z]?|[A-Z]\b)(?:\s*(?:,|&|AND|-|THRU|TO|\s)\s*(?:\d+[A-Z]?\b|[A-Z]\b(?=\s)))*[\s,]*(?:OF\s+)?)+"
)
_PLAT = re.compile(
    r"\s+\(?(?:RE-?\s?SUB\w*|AMENDED|REVISED|REV|FINAL PLAT|REPLAT)\b.*$|\s+(?:PH|PHASE|SEC|SECTION|SECT)\b.*$"
)
# "E/S OF OAK RD N OF MAIN ST": land told by what lies around it.
_BOUNDS = re.compile(
    r"^(?:[NSEW]{1,2}|NORTH|SOUTH|EAST|WEST|CORNER|COR)(?:\s*/\s*S|\s+SIDE)?\.?\s+(?:OF|SIDE)\b|^[NSEW]/S\b"
)
PHONE_TYPES: Final = {
    "mobile": "mobile", "cell": "mobile", "wireless": "mobile", "cell phone": "mobile", "m": "mobile",
    "landline": "landline", "land line": "landline", "residential": "landline", "fixed": "landline", "l": "landline",
    "voip": "voip", "v": "voip",
}  # fmt: skip


class Place(NamedTuple):
    """What a ZIP code tells: preferred city name and state code."""

    city: str
    state: str


def text(value: str) -> str | None:
    """The value with its white space collapsed."""
    value = " ".join(value.split())
    return None if value.casefold() in NOTHING else value


def name_of_record(value: str) -> str | None:
    """An id that a source gives, at most 200 characters."""
    found = text(value)
    if found is not None and len(found) > 200:
        raise ValueError("is longer than 200 characters")
    return found


def acres(value: str) -> Decimal | None:
    """Acres; 0 means not stated."""
    found = number(value)
    if found is not None and found > 10_000_000:
        raise ValueError("is more than 10,000,000")
    return found or None


def money(value: str) -> int | None:
    """Whole dollars: "$1,185,000" -> 1185000, "($5,000)" -> -5000, "$-" -> None (a transfer, or not stated)."""
    value = value.replace(" ", "")
    if value.casefold() in NOTHING or _DASHED_MONEY.match(value):
        return None
    found = _MONEY.match(value)
    if not found or not any(c.isdigit() for c in found[4]):
        raise ValueError("is not an amount of money")
    dollars = round(Decimal(found[4].replace(",", "")))
    if dollars > 10**11:
        raise ValueError("is more than a hundred billion dollars")
    return -dollars if found[1] or found[2] or found[3] else dollars


def worth(value: str) -> int | None:
    """Whole dollars above zero; 0 means not stated."""
    dollars = money(value)
    if dollars is not None and dollars < 0:
        raise ValueError("is negative")
    return dollars or None


def number(value: str) -> Decimal | None:
    """A count or measure, not negative: "2,500" -> 2500, "2.5" -> 2.5."""
    value = value.replace(" ", "")
    if value.casefold() in NOTHING:
        return None
    if not _NUMBER.match(value):
        raise ValueError("is not a number")
    return Decimal(value.replace(",", ""))


def whole(limit: int) -> Callable[[str], int | None]:
    """A cleaner for whole numbers of at most `limit`."""

    def clean(value: str) -> int | None:
        found = number(value)
        if found is None:
            return None
        if found > limit:
            raise ValueError(f"is more than {limit:,}")
        return round(found)

    return clean


def area(value: str) -> int | None:
    """Square feet; 0 means not stated."""
    return whole(2_000_000_000)(value) or None


def rooms(value: str) -> Decimal | None:
    """A count of rooms, halves allowed, at most 999."""
    found = number(value)
    if found is not None and found > 999:
        raise ValueError("is more than 999")
    return None if found is None else found.quantize(Decimal("0.1"))


def year(today: date) -> Callable[[str], int | None]:
    """A cleaner for a year of building, 1600 to next year; 0 means not stated."""

    def clean(value: str) -> int | None:
        found = number(value)
        if not found:
            return None
        if not 1600 <= found <= today.year + 1:
            raise ValueError(f"is not a year between 1600 and {today.year + 1}")
        return int(found)

    return clean


def day(today: date) -> Callable[[str], date | None]:
    """A cleaner for a past date: 2018-08-17, 8/17/2018, 20180817, Aug 17, 2018, or epoch milliseconds.

    A leading "-" is dropped: PropStream puts one before some dates.
    """

    def clean(value: str) -> date | None:
        value = " ".join(value.split()).removeprefix("-")
        if value.casefold() in NOTHING or not value.strip("0-/: "):
            return None
        found = _date(value, today)
        if not date(1700, 1, 1) <= found <= today:
            raise ValueError("is not a date between 1700 and today")
        return found

    return clean


def _date(value: str, today: date) -> date:
    try:
        if _EPOCH_MS.match(value):
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(value))).date()
        for pattern, formats in _DATES:
            found = pattern.match(value)
            if found and formats is None:
                years = int(found["y"])
                if years < 100:
                    years += 2000 if years <= today.year % 100 else 1900
                return date(years, int(found["m"]), int(found["d"]))
            for form in formats or () if found else ():
                try:
                    plain = re.sub("[.,-]", " ", value)
                    return datetime.strptime(" ".join(plain.split()), form).replace(tzinfo=UTC).date()
                except ValueError:
                    continue
    except (ValueError, OverflowError):
        pass
    raise ValueError("is not a date")


def yes_no(value: str) -> bool | None:
    """True or False; None where the cell is empty."""
    word = value.strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    if word in NOTHING or word in {"unknown", "u"}:
        return None
    raise ValueError("is not yes or no")


def zip_code(value: str) -> tuple[str, str | None] | None:
    """Five digits, and the four more if given: "90028-1234"; "2139" -> 02139 (a spreadsheet ate the zero)."""
    value = value.strip()
    if value.casefold() in NOTHING or not value.strip("0-"):
        return None
    found = _ZIP.match(value)
    if not found:
        raise ValueError("is not a US ZIP code")
    if found[1]:
        return found[1].zfill(5), None
    return found[2], found[3]


def state(value: str) -> str | None:
    """The two-letter code of a US state, district or territory."""
    if " ".join(value.replace(".", "").split()).casefold() in NOTHING:
        return None
    if found := state_code(value):
        return found
    raise ValueError("is not a US state")


def mailing_state(value: str) -> str | None:
    """As `state`, and the codes of military mail."""
    return code if (code := value.strip().upper()) in MILITARY else state(value)


def phone(value: str) -> str | None:
    """E.164: "(813) 555-0100" -> +18135550100. North American numbers only; an extension is dropped."""
    value = value.strip()
    if value.casefold() in NOTHING:
        return None
    digits = re.sub(r"\D", "", _EXTENSION.sub("", value).removesuffix(".0"))
    if not digits.strip("0"):
        return None
    found = _PHONE.match(digits)
    if not found or found[1].endswith("11") or found[2].endswith("11"):
        raise ValueError("is not a US phone number")
    return "+1" + "".join(found.groups())


def phone_type(value: str) -> str | None:
    """mobile, landline or voip; None for a word that says something else."""
    return PHONE_TYPES.get(" ".join(value.casefold().split()))


def email(value: str) -> str | None:
    """Lower case, checked for form only: whether it is alive is for verification to find out."""
    value = value.strip().casefold().removeprefix("mailto:")
    if value in NOTHING or value in {"none", "unknown", "no email"}:
        return None
    local = value.partition("@")[0]
    if len(value) > 254 or not _EMAIL.match(value) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise ValueError("is not an email address")
    return value


def roof(value: str) -> int | None:
    """Square feet of roof; 0 means not stated."""
    return whole(100_000_000)(value) or None


def any_there(value: str) -> bool | None:
    """Whether there is any: yes or no, or how many."""
    try:
        return yes_no(value)
    except ValueError:
        count = number(value)
        return None if count is None else count > 0


def subdivision(legal: str) -> str | None:
    """The name of the subdivision in a legal description: "LOT 12 BLK C OAK HILL RESUB" is OAK HILL.

    None where the land is told by what lies around it, and where too little is left.
    """
    name = " ".join(legal.upper().split())
    name = _PLAT.sub("", _LOT.sub("", name)).strip(" ,.-")
    return None if _BOUNDS.match(name) or len(re.findall("[A-Z]", name)) < 3 else name[:200]


def age(value: str) -> int | None:
    """Years of age, 1 to 120; 0 means not stated."""
    return whole(120)(value) or None


def parcel(value: str) -> str | None:
    """A parcel number as printed, white space collapsed, upper case; a number of zeros only is none."""
    found = text(value)
    if found is None or not found.strip("0-. "):
        return None
    if not _ASCII_DIGIT.search(found) or len(found) > 64:
        raise ValueError("is not a parcel number")
    return found.upper()


def mak(value: str) -> str | None:
    """A Melissa address key: ten digits."""
    found = text(value)
    if found is None or not found.strip("0"):
        return None
    if not (found.isascii() and found.isdigit() and len(found) == 10):
        raise ValueError("is not a Melissa address key (ten digits)")
    return found


def county(value: str) -> str | None:
    """Upper case, without the word county: "Hillsborough County" -> HILLSBOROUGH."""
    found = name_of_record(value)
    return None if found is None else _COUNTY_WORD.sub("", re.sub(r"[./]", "", found.upper())) or None


@lru_cache(maxsize=1)
def _places() -> dict[str, Place]:
    return {entry["zip_code"]: Place(entry["city"], entry["state"]) for entry in zipcodes.list_all()}  # type: ignore[no-untyped-call]


def place_of(code: str) -> Place | None:
    """City and state of a ZIP code, or None where there is no such code."""
    return _places().get(code)


class Memo(dict[str, tuple[Any, str | None]]):
    """A cleaner that remembers: columns repeat themselves. `memo[value]` is (answer, None) or (None, reason)."""

    def __init__(self, clean: Callable[[str], Any], limit: int = 50_000) -> None:
        super().__init__()
        self._clean = clean
        self._limit = limit

    def __missing__(self, value: str) -> tuple[Any, str | None]:
        found: tuple[Any, str | None]
        try:
            found = self._clean(value), None
        except (ValueError, InvalidOperation) as error:
            found = None, str(error)
        if len(self) >= self._limit:
            self.clear()
        self[value] = found
        return found
