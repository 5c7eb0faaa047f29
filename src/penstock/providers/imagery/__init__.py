"""Imagery: what does a place look like from above? A square of 40 m of ground, with its licence."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx

from penstock.core.errors import NotConfigured
from penstock.core.settings import Settings
from penstock.providers import Account, Reply, account
from penstock.providers.imagery import google_maps, mapbox, naip, nearmap
from penstock.providers.imagery.words import Image, NoImage, Spot


class ImageSource(Protocol):
    """What every source promises. Raises ProviderBusy, ProviderUnclear or ProviderRefused."""

    async def fetch(self, spot: Spot) -> Reply:
        """The picture around a spot, looked at and found sound; or the answer that there is none."""

    def read(self, raw: Mapping[str, Any]) -> Image | NoImage:
        """What a stored raw reply holds. Pure: the same raw reply always reads the same."""


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], ImageSource]] = {
    "naip": naip.Naip,
    "mapbox": mapbox.Mapbox,
    "nearmap": nearmap.Nearmap,
    "google_maps": google_maps.GoogleMaps,
}


def connect(client: httpx.AsyncClient, settings: Settings, vendor: str) -> ImageSource:
    """The source of that name. Raises NotConfigured without a key, or where its terms forbid what we do."""
    if vendor == google_maps.VENDOR and not settings.vendors.google_maps.contract_allows_analysis:
        raise NotConfigured(
            "the public terms of google_maps forbid keeping its pictures and having machines read them",
            fix="if your contract allows both: PENSTOCK_VENDORS__GOOGLE_MAPS__CONTRACT_ALLOWS_ANALYSIS=true",
        )
    return REGISTRY[vendor](client, account(settings, vendor))


__all__ = ["REGISTRY", "Image", "ImageSource", "NoImage", "Spot", "connect"]
