"""The area of a scan: a city, a ZIP code or a drawn polygon, checked before anything is looked for in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import zipcodes
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from penstock.core.boxes import Box, disjoint
from penstock.core.states import state_code
from penstock.core.towns import spellings
from penstock.scans.polygons import LARGEST_SQUARE_MILES, contains, read_polygon, wrong

Kind = Literal["city", "zip_code", "custom_area"]
_CELLS: Final = 200  # cells of app.grid_cell to a degree
LONGEST_NAME: Final = 200
_UNSTORABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, and halves of characters
_FORCES: Final = ("AA", "AE", "AP")  # post offices of the armed forces abroad
_COLUMNS: Final = 360 * _CELLS


class Zip(NamedTuple):
    """A ZIP code: whose it is, and about where."""

    code: str
    city: str
    state: str
    lat: float
    lng: float


@dataclass(frozen=True)
class Area:
    """Where a scan looks. `spec` is what is stored and what vendors are asked for: {"city", "state"},
    {"postal_code"} or a GeoJSON geometry; `square_miles` is known of a drawn area."""

    kind: Kind
    name: str
    spec: Mapping[str, Any]
    square_miles: float | None = None

    @cached_property
    def outline(self) -> BaseGeometry | None:
        """The drawn shape; None for a city or a ZIP code, whose places say themselves where they are."""
        return shape(self.spec) if self.kind == "custom_area" else None

    @cached_property
    def parts(self) -> list[BaseGeometry]:
        """The outlines of a drawn area that lie apart."""
        return list(getattr(self.outline, "geoms", [self.outline])) if self.outline is not None else []

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """South, west, north, east of a drawn area."""
        if self.outline is None:
            return None
        west, south, east, north = self.outline.bounds
        return south, west, north, east

    def params(self) -> dict[str, Any]:
        """What the SQL of this stage asks for an area: kind, city and ZIP, or boxes of rows and columns of the grid."""
        found: dict[str, Any] = {"kind": self.kind, "state": None, "cities": [], "postal_code": None}
        found |= {"south": [], "west": [], "north": [], "east": []}
        if self.kind == "city":
            return found | {"state": self.spec["state"], "cities": spellings(self.spec["city"])}
        if self.kind == "zip_code":
            return found | {"postal_code": self.spec["postal_code"]}
        for south, west, north, east in disjoint(_cells(part) for part in self.parts):
            found["south"].append(int(south))
            found["west"].append(int(west))
            found["north"].append(int(north) - 1)
            found["east"].append(int(east) - 1)
        return found

    def holds(self, lat: np.ndarray[Any, Any], lng: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Which of the places that `params` found lie inside."""
        return np.ones(len(lat), dtype=np.bool_) if self.outline is None else contains(self.outline, lat, lng)

    def cities(self) -> list[tuple[str, str]]:
        """(state, city) of the towns in it: of the ZIP codes whose middle lies inside a part, else of the nearest."""
        if self.kind == "city":
            return [(self.spec["state"], self.spec["city"])]
        if self.kind == "zip_code":
            at = _by_code()[self.spec["postal_code"]]
            return [(at.state, at.city)]
        everywhere = _with_places()
        inside = everywhere[self.holds(everywhere[:, 0], everywhere[:, 1])]
        found: list[Zip] = []
        for part in self.parts:
            held = inside[contains(part, inside[:, 0], inside[:, 1])]
            found += [_all()[int(index)] for index in held[:, 2]] or [_nearest(part)]
        return sorted({(at.state, at.city) for at in found})


def read_area(
    *,
    city: str | None = None,
    zip_code: str | None = None,
    polygon: object = None,
    name: str | None = None,
    largest_square_miles: float = LARGEST_SQUARE_MILES,
) -> Area:
    """The area that exactly one of `city`, `zip_code` and `polygon` (GeoJSON) names. Raises InvalidInput."""
    given = [key for key, value in (("city", city), ("zip_code", zip_code), ("polygon", polygon)) if value is not None]
    if len(given) != 1:
        said = f"both {given[0]} and {given[1]} are given" if given else "no area is given"
        raise wrong("area", said, "give one of city, zip_code and polygon")
    _check_name(name or "")
    if city is not None:
        return _city(city)
    if zip_code is not None:
        return _zip(zip_code)
    drawn = read_polygon(polygon, largest_square_miles=largest_square_miles)
    near = _nearest(drawn.largest)
    words = (name or "").strip() or f"{drawn.square_miles:,.1f} square miles near {near.city}, {near.state}"
    return Area("custom_area", words, drawn.geojson, drawn.square_miles)


def stored_area(kind: Kind, name: str, spec: Mapping[str, Any]) -> Area:
    """An area that was checked when it was stored."""
    return Area(kind, name, spec)


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise wrong("name", f"it has {len(name):,} characters, more than {LONGEST_NAME}", "give a shorter one")
    if _UNSTORABLE.search(name):
        raise wrong("name", "it holds characters that no text has", "leave out line breaks and control characters")


def _city(given: str) -> Area:
    town, _, state = given.rpartition(",")
    if not town.strip():  # "Austin TX"
        town, _, state = given.strip().rpartition(" ")
    code = state_code(state)
    if code is None or not town.strip(" ,"):
        raise wrong("city", f"{given!r} names no state", 'give it as "Austin, TX"')
    known = _cities(code)
    for spelling in spellings(town.strip()):
        if (canonical := known.get(spelling)) is not None:
            return Area("city", f"{canonical}, {code}", {"city": canonical, "state": code})
    like = [known[name] for name in difflib.get_close_matches(town.strip().upper(), known, n=3, cutoff=0.75)]
    fix = f"did you mean {' or '.join(dict.fromkeys(like))}?" if like else "give a postal city, a ZIP code or a polygon"
    raise wrong("city", f"there is no city {town.strip()!r} in {code}", fix)


def _zip(given: str) -> Area:
    plain = given.strip()
    if not re.fullmatch(r"\d{5}(-\d{4})?", plain):
        raise wrong("zip_code", f"{given!r} is no ZIP code", "give five digits: 78701")
    at = _by_code().get(plain[:5])
    if at is None:
        raise wrong("zip_code", f"there is no ZIP code {plain[:5]}", "give another, or a city")
    return Area("zip_code", at.code, {"postal_code": at.code})


def _cells(part: BaseGeometry) -> Box:
    """South, west, north, east of a part in rows and columns of app.grid_cell; north and east are the next ones."""
    west, south, east, north = part.bounds
    column = min(_cell(east + 180), _COLUMNS - 1)  # 180 degrees east is 180 degrees west, the first of the next row
    return _cell(south + 90), _cell(west + 180), _cell(north + 90) + 1, column + 1


def _cell(degrees: float) -> int:
    return int(np.floor(degrees * _CELLS))


def _nearest(part: BaseGeometry) -> Zip:
    """The ZIP code whose middle is nearest to that of a part."""
    lng, lat = part.centroid.coords[0][:2]
    known = _with_places()
    across = np.abs(known[:, 1] - lng)
    across = np.minimum(across, 360 - across)  # the short way round the earth
    gap = (known[:, 0] - lat) ** 2 + (across * np.cos(np.radians(lat))) ** 2
    return _all()[int(known[int(np.argmin(gap)), 2])]


@lru_cache(maxsize=1)
def _all() -> tuple[Zip, ...]:
    entries: Iterable[Mapping[str, Any]] = zipcodes.list_all()  # type: ignore[no-untyped-call]
    return tuple(
        Zip(entry["zip_code"], entry["city"], entry["state"], float(entry["lat"] or 0), float(entry["long"] or 0))
        for entry in entries
    )


@lru_cache(maxsize=1)
def _with_places() -> np.ndarray[Any, Any]:
    """Latitude, longitude and number of the ZIP codes that have a middle; the forces' are wherever they are."""
    return np.array(
        [(at.lat, at.lng, n) for n, at in enumerate(_all()) if at.lat and at.lng and at.state not in _FORCES]
    )


@lru_cache(maxsize=1)
def _by_code() -> Mapping[str, Zip]:
    return {at.code: at for at in _all()}


@lru_cache(maxsize=64)
def _cities(state: str) -> Mapping[str, str]:
    """Postal cities of a state, by their name in capitals."""
    return {at.city.upper().replace(".", ""): at.city for at in _all() if at.state == state}
