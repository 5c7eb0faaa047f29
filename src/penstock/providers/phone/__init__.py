"""Phone checks: is the number alive, what kind of line is it on, and is it on a list we must respect?"""

from collections.abc import Callable, Mapping

import httpx

from penstock.providers import Account
from penstock.providers.checks import Checker
from penstock.providers.phone import batchdata

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Checker]] = {"batchdata": batchdata.BatchData}
