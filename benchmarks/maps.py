"""The map at a million places: boxes of a screen at several zooms, as the API reads them, JSON included.

Half of the homes stand in one metropolis, half in subdivisions all over the country. The peer counts what is in the
same box by latitude and longitude from the tables themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.contagion import A_SUBDIVISION, state
from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, Ground
from benchmarks.territory import DAY, fill, settle
from penstock.contagion import score_due
from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.map_box import Box
from penstock.contagion.map_view import Asked, view
from penstock.contagion.rules import Rules, rules_of
from penstock.core import clock

SCREEN = (1280, 800)  # pixels
LOOKS = {"properties": (4, 8, 11, 13, 16), "permits": (4, 8, 11, 14), "clusters": (4, 9)}
BY_PLACE = {
    "properties": "select count(*), avg(s.total_urgency_score) from app.properties t join app.property_scores s"
    " on s.org_id = t.org_id and s.property_id = t.id where t.org_id = 1 and t.merged_into is null and",
    "permits": "select count(*), max(t.permit_date) from app.building_permits t where t.work = 'reroof' and",
    "clusters": "select count(*), max(t.cluster_score) from (select *, center_lat as lat, center_lng as lng"
    " from app.contagion_clusters) t where",
}
_WITHIN = " t.lat between %(s)s and %(n)s and t.lng between %(w)s and %(e)s"


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """A look at each layer and zoom, milliseconds."""
    database = ground.new_database()
    async with ground.context(database) as ctx:
        book = next(book for book in ctx.playbooks.values() if book.territory)
        homes, permits, own = _spread(sizes.homes)
        with ground.owner(database) as db, clock.held_at(DAY):
            fill(db, homes, permits, own)
            await score_due(ctx, ORG_ID, book, full=True)
            settle(db)
            db.execute("vacuum (analyze) app.map_cells, app.contagion_clusters")
            async with ctx.db.tenant(ORG_ID) as seen:
                figures = [
                    await _look(seen, db, rules_of(book), layer, zoom, homes, sizes)
                    for layer, zooms in LOOKS.items()
                    for zoom in zooms
                ]
    ground.drop(database)
    return figures


def _spread(size: int) -> tuple[Rows, Rows, Ints]:
    """The towns of the other measurement, every second subdivision moved somewhere else in the country."""
    homes, permits, own = state(size, size // 10)
    chance = np.random.default_rng(3)
    blocks = -(-size // A_SUBDIVISION)
    moved = homes["subdivision"] % 2 == 1
    for name, low, high in (("lat", 26.0, 47.0), ("lng", -122.0, -75.0)):
        away = chance.uniform(low, high, blocks) - homes[name][0]
        homes[name] += np.where(moved, away[homes["subdivision"]], 0.0)
        permits[name] = homes[name][own]
    return homes, permits, own


def _boxes(homes: Rows, zoom: int, count: int) -> Iterator[Box]:
    """What a screen shows around homes drawn at random."""
    chance = np.random.default_rng(zoom)
    wide = 360 / (256 * 2**zoom) * SCREEN[0] / 2
    for at in chance.integers(0, len(homes), count).tolist():
        lat, lng = float(homes["lat"][at]), float(homes["lng"][at])
        high = wide * SCREEN[1] / SCREEN[0] * float(np.cos(np.radians(lat)))
        yield Box(max(lng - wide, -180), max(lat - high, -90), min(lng + wide, 180), min(lat + high, 90))


async def _look(
    seen: AsyncConnection,
    db: psycopg.Connection[Any],
    rules: Rules,
    layer: str,
    zoom: int,
    homes: Rows,
    sizes: Sizes,
) -> Figure:
    ours, peer, features = Stopwatch(), Stopwatch(), 0
    for number, box in enumerate(_boxes(homes, zoom, 20 * sizes.rounds)):
        with ours.lap():
            found = await view(seen, ORG_ID, rules, Asked(layer, box, zoom, 2_000, date(1970, 1, 1)))
            text = json.dumps(found, default=str, separators=(",", ":"))
        features += len(found["features"])
        if number < 3 * sizes.rounds:
            with peer.lap():
                edges = {"w": box.west, "s": box.south, "e": box.east, "n": box.north}
                db.execute((BY_PLACE[layer] + _WITHIN).encode(), edges).fetchone()
    note = f"95 of 100 within {ours.percentile(95) * 1e3:.0f} ms; {features // len(ours.laps)} features"
    note += f" on average, the last {len(text) // 1024} kB"
    return Figure(f"{layer}, zoom {zoom}", ours.median * 1e3, "ms", "counted by place", peer.median * 1e3, note)
