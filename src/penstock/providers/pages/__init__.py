"""Pages: what stands at a web address now? Read by ourselves, politely, or by a vendor that runs the visit for us."""

from collections.abc import Callable, Mapping

import httpx

from penstock.core.settings import Settings
from penstock.providers.pages import apify, own
from penstock.providers.pages.words import PageSource

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Settings, str], PageSource]] = {
    "own": own.make,
    "apify": apify.make,
}
