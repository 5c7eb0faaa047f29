"""Geocoding: where is an address? The best place a vendor knows for it, or why there is none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import httpx

from penstock.providers import Account
from penstock.providers.geocoding import census
from penstock.providers.geocoding.words import Located, Place


class Geocoder(Protocol):
    """What every geocoder promises. Raises ProviderBusy or ProviderRefused for the batch as a whole."""

    batch_size: int

    async def locate(self, places: Sequence[Place]) -> list[Located]:
        """One answer per place, in order; at most `batch_size` of them."""
        ...


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Geocoder]] = {"census": census.Census}

__all__ = ["REGISTRY", "Geocoder", "Located", "Place"]
