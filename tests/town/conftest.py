"""Fixtures of the town's own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from town_bench import Bench, Product, a_bench, served


@pytest.fixture
async def product() -> AsyncIterator[Product]:
    """A running product."""
    made = Product()
    made.town_url = "http://town.test"
    async with served(made.app()) as made.url:
        yield made


@pytest.fixture
async def bench(product: Product) -> AsyncIterator[Bench]:
    """A town of seed 7 in this process."""
    async with a_bench(product) as made:
        yield made
