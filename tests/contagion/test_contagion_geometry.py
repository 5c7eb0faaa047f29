"""Places on the ellipsoid: distances against the textbook, and coordinates that cannot be right."""

from __future__ import annotations

import math

import numpy as np
import pytest
import zipcodes
from hypothesis import given
from hypothesis import strategies as st

from penstock.contagion import geometry
from penstock.contagion.geometry import Flaw
from penstock.contagion.states import BOXES

NASHVILLE = (36.16, -86.78)


def flaw(lat: float, lng: float, state: str = "TN") -> Flaw:
    return Flaw(geometry.flaws(np.array([lat]), np.array([lng]), BOXES[state])[0])


def test_the_axes_of_the_ellipsoid_are_where_wgs84_has_them() -> None:
    points = geometry.earth_centred(np.array([0.0, 0.0, 90.0]), np.array([0.0, 90.0, 0.0]))
    expected = [[6378137.0, 0, 0], [0, 6378137.0, 0], [0, 0, 6356752.314245]]
    assert np.allclose(points, expected, atol=1e-6)


@pytest.mark.parametrize("lat", [0.0, 25.8, 36.16, 47.6, 64.8])
def test_a_short_way_north_and_east_agrees_with_the_radii_of_curvature(lat: float) -> None:
    e2 = geometry.FLATTENING * (2 - geometry.FLATTENING)
    root = math.sqrt(1 - e2 * math.sin(math.radians(lat)) ** 2)
    step = 0.003  # about a fifth of a mile
    north = geometry.SEMI_MAJOR * (1 - e2) / root**3 * math.radians(step) / 0.3048
    east = geometry.SEMI_MAJOR / root * math.cos(math.radians(lat)) * math.radians(step) / 0.3048
    here, there = np.array([lat]), np.array([-86.78])
    measured_north = geometry.distance_ft(here - step / 2, there, here + step / 2, there)[0]
    measured_east = geometry.distance_ft(here, there, here, there + step)[0]
    assert measured_north == pytest.approx(north, rel=1e-9)
    assert measured_east == pytest.approx(east, rel=1e-9)


@given(st.floats(1, 20_000))
def test_the_chord_of_a_distance_is_measured_as_that_distance(feet: float) -> None:
    assert geometry.feet(np.array([geometry.chord(feet)]))[0] == pytest.approx(feet, rel=1e-12)


def test_a_quarter_mile_is_a_little_longer_than_its_chord() -> None:
    assert 1320 * 0.3048 - geometry.chord(1320) == pytest.approx(67e-9, rel=0.02)


@given(st.floats(-89, 89), st.floats(-180, 180))
def test_there_and_back_again(lat: float, lng: float) -> None:
    again = geometry.degrees(geometry.earth_centred(np.array([lat]), np.array([lng])))
    assert again[0][0] == pytest.approx(lat, abs=1e-9)
    assert again[1][0] == pytest.approx(lng, abs=1e-9)


@pytest.mark.parametrize(
    ("lat", "lng", "expected"),
    [
        (*NASHVILLE, Flaw.NONE),
        (-86.78, 36.16, Flaw.SWAPPED),
        (0.0, 0.0, Flaw.NULL_ISLAND),
        (math.nan, -86.78, Flaw.MISSING),
        (36.16, math.inf, Flaw.MISSING),
        (36.16, -186.78, Flaw.OFF_EARTH),
        (361.6, -86.78, Flaw.OFF_EARTH),
        (36.16, 86.78, Flaw.OUTSIDE),  # the sign was lost
        (47.6, -122.33, Flaw.OUTSIDE),  # Seattle
    ],
)
def test_a_coordinate_that_cannot_be_right_is_told_why(lat: float, lng: float, expected: Flaw) -> None:
    assert flaw(lat, lng) is expected


def test_a_swapped_longitude_beyond_ninety_is_still_seen_as_swapped() -> None:
    assert flaw(-97.74, 30.27, "TX") is Flaw.SWAPPED


def test_alaska_reaches_over_the_date_line() -> None:
    assert flaw(52.9, 172.9, "AK") is flaw(51.88, -176.65, "AK") is Flaw.NONE
    assert flaw(51.5, -0.1, "AK") is Flaw.OUTSIDE


def test_every_zip_lies_in_the_box_of_its_state() -> None:
    outside = []
    for entry in zipcodes.list_all():
        lat, lng = (np.array([float(entry[name] or 0)]) for name in ("lat", "long"))
        if entry["state"] in BOXES and lat[0]:
            box = BOXES[entry["state"]]
            wide = geometry.Box(box.south - 0.01, box.west - 0.01, box.north + 0.01, box.east + 0.01)
            if not wide.holds(lat, lng)[0]:
                outside.append(entry["zip_code"])
    assert outside == []
