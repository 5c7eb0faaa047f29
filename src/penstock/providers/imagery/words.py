"""What a source of pictures is asked and can answer, in our own words; and where a picture's corners are."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import asinh, cos, floor, log2, pi, radians, tan
from typing import Any, Final

from penstock.core.errors import InvalidInput

SQUARE_M: Final = 40.0  # what a picture shows: a house and the strip around it, metres of ground a side
SIZE_PX: Final = 512
EARTH_M: Final = 6_378_137.0  # radius of the sphere that web maps draw
TILE_PX: Final = 256
NORTHMOST: Final = 85.0  # degrees; beyond it the projection has no end


@dataclass(frozen=True, slots=True)
class Spot:
    """The middle of a picture, degrees (WGS84). Raises InvalidInput off the map."""

    lat: float
    lng: float

    def __post_init__(self) -> None:
        if not (-NORTHMOST <= self.lat <= NORTHMOST and -180 <= self.lng <= 180):
            raise InvalidInput(f"({self.lat}, {self.lng}) is not on the map", fix="give latitude, then longitude")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture from above. `taken_on`: if the source says. `meters_per_pixel`: of ground."""

    content: bytes
    media_type: str
    license: str
    taken_on: date | None
    meters_per_pixel: float


@dataclass(frozen=True, slots=True)
class NoImage:
    """The source has none of this place, and why."""

    reason: str


def as_raw(image: Image) -> dict[str, Any]:
    """A picture as plain values, to be kept as the vendor's answer."""
    return {
        "content": base64.b64encode(image.content).decode(),
        "media_type": image.media_type,
        "license": image.license,
        "taken_on": image.taken_on.isoformat() if image.taken_on else None,
        "meters_per_pixel": image.meters_per_pixel,
    }


def of_raw(raw: Mapping[str, Any]) -> Image | NoImage:
    """What a kept answer holds. Pure: the same answer always reads the same."""
    if "content" not in raw:
        return NoImage(str(raw.get("nothing") or "no picture"))
    return Image(
        content=base64.b64decode(raw["content"]),
        media_type=str(raw["media_type"]),
        license=str(raw["license"]),
        taken_on=date.fromisoformat(raw["taken_on"]) if raw.get("taken_on") else None,
        meters_per_pixel=float(raw["meters_per_pixel"]),
    )


def mercator(spot: Spot) -> tuple[float, float]:
    """(x, y) in metres of EPSG:3857."""
    return EARTH_M * radians(spot.lng), EARTH_M * asinh(tan(radians(spot.lat)))


def box(spot: Spot, side_m: float = SQUARE_M) -> tuple[float, float, float, float]:
    """(xmin, ymin, xmax, ymax) in EPSG:3857 of a square of ground. The projection stretches by 1 / cos(latitude)."""
    x, y = mercator(spot)
    half = side_m / 2 / cos(radians(spot.lat))
    return x - half, y - half, x + half, y + half


def meters_per_pixel(lat: float, zoom: float, tile_px: int = TILE_PX) -> float:
    """Metres of ground a pixel at a zoom, where zoom 0 is the world on one tile of `tile_px` pixels."""
    return 2 * pi * EARTH_M / tile_px * cos(radians(lat)) / 2**zoom


def zoom_for(lat: float, side_m: float = SQUARE_M, px: int = SIZE_PX, tile_px: int = TILE_PX) -> float:
    """The zoom at which `px` pixels are `side_m` metres of ground."""
    return log2(meters_per_pixel(lat, 0, tile_px) * px / side_m)


def pixel_of(spot: Spot, zoom: int) -> tuple[float, float]:
    """(column, row) of the place in the picture of the whole world at that zoom, from its north-west corner."""
    x, y = mercator(spot)
    world, half = TILE_PX * 2**zoom, pi * EARTH_M
    return (x + half) / (2 * half) * world, (half - y) / (2 * half) * world


def tiles_of(spot: Spot, zoom: int, side_m: float = SQUARE_M) -> tuple[list[tuple[int, int]], tuple[int, int, int]]:
    """The tiles (column, row) that a square of ground lies on, row by row from the north-west; and where it is in them:
    (left, top, side) in pixels from the corner of the first."""
    column, row = pixel_of(spot, zoom)
    side = round(side_m / meters_per_pixel(spot.lat, zoom))
    left, top = floor(column - side / 2), floor(row - side / 2)
    first = left // TILE_PX, top // TILE_PX
    last = (left + side - 1) // TILE_PX, (top + side - 1) // TILE_PX
    tiles = [(x, y) for y in range(first[1], last[1] + 1) for x in range(first[0], last[0] + 1)]
    return tiles, (left - first[0] * TILE_PX, top - first[1] * TILE_PX, side)
