"""When a step is tried, and what an answer of the gate or the mail server means for a sequence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS = time(9)
CLOSES = time(17)
"""A person's working hours, in which steps are planned; the gate's wider window decides in the end."""

RETRY_DENIED = timedelta(days=1)
"""How long a step waits for something other than time (a review, a switch) before the gate is asked again."""

RETRY_CHECKING = timedelta(hours=6)
"""How long a step waits for an address that is being checked anew."""

RETRY_FORBIDDEN = timedelta(minutes=5)
"""How long a step waits that the last look before the wire took back: the next look sees what happened meanwhile."""

TIME_TO_ANSWER = timedelta(days=3)
"""How long nobody else of a company is written to after the last message of somebody who did not answer."""

TERMINAL = frozenset(
    {
        "SUPP_OPT_OUT",
        "SUPP_LEGAL",
        "SUPP_PRIVACY",
        "SUPP_WRONG_PARTY",
        "SUPP_DECEASED_MINOR",
        "SUPP_HARD_BOUNCE",
        "DATA_SOURCE_PROHIBITED",
        "JURISDICTION_UNSUPPORTED",
        "ID_INVALID",
    }
)
"""Reasons after which no waiting helps: the sequence stops."""

UNUSABLE = frozenset({"DATA_SOURCE_PROHIBITED", "JURISDICTION_UNSUPPORTED", "ID_INVALID"})
"""Of these, the ones that no suppression moved the lead for: outreach gives the lead up itself."""

WAITS = frozenset(
    {
        "SYS_KILL_SWITCH",
        "SYS_RULES_STALE",
        "SYS_CLOCK",
        "SYS_LEDGER",
        "SUPP_PENDING_REVIEW",
        "SUPP_VULNERABLE",
        "FREQ_IN_FLIGHT",
    }
)
"""Reasons for which a step that a person does waits, as an email would: somebody reads, switches or finishes something.
Without them, and without a time at which the gate opens, such a step is passed over: no sequence hangs on it."""

CONTENT = frozenset({"CONTENT_MISSING_ELEMENT", "CONTENT_PROHIBITED_CLAIM"})
"""Something is wrong with our words, not with the person: the step waits in the DLQ until the template is mended."""


def working_hour(at: datetime, zone: str) -> datetime:
    """`at`, or the next instant after it that lies within working hours in `zone`."""
    local = at.astimezone(ZoneInfo(zone))
    if local.time() < OPENS:
        local = datetime.combine(local.date(), OPENS, local.tzinfo)
    elif local.time() >= CLOSES:
        local = datetime.combine(local.date() + timedelta(days=1), OPENS, local.tzinfo)
    else:
        return at
    return local.astimezone(at.tzinfo)


def next_step_at(sent_at: datetime, days: Sequence[int], step: int, zone: str) -> datetime | None:
    """When the step after `step` (1 = first) is tried: as many days later as `days` says, at the same local time of
    day,
    moved into working hours. None after the last step.

    Counted from the last email that left, so that a late one does not crowd the next.
    """
    if step >= len(days):
        return None
    local = sent_at.astimezone(ZoneInfo(zone))
    due = datetime.combine(local.date() + timedelta(days=days[step] - days[step - 1]), local.time(), local.tzinfo)
    return working_hour(due.astimezone(sent_at.tzinfo), zone)


def ends_sequence(reasons: Sequence[str]) -> str | None:
    """The first reason that no waiting cures, or None."""
    return next((reason for reason in reasons if reason in TERMINAL), None)
