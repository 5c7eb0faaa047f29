"""Permits: what has a town hall's open-data portal published since? Rows as the portal gives them, page by page."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import httpx

from penstock.providers import Account
from penstock.providers.permits import socrata
from penstock.providers.permits.words import Dataset, Described

Row = Mapping[str, Any]


class PermitPortal(Protocol):
    """What every portal promises. Raises ProviderBusy or ProviderRefused."""

    def pages(
        self, dataset: Dataset, *, since: date | None = None, words: Sequence[str] = ()
    ) -> AsyncIterator[list[Row]]:
        """Every row dated on `since` or later, oldest first, none twice; all that have a date where it is None.

        `words`: only rows whose text holds one of them, in any case. What the portal leaves out of a row is null.
        """
        ...

    async def describe(self, dataset: Dataset) -> Described:
        """What the portal says of the dataset itself."""
        ...


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], PermitPortal]] = {"socrata": socrata.Socrata}

__all__ = ["REGISTRY", "Dataset", "Described", "PermitPortal", "Row"]
