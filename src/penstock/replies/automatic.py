"""Mail that no person typed (RFC 3834), and the day on which an absent person says to be back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

MAX_ABSENCE = timedelta(days=30)
"""A sequence never sleeps longer for an out-of-office answer (EM-05)."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_WHEN = (
    re.compile(r"(?P<year>\d{4})-(?P<m>\d{2})-(?P<day>\d{2})"),
    re.compile(r"(?<!\d)(?P<m>\d{1,2})[/.](?P<day>\d{1,2})(?:[/.](?P<year>\d{4}|\d{2}))?(?!\d)"),
    re.compile(_MONTH + r"\s+" + _DAY + r"(?!\d)(?:,?\s+(?P<year>\d{4}))?"),
    re.compile(_DAY + r"\s+(?:of\s+)?" + _MONTH + r"(?:,?\s+(?P<year>\d{4}))?"),
    re.compile(r"\b(?:next\s+|this\s+|on\s+)*(?P<weekday>mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)day\b"),
    re.compile(r"\b(?P<tomorrow>tomorrow)\b"),
    re.compile(r"\b(?:in|for)\s+(?P<count>an?|one|two|three|four|\d{1,2})\s+(?P<unit>day|week)s?\b"),
    re.compile(r"\b(?P<nextweek>next week)\b"),
)
# Words that put the date after them at the end of the absence. Looked for first: "away from May 1 until May 5".
_RETURN = re.compile(
    r"(?:\bback\b|\breturn(?:ing|s)?\b|\buntil\b|\btill?\b|\bthrough\b|\bthru\b|\bavailable\b"
    r"|\bto the office\b|\bon vacation to\b)"
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4}
_ABSENT = re.compile(
    r"\b(?:out of (?:the )?(?:office|town)|ooo\b|on (?:vacation|holiday|leave|maternity|parental"
    r"|sabbatical)|annual leave"
    r"|away from (?:my|the) (?:desk|office|email)|auto(?:matic)?[- ]?(?:reply|response|responder)"
    r"|limited access to (?:my )?e-?mail"
    r"|(?:i am|i'm|will be) (?:currently )?(?:away|out|travel+ing)\b.{0,60}\b(?:until|return|back|through)"
    r"|fuera de la oficina)",
    re.IGNORECASE | re.DOTALL,
)


def is_automatic(headers: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the headers (lower-case names) say that a machine wrote this (EM-05)."""

    def values(name: str) -> list[str]:
        return [value.strip().lower() for value in headers.get(name, ())]

    submitted = any(not value.startswith("no") for value in values("auto-submitted") if value)
    from_nobody = any(value in ("", "<>") for value in values("return-path"))
    bulk = any(value in ("bulk", "list", "junk", "auto_reply", "auto-reply") for value in values("precedence"))
    listed = any(name.startswith("list-") for name in headers)
    vendor = bool({"x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply-from"} & set(headers))
    return submitted or from_nobody or bulk or listed or vendor


def says_absent(text: str) -> bool:
    """Whether the words are those of an out-of-office answer, whatever its headers say."""
    return bool(_ABSENT.search(text))


def return_date(text: str, today: date) -> date | None:
    """The first day on which the writer is back, between tomorrow and `MAX_ABSENCE` from `today`; None when none is
    stated."""
    folded = " ".join(text.lower().split())
    for cue in _RETURN.finditer(folded):
        found = _first_date(folded[cue.end() : cue.end() + 60], today)
        if found is not None:
            through = cue.group() in ("through", "thru")
            return _within(found + timedelta(days=1 if through else 0), today)
    found = _first_date(folded, today)
    return _within(found, today) if found is not None else None


def _within(day: date, today: date) -> date | None:
    return min(day, today + MAX_ABSENCE) if day > today else None


def _first_date(text: str, today: date) -> date | None:
    matches = [match for pattern in _WHEN if (match := pattern.search(text))]
    for match in sorted(matches, key=lambda found: (found.start(), -found.end())):
        day = _day_of(match.groupdict(), today)
        if day is not None:
            return day
    return None


def _day_of(parts: Mapping[str, str | None], today: date) -> date | None:
    if parts.get("tomorrow"):
        return today + timedelta(days=1)
    if parts.get("nextweek"):
        return today + timedelta(days=7 - today.weekday())
    if weekday := parts.get("weekday"):
        return today + timedelta(days=(_DAYS.index(weekday[:3]) - today.weekday() - 1) % 7 + 1)
    if count := parts.get("count"):
        number = _NUMBERS.get(count) or int(count)
        return today + timedelta(days=number * (7 if parts.get("unit") == "week" else 1))
    month = int(parts.get("m") or 0) or _MONTHS.index(str(parts["month"])[:3]) + 1
    return _calendar_day(parts.get("year"), month, int(parts["day"] or 0), today)


def _calendar_day(year: str | None, month: int, day: int, today: date) -> date | None:
    try:
        if year:
            return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
        this_year = date(today.year, month, day)
    except ValueError:
        return None
    # "back January 4" written in December means the coming year; "May 5" seen on May 9 is a stale answer, not next May.
    coming = this_year + relativedelta(years=1)
    return coming if this_year < today and coming - today <= timedelta(days=180) else this_year
