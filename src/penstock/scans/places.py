"""The places of an area as one array, and what becomes of each: binary COPY out, the exact outline in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import driver, rows
from penstock.core.sqlfile import load
from penstock.playbook import Playbook
from penstock.scans.areas import Area

SQL = load(__package__)
PLACE: Final = np.dtype(
    [
        ("id", ">i8"),
        ("lat", ">f8"),
        ("lng", ">f8"),
        ("score", ">i2"),
        ("felt", ">i2"),
        ("brought", ">i2"),
        ("why", ">i2"),
    ]
)
# A row of binary COPY: how many fields, then each with its length before it; a header before all, a mark after.
_ROW: Final = np.dtype(
    [("fields", ">i2")]
    + [item for name in PLACE.names or () for item in ((f"{name}_size", ">i4"), (name, PLACE[name].str))]
)
_HEADER: Final = 19
_TRAILER: Final = 2


class Why(IntEnum):
    """What a place is to a scan. The numbers are those of the query `places`."""

    READY = 0
    OF_THIS_SCAN = 1
    LED = 2
    TAKEN = 3
    UNLOCATED = 4
    UNSCORED = 5
    BELOW = 6
    BARRED = 7

    @property
    def words(self) -> str:
        """As people read it."""
        return _WORDS[self]


_WORDS: Final = {
    Why.READY: "not reached",
    Why.OF_THIS_SCAN: "a lead of this scan",
    Why.LED: "a lead of yours already",
    Why.TAKEN: "taken",
    Why.UNLOCATED: "no coordinates",
    Why.UNSCORED: "not scored",
    Why.BELOW: "below the bar",
    Why.BARRED: "the owner must not be contacted",
}


@dataclass(frozen=True, slots=True)
class Places:
    """The places of an area: rows of PLACE."""

    rows: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.rows)

    def count(self, *why: Why) -> int:
        """How many places are one of these to the scan."""
        return int(np.isin(self.rows["why"], why).sum())

    @property
    def scored(self) -> int:
        """How many have a score."""
        return int((self.rows["score"] >= 0).sum())

    @property
    def feel_permits(self) -> bool:
        """Whether any of them was scored by a permit next door, be it beyond the edge of the area."""
        return bool((self.rows["felt"] > 0).any())

    @property
    def brought(self) -> int:
        """How many the vendor of the playbook's search was the first to tell of."""
        return int((self.rows["brought"] > 0).sum())

    def share_from(self, score: int) -> float | None:
        """Which part of the scored ones has at least that score; None where none is scored."""
        return float((self.rows["score"] >= score).sum() / self.scored) if self.scored else None

    def best_first(self) -> list[int]:
        """Ids of the places that may become leads, the highest score first."""
        ready = self.rows[self.rows["why"] == Why.READY]
        return [int(place) for place in ready["id"][np.lexsort((ready["id"], -ready["score"].astype(np.int32)))]]

    def left_out(self) -> Mapping[str, int]:
        """How many places are no lead of the scan, by why."""
        counted = {why.words: self.count(why) for why in Why if why is not Why.OF_THIS_SCAN}
        return {words: count for words, count in counted.items() if count}


async def places_of(
    db: AsyncConnection, org_id: int, area: Area, playbook: Playbook, *, broker_id: UUID | None, scan_id: int = 0
) -> Places:
    """Every place of `area` with its score under `playbook` and what it is to a scan of this broker."""
    assert playbook.territory is not None
    found = await _copy_places(
        db,
        org_id=org_id,
        playbook=playbook.name,
        lead_from=playbook.territory.lead_from,
        vendor=playbook.territory.search.vendor if playbook.territory.search is not None else None,
        broker_id=broker_id,
        scan_id=scan_id,
        **area.params(),
    )
    return Places(found[area.holds(found["lat"], found["lng"])])


async def permits_in(db: AsyncConnection, org_id: int, area: Area, playbook: Playbook) -> int:
    """How many permits of the playbook's works are on record in `area`."""
    assert playbook.territory is not None
    found = await rows(db, SQL["permits"], org_id=org_id, works=sorted(playbook.territory.works), **area.params())
    if area.outline is None:
        return len(found)
    at = np.array([(row["lat"], row["lng"]) for row in found], dtype=np.float64).reshape(-1, 2)
    return int(area.holds(at[:, 0], at[:, 1]).sum())


async def _copy_places(db: AsyncConnection, **params: Any) -> np.ndarray[Any, Any]:
    query = str(SQL["places"].compile(dialect=db.dialect)).rstrip().rstrip(";")
    data = bytearray()
    async with (
        (await driver(db)).cursor() as cursor,
        cursor.copy(f"copy ({query}) to stdout (format binary)".encode(), params) as copy,
    ):
        async for block in copy:
            data += block
    found = np.frombuffer(bytes(data[_HEADER:-_TRAILER]), dtype=_ROW)
    made = np.empty(len(found), dtype=PLACE)
    for name in PLACE.names or ():
        made[name] = found[name]
    return made
