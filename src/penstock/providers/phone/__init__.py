"""Phone checks: is the number alive, what kind of line is it on, and is it on a list we must respect?"""

from collections.abc import Callable, Mapping

import httpx

from penstock.core.settings import Settings
from penstock.providers import Account, account
from penstock.providers.checks import Checker
from penstock.providers.phone import batchdata

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Checker]] = {"batchdata": batchdata.BatchData}


def connect(client: httpx.AsyncClient, settings: Settings, vendor: str) -> Checker:
    """The checker called `vendor`, as the settings have it. Raises NotConfigured."""
    return REGISTRY[vendor](client, account(settings, vendor, capability="phone"))
