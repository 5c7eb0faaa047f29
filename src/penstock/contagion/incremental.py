"""A permit comes in: only the properties it can reach are measured again, and the answer is that of a full pass."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from penstock.contagion.arrays import Flags, Ints, Reach, Rows
from penstock.contagion.field import Subdivisions, prepare
from penstock.contagion.geometry import FOOT, chord, earth_centred
from penstock.contagion.neighbours import measure

_MARGIN = 1 + 1e-6
_DEGREE = 110_500.0  # metres of a degree of latitude, at least


class Places:
    """Properties kept ready for the question which of them a permit touches."""

    def __init__(self, properties: Rows) -> None:
        self.properties = properties
        self._tree = cKDTree(earth_centred(properties["lat"], properties["lng"]))

    def affected(self, permits: Rows, own: Ints, changed: Ints, reach: Reach) -> Ints:
        """Positions of the properties whose NEIGHBOURS may differ after the permits at `changed` came in.

        Those within reach, those of the same subdivision, and the permit's own. A new permit also says what the later
        permits of its own property replaced, so whatever those reach is touched too.
        """
        mine = np.unique(own[changed][own[changed] >= 0])
        touched = np.union1d(changed, np.flatnonzero(np.isin(own, mine)))
        points = earth_centred(permits["lat"][touched], permits["lng"][touched])
        found = self._tree.query_ball_point(points, chord(reach.area_ft) * _MARGIN)
        codes = np.unique(permits["subdivision"][changed])
        alike = np.flatnonzero(np.isin(self.properties["subdivision"], codes[codes >= 0]))
        return np.unique(np.concatenate([mine, alike, *(np.asarray(each, dtype=np.int64) for each in found)]))

    def rescore(
        self, permits: Rows, own: Ints, changed: Ints, totals: Subdivisions, *, as_of: int, reach: Reach
    ) -> tuple[Ints, Rows]:
        """(positions, NEIGHBOURS) of the properties affected. `totals` are those after the change.

        Looks only at the permits around, at other permits of the same properties, and at the properties these are
        about: what a database would be asked for, instead of everything.
        """
        rows = self.affected(permits, own, changed, reach)
        needed = _around(self.properties[rows], permits, reach)
        needed |= np.isin(own, np.concatenate([rows, own[needed & (own >= 0)]]))
        filed = np.flatnonzero(needed)
        known = np.union1d(rows, own[filed][own[filed] >= 0])
        local = np.where(own[filed] >= 0, np.searchsorted(known, own[filed]), -1)
        field = prepare(self.properties[known], permits[filed], local, as_of=as_of, reach=reach, totals=totals)
        made = measure(self.properties[rows], field)
        named = made["nearest"] >= 0
        made["nearest"][named] = filed[made["nearest"][named]]
        return rows, made


def _around(properties: Rows, permits: Rows, reach: Reach) -> Flags:
    """Which permits lie in the box of degrees around the properties, widened by the reach."""
    if not len(properties):
        return np.zeros(len(permits), dtype=bool)
    lat, lng = properties["lat"], properties["lng"]
    high = reach.area_ft * FOOT / _DEGREE * _MARGIN
    narrowest = np.cos(np.radians(min(np.abs(lat).max() + high, 89.0)))
    wide = high / narrowest
    north = (permits["lat"] >= lat.min() - high) & (permits["lat"] <= lat.max() + high)
    around: Flags = north & (permits["lng"] >= lng.min() - wide) & (permits["lng"] <= lng.max() + wide)
    return around
