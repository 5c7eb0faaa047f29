"""Nearmap: aerial pictures of 5 to 7 cm a pixel with the day they were taken, by contract.

A picture is put together: the coverage of the place names its newest survey, and the square is cut out of the tiles of
that day.
"""

import asyncio
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import httpx
from PIL import Image as Pillow

from penstock.core.http import ProviderUnclear, Request, ask, ask_json
from penstock.providers import Account, Reply
from penstock.providers.imagery.inspection import inspect
from penstock.providers.imagery.words import (
    SIZE_PX,
    SQUARE_M,
    TILE_PX,
    Image,
    NoImage,
    Spot,
    as_raw,
    of_raw,
    tiles_of,
)

VENDOR = "nearmap"
LICENSE: Final = "© Nearmap, by contract"
ZOOM: Final = 20
CORNER: Final = 0.0001  # degrees from the place to the corners of the area whose coverage is asked for
QUALITY: Final = 88


class Nearmap:
    """Coverage and tiles over the shared client."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, spot: Spot) -> Reply:
        """The picture around a spot out of the newest survey. Charged if there is one."""
        taken_on = newest(await ask_json(self._client, build_coverage(self._account, spot)))
        if taken_on is None:
            return Reply(raw={"nothing": "nearmap has not flown over this place"}, billable=False)
        tiles, _ = tiles_of(spot, ZOOM)
        requests = [build_tile(self._account, tile, taken_on) for tile in tiles]
        found = await asyncio.gather(*(ask(self._client, request) for request in requests))
        return parse_answer([answer.content for answer in found], spot, taken_on)

    def read(self, raw: Mapping[str, Any]) -> Image | NoImage:
        """What a kept answer holds."""
        return of_raw(raw)


def build_coverage(account: Account, spot: Spot) -> Request:
    """Which surveys hold the place. Free."""
    west, east = spot.lng - CORNER, spot.lng + CORNER
    south, north = spot.lat - CORNER, spot.lat + CORNER
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url("/coverage/v2/poly/" + ",".join(f"{lng:.6f},{lat:.6f}" for lng, lat in corners)),
        query={"apikey": account.key},
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def newest(body: object) -> date | None:
    """The day of the newest survey; None where there is none. Raises ProviderUnclear for no coverage at all."""
    surveys = body.get("surveys") if isinstance(body, Mapping) else None
    if not isinstance(surveys, list):
        raise ProviderUnclear("nearmap answered with something that is no coverage")
    try:
        return max((date.fromisoformat(str(survey["captureDate"])) for survey in surveys), default=None)
    except (TypeError, KeyError, ValueError) as error:
        raise ProviderUnclear("nearmap named a survey without its day") from error


def build_tile(account: Account, tile: tuple[int, int], taken_on: date) -> Request:
    """One tile of that day, looked at from straight above."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(f"/tiles/v3/Vert/{ZOOM}/{tile[0]}/{tile[1]}.img"),
        query={"apikey": account.key, "since": taken_on.isoformat(), "until": taken_on.isoformat()},
        timeout_s=account.timeout_s,
    )


def parse_answer(contents: Sequence[bytes], spot: Spot, taken_on: date) -> Reply:
    """The square out of its tiles, as JPEG. Raises ProviderRefused or ProviderUnclear if a tile is no sound picture."""
    tiles, (left, top, side) = tiles_of(spot, ZOOM)
    seen = [inspect(VENDOR, content, (TILE_PX, TILE_PX), paid=True) for content in contents]
    if not any(seen):
        return Reply(raw={"nothing": "nearmap's tiles of this place are empty"}, billable=True)
    west, north = tiles[0]
    sheet = Pillow.new("RGB", ((tiles[-1][0] - west + 1) * TILE_PX, (tiles[-1][1] - north + 1) * TILE_PX))
    for (x, y), content in zip(tiles, contents, strict=True):
        with Pillow.open(io.BytesIO(content)) as tile:
            sheet.paste(tile.convert("RGB"), ((x - west) * TILE_PX, (y - north) * TILE_PX))
    cut = sheet.crop((left, top, left + side, top + side)).resize((SIZE_PX, SIZE_PX), Pillow.Resampling.BICUBIC)
    out = io.BytesIO()
    cut.save(out, "JPEG", quality=QUALITY)
    made = Image(out.getvalue(), "image/jpeg", LICENSE, taken_on, SQUARE_M / SIZE_PX)
    return Reply(raw=as_raw(made), billable=True)
