"""What each property feels of the permits around it: counts, distances, decay, who did the work.

Exact and the same to the bit, however the work is cut up. Whether a pair is near is decided by its own distance alone
(the tree is asked for a hair more than the radius), and everything is a count, a minimum, or a sum of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from penstock.contagion.arrays import NEIGHBOURS, TOP_CONTRACTORS, Floats, Ints, Rows
from penstock.contagion.field import UNIT, Field, distance_weights
from penstock.contagion.geometry import FOOT, chord, earth_centred, feet

CHUNK = 2_048  # properties at a time: their tree and sums stay in the processor's cache
MAX_PAIRS = 2_000_000  # pairs at a time: about 100 MB
_HAIR = 1 + 1e-9  # a tree may round at the very edge; what it gives too much is measured again
_KNOWN = 2.0**32  # packs "how many are known" above the sum of their years in one exact float


def measure(properties: Rows, field: Field, *, chunk: int = CHUNK, max_pairs: int = MAX_PAIRS) -> Rows:
    """NEIGHBOURS of each property (PROPERTY), in the order given. Memory is bounded by `chunk` and `max_pairs`."""
    return add_own(properties, field, feel(properties, field, chunk=chunk, max_pairs=max_pairs))


def feel(properties: Rows, field: Field, *, chunk: int = CHUNK, max_pairs: int = MAX_PAIRS) -> Rows:
    """NEIGHBOURS as far as pairs of a property and a permit tell them: the heavy part, apart from `add_own`."""
    made = _empty(properties)
    if not len(properties) or not len(field.index):
        return made
    xyz = earth_centred(properties["lat"], properties["lng"])
    order = z_order(properties["lat"], properties["lng"])
    weights = distance_weights(field.reach)
    for start in range(0, len(order), chunk):
        for rows, found in _pairs(xyz, order[start : start + chunk], field.tree, chord(field.reach.area_ft), max_pairs):
            others = found[field.owner[found["j"]] != properties["id"][rows][found["i"]]]
            _sum_up(made, rows, others, field, weights)
    return made


def add_own(properties: Rows, field: Field, made: Rows) -> Rows:
    """Fill in what needs no pairs: the property's own permits and its subdivision. Gives `made` back."""
    code = properties["subdivision"]
    totals = field.subdivisions
    counted = totals.year_count[code]
    known = counted > 0
    made["subdivision_year"][known] = totals.year_sum[code][known] / counted[known]
    made["same_subdivision"] = totals.permits[code]
    made["installed_year"] = properties["year_built"]
    if len(field.owners):
        at = np.minimum(np.searchsorted(field.owners["id"], properties["id"]), len(field.owners) - 1)
        mine = field.owners["id"][at] == properties["id"]
        made["same_subdivision"][mine] -= field.owners["same_subdivision"][at[mine]]
        made["installed_year"][mine] = field.owners["installed_year"][at[mine]]
        made["by_permit"] = mine
    return made


def z_order(lat: Floats, lng: Floats) -> Ints:
    """Positions along a Z-shaped curve over the map: neighbours on it are neighbours on the ground."""
    code = np.zeros(len(lat), dtype=np.uint64)
    for shift, degrees in enumerate((lng, lat)):
        low, high = degrees.min(), degrees.max()
        step = ((degrees - low) / max(high - low, 1e-9) * 0xFFFF).astype(np.uint64)
        for gap, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
            step = (step | (step << np.uint64(gap))) & np.uint64(mask)
        code |= step << np.uint64(shift)
    return np.argsort(code, kind="stable")


def _empty(properties: Rows) -> Rows:
    made = np.zeros(len(properties), dtype=NEIGHBOURS)
    made["id"] = properties["id"]
    for name in ("nearest_ft", "replaced_year", "subdivision_year"):
        made[name] = np.nan
    made["nearest"] = -1
    made["contractors"] = -1
    return made


def _pairs(xyz: Floats, rows: Ints, tree: cKDTree, reach: float, most: int) -> Iterator[tuple[Ints, Rows]]:
    """(rows, pairs) with pairs (i, j, v): the property rows[i] and the permit j are v metres apart, `reach` at most."""
    points = xyz[rows]
    here = cKDTree(points, balanced_tree=False, compact_nodes=False)
    if len(rows) > 1 and _too_many(points, here, tree, reach * _HAIR, most):
        for half in np.array_split(rows, 2):
            yield from _pairs(xyz, half, tree, reach, most)
        return
    found = here.sparse_distance_matrix(tree, reach * _HAIR, output_type="ndarray")
    yield rows, found[found["v"] <= reach]


def _too_many(points: Floats, here: cKDTree, tree: cKDTree, reach: float, most: int) -> bool:
    """More than `most` pairs: by the permits around all points, and only where those may be too many by counting."""
    low, high = points.min(axis=0), points.max(axis=0)
    around = tree.query_ball_point((low + high) / 2, (high - low).max() / 2 + reach, p=np.inf, return_length=True)
    return bool(around * len(points) > most and here.count_neighbors(tree, reach) > most)


def _sum_up(made: Rows, rows: Ints, pairs: Rows, field: Field, weights: Floats) -> None:
    """Write what the pairs say of made[rows]."""
    size = len(rows)
    i, j, metres = (np.ascontiguousarray(pairs[name]) for name in ("i", "j", "v"))
    made["area"][rows] = np.bincount(i, minlength=size)
    felt = weights[(metres / FOOT).astype(np.int64)] * field.weight[j]
    made["pressure"][rows] = np.bincount(i, weights=felt, minlength=size) / UNIT**2
    made["replaced_year"][rows] = _mean_year(i, field.replaced_year[j], size)
    _nearest(made, rows, i, j, metres, field)
    close = np.flatnonzero(metres <= chord(field.reach.block_ft))
    i, j = i[close], j[close]
    made["block"][rows] = np.bincount(i, minlength=size)
    made["near"][rows] = np.bincount(i[metres[close] <= chord(field.reach.near_ft)], minlength=size)
    since = np.full(size, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(since, i, field.day[j])
    made["since"][rows] = np.where(made["block"][rows] > 0, since, 0)
    _contractors(made, rows, i, field.contractor[j])


def _mean_year(i: Ints, year: Ints, size: int) -> Floats:
    packed = np.bincount(i, weights=np.where(year > 0, year + _KNOWN, 0.0), minlength=size)
    known = np.floor(packed / _KNOWN)
    mean = np.full(size, np.nan)
    np.divide(packed - known * _KNOWN, known, out=mean, where=known > 0)
    return mean


def _nearest(made: Rows, rows: Ints, i: Ints, j: Ints, metres: Floats, field: Field) -> None:
    """The nearest permit; of several just as near the latest, of several of one day the one with the lowest id."""
    best = np.full(len(rows), np.inf)
    np.minimum.at(best, i, metres)
    ties = np.flatnonzero(metres == best[i])
    ti, tj = i[ties], j[ties]
    order = np.lexsort((field.id[tj], -field.day[tj].astype(np.int64), ti))
    found, first = np.unique(ti[order], return_index=True)
    made["nearest"][rows[found]] = field.index[tj[order[first]]]
    made["nearest_ft"][rows[found]] = feet(best[found])


def _contractors(made: Rows, rows: Ints, i: Ints, contractor: NDArray[np.int32]) -> None:
    """How many contractors are known, and the busiest; of equally busy ones the lower code."""
    known = contractor >= 0
    if not known.any():
        return
    codes = int(contractor.max()) + 1
    keys, permits = np.unique(i[known] * codes + contractor[known], return_counts=True)
    who, code = np.divmod(keys, codes)
    order = np.lexsort((code, -permits, who))
    who, code = who[order], code[order]
    found, first, counted = np.unique(who, return_index=True, return_counts=True)
    made["contractor_count"][rows[found]] = counted
    place = np.arange(len(who)) - np.repeat(first, counted)
    top = place < TOP_CONTRACTORS
    made["contractors"][rows[who[top]], place[top]] = code[top]
