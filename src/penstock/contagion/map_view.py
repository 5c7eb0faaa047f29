"""What a map shows of a box: GeoJSON features of clusters, permits or scored places, single or counted by cell.

A broker sees single places only where the lead is theirs: where the others are, and how they score, is what leads are
sold for. Of the rest they see how many a cell of the grid holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.cells import PER_DEGREE, ROW
from penstock.contagion.map_box import Box, cell_size
from penstock.contagion.map_cells import SQL
from penstock.contagion.rules import Rules
from penstock.contagion.score import Tier
from penstock.core.db import one, rows

POINTS = {"clusters": "cluster_points", "permits": "permit_points", "properties": "property_points"}
CELLS = {"clusters": "cluster_cells", "permits": "permit_cells", "properties": "property_cells"}
NOT_TOLD = frozenset({"lat", "lng", "x", "y"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A layer of a box at a zoom of web maps. `broker_id`: who may see only their own leads; None: staff."""

    layer: str
    box: Box
    zoom: int
    limit: int
    since: date  # permits of later days
    broker_id: UUID | None = None


async def view(db: AsyncConnection, org_id: int, rules: Rules, asked: Asked) -> dict[str, Any]:
    """A GeoJSON FeatureCollection; see docs/reference/api.md for its members."""
    size = cell_size(asked.box, asked.zoom, asked.layer)
    told = {"org_id": org_id, "playbook": rules.playbook, "works": list(rules.works), "since": asked.since}
    counted = size if size else 1 if asked.layer == "properties" and asked.broker_id else None
    features = await _cells(db, asked, counted, told) if counted else []
    found: list[RowMapping] = []
    if size is None:
        found = await _points(db, asked, told)
        features += [_point(row) for row in found[: asked.limit]]
    run = await one(db, SQL["counted_at"], playbook=rules.playbook)
    return {
        "type": "FeatureCollection",
        "features": features,
        "aggregated": size is not None,
        "cell_degrees": counted / PER_DEGREE if counted else None,
        "truncated": len(found) > asked.limit,
        "scored_on": run["scored_on"] if run else None,
        "scored_at": run["scored_at"] if run else None,
    }


async def _points(db: AsyncConnection, asked: Asked, told: Mapping[str, Any]) -> list[RowMapping]:
    """Single things, the most telling first; one more than asked for if there are more."""
    box = asked.box
    edges = {"w": box.west, "s": box.south, "e": box.east, "n": box.north}
    params = {**told, **edges, "cells": box.every_cell(), "broker_id": asked.broker_id, "limit": asked.limit + 1}
    return await rows(db, SQL[POINTS[asked.layer]], **params)


async def _cells(db: AsyncConnection, asked: Asked, size: int, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cells with how much lies in them."""
    found = await rows(db, SQL[CELLS[asked.layer]], **told, **_area(*asked.box.whole(size)), size=size)
    return [_cell(row, size) for row in found]


def _area(rows: tuple[int, int], spans: list[tuple[int, int]]) -> dict[str, int]:
    (west, east), (west_2, east_2) = [*spans, (1, 0)][:2]
    first, last = rows[0] * ROW, (rows[1] + 1) * ROW - 1
    return {"first": first, "last": last, "west": west, "east": east, "west_2": west_2, "east_2": east_2}


def _point(row: RowMapping) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if name not in NOT_TOLD and value is not None}
    if "tier" in told:
        told["tier"] = Tier(told["tier"]).name
    return _feature(row["lng"], row["lat"], told)


def _cell(row: RowMapping, size: int) -> dict[str, Any]:
    """A cell stands at its middle; `cell` are its edges."""
    west, south, side = row["x"] * size / PER_DEGREE - 180, row["y"] * size / PER_DEGREE - 90, size / PER_DEGREE
    told = {name: _number(value) for name, value in row.items() if name not in NOT_TOLD}
    edges = [round(edge, 3) for edge in (west, south, min(west + side, 180), min(south + side, 90))]
    middle = (edges[0] + edges[2]) / 2, (edges[1] + edges[3]) / 2
    return _feature(*middle, {**told, "cell": edges})


def _feature(lng: float, lat: float, told: Mapping[str, Any]) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [round(lng, 6), round(lat, 6)]}
    return {"type": "Feature", "geometry": point, "properties": told}


def _number(value: Any) -> Any:
    """Sums and means of PostgreSQL as JSON has them."""
    if value is None or isinstance(value, date | int):
        return value
    number = float(value)
    return int(number) if number.is_integer() else round(number, 1)
