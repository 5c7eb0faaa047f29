"""The words in which we speak of subscriptions and metered usage, whoever keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

Status = Literal["active", "past_due", "paused", "cancelled", "unfinished"]


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who is to become a customer. `key` is ours, and finds the customer again."""

    key: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Price:
    """What a unit costs. `key` is the name under which we look it up; `cents` is None where it has tiers."""

    id: str
    key: str
    cents: Decimal | None
    meter: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page on which a card is entered, once."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription. `key`, `meter`: of its price; `unfinished`: begun and never paid for; `invoice`: its last."""

    id: str
    status: Status
    created: datetime
    item: str | None
    key: str | None
    period_start: datetime | None
    period_end: datetime | None
    cancels_at_period_end: bool = False
    meter: str | None = None
    invoice: str | None = None

    @property
    def lives(self) -> bool:
        """Whether it is paid for, or may be again."""
        return self.status not in ("cancelled", "unfinished")


@dataclass(frozen=True, slots=True)
class Usage:
    """Something that was used. The service counts an `identifier` once within a day; `at` is aware.

    A negative `quantity` takes back what was counted before.
    """

    identifier: str
    customer: str
    quantity: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """What the service counted for a customer in a span, `since` included, `until` not."""

    since: datetime
    until: datetime
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class News:
    """A webhook: something happened to a customer's subscription. `id` is the same on every delivery."""

    id: str
    type: str
    created: datetime
    customer: str | None
    about: Mapping[str, str] = field(default_factory=dict)
