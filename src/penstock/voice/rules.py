"""The decisions of the voice stage: which number calls, when the next attempt is due, what a finished call means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from penstock.providers.voice.calls import Ending

MAX_ATTEMPTS = 5
"""Calls to one lead before it counts as unreachable."""

# Weekdays 10 to 17 local lie inside every state's calling window (compliance.md section 4), so a planned instant is
# rarely refused; the gate has the last word. The hours differ from attempt to attempt, because a person who does not
# answer at ten seldom answers at ten the next day.
ATTEMPT_HOURS = (time(10, 30), time(15, 30), time(12, 15), time(16, 30), time(11, 30))
CALLBACK_LIMIT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PoolNumber:
    """One caller number of a broker's pool as it stands at the moment of choice."""

    id: int
    e164: str
    state: str
    health_score: int
    used_today: int

    @property
    def area_code(self) -> str:
        return self.e164[2:5]


def best_number(pool: Iterable[PoolNumber], *, state: str | None, area_code: str) -> PoolNumber | None:
    """The number to call from: local first, then healthy, then rested; None for an empty pool.

    Local means the lead's state, and inside that state the lead's area code; an area code alone never counts, because
    people keep their number when they move. Ties end with the lowest id, so the choice never depends on row order.
    """

    def rank(number: PoolNumber) -> tuple[bool, bool, int, int, int]:
        same_state = state is not None and number.state == state
        same_area = same_state and number.area_code == area_code
        return (not same_state, not same_area, -number.health_score, number.used_today, number.id)

    return min(pool, key=rank, default=None)


def next_attempt_at(attempts: int, last: datetime, zone: ZoneInfo) -> datetime | None:
    """When to dial again after `attempts` fruitless calls, the last at `last`; None when the attempts are used up.

    At most one attempt a local day, on the next weekday, at an hour that differs from attempt to attempt.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    day = last.astimezone(zone).date() + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, ATTEMPT_HOURS[attempts % len(ATTEMPT_HOURS)], zone)


def callback_at(wish: object, *, now: datetime, fallback: datetime | None) -> datetime | None:
    """The instant a person asked to be called back (ISO text with offset), or `fallback` if it cannot be honoured.

    A wish without an offset, in the past or beyond thirty days is not a date anybody meant.
    """
    if not isinstance(wish, str):
        return fallback
    try:
        at = datetime.fromisoformat(wish)
    except ValueError:
        return fallback
    if at.tzinfo is None or not now < at <= now + CALLBACK_LIMIT:
        return fallback
    return at


class Outcome(StrEnum):
    """What a finished call means for the lead."""

    BOOKED = "booked"
    CALLBACK = "callback"
    NOT_INTERESTED = "not_interested"
    DO_NOT_CALL = "do_not_call"
    NO_ANSWER = "no_answer"
    BAD_NUMBER = "bad_number"
    VENDOR_FAULT = "vendor_fault"
    UNKNOWN = "unknown"


_BY_ENDING: Mapping[Ending, Outcome] = {
    Ending.NO_CONTACT: Outcome.NO_ANSWER,
    Ending.BAD_NUMBER: Outcome.BAD_NUMBER,
    Ending.OURS: Outcome.VENDOR_FAULT,
    Ending.START_REFUSED: Outcome.VENDOR_FAULT,
    Ending.VENDOR_FAULT: Outcome.VENDOR_FAULT,
}

# What the assistant's analysis may say, in the words we ask it for and the near misses models like to give.
_BY_WORD: Mapping[str, Outcome] = {
    "booked": Outcome.BOOKED,
    "appointment": Outcome.BOOKED,
    "callback": Outcome.CALLBACK,
    "call_back": Outcome.CALLBACK,
    "no_interest_now": Outcome.CALLBACK,
    "not_now": Outcome.CALLBACK,
    "not_interested": Outcome.NOT_INTERESTED,
    "declined": Outcome.NOT_INTERESTED,
    "do_not_call": Outcome.DO_NOT_CALL,
    "opt_out": Outcome.DO_NOT_CALL,
    "voicemail": Outcome.NO_ANSWER,
    "no_answer": Outcome.NO_ANSWER,
}


def outcome(ending: Ending, structured: Mapping[str, Any] | None) -> Outcome:
    """What the call means, from how it ended and what the assistant's analysis says.

    A wish not to be called counts however the call ended: the line may drop right after it. Every other word of the
    analysis counts only if somebody talked; a model that "heard" an interested voicemail is not believed.
    """
    word = str((structured or {}).get("outcome", "")).strip().lower().replace(" ", "_").replace("-", "_")
    said = _BY_WORD.get(word)
    if said is Outcome.DO_NOT_CALL:
        return said
    if ending in (Ending.TALKED, Ending.UNKNOWN):
        return said or Outcome.UNKNOWN
    return _BY_ENDING[ending]


def health_after(health: int, result: Outcome) -> int:
    """A number's health (0 to 100) after a call: answered calls heal, silence wears, an angry callee costs most."""
    change = {
        Outcome.BOOKED: 3,
        Outcome.CALLBACK: 2,
        Outcome.NOT_INTERESTED: 1,
        Outcome.NO_ANSWER: -1,
        Outcome.DO_NOT_CALL: -5,
    }.get(result, 0)
    return max(0, min(100, health + change))
