"""Fixtures of the outreach tests: a mail server, and a Context that sends through it."""

from __future__ import annotations

import pytest

from mailhouse import Mailhouse
from penstock.core.context import Context


@pytest.fixture
def sender(house: Mailhouse) -> Context:
    """A Context that sends through `house`."""
    return house.ctx
