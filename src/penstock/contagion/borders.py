"""Whether a point lies in another country. Boxes of states reach into Canada and Mexico; time zones end at the border.

Source: the zones of timezone-boundary-builder (OpenStreetMap), a country's waters included; which country a zone is of
says zone.tab of the IANA time zone database.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from timezonefinder import timezone_at, timezone_names_at

from penstock.contagion.arrays import Flags, Floats

SLACK_MILES: Final = 0.5  # outlines follow the middle of a river, geocoders miss by a street
_COUNTRIES: Final = frozenset({"US", "PR", "VI", "GU", "MP", "AS", "UM"})
_SEA: Final = "Etc/"
_MILES_PER_DEGREE: Final = 69.05  # of latitude
_RING: Final = np.radians(np.arange(0, 360, 45))


def abroad(lat: Floats, lng: Floats, *, slack_miles: float = SLACK_MILES) -> Flags:
    """Which points, degrees, lie more than `slack_miles` inside another country. The high sea is nobody's."""
    zones = timezone_names_at(lats=lat, lngs=lng, on_invalid="skip")
    found = np.array([not _may_be_ours(zone) for zone in zones], dtype=np.bool_)
    for at in np.flatnonzero(found):
        found[at] = not _near(float(lat[at]), float(lng[at]), slack_miles)
    return found


def is_abroad(lat: float, lng: float) -> bool:
    """The same of one point."""
    return timezone_at(lat=lat, lng=lng) not in _ours() and bool(abroad(np.array([lat]), np.array([lng]))[0])


def _near(lat: float, lng: float, miles: float) -> bool:
    """Whether the United States lie so near."""
    north = miles / _MILES_PER_DEGREE
    lats = lat + north * np.cos(_RING)
    lngs = lng + north * np.sin(_RING) / np.cos(np.radians(lat))
    zones: Sequence[str | None] = timezone_names_at(lats=lats, lngs=(lngs + 180) % 360 - 180, on_invalid="skip")
    return any(zone in _ours() for zone in zones)


def _may_be_ours(zone: str | None) -> bool:
    return zone is None or zone in _ours() or zone.startswith(_SEA)


@cache
def _ours() -> frozenset[str]:
    """The time zones of the United States and their territories."""
    lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines()
    cells = [line.split("\t") for line in lines if not line.startswith("#")]
    return frozenset(cell[2] for cell in cells if cell[0] in _COUNTRIES)
