"""Which cells of the map's grid (`app.grid_cell`) lie around points: short ranges of an index."""

from __future__ import annotations

import numpy as np

from penstock.contagion.arrays import Floats, Ints
from penstock.contagion.geometry import FOOT

PER_DEGREE = 200
ROW = 360 * PER_DEGREE  # cells of a row, all the way around
_DEGREE = 110_500.0  # metres of a degree of latitude, at least
_MARGIN = 1 + 1e-6


def ranges_around(lat: Floats, lng: Floats, feet: float) -> tuple[list[int], list[int]]:
    """(first, last) cells of ranges that hold everything within so many feet of a point, and no cell twice."""
    if not len(lat):
        return [], []
    high = feet * FOOT / _DEGREE * _MARGIN
    wide = high / np.cos(np.radians(np.minimum(np.abs(lat) + high, 89.0)))
    south, north, west, east = lat - high + 90, lat + high + 90, lng - wide + 180, lng + wide + 180
    boxes = np.unique(np.stack([_cell(edge) for edge in (south, north, west, east)], axis=1), axis=0)
    spans = np.array([(row, box[2], box[3]) for box in boxes.tolist() for row in range(box[0], box[1] + 1)])
    return _merged(np.concatenate([_within(spans), _within(spans, ROW), _within(spans, -ROW)]))


def _cell(degrees: Floats) -> Ints:
    return np.floor(degrees * PER_DEGREE).astype(np.int64)


def _within(spans: Ints, shift: int = 0) -> Ints:
    """The part of each span that lies on the map, moved around the world by `shift` columns."""
    row, west, east = spans[:, 0], np.maximum(spans[:, 1] + shift, 0), np.minimum(spans[:, 2] + shift, ROW - 1)
    there = west <= east
    return np.stack((row * ROW + west, row * ROW + east), axis=1)[there]


def _merged(ranges: Ints) -> tuple[list[int], list[int]]:
    """Ranges that touch or overlap as one."""
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ranges[:, 1])
    begins = np.concatenate([[True], ranges[1:, 0] > reach[:-1] + 1])
    first = np.flatnonzero(begins)
    last = np.concatenate([first[1:] - 1, [len(ranges) - 1]])
    return ranges[first, 0].tolist(), reach[last].tolist()
