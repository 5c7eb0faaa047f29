"""Every gate between us and a person, as entries of one list.

A gate has a reason code (rank, kind and channels are in rules/reasons.yaml), a test, and, when the clock alone can
open it, the earliest instant at which it will. A new gate is one more entry here; the procedure in gate.py does not
change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from penstock.compliance import standing
from penstock.compliance.facts import PURPOSES, SELF_SUBMITTED, SKIP_TRACE, Attempt, Facts, Intent
from penstock.compliance.hours import Doors, months_after, outside
from penstock.compliance.ruleset import BY_HAND, REACHES, Policy, RuleSet
from penstock.compliance.zones import Place, place

DAY = timedelta(days=1)
WRITTEN = ("email", *BY_HAND)
EMAIL = re.compile(r"[^@\s,;<>]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
DIALLABLE = frozenset(
    {
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.VOIP,
    }
)


@dataclass(frozen=True)
class Case:
    """One question to the gate: facts, intent, rules and policy, with what is derived from them."""

    facts: Facts
    intent: Intent
    rules: RuleSet
    policy: Policy

    @property
    def by_phone(self) -> bool:
        return self.intent.channel not in WRITTEN

    @property
    def is_reply(self) -> bool:
        return self.intent.purpose == "REPLY_INBOUND"

    @cached_property
    def place(self) -> Place:
        return place(self.facts.location, self.rules)

    @cached_property
    def doors(self) -> Doors:
        return Doors(
            self.rules,
            self.place.states,
            self.place.zones,
            self.intent.channel,
            guard_minutes=self.policy.guard_minutes,
        )

    def ai_modes(self, mode: str) -> list[str]:
        """The candidate states whose AI voice mode is `mode`."""
        return [state for state in self.place.states if self.rules.row(state).ai_mode == mode]

    @property
    def consent_needed(self) -> bool:
        """AI voice and texts always; a human call where any candidate state wants it in writing."""
        live = self.intent.channel == "voice_live"
        return self.by_phone and (not live or any(self.rules.row(state).live_consent for state in self.place.states))


Test = Callable[[Case, datetime], bool]


@dataclass(frozen=True, slots=True)
class Gate:
    """`ok` passes the case at an instant.

    `next_ok`, for gates the clock can open: the next instant at which it passes (None: never).
    """

    code: str
    ok: Test
    next_ok: Callable[[Case, datetime], datetime | None] | None = None
    in_replies: bool = True

    def applies(self, case: Case) -> bool:
        """Whether the gate stands before this channel and purpose."""
        return case.intent.channel in case.rules.reasons[self.code].channels and (self.in_replies or not case.is_reply)


# -- system ----------------------------------------------------------------------------------------------------------


def nothing_is_switched_off(case: Case, at: datetime) -> bool:
    return not {"all", case.intent.channel, f"campaign:{case.intent.campaign_id}"} & case.policy.switched_off


def rules_are_fresh(case: Case, at: datetime) -> bool:
    return case.rules.fault is None and at.date() <= case.rules.review_due


def input_is_known(case: Case, at: datetime) -> bool:
    intent, facts = case.intent, case.facts
    known = intent.channel in REACHES and intent.purpose in PURPOSES and intent.seller_id == facts.seller_id
    return known and facts.lead_found and facts.campaign_known and (not case.is_reply or _live_thread(case, at))


def _live_thread(case: Case, at: datetime) -> bool:
    """A reply answers the person's own message of the last minutes, in writing, and seldom."""
    inbound, limits = case.facts.inbound, case.rules.limits
    if inbound is None or case.intent.channel not in ("email", "sms"):
        return False
    age = at - inbound.at
    return (
        timedelta(0) <= age <= timedelta(minutes=limits.reply_window_minutes)
        and inbound.replies < limits.reply_messages
    )


# -- suppression -----------------------------------------------------------------------------------------------------


def not_opted_out(case: Case, at: datetime) -> bool:
    return not standing.opted_out(case.facts, case.intent, at=at, policy=case.policy)


def not_suppressed(code: str) -> Test:
    """No bar of this kind in force. Nothing in the facts lifts one: a human or a newer record does."""
    return lambda case, at: (
        not any(bar.code == code and bar.covers(case.intent.channel) for bar in case.facts.suppressions)
    )


# -- identifier, source, jurisdiction --------------------------------------------------------------------------------


def identifier_is_valid(case: Case, at: datetime) -> bool:
    if case.by_phone:
        return _phone_facts(case.facts.identifier)[0]
    address = case.facts.identifier
    if case.intent.channel in BY_HAND:
        return bool(address)
    return EMAIL.fullmatch(address) is not None and address.rpartition("@")[2] not in case.rules.limits.alias_domains


def source_is_permitted(case: Case, at: datetime) -> bool:
    """A lawful category of source, and cold email only where the campaign says so."""
    source = case.facts.source
    cold = case.intent.channel == "email" and is_cold(case)
    return source in case.rules.limits.sources_allowed and (case.facts.cold_email or not cold)


def is_cold(case: Case) -> bool:
    """The person neither gave us the identifier nor ever answered."""
    return case.facts.source != SELF_SUBMITTED and case.facts.engaged_at is None and not case.is_reply


def recipient_is_american(case: Case, at: datetime) -> bool:
    if case.facts.location.country != "US":
        return False
    if case.by_phone:
        return _phone_facts(case.facts.identifier)[1] in {*case.rules.limits.phone_regions, None}
    by_email = case.intent.channel == "email"
    suffix = case.facts.identifier.rpartition(".")[2].lower() if by_email else ""
    return suffix not in case.rules.limits.foreign_email_suffixes


@lru_cache(maxsize=65536)
def _phone_facts(phone: str) -> tuple[bool, str | None]:
    """(can be dialled, region). A number that does not parse has no region and fails as invalid, not as foreign."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return False, None
    valid = phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in DIALLABLE
    return valid, phonenumbers.region_code_for_number(number)


def line_type_is_known(case: Case, at: datetime) -> bool:
    facts = case.facts
    if facts.line_type in (None, "unknown") or facts.line_checked_at is None:
        return False
    fresh = at - facts.line_checked_at <= timedelta(days=case.policy.line_max_age_days)
    return fresh and not (case.intent.channel == "sms" and facts.line_type == "landline")


# -- state law on AI voice, consent, registries ----------------------------------------------------------------------


def counsel_wrote(case: Case, at: datetime) -> bool:
    return all(case.policy.counsel_memos.get(state) for state in case.ai_modes("COUNSEL"))


def person_inquired(case: Case, at: datetime) -> bool:
    day, limit = case.facts.inquiry_on, case.rules.limits.state_inquiry_days
    return not case.ai_modes("INQUIRY") or (day is not None and 0 <= (at.date() - day).days <= limit)


def consent_is_not(code: str) -> Test:
    """Consent, where it is needed, does not fall short in this way."""

    def ok(case: Case, at: datetime) -> bool:
        return not case.consent_needed or standing.shortfall(case.facts, case.intent, at=at, policy=case.policy) != code

    return ok


def _has_consent(case: Case, at: datetime) -> bool:
    return standing.shortfall(case.facts, case.intent, at=at, policy=case.policy, written=True) is None


def _lists(case: Case) -> dict[str, int]:
    """The do-not-call lists that bind, with the age in days their answer may have."""
    skip_national = case.intent.channel == "voice_live" and case.facts.business_line
    national = {} if skip_national else {"US": case.rules.limits.registry_max_age_days}
    return national | {
        state: case.policy.state_registry_max_age_days for state in case.place.states if case.rules.row(state).own_list
    }


def scrubs_are_fresh(case: Case, at: datetime) -> bool:
    today = at.astimezone(UTC).date()

    def fresh(name: str, days: int) -> bool:
        return any(scrub.list == name and 0 <= (today - scrub.version).days <= days for scrub in case.facts.scrubs)

    return all(fresh(name, days) for name, days in _lists(case).items())


def not_on_national_list(case: Case, at: datetime) -> bool:
    listed = "US" in _lists(case) and any(scrub.listed for scrub in case.facts.scrubs if scrub.list == "US")
    return not listed or _has_consent(case, at) or (case.intent.channel == "voice_live" and _knows_us(case, at))


def _knows_us(case: Case, at: datetime) -> bool:
    """An established business relationship; ended by a stop request, and never made by a skip trace."""
    facts, limits, today = case.facts, case.rules.limits, at.date()
    if facts.source == SKIP_TRACE or any(bar.code == "SUPP_OPT_OUT" for bar in facts.suppressions):
        return False
    spans = ((facts.inquiry_on, limits.inquiry_months), (facts.purchase_on, limits.purchase_months))
    return any(day is not None and day <= today < months_after(day, months) for day, months in spans)


def not_on_state_list(case: Case, at: datetime) -> bool:
    lists = [name for name in _lists(case) if name != "US"]
    listed = [scrub.list for scrub in case.facts.scrubs if scrub.listed and scrub.list in lists]
    return all(state in case.policy.state_list_exemptions and _has_consent(case, at) for state in listed)


# -- time ------------------------------------------------------------------------------------------------------------


def an_instant_is_open(case: Case, at: datetime) -> bool:
    """Some instant inside the horizon lies in every window at once."""
    t = at
    while t <= at + timedelta(days=case.policy.horizon_days):
        later = _day_opens(case, t) or _hour_opens(case, t)
        if later is None:
            return True
        t = later
    return False


def _day_opens(case: Case, at: datetime) -> datetime | None:
    return case.doors.blocked(at, "day") if case.by_phone else None


def _hour_opens(case: Case, at: datetime) -> datetime | None:
    if case.by_phone:
        return case.doors.blocked(at, "hour")
    opens, closes = case.policy.email_hours
    ends = [outside(at, ZoneInfo(zone), opens, closes) for zone in case.place.zones]
    return max((end for end in ends if end), default=None)


# -- frequency -------------------------------------------------------------------------------------------------------


def _cap_opens(times: Iterable[datetime], count: int | None, window: timedelta, at: datetime) -> datetime | None:
    """When a rolling cap lets one more through.

    None if it does at `at`. An attempt exactly one window old no longer counts.
    """
    if count is None:
        return None
    recent = sorted((t for t in times if t > at - window), reverse=True)
    if len(recent) < count:
        return None
    return recent[count - 1] + window if count else at + window


def _state_cap_opens(case: Case, at: datetime) -> datetime | None:
    caps = [cap for state in case.place.states if (cap := case.rules.row(state).cap24) is not None]
    times = [attempt.at for attempt in case.facts.attempts if attempt.channel not in WRITTEN]
    return _cap_opens(times, min(caps, default=None), DAY, at)


def _policy_cap_opens(case: Case, at: datetime) -> datetime | None:
    attempts, policy = case.facts.attempts, case.policy
    own = [attempt.at for attempt in attempts if attempt.channel == case.intent.channel]
    every = [attempt.at for attempt in attempts]
    ends = [_cap_opens(own, count, days * DAY, at) for count, days in policy.caps(case.intent.channel)]
    ends.append(_cap_opens(every, policy.all_channels_per_day, DAY, at))
    if case.facts.senior:
        ends.append(_cap_opens(every, policy.senior_per_day, DAY, at))
    ends.append(_gap_opens(case, at))
    return max((end for end in ends if end), default=None)


def _cold_emails(case: Case) -> list[Attempt]:
    if case.intent.channel != "email" or not is_cold(case):
        return []
    return [attempt for attempt in case.facts.attempts if attempt.channel == "email" and attempt.cold]


def _gap_opens(case: Case, at: datetime) -> datetime | None:
    return _cap_opens([attempt.at for attempt in _cold_emails(case)], 1, case.policy.cold_gap_days * DAY, at)


def cold_sequence_goes_on(case: Case, at: datetime) -> bool:
    return (
        not is_cold(case)
        or case.intent.channel != "email"
        or len(_cold_emails(case)) < case.policy.cold_sequence_length
    )


def _pause_opens(case: Case, at: datetime) -> datetime | None:
    pause = timedelta(seconds=case.policy.in_flight_pause_seconds)
    ends = [attempt.ended_at + pause for attempt in case.facts.attempts if attempt.ended_at is not None]
    return max((end for end in ends if end > at), default=None)


def nothing_in_flight(case: Case, at: datetime) -> bool:
    return all(attempt.ended_at is not None for attempt in case.facts.attempts)


def lint_is_free_of(code: str) -> Test:
    """The renderer's lint found nothing of this kind in the message."""
    return lambda case, at: code not in case.intent.lint


def _never(case: Case, at: datetime) -> None:
    """No passing of time opens this gate."""


def timed(code: str, opens: Callable[[Case, datetime], datetime | None], *, in_replies: bool = True) -> Gate:
    """A gate that the clock opens: `opens` gives the instant, or None when it stands open."""
    return Gate(code, lambda case, at: opens(case, at) is None, opens, in_replies)


SUPPRESSIONS = (
    "SUPP_INTERNAL_DNC",
    "SUPP_LEGAL",
    "SUPP_PRIVACY",
    "SUPP_WRONG_PARTY",
    "SUPP_DECEASED_MINOR",
    "SUPP_VULNERABLE",
    "SUPP_HARD_BOUNCE",
    "SUPP_PROTECTED_LINE",
    "SUPP_PENDING_REVIEW",
)
CONSENT = ("CONSENT_MISSING", "CONSENT_SCOPE", "CONSENT_DEFECTIVE", "CONSENT_STALE")

GATES: tuple[Gate, ...] = (
    Gate("SYS_KILL_SWITCH", nothing_is_switched_off),
    Gate("SYS_RULES_STALE", rules_are_fresh),
    Gate("SYS_INPUT", input_is_known),
    Gate("SUPP_OPT_OUT", not_opted_out),
    *(Gate(code, not_suppressed(code)) for code in SUPPRESSIONS),
    Gate("ID_INVALID", identifier_is_valid),
    Gate("DATA_SOURCE_PROHIBITED", source_is_permitted),
    Gate("JURISDICTION_UNSUPPORTED", recipient_is_american),
    Gate("JURISDICTION_UNKNOWN", lambda case, at: bool(case.place.states and case.place.zones)),
    Gate("LINE_TYPE_UNKNOWN", line_type_is_known),
    Gate("STATE_AI_BLOCKED", lambda case, at: not case.ai_modes("BLOCK")),
    Gate("STATE_AI_COUNSEL", counsel_wrote),
    Gate("STATE_AI_INQUIRY", person_inquired),
    *(Gate(code, consent_is_not(code), in_replies=False) for code in CONSENT),
    Gate("DNC_SCRUB_STALE", scrubs_are_fresh, in_replies=False),
    Gate("DNC_NATIONAL_LISTED", not_on_national_list, in_replies=False),
    Gate("DNC_STATE_LISTED", not_on_state_list, in_replies=False),
    Gate("TIME_ZONE_CONFLICT", an_instant_is_open, in_replies=False),
    timed("TIME_DAY_PROHIBITED", _day_opens, in_replies=False),
    timed("TIME_QUIET_HOURS", _hour_opens, in_replies=False),
    timed("FREQ_STATE_24H", _state_cap_opens),
    # A reply has its own limit (two per message received); our own caps are for what we start.
    timed("FREQ_POLICY", _policy_cap_opens, in_replies=False),
    Gate("FREQ_POLICY", cold_sequence_goes_on, _never),
    timed("FREQ_IN_FLIGHT", _pause_opens),
    Gate("FREQ_IN_FLIGHT", nothing_in_flight, _never),
    *(Gate(code, lint_is_free_of(code)) for code in ("CONTENT_MISSING_ELEMENT", "CONTENT_PROHIBITED_CLAIM")),
)
