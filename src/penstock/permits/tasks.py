"""The pump: permits find the place they are about. And the daily round over the portals."""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import cos, floor, radians
from typing import Any, Final

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.sqlfile import load
from penstock.permits.matching import Match, Place, Properties, beside, parcel_key
from penstock.permits.pulling import pull_followed

SQL: Final = load(__package__)
BATCH: Final = 5000  # permits, or places
BOX_DEGREES: Final = 0.00014  # of latitude: a little more than matching.NEAR_FT

pull_permits = pull_followed  # the line of the timetable


async def pump(ctx: Context, org_id: int) -> int:
    """Decide of which place each permit is until none is due; gives how many were decided."""
    async with ctx.db.tenant(org_id) as db:
        await _hear_of_new_places(db)
    decided = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            here = await _decide_batch(db, org_id)
        decided += here
        if here < BATCH:
            return decided


async def _hear_of_new_places(db: AsyncConnection) -> None:
    """Make every permit undecided that a place which came or changed could be the one of, or make doubtful."""
    arrivals = {property_id for row in await rows(db, SQL["arrivals"]) for property_id in row["property_ids"]}
    decided: int = await scalar(db, SQL["decided"]) if arrivals else 0
    if not decided:
        return
    if len(arrivals) >= decided:  # to look each of them up costs more than to decide all anew
        await execute(db, SQL["decide_all_anew"])
        return
    left = iter(sorted(arrivals))
    while ids := list(islice(left, BATCH)):
        await _hear_of(db, ids)


async def _hear_of(db: AsyncConnection, ids: list[int]) -> None:
    places = [_place(row) for row in await rows(db, SQL["places"], ids=ids)]
    cells = sorted({cell for place in places for cell in _cells(place)})
    found = await rows(db, SQL["concerned"], ids=ids, cells=cells, **_keys(places))
    here = set(ids)
    theirs = [row["id"] for row in found if row["property_id"] in here]
    others = Properties(places).concern([_place(row) for row in found])
    await execute(db, SQL["decide_anew"], ids=[*theirs, *(permit.id for permit in others)])


async def _decide_batch(db: AsyncConnection, org_id: int) -> int:
    permits = [_place(row) for row in await rows(db, SQL["claim"], limit=BATCH)]
    if not permits:
        return 0
    matches = (await _candidates(db, permits)).match(permits)
    await execute(
        db,
        SQL["decide"],
        org_id=org_id,
        ids=[match.permit_id for match in matches],
        property_ids=[match.property_id for match in matches],
        hows=[match.how for match in matches],
        reasons=[None if match.property_id else match.reason for match in matches],
    )
    details = {"decided": len(matches), **_by_how(matches)}
    await journey.announce(db, org_id, [journey.Event("permits_matched", None, "permits", details)])
    return len(matches)


async def _candidates(db: AsyncConnection, permits: Sequence[Place]) -> Properties:
    """All places that could be that of one of the permits."""
    places = [_place(row) for row in await rows(db, SQL["places_by_key"], **_keys(permits))]
    known = Properties(places)
    open_ones = [permit for permit in permits if permit.street and not known.settles(permit)]
    cells = sorted({cell for permit in open_ones for cell in _cells(permit)})
    if not cells:
        return known
    points = [(row["id"], row["lat"], row["lng"]) for row in await rows(db, SQL["points_in_cells"], cells=cells)]
    near = await rows(db, SQL["places"], ids=beside(points, open_ones))
    return Properties({*places, *map(_place, near)})


def _keys(places: Sequence[Place]) -> dict[str, Any]:
    """The keys of places or permits, in arrays."""
    parcels = [place.parcel.split("/") for place in places if place.parcel]
    hashes = {key for place in places for key in (place.addr_hash, place.city_hash) if key}
    states, counties, apns = ({parcel[part] for parcel in parcels} for part in range(3))
    return {"states": [*states], "counties": [*counties], "apns": [*apns], "hashes": [*hashes]}


def _cells(place: Place) -> Iterator[int]:
    """The cells of the map (app.grid_cell) that a box around the place touches."""
    if place.lat is None or place.lng is None:
        return
    wide = BOX_DEGREES / max(cos(radians(place.lat)), 0.01)
    for lat in (place.lat - BOX_DEGREES, place.lat + BOX_DEGREES):
        for lng in (place.lng - wide, place.lng + wide):
            yield floor((lat + 90) * 200) * 72000 + floor((lng + 180) * 200)


def _place(row: RowMapping) -> Place:
    return Place(
        row["id"],
        parcel_key(row["state"], row["county"], row["apn"]),
        row["addr_hash"],
        row["street"],
        row["lat"],
        row["lng"],
        row.get("addr_hash_city"),
    )


def _by_how(matches: Sequence[Match]) -> dict[str, int]:
    counted = {"parcel": 0, "address": 0, "nearest": 0}
    for match in matches:
        if match.how:
            counted[match.how] += 1
    return counted
