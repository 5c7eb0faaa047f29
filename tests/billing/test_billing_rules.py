"""Waterfall prices."""

from collections import Counter
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.billing.rules import Open, Tier, check, period_end, price, series, split, total_cents, unit_cents
from penstock.core.errors import InvalidInput

TIERS = (Tier(1, 30000), Tier(11, 25000), Tier(51, 20000))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Tier, ...]:
    firsts = sorted({1, *draw(st.lists(st.integers(2, 60), max_size=4))})
    return tuple(Tier(first, draw(st.integers(0, 100_000))) for first in firsts)


def test_the_tenth_event_costs_the_first_tier_and_the_eleventh_the_second() -> None:
    assert [unit_cents(TIERS, nth) for nth in (1, 10, 11, 50, 51, 500)] == [30000, 30000, 25000, 25000, 20000, 20000]


def test_a_purchase_across_a_border_is_split_at_the_border() -> None:
    assert [(part.tier.first, part.quantity) for part in split(TIERS, before=8, quantity=45)] == [
        (1, 2),
        (11, 40),
        (51, 3),
    ]


@given(tables(), st.integers(0, 80), st.integers(0, 80))
def test_the_parts_add_up_to_the_whole(tiers: tuple[Tier, ...], before: int, quantity: int) -> None:
    parts = split(tiers, before=before, quantity=quantity)
    assert sum(part.quantity for part in parts) == quantity
    assert total_cents(tiers, before) + sum(part.cents for part in parts) == total_cents(tiers, before + quantity)


@given(tables(), st.integers(0, 80))
def test_the_total_is_the_sum_of_the_single_prices_and_never_falls(tiers: tuple[Tier, ...], quantity: int) -> None:
    singles = [unit_cents(tiers, nth) for nth in range(1, quantity + 1)]
    assert total_cents(tiers, quantity) == sum(singles)
    assert total_cents(tiers, quantity + 1) >= total_cents(tiers, quantity)


@given(tables(), st.lists(st.integers(0, 20), max_size=8), st.randoms(use_true_random=False))
def test_it_does_not_matter_in_which_order_or_portions_events_come(
    tiers: tuple[Tier, ...], portions: list[int], random: object
) -> None:
    def bill(sizes: list[int]) -> int:
        before = total = 0
        for size in sizes:
            total += sum(part.cents for part in split(tiers, before=before, quantity=size))
            before += size
        return total

    shuffled = list(portions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert bill(portions) == bill(shuffled) == total_cents(tiers, sum(portions))


@pytest.mark.parametrize("tiers", [(), (Tier(2, 5),), (Tier(1, 5), Tier(1, 4)), (Tier(1, -1),)])
def test_a_table_with_a_hole_a_fold_or_a_negative_price_is_refused(tiers: tuple[Tier, ...]) -> None:
    with pytest.raises(InvalidInput):
        check(tiers)


ACME, BETA = UUID(int=1), UUID(int=2)
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
PRICES = {("equity", "appointment_set"): TIERS}


def event(
    id: int,
    kind: str = "charge",
    reference: str = "",
    broker: UUID = ACME,
    month: date = NOVEMBER,
    of: str = "appointment_set",
) -> Open:
    return Open(id, broker, "equity", of, kind, reference or str(id), UUID(int=id), month)


def test_counting_goes_on_where_an_earlier_invoice_of_the_month_stopped() -> None:
    lines, _ = price([event(1), event(2)], billed={series(event(1)): 9}, prices=PRICES)
    assert [(line.position, line.amount_cents) for line in lines] == [(10, 30000), (11, 25000)]


def test_each_broker_and_each_month_count_for_themselves() -> None:
    lines, _ = price([event(1), event(2, broker=BETA), event(3, month=DECEMBER)], billed={}, prices=PRICES)
    assert [line.position for line in lines] == [1, 1, 1]


def test_a_credit_takes_back_exactly_what_its_charge_cost() -> None:
    lines, _ = price([event(1), event(2), event(3, "credit", "1")], billed={series(event(1)): 10}, prices=PRICES)
    assert [line.amount_cents for line in lines] == [25000, 25000, -25000]
    assert lines[2].position == lines[0].position


def test_an_event_without_a_price_waits_and_so_does_its_credit() -> None:
    unpriced = [event(1, of="loan_funded"), event(2, "credit", "1", of="loan_funded")]
    assert price(unpriced, billed={}, prices=PRICES) == ([], unpriced)


@given(st.lists(st.sampled_from([ACME, BETA]), max_size=60), st.integers(0, 60))
def test_a_month_closed_in_two_parts_costs_what_it_costs_in_one(brokers: list[UUID], cut: int) -> None:
    charges = [event(n, broker=broker) for n, broker in enumerate(brokers)]
    whole, _ = price(charges, billed={}, prices=PRICES)
    first, _ = price(charges[:cut], billed={}, prices=PRICES)
    second, _ = price(charges[cut:], billed=Counter(series(line.event) for line in first), prices=PRICES)
    assert sorted(first + second, key=lambda line: line.event.id) == whole
    for broker in (ACME, BETA):
        amounts = [line.amount_cents for line in whole if line.event.broker == broker]
        assert sum(amounts) == total_cents(TIERS, len(amounts))


@pytest.mark.parametrize(
    ("month", "until", "end"),
    [
        (NOVEMBER, datetime(2026, 12, 1, tzinfo=UTC), date(2026, 12, 1)),
        (NOVEMBER, datetime(2026, 11, 30, 17, tzinfo=UTC), date(2026, 12, 1)),
        (NOVEMBER, datetime(2026, 11, 12, tzinfo=UTC), date(2026, 11, 12)),
        (NOVEMBER, datetime(2027, 2, 1, tzinfo=UTC), date(2026, 12, 1)),
        (DECEMBER, datetime(2027, 2, 1, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_a_period_ends_with_its_month_or_the_day_it_is_closed(month: date, until: datetime, end: date) -> None:
    assert period_end(month, until) == end
