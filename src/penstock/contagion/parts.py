"""The same pass cut up, by H3 cell or by stretch, for many processes or machines.

A part holds its own properties, every permit that can reach one of them (its halo), and what the whole says of their
subdivisions, so it needs nothing else. Parts go to any `concurrent.futures.Executor`: see `executors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import h3.api.numpy_int as h3  # type: ignore[import-untyped]
import numpy as np
from scipy.spatial import cKDTree

from penstock.contagion.arrays import NEIGHBOURS, Floats, Ints, Rows
from penstock.contagion.field import Field
from penstock.contagion.geometry import chord, earth_centred
from penstock.contagion.neighbours import measure, z_order

RESOLUTION = 6  # an H3 cell of 36 square kilometres: a few thousand homes of a town
MOST = 65_536  # properties of a part; a cell with more is several parts
_MARGIN = 1 + 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """Properties that are measured together, where they stand in the whole, and the permits that can reach them."""

    rows: Ints  # rising
    properties: Rows  # PROPERTY; subdivisions are codes of this part's field
    field: Field


def measure_parts(properties: Rows, field: Field, labels: Ints, executor: Executor | None = None) -> Rows:
    """What `neighbours.measure` gives, to the bit, part by part: properties of one label make a part."""
    made = np.zeros(len(properties), dtype=NEIGHBOURS)
    parts = parts_of(properties, field, labels)
    for rows, felt in executor.map(measure_part, parts) if executor else map(measure_part, parts):
        made[rows] = felt
    return made


def measure_part(part: Part) -> tuple[Ints, Rows]:
    """(rows, NEIGHBOURS) of a part. A pure function of its argument, to be run anywhere."""
    return part.rows, measure(part.properties, part.field)


def parts_of(properties: Rows, field: Field, labels: Ints, most: int = MOST) -> Iterator[Part]:
    """A part for each label, one at a time, in the order of their first rows, each with its halo of permits.

    `most`: properties of a part; a label with more makes several.
    """
    if not len(properties):
        return
    order = np.argsort(labels, kind="stable")
    cuts = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    pieces = [piece for rows in cuts for piece in np.array_split(rows, -(-len(rows) // most))]
    for rows in sorted(pieces, key=lambda piece: int(piece[0])):
        mine = properties[rows]
        code = mine["subdivision"]
        codes = np.unique(code[code >= 0])
        mine["subdivision"] = np.where(code >= 0, np.searchsorted(codes, code), -1)
        near = halo(mine, field.tree, chord(field.reach.area_ft))
        yield Part(rows, mine, field.only(near, np.sort(mine["id"]), codes))


def by_cell(properties: Rows, resolution: int = RESOLUTION) -> Ints:
    """A label for each property: its H3 cell."""
    points = zip(properties["lat"].tolist(), properties["lng"].tolist(), strict=True)
    cells = [h3.latlng_to_cell(lat, lng, resolution) for lat, lng in points]
    return np.array(cells, dtype=np.uint64).astype(np.int64)


def by_stretch(properties: Rows, stretches: int) -> Ints:
    """A label for each property: so many stretches of equal size along the Z-order, for the cores of one machine."""
    labels = np.empty(len(properties), dtype=np.int64)
    if len(properties):
        labels[z_order(properties["lat"], properties["lng"])] = (
            np.arange(len(properties)) * stretches // len(properties)
        )
    return labels


def halo(properties: Rows, tree: cKDTree, reach: float) -> Ints:
    """Positions of all points of the tree in the box around the properties, widened by so many metres.

    A few too many do no harm.
    """
    points: Floats = earth_centred(properties["lat"], properties["lng"])
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low) / 2 + reach * _MARGIN
    cube = np.asarray(tree.query_ball_point((low + high) / 2, half.max(), p=np.inf), dtype=np.int64)
    return np.sort(cube[(np.abs(tree.data[cube] - (low + high) / 2) <= half).all(axis=1)])
