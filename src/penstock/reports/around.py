"""What lies around places, as dots on a map: permits and homes within reach, in feet east and north. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penstock.contagion import Reach, earth_centred, feet
from penstock.reports.content import Dot, Surroundings

FOOT = 0.3048
Floats: TypeAlias = NDArray[np.float64]


def surroundings(found: Mapping[Any, Any], place: Mapping[Any, Any], reach: Reach) -> Surroundings:
    """The surroundings of a place (`lat`, `lng`, `scored_on`) out of a row of the query `around`."""
    day, oldest = place["scored_on"], place["scored_on"] - timedelta(days=reach.window_days)
    permits = [
        (lat, lng, on)
        for lat, lng, on in zip(*(found[f"permit_{name}"] or () for name in ("lats", "lngs", "days")), strict=True)
        if oldest < on <= day
    ]
    dots = [
        Dot(east, north, permits[index][2])
        for index, east, north in _within([p[:2] for p in permits], place, reach.area_ft)
    ]
    homes = _within(list(zip(found["home_lats"] or (), found["home_lngs"] or (), strict=True)), place, reach.area_ft)
    read: date | None = found["read_at"].date() if found["read_at"] else None
    return Surroundings(dots, [(east, north) for _, east, north in homes], found["cities"] or (), read)


def _within(
    points: Sequence[tuple[float, float]], place: Mapping[Any, Any], most_ft: float
) -> list[tuple[int, int, int]]:
    """(position, feet east, feet north) of the points within a distance, nearest first; rounded to ten feet, so that a
    dot tells a house and not a door."""
    if not points:
        return []
    lat, lng = np.array(points, dtype=np.float64).T
    gap = earth_centred(lat, lng) - earth_centred(np.array([place["lat"]]), np.array([place["lng"]]))
    far: Floats = feet(np.sqrt(np.square(gap).sum(axis=1)))
    east, north = gap @ _east(place["lng"]) / FOOT, gap @ _north(place["lat"], place["lng"]) / FOOT
    order = np.argsort(far, kind="stable")
    return [
        (int(index), 10 * round(float(east[index]) / 10), 10 * round(float(north[index]) / 10))
        for index in order[far[order] <= most_ft]
    ]


def _east(lng: float) -> Floats:
    turn = np.radians(lng)
    return np.array([-np.sin(turn), np.cos(turn), 0.0])


def _north(lat: float, lng: float) -> Floats:
    rise, turn = np.radians(lat), np.radians(lng)
    return np.array([-np.sin(rise) * np.cos(turn), -np.sin(rise) * np.sin(turn), np.cos(rise)])
