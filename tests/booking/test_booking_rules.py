"""Slots, times, links."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from penstock.booking import link_for, rules
from penstock.core.context import Context

NOW = datetime(2026, 11, 30, 17, tzinfo=UTC)


def test_a_time_is_said_in_the_persons_own_zone() -> None:
    assert rules.spoken(datetime(2026, 12, 1, 20, 30, tzinfo=UTC), rules.zone_of("33602", "UTC")) == (
        "Tuesday, December 1 at 3:30 PM EST"
    )


@pytest.mark.parametrize(
    ("postal_code", "zone"),
    [
        ("33602", "America/New_York"),
        ("75201", "America/Chicago"),
        (None, "America/Denver"),
        ("99634", "America/Denver"),
    ],
)
def test_the_zone_is_that_of_the_zip_code_or_the_fallback(postal_code: str | None, zone: str) -> None:
    assert rules.zone_of(postal_code, "America/Denver").key == zone  # 99634 has a name in the table that is no zone


def test_without_a_wish_the_first_slot_of_each_day_is_offered() -> None:
    free = [NOW + timedelta(hours=h) for h in (3, 4, 27, 28, 51, 75)]
    assert rules.offer(free, now=NOW) == [free[0], free[2], free[4]]


def test_with_a_wish_the_nearest_slots_are_offered_in_order() -> None:
    free = [NOW + timedelta(hours=h) for h in (3, 20, 24, 28, 75)]
    assert rules.offer(free, now=NOW, wish=NOW + timedelta(hours=25)) == free[1:4]


def test_a_slot_in_an_hour_is_too_soon() -> None:
    assert rules.offer([NOW + timedelta(hours=1)], now=NOW) == []


@pytest.mark.parametrize("text", ["tomorrow", "", None, 5])
def test_what_is_no_time_is_none(text: object) -> None:
    assert rules.parse_start(text) is None


def test_a_time_without_offset_is_utc() -> None:
    assert rules.parse_start("2026-12-01T15:00:00") == datetime(2026, 12, 1, 15, tzinfo=UTC)


def test_the_booking_link_carries_the_lead(ctx: Context) -> None:
    link = link_for(ctx, lead_id=UUID(int=7), username="bea", slug="equity call")
    assert link == f"https://cal.com/bea/equity%20call?metadata%5Blead_id%5D={UUID(int=7)}"
