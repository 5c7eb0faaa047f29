"""The columns of the numeric pass, and how far and how long a permit is felt.

Everything is a fixed-width, NOT NULL numpy structure, so that a table can be read and written by binary COPY. What is
not known is said by a value: 0 for a year, an amount or a day, -1 for a code or an index, NaN for a measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penstock.core.errors import InvalidInput

Rows: TypeAlias = NDArray[Any]  # a structured array; the dtype is named where it matters
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

TOP_CONTRACTORS = 3

PROPERTY = np.dtype(
    [
        ("id", "<i8"),  # not negative, unique
        ("lat", "<f8"),  # WGS84 degrees
        ("lng", "<f8"),
        ("year_built", "<i2"),  # 0: not known
        ("subdivision", "<i4"),  # a dense code of (city, name); -1: none
    ]
)
PERMIT = np.dtype(
    [
        ("id", "<i8"),
        ("lat", "<f8"),
        ("lng", "<f8"),
        ("day", "<i4"),  # days since 1970-01-01
        ("contractor", "<i4"),  # a dense code; -1: not known
        ("subdivision", "<i4"),
        ("value_cents", "<i8"),  # 0: not stated
    ]
)
NEIGHBOURS = np.dtype(
    [
        ("id", "<i8"),  # of the property
        ("near", "<i4"),  # others' permits within Reach.near_ft, inclusive
        ("block", "<i4"),
        ("area", "<i4"),
        ("nearest_ft", "<f8"),  # NaN: none within Reach.area_ft
        ("nearest", "<i8"),  # position among the permits as given; -1: none
        ("since", "<i4"),  # day of the oldest permit within block_ft; 0: none
        ("pressure", "<f8"),  # sum over the area of (decay with distance x decay with time)
        ("replaced_year", "<f8"),  # mean year of what those permits replaced; NaN: not known of any
        ("contractor_count", "<i4"),  # different contractors within block_ft
        ("contractors", "<i4", (TOP_CONTRACTORS,)),  # the busiest of them, most permits first; -1: no more
        ("same_subdivision", "<i4"),  # others' permits in the same subdivision, however far
        ("subdivision_year", "<f8"),  # mean year built of the subdivision; NaN: not known
        ("installed_year", "<i2"),  # by the property's own latest permit, else when it was built; 0: not known
        ("by_permit", "?"),  # installed_year rests on a permit
    ]
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far and how long a permit is felt. International feet (0.3048 m), whole days. A playbook sets it."""

    near_ft: float = 100.0
    block_ft: float = 500.0
    area_ft: float = 1320.0  # a quarter mile
    window_days: int = 3 * 365
    half_life_days: float = 365.0
    half_distance_ft: float = 500.0

    def __post_init__(self) -> None:
        if not 0 < self.near_ft <= self.block_ft <= self.area_ft <= 52_800:
            raise InvalidInput("The radii must grow from near_ft over block_ft to area_ft, and stay within ten miles")
        if self.window_days < 1 or self.half_life_days <= 0 or self.half_distance_ft <= 0:
            raise InvalidInput("The window and both half-lives must be positive")


def years(days: NDArray[np.int32] | Ints) -> Ints:
    """Calendar year of each day since 1970-01-01."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
