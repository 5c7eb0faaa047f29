"""Property search: which properties does an area hold? The vendor's own list, page by page, charged by the record."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx

from penstock.core.settings import Settings
from penstock.providers import Account, Reply, account
from penstock.providers.search import batchdata
from penstock.providers.search.words import Area, Box, FoundPlace, Page


class PropertySearch(Protocol):
    """What every search promises. Raises ProviderBusy or ProviderRefused."""

    page_size: int

    async def count(self, area: Area) -> int:
        """How many properties the vendor has there. Costs nothing."""
        ...

    async def fetch(self, area: Area, skip: int, take: int) -> Reply:
        """The records from `skip` on, `take` at most, in one lasting order; `Reply.records` says how many came."""
        ...

    def read(self, raw: Mapping[str, Any]) -> Page:
        """What a stored page says."""
        ...


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], PropertySearch]] = {"batchdata": batchdata.BatchData}

__all__ = ["REGISTRY", "Area", "Box", "FoundPlace", "Page", "PropertySearch", "connect"]


def connect(client: httpx.AsyncClient, settings: Settings, vendor: str) -> PropertySearch:
    """The search called `vendor`, as the settings have it. Raises NotConfigured."""
    return REGISTRY[vendor](client, account(settings, vendor, capability="search"))
