"""The permits of an instant, made ready to be felt: who asked, when, where, and what each of them replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from penstock.contagion.arrays import PERMIT, PROPERTY, Floats, Ints, Reach, Rows, years
from penstock.contagion.geometry import earth_centred
from penstock.core.errors import InvalidInput

NOBODY = -1  # the owner of a permit that belongs to no known property
PROJECT_DAYS = 120  # a permit of a place begins another project after so many days without one
UNIT = 4096  # a weight of 1.0: weights are whole numbers of 1/4096, so that their sum does not depend on its order

OWNER = np.dtype([("id", "<i8"), ("installed_year", "<i2"), ("same_subdivision", "<i4")])


@dataclass(frozen=True, slots=True)
class Field:
    """The permits inside the window, column by column, and the few facts that need all permits or all properties."""

    reach: Reach
    xyz: Floats  # earth-centred metres
    tree: cKDTree  # over them
    index: Ints  # position among the permits as given
    id: Ints
    day: NDArray[np.int32]
    owner: Ints  # id of the property that the permit is about; NOBODY
    contractor: NDArray[np.int32]
    replaced_year: Ints  # 0: not known
    weight: Floats  # decay with time, in UNITs
    owners: Rows  # OWNER, sorted by id: properties with permits of their own
    subdivisions: Subdivisions

    def only(self, positions: Ints, ids: Ints, codes: Ints) -> Field:
        """The same field for a part of the map: these of its permits, and what concerns the properties `ids`.

        The ids and the codes of subdivisions rise; the part's own codes are the positions among `codes`.
        """
        columns = ("xyz", "index", "id", "day", "owner", "contractor", "replaced_year", "weight")
        at = np.minimum(np.searchsorted(ids, self.owners["id"]), len(ids) - 1)
        chosen = np.append(codes, -1)
        totals = self.subdivisions
        return replace(
            self,
            tree=cKDTree(self.xyz[positions]),
            owners=self.owners[ids[at] == self.owners["id"]],
            subdivisions=Subdivisions(totals.permits[chosen], totals.year_sum[chosen], totals.year_count[chosen]),
            **{name: getattr(self, name)[positions] for name in columns},
        )


@dataclass(frozen=True, slots=True)
class Subdivisions:
    """Totals by subdivision code. The last place of each column stands for "none" and is reached by code -1."""

    permits: Ints
    year_sum: Ints
    year_count: Ints


def prepare(
    properties: Rows, permits: Rows, own: Ints, *, as_of: int, reach: Reach, totals: Subdivisions | None = None
) -> Field:
    """The field on a day: permits of that day or before, not older than the window.

    `own[k]` is the position of the property that permit k is about, or -1. Such a permit tells when that property was
    done, and is felt by its neighbours, not by itself. A later permit is not known yet and leaves no trace at all.
    Where only a part of the map is given, `totals` tells what the whole says of its subdivisions.
    """
    _check(properties, permits, own)
    known = permits["day"] <= as_of
    owner = np.full(len(own), NOBODY, dtype=np.int64)
    owner[own >= 0] = properties["id"][own[own >= 0]]
    inside = np.flatnonzero(known & (permits["day"] > as_of - reach.window_days))
    age = as_of - permits["day"][inside].astype(np.int64)
    xyz = earth_centred(permits["lat"][inside], permits["lng"][inside])
    return Field(
        reach=reach,
        xyz=xyz,
        tree=cKDTree(xyz),
        index=inside,
        id=permits["id"][inside],
        day=permits["day"][inside],
        owner=owner[inside],
        contractor=permits["contractor"][inside],
        replaced_year=_replaced(properties, permits, own)[inside],
        weight=_decay(reach.window_days, reach.half_life_days)[age],
        owners=_owners(properties, permits, own, known, inside),
        subdivisions=totals or _totals(properties, permits[inside]),
    )


def distance_weights(reach: Reach) -> Floats:
    """Decay with distance by whole feet, in UNITs."""
    return _decay(int(reach.area_ft) + 2, reach.half_distance_ft)


def one_per_project(permits: Rows, own: Ints, days: int = PROJECT_DAYS) -> Ints:
    """Positions of the permits that begin a project: the first of each place, and any after `days` without one.

    Forty permits for the forty buildings of one estate are one decision of one owner. They are one place if they are
    about one property, or, where that is not known, if they stand on the same spot.
    """
    _, spot = np.unique(permits["lat"] + 1j * permits["lng"], return_inverse=True)
    place = np.where(own >= 0, own, -1 - spot)
    order = np.lexsort((permits["id"], permits["day"], place))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(place[order]) != 0) | (np.diff(permits["day"][order]) > days)
    return np.sort(order[begins])


def _check(properties: Rows, permits: Rows, own: Ints) -> None:
    if properties.dtype != PROPERTY or permits.dtype != PERMIT:
        raise InvalidInput("Properties and permits come as PROPERTY and PERMIT arrays")
    if len(own) != len(permits) or (len(own) and not -1 <= own.min() <= own.max() < len(properties)):
        raise InvalidInput("`own` gives, for each permit, the position of its property or -1")
    ids = properties["id"]
    rising = bool((ids[1:] > ids[:-1]).all())  # as they come from a table: spares the sort
    if len(ids) and (ids.min() < 0 or (not rising and len(np.unique(ids)) < len(ids))):
        raise InvalidInput("Property ids are unique and not negative")
    for name, rows in (("properties", properties), ("permits", permits)):
        if not (np.isfinite(rows["lat"]).all() and np.isfinite(rows["lng"]).all()):
            raise InvalidInput(f"There are {name} without coordinates", fix="leave out the rows that flaws() names")


def _decay(size: int, half: float) -> Floats:
    weights: Floats = np.rint(UNIT * np.exp2(-np.arange(size) / half))
    return weights


def _replaced(properties: Rows, permits: Rows, own: Ints) -> Ints:
    """When what each permit replaced was put there: by the permit before it, else with the building. 0: unknown."""
    found = np.zeros(len(permits), dtype=np.int64)
    about = np.flatnonzero(own >= 0)
    order = about[np.lexsort((permits["id"][about], permits["day"][about], own[about]))]
    found[order] = properties["year_built"][own[order]]
    second = np.flatnonzero(own[order][1:] == own[order][:-1])
    found[order[second + 1]] = years(permits["day"][order[second]])
    return np.where(found <= years(permits["day"]), found, 0)  # a house built after its permit: one of the two is wrong


def _owners(properties: Rows, permits: Rows, own: Ints, known: NDArray[np.bool_], inside: Ints) -> Rows:
    about = np.flatnonzero(known & (own >= 0))
    positions = np.flatnonzero(np.bincount(own[about], minlength=len(properties)))
    latest = np.zeros(len(properties), dtype=np.int64)
    np.maximum.at(latest, own[about], years(permits["day"][about]))
    at_home = inside[own[inside] >= 0]
    code = permits["subdivision"][at_home]
    at_home = at_home[(code >= 0) & (code == properties["subdivision"][own[at_home]])]
    same = np.bincount(own[at_home], minlength=len(properties))
    made = np.zeros(len(positions), dtype=OWNER)
    made["id"] = properties["id"][positions]
    made["installed_year"] = latest[positions]
    made["same_subdivision"] = same[positions]
    return made[np.argsort(made["id"], kind="stable")]


def _totals(properties: Rows, permits: Rows) -> Subdivisions:
    size = 1 + max((int(rows["subdivision"].max()) for rows in (properties, permits) if len(rows)), default=-1)

    def count(rows: Rows, weights: Ints | None = None) -> Ints:
        chosen = rows["subdivision"] >= 0
        by = None if weights is None else weights[chosen]
        counted = np.bincount(rows["subdivision"][chosen], weights=by, minlength=size + 1)
        return counted.astype(np.int64)

    built = properties["year_built"].astype(np.int64)
    return Subdivisions(count(permits), count(properties, built), count(properties, (built > 0).astype(np.int64)))
