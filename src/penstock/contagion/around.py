"""What a few changes can reach, read from the database instead of everything.

A change of a permit reaches the places around where it is and was, the place it is about, and the subdivisions of both.
It also says what the later permits of its place replaced, so whatever those reach is reached too. A change of a place
does the same through its permits. Which permit of a place, or of a spot, begins a project hangs on the others there: so
what they reach is reached, and they are read with those that are felt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.cells import ranges_around
from penstock.contagion.cluster_store import members_of
from penstock.contagion.field import Field, Subdivisions, prepare
from penstock.contagion.geometry import chord, earth_centred
from penstock.contagion.load import (
    SQL,
    Permits,
    Places,
    day_number,
    of_projects,
    positions,
    some_permits,
    some_places,
)
from penstock.contagion.rules import Rules
from penstock.core.db import rows

_MARGIN = 1 + 1e-6


@dataclass(frozen=True, slots=True)
class Local:
    """The places to be scored again, and all that they can feel."""

    ids: list[int]  # of the places; some may be there no more
    places: Places
    permits: Rows
    field: Field
    clusters: Ints


@dataclass(slots=True)
class _Touched:
    """Where to look: places and subdivisions by id, points of permits."""

    places: set[int]
    subdivisions: set[int]
    points: list[tuple[float, float]]


async def reached(db: AsyncConnection, org_id: int, rules: Rules, towns: list[str], as_of: date) -> Local:
    """The part of the map that the noted changes can reach."""
    day = {"works": list(rules.works), "as_of": as_of}
    touched = await _touched(db, org_id, day)
    ids = await _places_reached(db, org_id, rules, touched)
    places = await some_places(db, towns, sorted(ids))
    filed = await _permits_felt(db, org_id, rules, as_of, places.properties)
    about = await some_places(db, towns, sorted(set(filed.owner[filed.owner >= 0].tolist()) - ids))
    known = np.concatenate([places.properties, about.properties])
    known = known[np.argsort(known["id"])]
    felt, own = of_projects(filed, positions(filed.owner, known))
    codes, known, permits, properties = _own_codes(known, felt.permits, places.properties)
    totals = await _totals(
        db, codes, permits["subdivision"][permits["day"] > day_number(as_of) - rules.reach.window_days]
    )
    field = prepare(known, permits, own, as_of=day_number(as_of), reach=rules.reach, totals=totals)
    clusters = await members_of(db, rules.playbook, permits["id"])
    return Local(sorted(ids), Places(properties, places.facts, places.versions), permits, field, clusters)


async def _touched(db: AsyncConnection, org_id: int, day: dict[str, Any]) -> _Touched:
    found = _Touched(set(), set(), [])
    permits: set[int] = set()
    for change in await rows(db, SQL["changes"]):
        found.places.update(change["property_ids"])
        permits.update(change["permit_ids"])
        _add(found, change)
    for permit in await rows(db, SQL["permits_now"], ids=sorted(permits)):
        _add(found, permit)
        if permit["property_id"] is not None:
            found.places.add(permit["property_id"])
    ids = sorted(found.places)
    found.subdivisions.update(row["subdivision_id"] for row in await rows(db, SQL["subdivisions_of"], ids=ids))
    for permit in await rows(db, SQL["permits_of"], ids=ids, **day):
        _add(found, permit)
    beside = await _permits_at(db, org_id, found.points, day)
    found.subdivisions.update(row["subdivision_id"] for row in beside if row["subdivision_id"] is not None)
    return found


def _add(found: _Touched, row: Any) -> None:
    if row["subdivision_id"] is not None:
        found.subdivisions.add(row["subdivision_id"])
    if row["lat"] is not None and row["lng"] is not None:
        found.points.append((row["lat"], row["lng"]))


async def _permits_at(
    db: AsyncConnection, org_id: int, points: list[tuple[float, float]], day: dict[str, Any]
) -> list[RowMapping]:
    spots = sorted(set(points))
    lats, lngs = [lat for lat, _ in spots], [lng for _, lng in spots]
    return await rows(db, SQL["permits_at"], org_id=org_id, lats=lats, lngs=lngs, **day)


async def _places_reached(db: AsyncConnection, org_id: int, rules: Rules, touched: _Touched) -> set[int]:
    alike = await rows(db, SQL["places_alike"], subdivisions=sorted(touched.subdivisions))
    ids = touched.places | {row["id"] for row in alike}
    if not touched.points:
        return ids
    lat, lng = (np.array(each, dtype=np.float64) for each in zip(*sorted(set(touched.points)), strict=True))
    low, high = ranges_around(lat, lng, rules.reach.area_ft)
    near = await rows(db, SQL["places_near"], org_id=org_id, low=low, high=high)
    if near:
        here = earth_centred(*(np.array([row[name] for row in near]) for name in ("lat", "lng")))
        away, _ = cKDTree(earth_centred(lat, lng)).query(here)
        within = away <= chord(rules.reach.area_ft) * _MARGIN
        ids |= {row["id"] for row, counts in zip(near, within.tolist(), strict=True) if counts}
    return ids


async def _permits_felt(db: AsyncConnection, org_id: int, rules: Rules, as_of: date, properties: Rows) -> Permits:
    """Permits around the places, in their subdivisions, their own, and all that could be of a project with these."""
    day: dict[str, Any] = {"works": list(rules.works), "as_of": as_of}
    far = max(rules.reach.area_ft, rules.density.radius_ft)
    low, high = ranges_around(properties["lat"], properties["lng"], far)
    near = await rows(db, SQL["permits_near"], org_id=org_id, low=low, high=high, **day)
    codes = np.unique(properties["subdivision"][properties["subdivision"] >= 0]).tolist()
    alike = await rows(db, SQL["permits_alike"], subdivisions=codes, **day)
    beside = await _permits_at(db, org_id, [(row["lat"], row["lng"]) for row in alike], day)
    found = [*near, *alike, *beside]
    owners = {row["property_id"] for row in found if row["property_id"] is not None} | set(properties["id"].tolist())
    found += await rows(db, SQL["permits_of"], ids=sorted(owners), **day)
    return await some_permits(db, rules, as_of, sorted({row["id"] for row in found}))


def _own_codes(known: Rows, permits: Rows, properties: Rows) -> tuple[Ints, Rows, Rows, Rows]:
    """(ids of the subdivisions, the three with positions among these ids instead of the ids)."""
    coded = known.copy(), permits.copy(), properties.copy()
    codes = np.unique(np.concatenate([each["subdivision"] for each in coded]))
    codes = codes[codes >= 0]
    for each in coded:
        each["subdivision"] = np.where(each["subdivision"] >= 0, np.searchsorted(codes, each["subdivision"]), -1)
    return codes, *coded


async def _totals(db: AsyncConnection, codes: Ints, filed: Ints) -> Subdivisions:
    """What the whole map says of the places' subdivisions. `filed`: that of each permit of the window; -1: none."""
    built = await rows(db, SQL["year_totals"], subdivisions=codes.tolist())

    def column(found: list[Any], name: str) -> Ints:
        made = np.zeros(len(codes) + 1, dtype=np.int64)
        made[np.searchsorted(codes, [row["subdivision_id"] for row in found])] = [row[name] for row in found]
        return made

    permits = np.bincount(filed[filed >= 0], minlength=len(codes) + 1).astype(np.int64)
    return Subdivisions(permits, column(built, "years"), column(built, "known"))
