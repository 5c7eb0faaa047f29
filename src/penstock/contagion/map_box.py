"""A box of the map as asked for, and how fine it is drawn: single things from close by, cells from far away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from penstock.contagion.cells import PER_DEGREE, ROW
from penstock.core.errors import InvalidInput

SINGLE_FROM = {"clusters": 8, "permits": 14, "properties": 16}  # the zoom of web maps: a tile is 360 / 2**zoom degrees
FINEST_AT = 13  # at this zoom a cell of the grid is some 30 pixels wide
MOST_CELLS = 4_096  # to draw; a box that has more gets coarser cells
MOST_SINGLE = 1_024  # cells of the grid: a larger box is drawn by cells, whatever the zoom
FORM = "write west,south,east,north in degrees: -87.1,35.9,-86.5,36.4"
ROWS = 180 * PER_DEGREE


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees of WGS84. Across the date line, west is greater than east."""

    west: float
    south: float
    east: float
    north: float

    @property
    def rows(self) -> tuple[int, int]:
        """First and last row of the grid."""
        return _cell(self.south + 90, ROWS), _cell(self.north + 90, ROWS)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and last columns of the grid: two spans across the date line."""
        west, east = _cell(self.west + 180, ROW), _cell(self.east + 180, ROW)
        return [(west, east)] if self.west <= self.east else [(0, east), (west, ROW - 1)]

    def cells(self, size: int = 1) -> int:
        """How many cells of size by size it touches."""
        low, high = self.rows
        wide = sum(last // size - first // size + 1 for first, last in self.spans)
        return (high // size - low // size + 1) * wide

    def every_cell(self) -> list[int]:
        """The cells of the grid that it touches; of a box that is drawn by cells, none."""
        if self.cells() > MOST_SINGLE:
            return []
        low, high = self.rows
        columns = [column for first, last in self.spans for column in range(first, last + 1)]
        return [row * ROW + column for row in range(low, high + 1) for column in columns]

    def whole(self, size: int) -> tuple[tuple[int, int], list[tuple[int, int]]]:
        """Rows and spans of columns, widened to whole cells of size by size: what lies at an edge is counted whole."""
        spans = [_widened(span, size, ROW) for span in self.spans]
        if len(spans) == 2 and spans[0][1] >= spans[1][0]:
            spans = [(0, ROW - 1)]
        return _widened(self.rows, size, ROWS), spans


def read_box(given: str) -> Box:
    """`west,south,east,north` as a box. Raises InvalidInput that says what is wrong with it."""
    try:
        west, south, east, north = map(float, given.split(","))
    except ValueError:
        raise InvalidInput(f"bbox: {given[:80]!r} is not four numbers", fix=FORM) from None
    if not all(map(math.isfinite, (west, south, east, north))):
        raise InvalidInput("bbox: not every number is finite", fix=FORM)
    if max(abs(west), abs(east)) > 180:
        raise InvalidInput("bbox: a longitude lies beyond 180 degrees", fix=FORM)
    if max(abs(south), abs(north)) > 90:
        raise InvalidInput("bbox: a latitude lies beyond 90 degrees; longitude comes first", fix=FORM)
    if south > north:
        raise InvalidInput("bbox: south lies north of north", fix="exchange the second and the fourth number")
    if west > east and east + 360 - west > 180:
        raise InvalidInput("bbox: west lies east of east", fix="exchange the first and the third number")
    return Box(west, south, east, north)


def cell_size(box: Box, zoom: int, layer: str) -> int | None:
    """Cells are so many cells of the grid wide and high, a power of two; None: single things are drawn."""
    if zoom >= SINGLE_FROM[layer] and (layer == "clusters" or box.cells() <= MOST_SINGLE):
        return None
    size = 1 << max(0, FINEST_AT - zoom)
    while box.cells(size) > MOST_CELLS:
        size *= 2
    return size


def _cell(degrees: float, count: int) -> int:
    return min(math.floor(degrees * PER_DEGREE), count - 1)


def _widened(edges: tuple[int, int], size: int, count: int) -> tuple[int, int]:
    return edges[0] // size * size, min((edges[1] // size + 1) * size, count) - 1
