"""Waterfall prices: each tier's unit price applies to the part of a month's events that falls into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

from penstock.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Tier:
    """From the `first`-th event of the month on (counted from 1), each event costs `unit_cents`."""

    first: int
    unit_cents: int


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a purchase that falls into one tier."""

    tier: Tier
    quantity: int

    @property
    def cents(self) -> int:
        return self.quantity * self.tier.unit_cents


def check(tiers: Sequence[Tier]) -> None:
    """Raises InvalidInput unless the tiers start at 1, rise, and cost nothing negative."""
    if not tiers or tiers[0].first != 1:
        raise InvalidInput("a price table starts with the first event")
    if any(later.first <= earlier.first for earlier, later in pairwise(tiers)):
        raise InvalidInput("the tiers of a price table rise")
    if any(tier.unit_cents < 0 for tier in tiers):
        raise InvalidInput("a price is never negative")


def split(tiers: Sequence[Tier], *, before: int, quantity: int) -> list[Part]:
    """How `quantity` events fall into the tiers after `before` events of the same month; empty parts are left out."""
    check(tiers)
    parts: list[Part] = []
    for index, tier in enumerate(tiers):
        end = tiers[index + 1].first - 1 if index + 1 < len(tiers) else before + quantity
        begin = max(before, tier.first - 1)
        inside = min(before + quantity, end) - begin
        if inside > 0:
            parts.append(Part(tier, inside))
    return parts


def total_cents(tiers: Sequence[Tier], quantity: int) -> int:
    """What `quantity` events of one month cost together."""
    return sum(part.cents for part in split(tiers, before=0, quantity=quantity))


def unit_cents(tiers: Sequence[Tier], nth: int) -> int:
    """The price of the `nth` event of a month, counted from 1."""
    return split(tiers, before=nth - 1, quantity=1)[0].cents


@dataclass(frozen=True, slots=True)
class Open:
    """A billing event that no invoice names yet. `month` is the first day of the month it belongs to, org time.

    A credit takes back the charge of the same event type and `reference`; it belongs to the month of that charge.
    """

    id: int
    broker: UUID
    playbook: str
    event_type: str
    kind: str
    reference: str
    lead: UUID
    month: date


@dataclass(frozen=True, slots=True)
class Line:
    """One event with the price it got. `position` is its rank among the month's charges of its kind."""

    event: Open
    position: int
    unit_cents: int
    amount_cents: int


Series = tuple[UUID, str, str, date]
Prices = Mapping[tuple[str, str], Sequence[Tier]]


def series(event: Open) -> Series:
    """What is counted together to find an event's tier: broker, playbook, event type, month."""
    return (event.broker, event.playbook, event.event_type, event.month)


def price(events: Iterable[Open], *, billed: Mapping[Series, int], prices: Prices) -> tuple[list[Line], list[Open]]:
    """Lines for the events in the order given, and the events that nobody set a price for.

    `billed` says how many charges of a series are on invoices already: counting goes on from there, so a month that is
    closed in two parts costs what it would have cost in one. A charge keeps its position when it is credited, and the
    credit takes back exactly what the charge cost; a credit whose charge is not among the events waits with it.
    """
    counted = dict(billed)
    lines: list[Line] = []
    without_price: list[Open] = []
    charged: dict[tuple[str, str], Line] = {}
    for event in sorted(events, key=lambda event: event.kind != "charge"):
        key = (event.event_type, event.reference)
        if event.kind == "charge":
            tiers = prices.get((event.playbook, event.event_type))
            if not tiers:
                without_price.append(event)
                continue
            counted[series(event)] = position = counted.get(series(event), 0) + 1
            cents = unit_cents(tiers, position)
            charged[key] = Line(event, position, cents, cents)
            lines.append(charged[key])
        elif key in charged:
            charge = charged[key]
            lines.append(Line(event, charge.position, charge.unit_cents, -charge.unit_cents))
        else:
            without_price.append(event)
    return lines, without_price


def month_of(day: date) -> date:
    """The first day of the month of `day`."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after that of `day`."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def period_end(month: date, until: datetime) -> date:
    """The day after the last one that an invoice for `month` covers when it is closed at `until` (in org time)."""
    last = until.date() if until.time() == time(0) else until.date() + timedelta(days=1)
    return min(next_month(month), last)
