"""The gate against the rule sheet: consent, registries, hygiene (C rows), and what a stop and a newer consent do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import compliance_cases as cases
import pytest
from compliance_cases import AT, FLORIDA, LISTED, NIGHT, POLICY, RULES, STOP, ask, at_place, clean, pewc, with_consent

from penstock.compliance.facts import SELF_SUBMITTED, Facts, Scrub, Suppression

BOTH = frozenset({"sms", "voice_ai"})
C_ROWS: dict[str, tuple[Facts, str, str]] = {
    "C01": (with_consent(None), "voice_ai", "CONSENT_MISSING"),
    "C02": (with_consent(None), "sms", "CONSENT_MISSING"),
    "C03": (with_consent(None, line_type="landline"), "voice_live", "ALLOWED"),
    "C04": (clean(email="ada@example.test"), "email", "ALLOWED"),
    "C05": (with_consent(pewc(channels=BOTH)), "voice_ai", "ALLOWED"),
    "C06": (with_consent(pewc(seller_id=2)), "sms", "CONSENT_SCOPE"),
    "C07": (with_consent(pewc(channels=frozenset({"sms"}))), "voice_ai", "CONSENT_SCOPE"),
    "C08": (with_consent(pewc(phone="+12125550124")), "sms", "CONSENT_SCOPE"),
    "C09": (with_consent(pewc(box_initial="checked")), "sms", "CONSENT_DEFECTIVE"),
    "C10": (with_consent(pewc(evidence_complete=False)), "sms", "CONSENT_DEFECTIVE"),
    "C11": (with_consent(pewc(captured_at=AT + timedelta(seconds=1))), "sms", "CONSENT_MISSING"),
    "C12": (with_consent(pewc(captured_at=AT - timedelta(days=541))), "sms", "CONSENT_STALE"),
    "C13": (with_consent(pewc(kind="ORAL")), "voice_ai", "CONSENT_MISSING"),
    "C14": (clean(scrubs=LISTED), "voice_ai", "ALLOWED"),
    "C15": (
        with_consent(None, scrubs=LISTED, inquiry_on=date(2026, 11, 8), source=SELF_SUBMITTED),
        "voice_live",
        "ALLOWED",
    ),
    "C16": (with_consent(None, scrubs=LISTED, inquiry_on=date(2026, 11, 8)), "voice_live", "DNC_NATIONAL_LISTED"),
    "C17": (
        with_consent(None, scrubs=LISTED, inquiry_on=None, source=SELF_SUBMITTED),
        "voice_live",
        "DNC_NATIONAL_LISTED",
    ),
    "C18": (with_consent(None, scrubs=(Scrub("US", date(2026, 10, 18), False),)), "voice_live", "ALLOWED"),
    "C19": (with_consent(None, scrubs=(Scrub("US", date(2026, 10, 17), False),)), "voice_live", "DNC_SCRUB_STALE"),
    "C20": (clean(scrubs=()), "voice_ai", "DNC_SCRUB_STALE"),
    "C25": (at_place("+18605550123", "06103", consents=()), "voice_live", "CONSENT_MISSING"),
    "C26": (at_place("+12065550123", "10001"), "voice_ai", "STATE_AI_BLOCKED"),
    "C27": (at_place("+12065550123", "10001"), "sms", "ALLOWED"),
    "C30": (clean(line_type=None), "voice_ai", "LINE_TYPE_UNKNOWN"),
    "C31": (clean(line_type="landline"), "sms", "LINE_TYPE_UNKNOWN"),
    "C32 sms": (at_place("+18005550123", "10001"), "sms", "ID_INVALID"),
    "C32 voice": (at_place("+18005550123", "10001"), "voice_live", "ID_INVALID"),
    "C33": (clean(email="ada@example.test", source="trigger_lead"), "email", "DATA_SOURCE_PROHIBITED"),
    "C38": (at_place("+14165550123", "10001"), "sms", "JURISDICTION_UNSUPPORTED"),
}


@pytest.mark.parametrize("row", C_ROWS)
def test_consent_registry_and_hygiene_follow_the_rule_sheet(row: str) -> None:
    facts, channel, expected = C_ROWS[row]
    assert ask(facts, channel).reason == expected


def test_c28_california_waits_for_counsel() -> None:
    facts = at_place("+12135550123", "90012", at=datetime(2026, 11, 18, 20, tzinfo=UTC))
    noon = datetime(2026, 11, 18, 20, tzinfo=UTC)
    assert ask(facts, "voice_ai", at=noon, policy=RULES.policy).reason == "STATE_AI_COUNSEL"
    assert ask(facts, "voice_ai", at=noon).reason == "ALLOWED"


def test_c34_an_opt_out_at_night_names_both_and_no_next_instant() -> None:
    facts = clean(suppressions=(Suppression("SUPP_OPT_OUT", AT),))
    decision = ask(facts, "sms", at=NIGHT)
    assert decision.reason == "SUPP_OPT_OUT"
    assert "TIME_QUIET_HOURS" in decision.reasons
    assert decision.next_permitted_at is None
    assert decision.cure == "only a newer written consent of the person"


def test_c35_a_clean_contact_at_night_may_be_reached_in_the_morning() -> None:
    decision = ask(clean(), "sms", at=NIGHT)
    assert decision.reasons == ("TIME_QUIET_HOURS",)
    assert decision.next_permitted_at == datetime(2026, 11, 19, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "covered"), [(date(2026, 11, 19), True), (date(2026, 11, 20), False)], ids=["A05 last day", "A05 next day"]
)
def test_a05_an_inquiry_carries_a_listed_number_for_three_months(day: date, covered: bool) -> None:
    at = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
    facts = with_consent(None, source=SELF_SUBMITTED, inquiry_on=date(2026, 8, 20), scrubs=(Scrub("US", day, True),))
    assert ask(facts, "voice_live", at=at).allowed is covered


@pytest.mark.parametrize(
    ("fact", "start", "end"),
    [("inquiry_on", date(2026, 8, 31), date(2026, 11, 30)), ("purchase_on", date(2026, 8, 31), date(2028, 2, 29))],
    ids=["A06", "A07"],
)
def test_a_relationship_ends_on_the_clamped_day(fact: str, start: date, end: date) -> None:
    def allowed(day: date) -> bool:
        at = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
        spans: dict[str, Any] = {"inquiry_on": None} | {fact: start}
        facts = with_consent(None, source=SELF_SUBMITTED, scrubs=(Scrub("US", day, True),), **spans)
        return ask(facts, "voice_live", at=at).allowed

    assert allowed(end - timedelta(days=1))
    assert not allowed(end)


def test_a_stop_ends_the_relationship_that_carried_a_listed_number() -> None:
    stop = (Suppression("SUPP_OPT_OUT", AT, frozenset({"sms"})),)
    facts = with_consent(None, source=SELF_SUBMITTED, scrubs=LISTED, suppressions=stop)
    assert ask(facts, "voice_live").reason == "DNC_NATIONAL_LISTED"


def test_a_published_business_line_needs_no_national_scrub_but_keeps_our_own_list() -> None:
    line = with_consent(None, business_line=True, scrubs=())
    assert ask(line, "voice_live").allowed
    barred = replace(line, suppressions=(Suppression("SUPP_INTERNAL_DNC", AT - timedelta(days=5 * 365 + 2)),))
    assert ask(barred, "voice_live").reason == "SUPP_INTERNAL_DNC"


def test_a_number_on_the_list_of_a_candidate_state_is_not_called_even_with_consent() -> None:
    listed = (Scrub("US", AT.date(), False), Scrub("FL", AT.date(), True))
    facts = clean(**FLORIDA, scrubs=listed)
    assert ask(facts, "voice_ai").reason == "DNC_STATE_LISTED"
    assert ask(facts, "voice_ai", policy=POLICY.with_settings({"state_list_exemptions": ["FL"]})).allowed


def test_one_state_scrub_does_not_stand_for_another() -> None:
    facts = clean(**FLORIDA, scrubs=(Scrub("US", AT.date(), False), Scrub("TX", AT.date(), False)))
    assert ask(facts, "voice_ai").reason == "DNC_SCRUB_STALE"


# -- suppression and consent over time -------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["email", "sms", "voice_ai", "voice_live"])
def test_q01_a_stop_bars_every_channel_although_consent_was_given_before(channel: str) -> None:
    facts = clean(email=cases.EMAIL if channel == "email" else None, suppressions=(STOP,))
    assert ask(facts, channel).reason == "SUPP_OPT_OUT"


def test_q04_a_newer_consent_reopens_the_channels_it_ticks_and_no_other() -> None:
    renewed = pewc(captured_at=AT - timedelta(days=1), channels=frozenset({"sms"}))
    facts = clean(suppressions=(STOP,), consents=(pewc(), renewed))
    assert ask(facts, "sms").allowed
    assert ask(facts, "voice_ai").reason == "SUPP_OPT_OUT"
    assert ask(facts, "voice_live").reason == "SUPP_OPT_OUT"


def test_q05_an_old_consent_counts_no_more_after_a_stop() -> None:
    facts = clean(suppressions=(STOP,), consents=(pewc(), pewc(consent_id="replayed")))
    assert {"SUPP_OPT_OUT", "CONSENT_MISSING"} <= set(ask(facts, "sms").reasons)


def test_an_opt_out_from_email_ends_with_a_newer_consent_that_names_the_address() -> None:
    ticked = pewc(captured_at=AT - timedelta(days=1), channels=frozenset({"email", "sms"}))
    facts = clean(email=cases.EMAIL, suppressions=(STOP,), consents=(ticked,))
    assert ask(facts, "email").allowed
    other = replace(facts, consents=(replace(ticked, email="bob@example.test"),))
    assert ask(other, "email").reason == "SUPP_OPT_OUT"


def test_a_revoked_consent_is_no_consent() -> None:
    assert ask(with_consent(pewc(revoked_at=AT - timedelta(days=1))), "sms").reason == "CONSENT_MISSING"


@pytest.mark.parametrize(
    ("flag", "channel"),
    [
        ("artificial_voice", "voice_ai"),
        ("automated_text", "sms"),
        ("not_condition", "sms"),
        ("seller_named", "voice_ai"),
    ],
)
def test_a_text_that_lacks_the_clause_gives_no_consent_for_the_channel(flag: str, channel: str) -> None:
    assert ask(with_consent(pewc(text_flags=cases.FLAGS - {flag})), channel).reason == "CONSENT_SCOPE"


def test_a_conversation_keeps_an_old_consent_alive() -> None:
    old = pewc(captured_at=AT - timedelta(days=700))
    assert ask(with_consent(old), "sms").reason == "CONSENT_STALE"
    assert ask(with_consent(old, engaged_at=AT - timedelta(days=30)), "sms").allowed


def test_a_reminder_needs_provable_consent_and_marketing_written_one() -> None:
    facts = with_consent(pewc(kind="PEC"))
    assert ask(facts, "voice_ai", purpose="REMINDER").allowed
    assert ask(facts, "voice_ai").reason == "CONSENT_MISSING"


@pytest.mark.parametrize(
    "code",
    [
        "SUPP_INTERNAL_DNC",
        "SUPP_LEGAL",
        "SUPP_PRIVACY",
        "SUPP_WRONG_PARTY",
        "SUPP_DECEASED_MINOR",
        "SUPP_VULNERABLE",
        "SUPP_PROTECTED_LINE",
        "SUPP_PENDING_REVIEW",
    ],
)
def test_a_bar_outlives_any_consent(code: str) -> None:
    newer = pewc(captured_at=AT - timedelta(hours=1))
    facts = clean(consents=(newer,), suppressions=(Suppression(code, AT - timedelta(days=900)),))
    assert ask(facts, "voice_ai").reason == code


def test_a_hard_bounce_bars_email_alone() -> None:
    bounce = (Suppression("SUPP_HARD_BOUNCE", AT),)
    assert ask(clean(email=cases.EMAIL, suppressions=bounce), "email").reason == "SUPP_HARD_BOUNCE"
    assert ask(clean(suppressions=bounce), "sms").allowed


def test_a_bar_on_voice_leaves_texts_alone() -> None:
    facts = clean(suppressions=(Suppression("SUPP_OPT_OUT", AT, frozenset({"voice_ai", "voice_live"})),))
    assert ask(facts, "sms").allowed
    assert ask(facts, "voice_ai").reason == "SUPP_OPT_OUT"
