"""A row of a source becomes a permit in one form, or is set aside with its field, its reason and what to do.

A value that makes no sense costs the row only where the permit is nothing without it: its number, its date, and a place
(an address or coordinates). Any other is left out of the permit and told of.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar

import numpy as np

from penstock.contagion import BOXES, UNITED_STATES, Flaw, abroad, flaws
from penstock.intake import Rejection, cells
from penstock.permits.sources import SourceMap

T = TypeVar("T")

RAW_AT_MOST: Final = 4000  # characters of a row that is set aside
FIRST_DAY: Final = date(1950, 1, 1)  # older than any permit whose work still counts
LONGEST_ID: Final = 200
UNSTATED: Final = 1  # dollars: many cities write 0 or 1 for a value they do not know

_PLACE_FIX: Final = {
    Flaw.MISSING: ("is not a number", "give degrees, as 36.1627"),
    Flaw.NULL_ISLAND: ("is the sea off Ghana, (0, 0)", "leave coordinates empty that are not known"),
    Flaw.SWAPPED: ("stands where the other coordinate belongs", "exchange latitude and longitude"),
    Flaw.OFF_EARTH: ("is not on the earth", "give degrees between -90 and 90, and -180 and 180"),
    Flaw.OUTSIDE: ("is outside of the state", "check the coordinates, or the state"),
}


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit in one form. Times are calendar days of the place; `valuation` whole dollars, None where not stated.

    `raw` is the row as found. It, the phone and the names may be personal data: they are kept out of `repr`.
    """

    source: str
    source_id: str
    permit_number: str
    state: str
    applied_on: date | None = None
    issued_on: date | None = None
    completed_on: date | None = None
    type_raw: str | None = None
    work_raw: str | None = None
    description: str | None = field(default=None, repr=False)
    status: str | None = None
    valuation: int | None = None
    address1: str | None = None
    city: str | None = None
    zip: str | None = None
    county: str | None = None
    parcel: str | None = None
    subdivision: str | None = None
    lat: float | None = None
    lon: float | None = None
    contractor_name: str | None = field(default=None, repr=False)
    contractor_phone: str | None = field(default=None, repr=False)
    owner_name: str | None = field(default=None, repr=False)
    url: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def dated(self) -> date:
        """The day it counts from: of issue, or of application where the source tells no other."""
        day = self.issued_on or self.applied_on
        assert day is not None, "a permit without a day is set aside"
        return day


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a row: the permit, or None where it was set aside; and everything that was wrong with it.

    `number`: which row it was, as people count.
    """

    permit: Permit | None
    flaws: tuple[Rejection, ...] = ()
    number: int = 0


def read(rows: Iterable[tuple[int, Mapping[str, Any]]], source: SourceMap, today: date) -> list[Read]:
    """The rows, each with its number as people count it, in the order given. Best called with some hundred at once."""
    drafts = [_Draft(number, row, source, today) for number, row in rows]
    _check_places(drafts)
    return [draft.done() for draft in drafts]


class _Draft:
    """A row on its way to a permit."""

    def __init__(self, number: int, row: Mapping[str, Any], source: SourceMap, today: date) -> None:
        self._number, self._row, self._source, self._today = number, row, source, today
        self._text = source.gather(row)
        self._flaws: list[Rejection] = []
        self._hopeless = False
        self.state = self._clean("state", cells.state, "give the two letters of a US state") or ""
        self.point = self._point()

    def _point(self) -> tuple[float, float] | None:
        """Latitude and longitude as found; not a number where they are no numbers."""
        found = [self._text.get(name, "") for name in ("lat", "lon")]
        if not any(found):
            return None
        try:
            return float(found[0]), float(found[1])
        except ValueError:
            return float("nan"), float("nan")

    def misplaced(self, flaw: Flaw) -> None:
        """Leave the coordinates out, and say why."""
        reason, fix = _PLACE_FIX[flaw]
        shown = ", ".join(self._text.get(name, "") for name in ("lat", "lon"))
        self._note("lat, lon", f"({shown}) {reason}", fix)
        self.point = None

    def done(self) -> Read:
        """The permit, if its number, its day and its place make sense."""
        number = self._clean("permit_number", cells.name_of_record, "give the number on the permit")
        if not number:
            self._costs_the_row("permit_number", "is missing", "give the number on the permit")
        if len(self._text.get("source_id", "")) > LONGEST_ID:
            self._costs_the_row(
                "source_id", f"is longer than {LONGEST_ID} characters", "check the columns of the source"
            )
        day_fix = "give the day as 2024-03-09, not in the future"
        clean_day = _day_of_a_permit(self._today)
        applied, issued, completed = (self._clean(name, clean_day, day_fix) for name in _DAYS)
        if self._told("issued_on"):
            self._hopeless = True  # it has a day of issue, and nobody knows which
        elif issued is None and applied is None:
            self._costs_the_row("applied_on", "is missing, and so is issued_on", day_fix)
        address = cells.text(self._text.get("address1", ""))
        if address is None and self.point is None:
            self._costs_the_row("address1", "is missing, and there are no coordinates", "give the address of the site")
        if not self.state:
            self._costs_the_row("state", "is missing or unknown", "give the two letters of a US state")
        if self._hopeless:
            return Read(None, tuple(self._flaws), self._number)
        assert number is not None
        return Read(self._permit(number, address, (applied, issued, completed)), tuple(self._flaws), self._number)

    def _permit(self, number: str, address: str | None, days: tuple[date | None, date | None, date | None]) -> Permit:
        text = self._text
        zip_code = self._clean("zip", cells.zip_code, "give five digits")
        worth = self._clean("valuation", cells.worth, "give the value of the work in dollars, or nothing")
        return Permit(
            source=self._source.name,
            source_id=text.get("source_id") or number,
            permit_number=number,
            state=self.state,
            applied_on=days[0],
            issued_on=days[1],
            completed_on=days[2],
            type_raw=text.get("type_raw"),
            work_raw=text.get("work_raw"),
            description=text.get("description"),
            status=text.get("status"),
            valuation=worth if worth and worth > UNSTATED else None,
            address1=address,
            city=cells.text(text.get("city", "")),
            zip=zip_code[0] if zip_code else None,
            county=self._clean("county", cells.county, "give the name of the county"),
            parcel=self._clean("parcel", _one_parcel, "give the number of the one parcel the work is on"),
            subdivision=cells.subdivision(text.get("subdivision", "")),
            lat=self.point[0] if self.point else None,
            lon=self.point[1] if self.point else None,
            contractor_name=cells.text(text.get("contractor_name", "")),
            contractor_phone=self._clean("contractor_phone", cells.phone, "give ten digits"),
            owner_name=cells.text(text.get("owner_name", "")),
            url=text.get("url"),
            raw=self._row,
        )

    def _clean(self, name: str, clean: Callable[[str], T | None], fix: str) -> T | None:
        """The field's text cleaned; None and a note where it makes no sense."""
        try:
            return clean(self._text.get(name, ""))
        except ValueError as error:
            self._note(name, str(error), fix)
            return None

    def _told(self, name: str) -> bool:
        return any(flaw.field == name for flaw in self._flaws)

    def _costs_the_row(self, name: str, reason: str, fix: str) -> None:
        self._hopeless = True
        if not self._told(name):
            self._note(name, reason, fix)

    def _note(self, name: str, reason: str, fix: str) -> None:
        raw = json.dumps(self._row, ensure_ascii=False, default=str)[:RAW_AT_MOST]
        self._flaws.append(Rejection(self._number, name, reason, fix, raw))


_DAYS: Final = ("applied_on", "issued_on", "completed_on")


def _check_places(drafts: Sequence[_Draft]) -> None:
    """Take away the coordinates that cannot be those of the row's state, or lie in another country."""
    for state in {draft.state for draft in drafts}:
        placed = [(draft, draft.point) for draft in drafts if draft.state == state and draft.point is not None]
        points = np.array([point for _, point in placed], dtype=np.float64).reshape(-1, 2)
        found = flaws(points[:, 0], points[:, 1], BOXES.get(state, UNITED_STATES))
        found[(found == Flaw.NONE) & abroad(points[:, 0], points[:, 1])] = Flaw.OUTSIDE
        for (draft, _), flaw in zip(placed, found.tolist(), strict=True):
            if flaw:
                draft.misplaced(Flaw(flaw))


def _day_of_a_permit(today: date) -> Callable[[str], date | None]:
    """A cleaner for a day from FIRST_DAY to today."""
    clean = cells.day(today)

    def checked(text: str) -> date | None:
        try:
            found = clean(text)
        except ValueError:
            raise ValueError(f"is not a date between {FIRST_DAY:%Y} and today") from None
        if found is not None and found < FIRST_DAY:
            raise ValueError(f"is not a date between {FIRST_DAY:%Y} and today")
        return found

    return checked


def _one_parcel(text: str) -> str | None:
    """A parcel number; a list of several is none, since no one of them is meant."""
    if re.search(r"[|;,]|\d\s*&\s*\d", text):
        raise ValueError("names several parcels")
    return cells.parcel(text)
