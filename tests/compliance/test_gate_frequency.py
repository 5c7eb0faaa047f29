"""The gate against the rule sheet: how often and when (A rows), the cadence of email, answers to replies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from compliance_cases import AT, FLORIDA, NIGHT, POLICY, STOP, ask, attempts, clean, cold_mails, mail

from penstock.compliance.facts import SELF_SUBMITTED, Attempt, Inbound
from penstock.compliance.ruleset import RulesRefused

UNCAPPED = POLICY.with_settings(
    dict.fromkeys(("sms_per_day", "sms_per_7_days", "all_channels_per_day")) | {"in_flight_pause_seconds": 0}
)
FLORIDA_THREE = attempts("2026-11-18T14:00Z", "2026-11-18T16:00Z", "2026-11-18T18:00Z")


def test_a08_the_fourth_attempt_in_florida_waits_for_the_first_to_age() -> None:
    at = datetime(2026, 11, 18, 20, tzinfo=UTC)
    decision = ask(clean(**FLORIDA, attempts=FLORIDA_THREE), "sms", at=at, policy=UNCAPPED)
    assert decision.reasons == ("FREQ_STATE_24H",)
    assert decision.next_permitted_at == datetime(2026, 11, 19, 14, tzinfo=UTC)


def test_a09_an_attempt_exactly_a_day_old_no_longer_counts() -> None:
    at = datetime(2026, 11, 19, 14, tzinfo=UTC)
    assert ask(clean(**FLORIDA, attempts=FLORIDA_THREE), "sms", at=at, policy=UNCAPPED).allowed
    assert not ask(
        clean(**FLORIDA, attempts=FLORIDA_THREE), "sms", at=at - timedelta(seconds=1), policy=UNCAPPED
    ).allowed


def test_a10_texts_and_unanswered_calls_count_together() -> None:
    texts = attempts("2026-11-18T13:30Z", "2026-11-18T14:00Z")
    call = attempts("2026-11-18T14:30Z", channel="voice_ai")
    assert ask(clean(**FLORIDA, attempts=texts), "sms", policy=UNCAPPED).allowed
    assert ask(clean(**FLORIDA, attempts=texts + call), "sms", policy=UNCAPPED).reason == "FREQ_STATE_24H"


def test_a11_the_cap_opens_again_inside_the_evening_window() -> None:
    three = attempts("2026-11-19T00:30Z", "2026-11-19T00:40Z", "2026-11-19T00:50Z")
    decision = ask(
        clean(**FLORIDA, attempts=three), "sms", at=datetime(2026, 11, 19, 0, 55, tzinfo=UTC), policy=UNCAPPED
    )
    assert decision.next_permitted_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


# -- email cadence ---------------------------------------------------------------------------------------------------

EQUITY = POLICY.with_settings({"email_per_7_days": 4, "cold_sequence_length": 4, "cold_gap_days": 2})


def test_cold_email_needs_the_campaign_to_say_so() -> None:
    assert ask(mail(cold_email=False), "email").reason == "DATA_SOURCE_PROHIBITED"
    assert ask(mail(cold_email=False, source=SELF_SUBMITTED), "email").allowed


def test_by_default_a_stranger_gets_two_emails_five_days_apart() -> None:
    assert ask(mail(attempts=cold_mails(4)), "email").next_permitted_at == AT + timedelta(days=1)
    assert ask(mail(attempts=cold_mails(5)), "email").allowed
    over = ask(mail(attempts=cold_mails(5, 10)), "email")
    assert (over.reason, over.next_permitted_at) == ("FREQ_POLICY", None)


def test_an_organisation_may_set_four_emails_on_days_one_three_five_and_seven() -> None:
    for sent in ((), (2,), (2, 4), (2, 4, 6)):
        assert ask(mail(attempts=cold_mails(*sent)), "email", policy=EQUITY).allowed, sent
    assert ask(mail(attempts=cold_mails(2, 4, 6, 8)), "email", policy=EQUITY).next_permitted_at is None
    assert ask(mail(attempts=cold_mails(1)), "email", policy=EQUITY).next_permitted_at == AT + timedelta(days=1)


def test_whoever_answered_is_no_stranger_any_more() -> None:
    assert ask(mail(attempts=cold_mails(3, 9), engaged_at=AT - timedelta(days=2)), "email").allowed


def test_no_organisation_can_set_what_the_law_fixes() -> None:
    for settings in ({"federal_window": "00-24"}, {"cap24": 9}, {"email_per_day": "many"}, {"email_per_day": -1}):
        with pytest.raises(RulesRefused):
            POLICY.with_settings(settings)


def test_three_attempts_a_day_over_all_channels_are_enough_anywhere() -> None:
    day = attempts("2026-11-18T13:10Z", channel="email") + attempts("2026-11-18T13:30Z", channel="voice_live")
    assert ask(clean(attempts=day), "sms").allowed
    full = day + attempts("2026-11-18T14:00Z", channel="voice_live")
    assert ask(clean(attempts=full), "sms").reason == "FREQ_POLICY"


def test_an_older_owner_is_approached_once_a_day() -> None:
    one = attempts("2026-11-18T13:30Z", channel="email")
    assert ask(clean(attempts=one), "sms").allowed
    decision = ask(clean(attempts=one, senior=True), "sms")
    assert decision.next_permitted_at == datetime(2026, 11, 19, 13, 30, tzinfo=UTC)


def test_an_open_attempt_bars_the_next_until_two_minutes_after_it_ends() -> None:
    open_call = (Attempt("voice_ai", AT - timedelta(minutes=9), None),)
    held = ask(clean(attempts=open_call), "sms", policy=POLICY)
    assert (held.reason, held.next_permitted_at) == ("FREQ_IN_FLIGHT", None)
    ended = (Attempt("voice_ai", AT - timedelta(minutes=9), AT - timedelta(seconds=30)),)
    assert ask(clean(attempts=ended), "sms").next_permitted_at == AT + timedelta(seconds=90)


# -- replies ---------------------------------------------------------------------------------------------------------


def test_an_answer_to_the_persons_own_message_may_go_at_night_for_a_quarter_of_an_hour() -> None:
    asked = NIGHT - timedelta(minutes=15)
    facts = mail(inbound=Inbound(asked), attempts=cold_mails(0.6))
    assert ask(facts, "email", at=NIGHT, purpose="REPLY_INBOUND").reason == "ALLOWED_REPLY"
    late = ask(facts, "email", at=NIGHT + timedelta(seconds=1), purpose="REPLY_INBOUND")
    assert late.reason == "SYS_INPUT"


def test_an_answer_is_not_sent_a_third_time_nor_by_voice_nor_after_a_stop() -> None:
    inbound = Inbound(AT - timedelta(minutes=1))
    assert not ask(mail(inbound=replace(inbound, replies=2)), "email", purpose="REPLY_INBOUND").allowed
    assert not ask(clean(inbound=inbound), "voice_ai", purpose="REPLY_INBOUND").allowed
    stopped = mail(inbound=inbound, suppressions=(STOP,))
    assert ask(stopped, "email", purpose="REPLY_INBOUND").reason == "SUPP_OPT_OUT"
