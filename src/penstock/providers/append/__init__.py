"""Append: verify a person at an address and fill in cheap phones and emails; gives the address key (MAK)."""

from collections.abc import Callable, Mapping

import httpx

from penstock.providers import Account
from penstock.providers.append import melissa
from penstock.providers.contacts import ContactFinder

REGISTRY: Mapping[str, Callable[[httpx.AsyncClient, Account], ContactFinder]] = {"melissa": melissa.Melissa}
