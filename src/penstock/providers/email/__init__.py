"""Email checks: does the mailbox exist, and is it one that may be written to?"""

from collections.abc import Callable, Mapping

import httpx

from penstock.providers import Account
from penstock.providers.checks import Checker
from penstock.providers.email import melissa

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Checker]] = {"melissa": melissa.Melissa}
