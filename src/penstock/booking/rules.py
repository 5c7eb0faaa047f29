"""Decisions of the booking stage: which slots to offer, how to say them, in whose time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import zipcodes

NOTICE = timedelta(hours=2)
"""A broker gets at least this long to prepare."""
OFFERED = 3


@lru_cache(maxsize=4096)
def zone_of(postal_code: str | None, fallback: str) -> ZoneInfo:
    """The zone to name times in: that of the ZIP code, else `fallback`."""
    usable = postal_code if re.fullmatch(r"\d{5}", postal_code or "") else None
    places = zipcodes.matching(usable) if usable else []  # type: ignore[no-untyped-call]
    for name in [*(place["timezone"] for place in places[:1]), fallback]:
        try:
            return ZoneInfo(name or "")
        except (ZoneInfoNotFoundError, ValueError):  # the table holds a few names that are no zones
            continue
    return ZoneInfo("UTC")


def parse_start(value: object) -> datetime | None:
    """The instant an assistant names for a slot, or None if it names none; text without an offset is UTC, as agreed."""
    if not isinstance(value, str):
        return None
    try:
        start = datetime.fromisoformat(value)
    except ValueError:
        return None
    return start if start.tzinfo else start.replace(tzinfo=UTC)


def offer(free: Sequence[datetime], *, now: datetime, wish: datetime | None = None) -> list[datetime]:
    """Up to three free starts to say on the phone, in order: those nearest to the wish, else the first of each day."""
    possible = sorted(start for start in free if start >= now + NOTICE)
    if wish is not None:
        return sorted(sorted(possible, key=lambda start: abs(start - wish))[:OFFERED])
    first_of_day: dict[object, datetime] = {}
    for start in possible:
        first_of_day.setdefault(start.date(), start)
    return list(first_of_day.values())[:OFFERED]


def spoken(start: datetime, zone: ZoneInfo) -> str:
    """A start as it is said: `Tuesday, December 1 at 3:30 PM EST`."""
    local = start.astimezone(zone)
    hour = local.hour % 12 or 12
    return f"{local:%A}, {local:%B} {local.day} at {hour}:{local:%M %p} {local.tzname()}"
