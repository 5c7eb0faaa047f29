"""The one place that knows what time it is. SQL's twin is `app.now()`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_held: datetime | None = None


def now() -> datetime:
    """The instant, aware, in UTC: the wall clock, or the one that is held."""
    return _held if _held is not None else datetime.now(UTC)


def held() -> datetime | None:
    """The held instant, or None when the wall clock runs. Database transactions pass it on to `app.now()`."""
    return _held


def hold(at: datetime) -> None:
    """Stop the clock at `at` (aware). A simulation moves from instant to instant with it."""
    global _held
    if at.tzinfo is None:
        raise ValueError("clock.hold needs an aware datetime")
    _held = at.astimezone(UTC)


def release() -> None:
    """Let the wall clock run again."""
    global _held
    _held = None


@contextmanager
def held_at(at: datetime) -> Iterator[None]:
    """Hold the clock for a block, and put back what was before."""
    global _held
    before = _held
    hold(at)
    try:
        yield
    finally:
        _held = before


def stopwatch() -> float:
    """Seconds for measuring durations; never held, of no use as a date."""
    return time.perf_counter()
