"""The rate limiter lets a minute's worth through, then the rate, per caller and in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import limits
from penstock.api.limits import RateLimiter


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_passes_at_once_and_then_one_per_interval() -> None:
    seconds = Seconds()
    limiter = RateLimiter(100, seconds=seconds)
    assert [limiter.wait_s("a") for _ in range(100)] == [0] * 100
    assert limiter.wait_s("a") == 1
    assert limiter.wait_s("b") == 0, "another caller has a bucket of its own"
    seconds.now += 0.61
    assert limiter.wait_s("a") == 0
    assert limiter.wait_s("a") == 1


def test_the_wait_it_names_is_enough() -> None:
    seconds = Seconds()
    limiter = RateLimiter(2, seconds=seconds)
    limiter.wait_s("a"), limiter.wait_s("a")
    seconds.now += limiter.wait_s("a")
    assert limiter.wait_s("a") == 0


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=300))
def test_no_pattern_of_arrival_beats_the_rate(gaps: list[float]) -> None:
    seconds = Seconds()
    limiter = RateLimiter(30, seconds=seconds)
    passed = 0
    for gap in gaps:
        seconds.now += gap
        passed += limiter.wait_s("a") == 0
    assert passed <= 30 + (seconds.now - 1000.0) * 30 / 60 + 1e-6


def test_a_flood_of_addresses_cannot_grow_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CALLERS", 10)
    limiter = RateLimiter(100, seconds=Seconds())
    for n in range(1000):
        limiter.wait_s(str(n))
    assert len(limiter._buckets) == 10


def test_no_limit_is_none() -> None:
    limiter = RateLimiter(0, seconds=Seconds())
    assert {limiter.wait_s("a") for _ in range(1000)} == {0}
