"""The decisions of the voice stage."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.voice.calls import Ending
from penstock.voice import rules
from penstock.voice.rules import Outcome, PoolNumber, best_number, next_attempt_at, outcome

NEW_YORK = ZoneInfo("America/New_York")


def number(id: int, e164: str = "+18135550100", state: str = "FL", health: int = 100, used: int = 0) -> PoolNumber:
    return PoolNumber(id, e164, state, health, used)


def test_a_number_of_the_leads_state_beats_a_healthier_stranger() -> None:
    pool = [number(1, "+12125550100", "NY", health=100), number(2, state="FL", health=40)]
    assert best_number(pool, state="FL", area_code="813") == pool[1]


def test_inside_the_state_the_area_code_comes_before_health() -> None:
    pool = [number(1, "+13055550100", health=100), number(2, "+18135550100", health=40)]
    assert best_number(pool, state="FL", area_code="813") == pool[1]


def test_the_area_code_of_another_state_does_not_make_a_number_local() -> None:
    pool = [number(1, "+12125550100", "NY", health=40), number(2, "+14045550100", "GA", health=90)]
    assert best_number(pool, state="FL", area_code="212") == pool[1]


def test_among_equals_the_rested_number_calls_and_then_the_lowest_id() -> None:
    assert best_number([number(1, used=3), number(2, used=1)], state="FL", area_code="813") == number(2, used=1)
    assert best_number([number(7), number(3)], state="FL", area_code="813") == number(3)


def test_an_empty_pool_has_no_number() -> None:
    assert best_number([], state="FL", area_code="813") is None


pools = st.lists(
    st.builds(
        PoolNumber,
        id=st.integers(1, 10_000),
        e164=st.sampled_from(["+18135550100", "+13055550100", "+12125550100"]),
        state=st.sampled_from(["FL", "NY"]),
        health_score=st.integers(0, 100),
        used_today=st.integers(0, 50),
    ),
    min_size=1,
    unique_by=lambda number: number.id,
)


@given(pools, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_the_pool(pool: list[PoolNumber], random: object) -> None:
    shuffled = list(pool)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    chosen = best_number(pool, state="FL", area_code="813")
    assert chosen == best_number(shuffled, state="FL", area_code="813")
    assert chosen is not None
    assert chosen.state == "FL" or all(number.state != "FL" for number in pool)


instants = st.integers(0, 800 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
zones = st.sampled_from([ZoneInfo(name) for name in ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu")])


@given(st.integers(1, 4), instants, zones)
def test_the_next_attempt_is_on_a_later_local_weekday_in_working_hours(n: int, last: datetime, zone: ZoneInfo) -> None:
    at = next_attempt_at(n, last, zone)
    assert at is not None
    local = at.astimezone(zone)
    assert local.weekday() < 5 and time(10) <= local.time() < time(17)
    assert local.date() > last.astimezone(zone).date()
    assert at - last < timedelta(days=5)


def test_there_is_no_sixth_attempt() -> None:
    assert next_attempt_at(5, datetime(2026, 11, 30, 17, tzinfo=UTC), NEW_YORK) is None


def test_a_friday_call_is_tried_again_on_monday_at_another_hour() -> None:
    friday = datetime(2026, 11, 27, 10, 30, tzinfo=NEW_YORK)
    assert next_attempt_at(1, friday, NEW_YORK) == datetime(2026, 11, 30, 15, 30, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("group", "word", "means"),
    [
        (Ending.TALKED, "booked", Outcome.BOOKED),
        (Ending.TALKED, "Not Interested", Outcome.NOT_INTERESTED),
        (Ending.TALKED, "no_interest_now", Outcome.CALLBACK),
        (Ending.TALKED, "do-not-call", Outcome.DO_NOT_CALL),
        (Ending.TALKED, "warm", Outcome.UNKNOWN),
        (Ending.TALKED, None, Outcome.UNKNOWN),
        (Ending.UNKNOWN, "callback", Outcome.CALLBACK),
        (Ending.NO_CONTACT, None, Outcome.NO_ANSWER),
        (Ending.NO_CONTACT, "booked", Outcome.NO_ANSWER),
        (Ending.NO_CONTACT, "do_not_call", Outcome.DO_NOT_CALL),
        (Ending.BAD_NUMBER, None, Outcome.BAD_NUMBER),
        (Ending.START_REFUSED, None, Outcome.VENDOR_FAULT),
        (Ending.OURS, None, Outcome.VENDOR_FAULT),
        (Ending.VENDOR_FAULT, "booked", Outcome.VENDOR_FAULT),
    ],
)
def test_an_outcome_follows_from_how_the_call_ended_and_what_was_said(
    group: Ending, word: str | None, means: Outcome
) -> None:
    assert outcome(group, {"outcome": word} if word else None) is means


def test_a_callback_wish_is_honoured_only_if_it_is_a_real_future_instant() -> None:
    now = datetime(2026, 11, 30, 17, tzinfo=UTC)
    tomorrow = now + timedelta(days=1)
    assert rules.callback_at("2026-12-02T15:00:00Z", now=now, fallback=tomorrow) == datetime(
        2026, 12, 2, 15, tzinfo=UTC
    )
    for wish in ("2026-12-02T15:00:00", "2026-11-29T15:00:00Z", "2031-01-01T00:00:00Z", "soon", None, 7):
        assert rules.callback_at(wish, now=now, fallback=tomorrow) == tomorrow


@given(st.integers(0, 100), st.sampled_from(Outcome))
def test_health_stays_between_0_and_100(health: int, result: Outcome) -> None:
    assert 0 <= rules.health_after(health, result) <= 100
