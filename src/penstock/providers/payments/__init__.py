"""Payments: customers, subscriptions with metered prices, and usage that is told once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import httpx

from penstock.providers import Account
from penstock.providers.payments import stripe
from penstock.providers.payments.words import Buyer, Counted, News, Page, Price, Subscription, Usage


class Payments(Protocol):
    """What every payment service promises. Raises ProviderBusy, ProviderUnclear, ProviderRefused, NotConfigured."""

    async def customer(self, buyer: Buyer) -> str:
        """The id of a buyer's customer: the one made before, else a new one."""

    async def price(self, key: str) -> Price | None:
        """The price that is looked up under `key`, if there is one."""

    async def checkout(self, customer: str, price: str, *, reference: str, done: str, left: str) -> Page:
        """Where the customer enters a card and begins a subscription; they come back to `done` or `left`."""

    async def expire(self, page: str) -> None:
        """End a page, so that nobody enters a card there any more; one that was used or has ended stays as it is."""

    async def portal(self, customer: str, *, back: str) -> str:
        """Where a customer changes the card or the plan, reads invoices, ends the subscription."""

    async def subscriptions(self, customer: str) -> Sequence[Subscription]:
        """All that the customer ever began, as they are now."""

    async def cancel(self, subscription: str, *, at_period_end: bool) -> Subscription:
        """End a subscription; doing it twice does no harm."""

    async def meter(self, event: str) -> str | None:
        """The id of the meter that counts events of this name, if there is one."""

    async def make_meter(self, event: str, *, name: str) -> str:
        """A new meter that sums up the events of this name; gives its id."""

    async def make_price(self, key: str, *, cents: Decimal, meter: str, name: str) -> Price:
        """A new monthly price in US cents for each unit that `meter` counts."""

    async def tell(self, event: str, usage: Usage) -> None:
        """Tell that something was used. Telling it again within a day does no harm."""

    async def forget(self, event: str, identifier: str) -> None:
        """Take back usage that was told within the last day."""

    async def counted(self, meter: str, customer: str, *, since: datetime, until: datetime) -> Sequence[Counted]:
        """What was counted for a customer, by day in UTC; days without may be missing. Both ends are midnights UTC."""


REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], Payments]] = {"stripe": stripe.Stripe}

__all__ = ["REGISTRY", "Buyer", "Counted", "News", "Page", "Payments", "Price", "Subscription", "Usage"]
