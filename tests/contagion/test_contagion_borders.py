"""Whether a point lies in another country."""

from __future__ import annotations

import numpy as np
import pytest
import zipcodes

from penstock.contagion import BOXES, abroad, is_abroad

HERE = {
    "Buffalo": (42.88, -78.87), "Detroit": (42.33, -83.05), "El Paso": (31.76, -106.48), "San Diego": (32.55, -117.03),
    "Eastport": (44.90, -66.99), "Point Roberts": (48.985, -123.07), "Northwest Angle": (49.33, -95.1),
    "Hyder": (55.92, -130.02), "Adak": (51.88, -176.65), "Attu": (52.9, 173.2), "San Juan": (18.4, -66.1),
    "a pier in the Rio Grande": (31.7475, -106.4856), "Lake Erie": (42.0, -81.2), "the Gulf": (28.9, -92.0),
}  # fmt: skip
THERE = {
    "Toronto": (43.65, -79.38), "Windsor": (42.28, -83.0), "Tijuana": (32.50, -117.03), "Vancouver": (49.25, -123.1),
    "Ciudad Juarez": (31.69, -106.42), "Matamoros": (25.86, -97.5), "Montreal": (45.5, -73.57),
    "Thunder Bay": (48.38, -89.25), "Creston": (49.09, -116.51), "Havana": (23.1, -82.4), "Stewart": (55.95, -129.97),
}  # fmt: skip


@pytest.mark.parametrize("town", [*HERE, *THERE])
def test_a_town_across_the_border_is_abroad(town: str) -> None:
    assert is_abroad(*(HERE | THERE)[town]) is (town in THERE)


def test_many_points_are_told_as_each_of_them() -> None:
    lat, lng = np.array([*HERE.values(), *THERE.values()]).T
    assert abroad(lat, lng).tolist() == [False] * len(HERE) + [True] * len(THERE)
    assert abroad(np.array([np.nan, 43.65, 99.0]), np.array([0.0, -79.38, 0.0])).tolist() == [False, True, False]
    assert abroad(np.array([]), np.array([])).tolist() == []


def test_no_zip_code_is_abroad() -> None:
    known = [at for at in zipcodes.list_all() if at["state"] in BOXES and float(at["lat"] or 0)]
    lat, lng = (np.array([float(at[name]) for at in known]) for name in ("lat", "long"))
    assert [at["zip_code"] for at, out in zip(known, abroad(lat, lng), strict=True) if out] == []


def test_half_a_mile_of_slack_is_given_and_no_more() -> None:
    border, mile = 31.78378, 1 / 69.05  # west of El Paso it runs along a parallel
    lng = np.full(2, -106.6)
    assert abroad(border - np.array([0.45, 0.55]) * mile, lng).tolist() == [False, True]
