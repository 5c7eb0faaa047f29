"""Email checks: does the mailbox exist, and is it one that may be written to?

Vendors are reached with an account; our own check (`mailprobe`) needs none, but a name that may speak on port 25.
"""

from collections.abc import Callable, Mapping

import httpx

from penstock.core.settings import Settings
from penstock.providers import Account, account
from penstock.providers.checks import Checker
from penstock.providers.email import mailprobe, melissa, millionverifier, neverbounce, zerobounce

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Checker]] = {
    "melissa": melissa.Melissa,
    "zerobounce": zerobounce.ZeroBounce,
    "neverbounce": neverbounce.NeverBounce,
    "millionverifier": millionverifier.MillionVerifier,
}


def connect(client: httpx.AsyncClient, settings: Settings, vendor: str) -> Checker:
    """The checker called `vendor`, as the settings have it. Raises NotConfigured."""
    if vendor == mailprobe.VENDOR:
        return mailprobe.connect(client, settings)
    return REGISTRY[vendor](client, account(settings, vendor, capability="email"))
