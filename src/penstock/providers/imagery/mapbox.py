"""Mapbox static images: satellite pictures of the world, charged per request.

Whether they may be kept and read by machines is a matter of your contract with Mapbox.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from penstock.core.http import Request, ask
from penstock.providers import Account, Reply
from penstock.providers.imagery.inspection import inspect
from penstock.providers.imagery.words import (
    SIZE_PX,
    Image,
    NoImage,
    Spot,
    as_raw,
    meters_per_pixel,
    of_raw,
    zoom_for,
)

VENDOR = "mapbox"
STYLE: Final = "mapbox/satellite-v9"
LICENSE: Final = "© Mapbox © Maxar, by contract"
WORLD_PX: Final = 512  # Mapbox counts its zoom from a world of one tile of 512 pixels
CLOSEST: Final = 22.0


class Mapbox:
    """The static images API over the shared client."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, spot: Spot) -> Reply:
        """The picture around a spot. Each answer is charged."""
        return parse_answer((await ask(self._client, build_request(self._account, spot))).content, spot)

    def read(self, raw: Mapping[str, Any]) -> Image | NoImage:
        """What a kept answer holds."""
        return of_raw(raw)


def build_request(account: Account, spot: Spot) -> Request:
    """One static image, north up. The key goes in the query."""
    where = f"{spot.lng:.6f},{spot.lat:.6f},{zoom(spot):.2f},0"
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(f"/styles/v1/{STYLE}/static/{where}/{SIZE_PX}x{SIZE_PX}"),
        query={"access_token": account.key},
        timeout_s=account.timeout_s,
    )


def zoom(spot: Spot) -> float:
    """The zoom, to a hundredth, at which the picture is the square we look at."""
    return min(CLOSEST, round(zoom_for(spot.lat, tile_px=WORLD_PX), 2))


def parse_answer(content: bytes, spot: Spot) -> Reply:
    """The body as a reply. Raises ProviderRefused for text in its place, ProviderUnclear for a damaged picture."""
    media_type = inspect(VENDOR, content, (SIZE_PX, SIZE_PX), paid=True)
    if media_type is None:
        return Reply(raw={"nothing": "mapbox has no picture of this place"}, billable=True)
    scale = meters_per_pixel(spot.lat, zoom(spot), WORLD_PX)
    return Reply(raw=as_raw(Image(content, media_type, LICENSE, None, scale)), billable=True)
