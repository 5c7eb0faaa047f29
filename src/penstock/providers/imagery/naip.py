"""USGS NAIP Plus: aerial pictures of the United States, free and in the public domain, 0.3 to 0.6 m a pixel.

Habits: ArcGIS. An error comes as HTTP 200 with JSON, or as a web page while the service is being mended; a place
without pictures is one colour. The mosaic does not say when its parts were taken.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from penstock.core.errors import ProviderError
from penstock.core.http import Request, ask
from penstock.providers import Account, Reply
from penstock.providers.imagery.inspection import free, inspect
from penstock.providers.imagery.words import SIZE_PX, SQUARE_M, Image, NoImage, Spot, as_raw, box, of_raw

VENDOR = "naip"
PATH: Final = "/arcgis/rest/services/USGSNAIPPlus/ImageServer/exportImage"
LICENSE: Final = "USGS NAIP, public domain"


class Naip:
    """The image service over the shared client. The account has no key."""

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, spot: Spot) -> Reply:
        """The picture around a spot, or the answer that there is none. Free."""
        try:
            return parse_answer((await ask(self._client, build_request(self._account, spot))).content)
        except ProviderError as error:
            raise free(error) from error

    def read(self, raw: Mapping[str, Any]) -> Image | NoImage:
        """What a kept answer holds."""
        return of_raw(raw)


def build_request(account: Account, spot: Spot) -> Request:
    """The export of a square of ground in web Mercator."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(PATH),
        query={
            "bbox": ",".join(f"{edge:.2f}" for edge in box(spot)),
            "bboxSR": "3857",
            "imageSR": "3857",
            "size": f"{SIZE_PX},{SIZE_PX}",
            "format": "jpg",
            "f": "image",
        },
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def parse_answer(content: bytes) -> Reply:
    """The body as a reply. Raises ProviderRefused for anything that is no sound picture."""
    media_type = inspect(VENDOR, content, (SIZE_PX, SIZE_PX), paid=False)
    if media_type is None:
        return Reply(raw={"nothing": "naip has no picture of this place"}, billable=False)
    return Reply(raw=as_raw(Image(content, media_type, LICENSE, None, SQUARE_M / SIZE_PX)), billable=False)
