"""The town's own clock: set by whoever simulates, or the real one with people who live faster (`pace`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from penstock.town import odds

START: Final = datetime(2026, 1, 5, 17, tzinfo=UTC)  # until somebody sets the clock
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Clock:
    """Time in the town. Simulated (`pace` None): stands still until set. Wall: real time, delays divided by `pace`."""

    def __init__(self, pace: float | None = None) -> None:
        self._pace = pace
        self._now = START

    @property
    def is_wall(self) -> bool:
        """True when the clock is the real one and nobody can set it."""
        return self._pace is not None

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC) if self.is_wall else self._now

    def reach(self, instant: datetime) -> None:
        """Move on to `instant`; never back, and a wall clock moves by itself."""
        self._now = max(self._now, instant)

    def put(self, instant: datetime) -> None:
        """Set a simulated clock, forwards or backwards."""
        self._now = instant

    def after(self, delay: timedelta, since: datetime | None = None) -> datetime:
        """When something due in `delay` happens: on the grid of simulated time; a wall clock divides by its pace."""
        if self._pace is not None:
            return (since or self.now()) + delay / self._pace
        return on_grid((since or self.now()) + delay)


def on_grid(instant: datetime) -> datetime:
    """`instant`, or the next point of the 15 minute grid after it."""
    return EPOCH + -((EPOCH - instant) // odds.GRID) * odds.GRID


def parse_instant(text: str) -> datetime:
    """An aware UTC datetime out of ISO 8601. Raises ValueError, also where the offset is missing."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no UTC offset")
    return instant.astimezone(UTC)


def stamp(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, the way the vendors write it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
