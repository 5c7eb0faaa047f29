"""A map as SVG: permits by age, one by one or by cell, circles around clusters. No tiles, no network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import Rows
from penstock.contagion.cells import PER_DEGREE
from penstock.contagion.clusters import find
from penstock.contagion.drawing import document, dot, line, words
from penstock.contagion.geometry import FOOT
from penstock.contagion.load import day_number, load
from penstock.contagion.map_box import Box
from penstock.contagion.map_cells import SQL
from penstock.contagion.rules import rules_of
from penstock.core.db import rows
from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook

WIDTH, MARGIN, HEAD, BELOW = 900.0, 24.0, 64.0, 64.0
TALLEST = 900.0
DEGREE = 111_195.0  # metres of a degree of latitude
MOST_DOTS = 20_000  # more are drawn by cell
AGES = ((365, "in the last year"), (730, "the year before"), (10**6, "earlier"))
Point = tuple[float, float, date]  # lat, lng, day


class Circle(NamedTuple):
    """Where a cluster is, and how far it reaches."""

    lat: float
    lng: float
    radius_ft: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a map shows."""

    permits: Sequence[Point]
    clusters: Sequence[Circle]
    box: Box
    on: date
    by_cell: bool


async def read_map(
    db: AsyncConnection,
    org_id: int,
    playbook: Playbook,
    *,
    on: date,
    past: bool = False,
    box: Box | None = None,
    by_cell: bool = False,
) -> Drawn:
    """Permits that are felt on a day, and the clusters of the last pass, or of that day if it is `past`.

    Raises InvalidInput if there is nothing to draw.
    """
    rules = rules_of(playbook)
    if box is not None and box.west > box.east:
        raise InvalidInput("a picture does not reach across the date line", fix="draw each side on its own")
    edges = (box.west, box.south, box.east, box.north) if box else (None,) * 4
    found = await rows(
        db, SQL["drawn_permits"], org_id=org_id, works=list(rules.works), until=on, limit=1_000_000,
        since=on - timedelta(days=rules.reach.window_days), **dict(zip("wsen", edges, strict=True)),
    )  # fmt: skip
    if not found:
        where = " there" if box else ""
        raise InvalidInput(
            f"no {rules.words.many} of the {rules.reach.window_days} days before {on} are on record{where}",
            fix="penstock permits list shows what is; --as-of draws an earlier day",
        )
    if past:
        clusters = await _found_on(db, org_id, playbook, on)
    else:
        stored = await rows(db, SQL["clusters"], org_id=org_id, playbook=rules.playbook, ended=False, limit=10_000)
        clusters = [Circle(each["center_lat"], each["center_lng"], each["radius_ft"]) for each in stored]
    permits = [(row["lat"], row["lng"], row["permit_date"]) for row in found]
    area = box or _around(permits)
    inside = [each for each in clusters if area.west <= each.lng <= area.east and area.south <= each.lat <= area.north]
    return Drawn(permits, inside, area, on, by_cell or len(permits) > MOST_DOTS)


async def _found_on(db: AsyncConnection, org_id: int, playbook: Playbook, on: date) -> list[Circle]:
    loaded = await load(db, org_id, playbook, as_of=on)
    return circles(
        find(
            loaded.permits, loaded.own, loaded.properties,
            as_of=day_number(on), density=rules_of(playbook).density,
        ).clusters
    )  # fmt: skip


def circles(clusters: Rows) -> list[Circle]:
    """CLUSTER rows as circles."""
    return [Circle(float(each["lat"]), float(each["lng"]), float(each["radius_ft"])) for each in clusters]


def draw(drawn: Drawn, title: str) -> str:
    """The map as an SVG file, north up."""
    scale, height = _scale(drawn.box)
    size = HEAD + height + BELOW
    pieces = [
        words(MARGIN, 30, title, kind="title"),
        words(MARGIN, 50, _said(drawn), kind="quiet"),
        *(_cells(drawn, scale) if drawn.by_cell else _dots(drawn, scale)),
        *(_ring(each, drawn.box, scale) for each in drawn.clusters),
        *_legend(drawn, size),
        *_scale_bar(scale, size),
    ]
    return document(WIDTH, size, f"{title}. {_said(drawn)}", pieces)


def _said(drawn: Drawn) -> str:
    counted = f"{len(drawn.permits):,} permits up to {drawn.on}, {len(drawn.clusters)} clusters"
    return f"{counted}; permits counted by cell of half a hundredth of a degree" if drawn.by_cell else counted


def _around(permits: Sequence[Point]) -> Box:
    """A box around all permits with some air."""
    lats, lngs = [each[0] for each in permits], [each[1] for each in permits]
    air = max(0.04 * max(max(lats) - min(lats), max(lngs) - min(lngs)), 0.003)
    return Box(
        max(min(lngs) - air, -180), max(min(lats) - air, -90), min(max(lngs) + air, 180), min(max(lats) + air, 90)
    )


def _scale(box: Box) -> tuple[float, float]:
    """(pixels to a metre, height of the map): the box fills the width, or the height where it is tall."""
    wide = max((box.east - box.west) * DEGREE * _narrow(box), 1.0)
    tall = max((box.north - box.south) * DEGREE, 1.0)
    scale = min((WIDTH - 2 * MARGIN) / wide, TALLEST / tall)
    return scale, tall * scale


def _narrow(box: Box) -> float:
    return max(math.cos(math.radians((box.south + box.north) / 2)), 0.01)


def _at(lat: float, lng: float, box: Box, scale: float) -> tuple[float, float]:
    return (
        MARGIN + (lng - box.west) * DEGREE * _narrow(box) * scale,
        HEAD + (box.north - lat) * DEGREE * scale,
    )


def _age(day: date, on: date) -> int:
    return next(number for number, (until, _) in enumerate(AGES) if (on - day).days < until)


def _ring(cluster: Circle, box: Box, scale: float) -> str:
    return dot(*_at(cluster.lat, cluster.lng, box, scale), max(cluster.radius_ft * FOOT * scale, 9.0), "ring")


def _dots(drawn: Drawn, scale: float) -> Iterator[str]:
    """The oldest first, so that the latest lie on top."""
    for lat, lng, day in sorted(drawn.permits, key=lambda each: each[2]):
        yield dot(*_at(lat, lng, drawn.box, scale), 3.0, f"d{_age(day, drawn.on)}")


def _cells(drawn: Drawn, scale: float) -> Iterator[str]:
    """One dot in the middle of a cell, its area by the count, its colour by the latest."""
    counted: dict[tuple[int, int], list[date]] = {}
    for lat, lng, day in drawn.permits:
        counted.setdefault((math.floor(lat * PER_DEGREE), math.floor(lng * PER_DEGREE)), []).append(day)
    for (row, column), days in sorted(counted.items()):
        at = _at((row + 0.5) / PER_DEGREE, (column + 0.5) / PER_DEGREE, drawn.box, scale)
        yield dot(*at, min(2.2 + 1.3 * math.sqrt(len(days)), 14.0), f"d{_age(max(days), drawn.on)}")


def _legend(drawn: Drawn, height: float) -> Iterator[str]:
    y, x = height - 22, MARGIN + 6
    for number, (_, said) in enumerate(AGES):
        yield dot(x, y - 4, 4.5, f"d{number}")
        yield words(x + 10, y, said)
        x += 30 + 7.5 * len(said)
    if drawn.clusters:
        yield dot(x, y - 4, 7, "ring")
        yield words(x + 13, y, "cluster")


def _scale_bar(scale: float, height: float) -> Iterator[str]:
    """A round distance that takes about an eighth of the width."""
    mile = 5280 * FOOT
    wanted = WIDTH / 8 / scale / mile
    miles = next((size for size in (50, 20, 10, 5, 2, 1, 0.5, 0.25, 0.1) if size <= wanted), 0.05)
    right, y = WIDTH - MARGIN, height - 24
    yield line(right - miles * mile * scale, y, right, y, "whisker")
    yield words(right, y - 6, f"{miles:g} mile{'' if miles <= 1 else 's'}", anchor="end")
