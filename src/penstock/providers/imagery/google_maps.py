"""Google Static Maps: satellite pictures, per request.

Its public terms forbid keeping pictures and having machines read them. No playbook names it; it answers only where the
settings say that a contract allows both.
"""

from collections.abc import Mapping
from math import floor
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

VENDOR = "google_maps"
PATH: Final = "/maps/api/staticmap"
LICENSE: Final = "© Google, by contract"
CLOSEST: Final = 21


class GoogleMaps:
    """The static maps API over the shared client."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, spot: Spot) -> Reply:
        """The picture around a spot. Each answer is charged."""
        return parse_answer((await ask(self._client, build_request(self._account, spot))).content, spot)

    def read(self, raw: Mapping[str, Any]) -> Image | NoImage:
        """What a kept answer holds."""
        return of_raw(raw)


def build_request(account: Account, spot: Spot) -> Request:
    """One satellite picture. A bad key is HTTP 403 with a text."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(PATH),
        query={
            "center": f"{spot.lat:.6f},{spot.lng:.6f}",
            "zoom": str(zoom(spot)),
            "size": f"{SIZE_PX}x{SIZE_PX}",
            "maptype": "satellite",
            "format": "jpg",
            "key": account.key,
        },
        timeout_s=account.timeout_s,
    )


def zoom(spot: Spot) -> int:
    """The closest whole zoom whose picture holds the square we look at."""
    return min(CLOSEST, floor(zoom_for(spot.lat)))


def parse_answer(content: bytes, spot: Spot) -> Reply:
    """The body as a reply. Raises ProviderRefused for text in its place, ProviderUnclear for a damaged picture."""
    media_type = inspect(VENDOR, content, (SIZE_PX, SIZE_PX), paid=True)
    if media_type is None:
        return Reply(raw={"nothing": "google_maps has no picture of this place"}, billable=True)
    scale = meters_per_pixel(spot.lat, zoom(spot))
    return Reply(raw=as_raw(Image(content, media_type, LICENSE, None, scale)), billable=True)
