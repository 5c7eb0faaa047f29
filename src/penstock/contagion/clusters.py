"""Where the same work is being done all around: clusters of permits, under ids that last from run to run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from penstock.contagion.arrays import Flags, Floats, Ints, Rows
from penstock.contagion.geometry import chord, degrees, earth_centred, feet
from penstock.core.errors import InvalidInput

_HAIR = 1 + 1e-9
_MILLIMETRES = 1000


class Status(IntEnum):
    """How the second half of the window compares with the first."""

    FADING = 0  # two thirds or less
    STEADY = 1
    GROWING = 2  # half as many again, or more


CLUSTER = np.dtype(
    [
        ("id", "<i8"),
        ("lat", "<f8"),  # the mean of its permits
        ("lng", "<f8"),
        ("radius_ft", "<f8"),  # from there to its farthest permit
        ("permits", "<i4"),
        ("valued", "<i4"),  # of them with a stated value
        ("value_cents", "<i8"),  # sum of those
        ("first_day", "<i4"),
        ("last_day", "<i4"),
        ("year_built", "<f8"),  # mean of the properties the permits are about; NaN: none known
        ("score", "u1"),  # 0–100
        ("status", "u1"),  # Status
    ]
)


@dataclass(frozen=True, slots=True)
class Density:
    """What makes a cluster. A playbook sets it."""

    radius_ft: float = 1320.0
    min_permits: int = 5  # within the radius of a permit, itself included, to make it the core of a cluster
    window_days: int = 365
    max_span_ft: float = 10_560.0  # longer than this along an axis, a cluster is cut at its thin places
    half_life_days: float = 120.0
    half_activity: float = 10.0  # so many permits of today score 50

    def __post_init__(self) -> None:
        if self.radius_ft <= 0 or self.min_permits < 2 or self.window_days < 2 or self.half_activity <= 0:
            raise InvalidInput("A cluster needs a positive radius, two permits and a window of two days at least")


@dataclass(frozen=True, slots=True)
class Found:
    """Clusters by their first permit (day, then id), and the position of its cluster for each permit; -1: of none."""

    clusters: Rows  # CLUSTER, ids still 0
    member: Ints


def find(permits: Rows, own: Ints, properties: Rows, *, as_of: int, density: Density) -> Found:
    """Clusters among the permits of the window that ends on `as_of`, that day included.

    Permits with enough others within the radius are cores; cores within the radius of each other are of one cluster; a
    permit within the radius of a core joins the nearest. Where a city is so busy that this makes one cluster of it, the
    cluster is cut: each core then follows only its nearest busier neighbour, up to the busiest around.
    """
    day = permits["day"].astype(np.int64)
    inside = np.flatnonzero((day <= as_of) & (day > as_of - density.window_days))
    inside = inside[np.lexsort((permits["id"][inside], day[inside]))]
    member = np.full(len(permits), -1, dtype=np.int64)
    if len(inside) >= density.min_permits:
        xyz = earth_centred(permits["lat"][inside], permits["lng"][inside])
        member[inside] = _label(xyz, density)
    clusters = _describe(permits, own, properties, member, as_of, density)
    return Found(clusters, member)


def keep_ids(found: Found, permits: Rows, previous: Rows, next_id: int) -> Rows:
    """The clusters with ids: each keeps the id of the earlier cluster it shares most permits with.

    `previous`: a structured array with `permit` and `cluster`, the ids of the earlier run. Of two that claim one id the
    one that shares more gets it, then the one with the older id, then the earlier one; the others, and new ones, get
    next_id, next_id + 1, … So no id is given twice, and the same two runs always give the same ids.
    """
    clusters = found.clusters.copy()
    clusters["id"] = 0
    here = found.member >= 0
    _, now, before = np.intersect1d(permits["id"][here], previous["permit"], return_indices=True)
    pairs = np.stack((found.member[here][now], previous["cluster"][before]), axis=1)
    shared, count = np.unique(pairs, axis=0, return_counts=True)
    taken: set[int] = set()
    for k in np.lexsort((shared[:, 0], shared[:, 1], -count)):
        new, old = (int(each) for each in shared[k])
        if not clusters["id"][new] and old not in taken:
            clusters["id"][new] = old
            taken.add(old)
    fresh = clusters["id"] == 0
    if next_id < 1 or (len(previous) and next_id <= previous["cluster"].max()):
        raise InvalidInput("next_id must be above every id of the earlier run")
    clusters["id"][fresh] = next_id + np.arange(np.count_nonzero(fresh))
    return clusters


@dataclass(frozen=True, slots=True)
class Spots:
    """Where the permits of clusters stand: each spot once, with the lowest cluster that has a permit there."""

    xyz: Floats  # earth-centred metres
    cluster: Ints
    tree: cKDTree  # over them

    def only(self, positions: Ints) -> Spots:
        """These spots alone, for a part of the map."""
        return Spots(self.xyz[positions], self.cluster[positions], cKDTree(self.xyz[positions]))


def spots_of(permits: Rows, member: Ints) -> Spots:
    """The spots of clusters. `member`: the cluster of each permit, -1: of none."""
    inside = np.flatnonzero(member >= 0)
    inside = inside[np.argsort(member[inside], kind="stable")]
    xyz, first = np.unique(earth_centred(permits["lat"][inside], permits["lng"][inside]), axis=0, return_index=True)
    return Spots(xyz, member[inside][first], cKDTree(xyz))


def cluster_of(properties: Rows, spots: Spots, radius_ft: float) -> Ints:
    """The cluster each property lies in: that of the nearest permit of a cluster within the radius; -1: none.

    Of several just as near, the lowest counts.
    """
    found_in = np.full(len(properties), -1, dtype=np.int64)
    if not len(spots.cluster) or not len(properties):
        return found_in
    xyz, label, tree = spots.xyz, spots.cluster, spots.tree
    here = earth_centred(properties["lat"], properties["lng"])
    away, nearest = tree.query(here, k=2, distance_upper_bound=chord(radius_ft) * _HAIR)
    near = np.flatnonzero(away[:, 0] <= chord(radius_ft))
    found_in[near] = label[nearest[near, 0]]
    for row in near[away[near, 1] <= away[near, 0] * _HAIR]:
        around = np.asarray(tree.query_ball_point(here[row], away[row, 0] * _HAIR), dtype=np.int64)
        metres = np.sqrt(np.square(xyz[around] - here[row]).sum(axis=1))
        found_in[row] = label[around[metres == metres.min()]].min()
    return found_in


def _label(xyz: Floats, density: Density) -> Ints:
    """The cluster of each point, in order of first appearance; -1: none. Points come in order of day and id."""
    size = len(xyz)
    pairs, metres = _pairs(xyz, chord(density.radius_ft))
    busy = 1 + np.bincount(pairs.ravel(), minlength=size)
    core = busy >= density.min_permits
    both = core[pairs].all(axis=1)
    label = _components(size, pairs[both])
    label = _cut_long_ones(xyz, label, core, busy, pairs[both], metres[both], density.max_span_ft)
    label[~core] = -1
    _join(label, core, pairs, metres)
    named, first = np.unique(label[label >= 0], return_index=True)
    order = np.empty(int(label.max(initial=-1)) + 2, dtype=np.int64)
    order[-1] = -1
    order[named[np.argsort(first, kind="stable")]] = np.arange(len(named))
    return order[label]


def _pairs(xyz: Floats, reach: float) -> tuple[Ints, Floats]:
    pairs = cKDTree(xyz).query_pairs(reach * _HAIR, output_type="ndarray").astype(np.int64)
    metres = np.sqrt(np.square(xyz[pairs[:, 0]] - xyz[pairs[:, 1]]).sum(axis=1))
    return pairs[metres <= reach], metres[metres <= reach]


def _components(size: int, pairs: Ints) -> Ints:
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label


def _cut_long_ones(
    xyz: Floats, label: Ints, core: Flags, busy: Ints, pairs: Ints, metres: Floats, longest: float
) -> Ints:
    """Labels with every component that is too long cut into the basins of its busiest points."""
    low, high = (np.full((len(xyz), 3), edge) for edge in (np.inf, -np.inf))
    np.minimum.at(low, label, xyz)
    np.maximum.at(high, label, xyz)
    long = feet(np.maximum(high - low, 0).max(axis=1)) > longest
    chosen = long[label[pairs[:, 0]]]
    if not chosen.any():
        return label
    # Everybody follows the nearest of those that are busier (or as busy, and earlier), if there is one in reach.
    a, b = pairs[chosen].T
    a_leads = (busy[a] > busy[b]) | ((busy[a] == busy[b]) & (a < b))
    leader, follower = np.where(a_leads, a, b), np.where(a_leads, b, a)
    best = np.full(len(xyz), np.inf)
    np.minimum.at(best, follower, metres[chosen])
    nearest = metres[chosen] == best[follower]
    follows = np.full(len(xyz), len(xyz))
    np.minimum.at(follows, follower[nearest], leader[nearest])
    behind = np.flatnonzero(follows < len(xyz))
    links = np.stack((behind, follows[behind]), axis=1)
    return _components(len(xyz), np.concatenate([links, pairs[~chosen]]))


def _join(label: Ints, core: Flags, pairs: Ints, metres: Floats) -> None:
    """Give every point that is no core, but near one, the label of the nearest; of several the earliest."""
    both_ways = np.concatenate([pairs, pairs[:, ::-1]])
    away = np.concatenate([metres, metres])
    to_core = ~core[both_ways[:, 0]] & core[both_ways[:, 1]]
    edge, centre = both_ways[to_core].T
    order = np.lexsort((centre, away[to_core], edge))
    joined, first = np.unique(edge[order], return_index=True)
    label[joined] = label[centre[order[first]]]


def _describe(permits: Rows, own: Ints, properties: Rows, member: Ints, as_of: int, density: Density) -> Rows:
    inside = np.flatnonzero(member >= 0)
    of, rows = member[inside], permits[inside]
    size = int(member.max(initial=-1)) + 1
    made = np.zeros(size, dtype=CLUSTER)
    made["permits"] = np.bincount(of, minlength=size)
    _centre(made, of, earth_centred(rows["lat"], rows["lng"]))
    made["valued"] = np.bincount(of[rows["value_cents"] > 0], minlength=size)
    np.add.at(made["value_cents"], of, np.maximum(rows["value_cents"], 0))
    made["first_day"] = as_of
    np.minimum.at(made["first_day"], of, rows["day"])
    np.maximum.at(made["last_day"], of, rows["day"])
    made["year_built"] = _mean_year(own[inside], properties, of, size)
    age = as_of - rows["day"].astype(np.int64)
    felt = np.rint(4096 * np.exp2(-np.arange(density.window_days) / density.half_life_days))
    activity = np.bincount(of, weights=felt[age], minlength=size) / 4096
    made["score"] = np.rint(100 * (1 - np.exp2(-activity / density.half_activity)))
    late = np.bincount(of[age < density.window_days // 2], minlength=size)
    early = made["permits"] - late
    made["status"] = np.where(2 * late >= 3 * early, Status.GROWING, np.where(3 * late <= 2 * early, 0, Status.STEADY))
    return made


def _centre(made: Rows, of: Ints, xyz: Floats) -> None:
    """The mean by whole millimetres, so that it does not depend on the order of the permits."""
    total = np.zeros((len(made), 3), dtype=np.int64)
    np.add.at(total, of, np.rint(xyz * _MILLIMETRES).astype(np.int64))
    middle = total / np.maximum(made["permits"], 1)[:, None] / _MILLIMETRES
    made["lat"], made["lng"] = degrees(middle)
    np.maximum.at(made["radius_ft"], of, feet(np.sqrt(np.square(xyz - middle[of]).sum(axis=1))))


def _mean_year(own: Ints, properties: Rows, of: Ints, size: int) -> Floats:
    """Mean year built over the different properties of each cluster."""
    about = own >= 0
    pairs = np.unique(np.stack((of[about], own[about]), axis=1), axis=0)
    built = properties["year_built"][pairs[:, 1]].astype(np.float64)
    where = pairs[:, 0][built > 0]
    count = np.bincount(where, minlength=size)
    mean = np.full(size, np.nan)
    np.divide(np.bincount(where, weights=built[built > 0], minlength=size), count, out=mean, where=count > 0)
    return mean
