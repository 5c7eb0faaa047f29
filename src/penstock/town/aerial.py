"""What houses look like from above: drawn from the seed and the coordinates, and worn as far as the roof is old.

A picture can be read again (`wear_of`): that is what the town's vision models do, so that they see what is there.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import atan, cos, degrees, hypot, pi, radians, sin, sinh
from random import Random
from typing import Final

from PIL import Image, ImageDraw

from penstock.town.dice import Dice
from penstock.town.permits import City, House

EARTH_M: Final = 6_378_137.0
DEGREE_M: Final = 2 * pi * EARTH_M / 360
CELL: Final = 0.0001  # degrees: houses are looked up by the cell that they stand in
LASTS_YEARS: Final = 26  # a roof that old is worn through
WAITED_YEARS: Final = 24  # by then somebody has replaced it, with a permit or without
ROOFS: Final = {"asphalt shingle": (126, 122, 120), "metal": (150, 158, 166), "tile": (168, 104, 78)}
PATCH: Final = (34, 30, 30)
GRASS: Final = (92, 128, 70)
ROAD: Final = (206, 202, 190)
PATCHES: Final = 26  # on a roof that is worn through


class Views:
    """Pictures over one town and the cities whose houses are known."""

    def __init__(self, dice: Dice, cities: Iterable[City]) -> None:
        self._dice, self._cities = dice, tuple(cities)
        self._houses: dict[str, Mapping[tuple[int, int], list[House]]] = {}

    def picture(self, lat: float, lng: float, size: int, now: datetime) -> bytes:
        """A JPEG of `size` pixels a side: grass, a road, a roof with as many dark patches as it is worn."""
        lat, lng = round(lat, 5), round(lng, 5)
        return draw(Random(f"{self._dice.seed} {lat} {lng}"), size, self.wear(lat, lng, now), self.material(lat, lng))

    def wear(self, lat: float, lng: float, now: datetime) -> float:
        """From 0 (new) to 1 (worn through)."""
        found = self._house(lat, lng)
        if found is None:
            return self._dice.roll("wear", lat, lng)
        return min(1.0, max(0.0, (now.year - _roofed(*found, now)) / LASTS_YEARS))

    def material(self, lat: float, lng: float) -> str:
        """Shingle mostly."""
        return self._dice.weighted({"metal": 0.12, "tile": 0.08}, "material", lat, lng, otherwise="asphalt shingle")

    def _house(self, lat: float, lng: float) -> tuple[City, House] | None:
        row, column = _cell(lat, lng)
        near = [
            (city, house)
            for city in self._cities
            if city.reaches(lat, lng)
            for r in (row - 1, row, row + 1)
            for c in (column - 1, column, column + 1)
            for house in self._cells(city).get((r, c), ())
            if meters(house.lat, house.lng, lat, lng) < 6
        ]
        return min(near, key=lambda found: meters(found[1].lat, found[1].lng, lat, lng), default=None)

    def _cells(self, city: City) -> Mapping[tuple[int, int], list[House]]:
        """The houses of a city by the cell that they stand in."""
        if city.name not in self._houses:
            cells: dict[tuple[int, int], list[House]] = {}
            for street in city.streets:
                for house in street:
                    cells.setdefault(_cell(house.lat, house.lng), []).append(house)
            self._houses[city.name] = cells
        return self._houses[city.name]


def _roofed(city: City, house: House, now: datetime) -> int:
    """The year of its roof: of the last re-roof that the city knows of, else by its age; nobody waits for ever."""
    done = [p.completed.year for p in city.permits(now) if p.house == house and p.kind == "reroof"]
    last = max([house.year_built, *(year for year in done if year <= now.year)])
    return last + (now.year - last) // WAITED_YEARS * WAITED_YEARS


def draw(random: Random, size: int, wear: float, material: str) -> bytes:
    """The picture of a roof as JPEG."""
    speckle = Image.frombytes("L", (64, 64), random.randbytes(64 * 64)).resize((size, size), Image.Resampling.BILINEAR)
    ground = Image.merge("RGB", [speckle.point(lambda v, base=base: base + v // 8 - 16) for base in GRASS])
    pen = ImageDraw.Draw(ground)
    pen.rectangle((0, int(size * 0.9), size, size), fill=ROAD)
    half, turn = size * random.uniform(0.24, 0.3), radians(random.uniform(-20, 20))
    pen.polygon(_turned(size / 2, size / 2, half, half * 0.75, turn), fill=ROOFS[material])
    for _ in range(round(wear * PATCHES)):
        x, y = random.uniform(-0.8, 0.8) * half, random.uniform(-0.6, 0.6) * half
        middle = size / 2 + x * cos(turn) - y * sin(turn), size / 2 + x * sin(turn) + y * cos(turn)
        pen.polygon(_turned(*middle, half * 0.13, half * 0.1, turn), fill=PATCH)
    out = io.BytesIO()
    ground.save(out, "JPEG", quality=90)
    return out.getvalue()


def blank(size: int) -> bytes:
    """What an image service draws where it has nothing."""
    out = io.BytesIO()
    Image.new("RGB", (size, size), (0, 0, 0)).save(out, "JPEG")
    return out.getvalue()


def wear_of(content: bytes) -> tuple[float, str]:
    """(wear, material) as a keen eye reads them off a picture of ours; a picture without a roof is (-1, "")."""
    known = {**ROOFS, "patch": PATCH, "grass": GRASS, "road": ROAD}
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for colour in known.values() for level in colour])
    with Image.open(io.BytesIO(content)) as picture:
        small = picture.convert("RGB").resize((96, 96), Image.Resampling.NEAREST)
    counted = small.quantize(palette=palette, dither=Image.Dither.NONE).histogram()
    counts = dict(zip(known, counted, strict=False))
    material = max(ROOFS, key=lambda name: counts[name])
    roof = counts["patch"] + counts[material]
    return (min(1.0, 2.8 * counts["patch"] / roof), material) if roof > 180 else (-1.0, "")


def meters(lat: float, lng: float, other_lat: float, other_lng: float) -> float:
    """Between two places close together."""
    north, east = (lat - other_lat) * DEGREE_M, (lng - other_lng) * DEGREE_M * cos(radians(lat))
    return hypot(north, east)


def of_mercator(x: float, y: float) -> tuple[float, float]:
    """(latitude, longitude) of a point in EPSG:3857."""
    return degrees(atan(sinh(y / EARTH_M))), degrees(x / EARTH_M)


def middle_of_tile(zoom: int, column: int, row: int) -> tuple[float, float]:
    """(latitude, longitude) in the middle of a map tile."""
    world = 2 * pi * EARTH_M
    return of_mercator(((column + 0.5) / 2**zoom - 0.5) * world, (0.5 - (row + 0.5) / 2**zoom) * world)


def _cell(lat: float, lng: float) -> tuple[int, int]:
    return int(lat // CELL), int(lng // CELL)


def _turned(x: float, y: float, half_x: float, half_y: float, turn: float) -> list[tuple[float, float]]:
    corners = ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))
    return [(x + dx * cos(turn) - dy * sin(turn), y + dx * sin(turn) + dy * cos(turn)) for dx, dy in corners]
