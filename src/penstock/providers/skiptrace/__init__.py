"""Skip trace: who owns this property, and by which phones and emails can they be reached? The expensive step."""

from collections.abc import Callable, Mapping

import httpx

from penstock.providers import Account
from penstock.providers.contacts import ContactFinder
from penstock.providers.skiptrace import batchdata

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], ContactFinder]] = {"batchdata": batchdata.BatchData}
