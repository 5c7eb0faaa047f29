"""Areas drawn on a map: GeoJSON in, a valid shape out, or what is wrong with it and where.

Source: RFC 7946. Positions are longitude first, WGS84; edges are straight in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from penstock.contagion import BOXES, UNITED_STATES, abroad
from penstock.core.errors import InvalidInput

MOST_CORNERS: Final = 10_000
MOST_PARTS: Final = 1_000
LARGEST_SQUARE_MILES: Final = 400.0
SMALLEST_SQUARE_DEGREES: Final = 1e-9  # about 100 square feet: less is a slip of the hand
_AUTHALIC_MILES: Final = 6_371_007.181 / 1609.344  # radius of the sphere that has the ellipsoid's surface
_KINDS: Final = ("Polygon", "MultiPolygon")
_WGS84: Final = ("CRS84", "4326")
_LARGEST_NUMBER: Final = 1e300  # what is larger is no number to reckon with, and may be a whole number of 400 digits
_DRAW: Final = "draw it anew without crossing lines, holes inside their outline, parts apart from each other"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A valid area: the geometry as plain GeoJSON, the same as a shape, the largest of its parts, its size."""

    geojson: Mapping[str, Any]
    shape: BaseGeometry
    largest: BaseGeometry
    square_miles: float


def read_polygon(given: object, *, largest_square_miles: float = LARGEST_SQUARE_MILES) -> Drawn:
    """The area of a GeoJSON Polygon or MultiPolygon, or of a Feature with one. Raises InvalidInput, saying where."""
    try:
        kind, parts = _parts(given)
    except RecursionError as error:
        raise _wrong("", "it is nested too deeply", "give one Polygon or MultiPolygon") from error
    corners = sum(len(ring) for part in parts for ring in part)
    if corners > MOST_CORNERS:
        raise _wrong("coordinates", f"{corners:,} corners, more than {MOST_CORNERS:,}", "simplify the outline")
    if len(parts) > MOST_PARTS:
        raise _wrong("coordinates", f"{len(parts):,} parts, more than {MOST_PARTS:,}", "leave out the small ones")
    points = np.array([point for part in parts for ring in part for point in ring], dtype=np.float64)
    _on_the_map(points)
    for number, part in enumerate(parts):
        for at, ring in enumerate(part):
            _spans(ring, _path(kind, number, at))
    sizes = [_square_miles(part) for part in parts]
    size = sum(sizes)
    if size > largest_square_miles:
        raise _wrong(
            "coordinates",
            f"the area has {size:,.0f} square miles, more than {largest_square_miles:,.0f}",
            "draw a smaller one, or scan a city or a ZIP code",
        )
    geojson = {"type": kind, "coordinates": parts if kind == "MultiPolygon" else parts[0]}
    drawn = shape(geojson)
    if not shapely.is_valid(drawn):
        raise _wrong("coordinates", _reason(explain_validity(drawn)), _DRAW)
    if drawn.area < SMALLEST_SQUARE_DEGREES:
        raise _wrong("coordinates", "the outline encloses nothing", "draw at least three corners that lie apart")
    _in_the_states(points, ~_known(points[:, 1], points[:, 0]))
    _in_the_states(points, abroad(points[:, 1], points[:, 0]))
    inside = np.array([[part.x, part.y] for part in map(_representative, parts)])
    _in_the_states(inside, abroad(inside[:, 1], inside[:, 0], slack_miles=0))  # the slack is that of an outline
    largest = shape({"type": "Polygon", "coordinates": parts[int(np.argmax(sizes))]})
    return Drawn(geojson, drawn, largest, round(size, 3))


def contains(drawn: BaseGeometry, lat: np.ndarray[Any, Any], lng: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which points lie inside or on the edge."""
    shapely.prepare(drawn)
    return np.asarray(shapely.intersects_xy(drawn, lng, lat), dtype=np.bool_)


def _parts(given: object) -> tuple[str, list[list[list[list[float]]]]]:
    """(kind, polygons of rings of positions), positions cut to longitude and latitude."""
    geometry = _geometry(given)
    kind, coordinates = geometry["type"], geometry.get("coordinates")
    if not isinstance(coordinates, Sequence) or isinstance(coordinates, str) or not coordinates:
        raise _wrong("coordinates", "there are none", "give a list of rings of [longitude, latitude] positions")
    many = coordinates if kind == "MultiPolygon" else [coordinates]
    return kind, [_part(kind, number, part) for number, part in enumerate(many)]


def _geometry(given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        raise _wrong("", "this is no GeoJSON object", 'give {"type": "Polygon", "coordinates": [[[lng, lat], …]]}')
    crs = given.get("crs")
    if crs and not any(known in str(crs) for known in _WGS84):
        raise _wrong("crs", "the coordinates are not degrees of WGS84", "convert them to EPSG:4326 and leave crs out")
    if given["type"] == "Feature":
        return _geometry(given.get("geometry"))
    if given["type"] == "FeatureCollection":
        features = given.get("features")
        if not isinstance(features, Sequence) or len(features) != 1:
            raise _wrong("features", "a scan has one area", "give one feature; several areas as one MultiPolygon")
        return _geometry(features[0])
    if given["type"] not in _KINDS:
        raise _wrong("type", f"a {given['type']} encloses no area", f"give a {' or a '.join(_KINDS)}")
    return given


def _part(kind: str, number: int, given: object) -> list[list[list[float]]]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise _wrong(_path(kind, number), "this is no list of rings", "give the outline first, then holes if any")
    return [_ring(_path(kind, number, at), ring) for at, ring in enumerate(given)]


def _ring(where: str, given: object) -> list[list[float]]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise _wrong(where, "this is no ring", "give a list of [longitude, latitude] positions")
    ring = [_position(f"{where}[{at}]", point) for at, point in enumerate(given)]
    if len({tuple(point) for point in ring}) < 3:
        raise _wrong(where, "a ring has at least three corners", "draw at least three corners that lie apart")
    if ring[0] != ring[-1]:
        raise _wrong(where, "the ring is not closed", "repeat its first position at the end")
    return ring


def _position(where: str, given: object) -> list[float]:
    numbers = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    if len(numbers) < 2 or not all(_is_number(number) for number in numbers[:2]):
        raise _wrong(where, "this is no position", "give [longitude, latitude] in degrees")
    return [float(numbers[0]), float(numbers[1])]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER


def _on_the_map(points: np.ndarray[Any, Any]) -> None:
    """Degrees that can be degrees, longitude first."""
    lng, lat = points[:, 0], points[:, 1]
    if not _known(lat, lng).any() and _known(lng, lat).all():
        raise _wrong("coordinates", "latitude and longitude are swapped", "give longitude first: [-97.74, 30.27]")
    off = np.flatnonzero((np.abs(lat) > 90) | (np.abs(lng) > 180))
    if len(off):
        at = points[off[0]]
        raise _wrong(
            "coordinates", f"[{at[0]:g}, {at[1]:g}] is not on the earth", "longitude -180 to 180, latitude ±90"
        )


def _spans(ring: Sequence[Sequence[float]], where: str) -> None:
    lngs = np.array([point[0] for point in ring])
    if np.abs(np.diff(lngs)).max() > 180 or lngs.max() - lngs.min() > 180:
        raise _wrong(where, "the area lies around the date line", "cut it in two at 180 degrees, in a MultiPolygon")


def _in_the_states(points: np.ndarray[Any, Any], outside: np.ndarray[Any, Any]) -> None:
    if outside.any():
        lng, lat = points[np.flatnonzero(outside)[0]]
        raise _wrong("coordinates", f"[{lng:g}, {lat:g}] is outside the United States", "draw an area in a US state")


def _representative(part: Sequence[Sequence[Sequence[float]]]) -> Point:
    """A point inside the outline and outside its holes."""
    return shape({"type": "Polygon", "coordinates": part}).representative_point()


def _known(lat: np.ndarray[Any, Any], lng: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which points lie in the box of a state."""
    inside = np.zeros(len(lat), dtype=np.bool_)
    if UNITED_STATES.holds(lat, lng).any():
        for box in BOXES.values():
            inside |= box.holds(lat, lng)
    return inside


def box_square_miles(south: float, west: float, north: float, east: float) -> float:
    """The size of a box in degrees, on the same sphere."""
    return float(_square_miles([[[west, south], [east, south], [east, north], [west, north], [west, south]]]))


def _square_miles(part: Sequence[Sequence[Sequence[float]]]) -> float:
    """The outline less its holes, on the sphere of the earth's surface: within 0.5 % at these sizes."""
    outline, *holes = (abs(_ring_square_miles(ring)) for ring in part)
    return max(0.0, outline - sum(holes))


def _ring_square_miles(ring: Sequence[Sequence[float]]) -> float:
    lng, lat = np.radians(np.array(ring, dtype=np.float64)).T
    return float(np.sum(np.diff(lng) * (np.sin(lat[1:]) + np.sin(lat[:-1]))) / 2 * _AUTHALIC_MILES**2)


def _reason(said: str) -> str:
    """GEOS says "Self-intersection[x y]"."""
    what, _, where = said.partition("[")
    words = {"Self-intersection": "the outline crosses itself", "Ring Self-intersection": "the outline touches itself"}
    at = where.rstrip("]").split()
    point = f" at [{float(at[0]):g}, {float(at[1]):g}]" if len(at) == 2 else ""
    return words.get(what, what[:1].lower() + what[1:]) + point


def _path(kind: str, number: int, ring: int | None = None) -> str:
    steps = [number] if kind == "MultiPolygon" else []
    return "coordinates" + "".join(f"[{step}]" for step in (steps if ring is None else [*steps, ring]))


def _wrong(where: str, what: str, fix: str) -> InvalidInput:
    return wrong("polygon" + (f".{where}" if where else ""), what, fix)


def wrong(field: str, what: str, fix: str) -> InvalidInput:
    """The error that names a field, what is wrong with it and what to do."""
    return InvalidInput(f"{field}: {what}", fix=fix, errors=[{"field": field, "reason": what}])
