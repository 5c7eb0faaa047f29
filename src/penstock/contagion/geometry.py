"""Where things are on the WGS84 ellipsoid, how far apart they are, and whether a coordinate can be right at all.

Points become earth-centred metres, in which nearness is the straight line. A circle of so many feet along the ground is
turned into its chord, so that counts agree with a geodesic distance (PostGIS `ST_DWithin` on `geography`): at a quarter
mile chord and arc differ by 67 nanometres, and what is left after the correction is below one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contagion.arrays import Flags, Floats

FOOT = 0.3048  # metres; the international foot
SEMI_MAJOR = 6_378_137.0
FLATTENING = 1 / 298.257223563
MEAN_RADIUS = 6_371_008.8
_E2 = FLATTENING * (2 - FLATTENING)


def earth_centred(lat: Floats, lng: Floats) -> Floats:
    """Points as (n, 3) metres from the centre of the earth, on the ellipsoid. Degrees in."""
    # Contiguous copies: the same degrees then take the same path through numpy, whichever array they stand in.
    phi = np.radians(np.ascontiguousarray(lat, dtype=np.float64))
    lam = np.radians(np.ascontiguousarray(lng, dtype=np.float64))
    sin_phi, cos_phi = np.sin(phi), np.cos(phi)
    normal = SEMI_MAJOR / np.sqrt(1 - _E2 * sin_phi * sin_phi)
    return np.column_stack(
        (normal * cos_phi * np.cos(lam), normal * cos_phi * np.sin(lam), normal * (1 - _E2) * sin_phi)
    )


def degrees(xyz: Floats) -> tuple[Floats, Floats]:
    """(lat, lng) of points near the surface: good to a millimetre within a kilometre above or below it."""
    x, y, z = xyz[:, 0], xyz[:, 1], xyz[:, 2]
    across = np.hypot(x, y)
    semi_minor = SEMI_MAJOR * (1 - FLATTENING)
    theta = np.arctan2(z * SEMI_MAJOR, across * semi_minor)  # Bowring 1976, one step
    second = (SEMI_MAJOR**2 - semi_minor**2) / semi_minor**2
    lat = np.arctan2(z + second * semi_minor * np.sin(theta) ** 3, across - _E2 * SEMI_MAJOR * np.cos(theta) ** 3)
    return np.degrees(lat), np.degrees(np.arctan2(y, x))


def chord(feet: float) -> float:
    """Metres of straight line under so many feet along the ground."""
    return 2 * MEAN_RADIUS * float(np.sin(feet * FOOT / (2 * MEAN_RADIUS)))


def feet(metres: Floats) -> Floats:
    """Feet along the ground over a straight line of so many metres."""
    return 2 * MEAN_RADIUS * np.arcsin(metres / (2 * MEAN_RADIUS)) / FOOT


def distance_ft(lat: Floats, lng: Floats, other_lat: Floats, other_lng: Floats) -> Floats:
    """Feet between each point and the other of the same position; exact below some miles, too short beyond."""
    gap = earth_centred(lat, lng) - earth_centred(other_lat, other_lng)
    return feet(np.sqrt(np.square(gap).sum(axis=1)))


class Flaw(IntEnum):
    """What is wrong with a coordinate."""

    NONE = 0
    MISSING = 1  # not a number, or infinite
    NULL_ISLAND = 2  # (0, 0): what an empty geocode becomes
    SWAPPED = 3  # would be right the other way round
    OFF_EARTH = 4
    OUTSIDE = 5  # on the earth, but not in the state


class Box(NamedTuple):
    """South, west, north, east in degrees. East is smaller than west where the box spans the date line."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, lat: Floats, lng: Floats) -> Flags:
        """Which points lie inside or on the edge."""
        across = (
            (lng >= self.west) & (lng <= self.east)
            if self.west <= self.east
            else (lng >= self.west) | (lng <= self.east)
        )
        return (lat >= self.south) & (lat <= self.north) & across


UNITED_STATES = Box(17.6, 144.5, 71.5, -64.5)  # from Guam over the date line to the Virgin Islands


def flaws(lat: Floats, lng: Floats, box: Box = UNITED_STATES) -> NDArray[np.uint8]:
    """The `Flaw` of each coordinate, 0 where there is none. `box`: where it has to be, see `states.BOXES`."""
    found = np.zeros(len(lat), dtype=np.uint8)
    missing = ~(np.isfinite(lat) & np.isfinite(lng))
    off = (np.abs(lat) > 90) | (np.abs(lng) > 180)
    outside = off | ~box.holds(lat, lng)
    found[outside] = Flaw.OUTSIDE
    found[off] = Flaw.OFF_EARTH
    found[outside & box.holds(lng, lat)] = Flaw.SWAPPED
    found[(lat == 0) & (lng == 0)] = Flaw.NULL_ISLAND
    found[missing] = Flaw.MISSING
    return found
