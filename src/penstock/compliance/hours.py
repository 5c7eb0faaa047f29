"""Local hours: when each state's door is open, in every zone where the person may be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays as holiday_library
from dateutil.easter import easter
from dateutil.relativedelta import relativedelta

from penstock.compliance.ruleset import HolidayRow, Hours, RuleSet

Blocked = Literal["day", "hour"]


@lru_cache(maxsize=4096)
def holidays(rules: RuleSet, state: str, year: int) -> frozenset[date]:
    """Every holiday of `state` in `year`, statutory and observed.

    The neighbouring years are computed too, because New Year's Day of a Saturday is observed in the year before.
    """
    years = (year - 1, year, year + 1)
    days = set(_library(state, years))
    if row := rules.holidays.get(state):
        days |= {day for each in years for day in _additions(row, each)} | row.proclaimed
        days |= {day + timedelta(days=row.sunday) for day in days if row.sunday and day.weekday() == 6}
        days |= {day + timedelta(days=row.saturday) for day in days if row.saturday and day.weekday() == 5}
    return frozenset(day for day in days if day.year == year)


def _library(state: str, years: tuple[int, ...]) -> Iterable[date]:
    days: Iterable[date] = holiday_library.country_holidays("US", subdiv=state, years=years).keys()
    return days


def _additions(row: HolidayRow, year: int) -> Iterable[date]:
    for rule, value in row.days:
        if rule == "easter":
            yield easter(year) + timedelta(days=value)
        elif rule == "date":
            yield date.fromisoformat(f"{year}-{value}")
        elif rule == "nth":
            yield _nth(year, *value)
        elif rule == "after_thanksgiving":
            yield _nth(year, 11, 3, 4) + timedelta(days=value)
        elif rule == "election" and (value == "all" or year % 2 == 0):
            yield _nth(year, 11, 0, 1) + timedelta(days=1)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th `weekday` (Monday 0) of a month."""
    return date(year, month, 1) + timedelta(days=(weekday - date(year, month, 1).weekday()) % 7 + 7 * (n - 1))


@lru_cache(maxsize=65536)
def hours(rules: RuleSet, state: str, channel: str, day: date) -> Hours:
    """Local calling hours of `state` on `day`, never wider than the federal window."""
    row = rules.row(state)
    table = row.ai_hours if channel == "voice_ai" else row.hours
    kept = [rules.limits.federal_window, table[("weekday", "saturday", "sunday")[max(0, day.weekday() - 4)]]]
    if "holiday" in table and day in holidays(rules, state, day.year):
        kept.append(table["holiday"])
    return _common(kept)


def _common(windows: list[Hours]) -> Hours:
    open_windows = [window for window in windows if window is not None]
    if len(open_windows) < len(windows):
        return None
    opens, closes = max(o for o, _ in open_windows), min(c for _, c in open_windows)
    return (opens, closes) if opens < closes else None


class Doors:
    """The calling windows of one contact: every state's row in every zone, all of which must be open at once."""

    def __init__(
        self, rules: RuleSet, states: Iterable[str], zones: Iterable[str], channel: str, *, guard_minutes: int
    ) -> None:
        self._rules, self._channel, self._guard = rules, channel, guard_minutes
        self._states = tuple(states)
        self._zones = tuple(ZoneInfo(name) for name in zones)

    def blocked(self, at: datetime, kind: Blocked) -> datetime | None:
        """When, at the earliest, no zone and state blocks by `kind` any more; None if none does at `at`.

        A closed day ends at the next local midnight, a closed hour at the opening of that day or else at midnight.
        """
        ends = [self._ends(at, zone, state, kind) for zone in self._zones for state in self._states]
        return max((end for end in ends if end), default=None)

    def closes(self, at: datetime, *, guarded: bool = True) -> datetime | None:
        """When the first of the windows open at `at` closes."""
        found: list[datetime] = []
        for zone in self._zones:
            day = at.astimezone(zone).date()
            for state in self._states:
                if window := hours(self._rules, state, self._channel, day):
                    found.append(_instant(zone, day, window[1] - (self._guard if guarded else 0)))
        return min(found, default=None)

    def _ends(self, at: datetime, zone: ZoneInfo, state: str, kind: Blocked) -> datetime | None:
        local = at.astimezone(zone)
        window = hours(self._rules, state, self._channel, local.date())
        if (window is None) != (kind == "day"):
            return None
        if window is None:
            return _instant(zone, local.date(), 24 * 60)
        return outside(at, zone, window[0] + self._guard, window[1] - self._guard)


def outside(at: datetime, zone: ZoneInfo, opens: int, closes: int) -> datetime | None:
    """When a daily window [opens, closes), local minutes, lets through next; None if `at` is inside it."""
    day = at.astimezone(zone).date()
    start = _instant(zone, day, opens)
    if at < start:
        return start
    return None if at < _instant(zone, day, closes) else _instant(zone, day, 24 * 60)


@lru_cache(maxsize=65536)
def _instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """The UTC instant of a local wall-clock time.

    In the hour a zone skips or repeats, the first reading (all windows lie outside it).
    """
    days, rest = divmod(minutes, 24 * 60)
    local = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), tzinfo=zone)
    return local.astimezone(UTC)


def months_after(day: date, months: int) -> date:
    """The same day `months` calendar months on, clamped to the end of the month."""
    return day + relativedelta(months=months)
