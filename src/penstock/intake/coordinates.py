"""Where a record says that its place is: two cells become degrees, or are refused with what is wrong with them.

The row stands without them: it can be looked up by its address.
"""

from typing import Final, NamedTuple

from penstock.contagion import BOXES, UNITED_STATES, is_abroad
from penstock.intake.normalise import NOTHING

DIGITS: Final = 7  # of a degree: a centimetre
_EXCHANGE: Final = "exchange the two columns, or look at what the map calls them"


class Refusal(NamedTuple):
    """Why coordinates were not taken."""

    field: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.field} {self.reason}; {self.fix}"


class Point(NamedTuple):
    """Degrees (WGS84), both or none; `refusal` where cells were filled and make no sense."""

    lat: float | None = None
    lng: float | None = None
    refusal: Refusal | None = None


def read(lat: str, lng: str, state: str | None) -> Point:
    """The point that two cells name, held against the box of the state, or of the United States, and their borders."""
    empty = [name for name, cell in (("lat", lat), ("lng", lng)) if cell.strip().casefold() in NOTHING]
    if len(empty) == 2:
        return Point()
    if empty:
        return _refused(empty[0], "is missing where the other coordinate is given", "give both or none")
    found: list[float] = []
    for name, cell in (("lat", lat), ("lng", lng)):
        try:
            found.append(round(float(cell), DIGITS))
        except ValueError:
            return _refused(name, "is not a coordinate", "give degrees, as 36.1627")
    return _checked(found[0], found[1], state)


def _checked(lat: float, lng: float, state: str | None) -> Point:
    box, where = BOXES.get(state or "", UNITED_STATES), "state" if state in BOXES else "United States"
    if lat == 0 and lng == 0:
        return _refused("lat", "and lng are 0, 0: the sea off Ghana", "leave coordinates empty that are not known")
    if _holds(box, lat, lng) and not is_abroad(lat, lng):
        return Point(lat, lng)
    if _holds(box, lng, lat):
        return _refused("lat", "stands where lng belongs, and lng where lat belongs", _EXCHANGE)
    for name, value, limit in (("lat", lat, 90), ("lng", lng, 180)):
        if not -limit <= value <= limit:
            return _refused(name, f"is outside of -{limit} to {limit}", "give degrees, as 36.1627")
    if _holds(box, lat, lng):
        where = "United States"
    return _refused("lat", f"and lng are outside of the {where}", "check the coordinates, or the state")


def _holds(box: tuple[float, float, float, float], lat: float, lng: float) -> bool:
    south, west, north, east = box
    across = west <= lng <= east if west <= east else lng >= west or lng <= east  # Alaska spans the date line
    return south <= lat <= north and across


def _refused(field: str, reason: str, fix: str) -> Point:
    return Point(refusal=Refusal(field, reason, fix))
