"""The gate against the rule sheet: consent, registries and hygiene (C rows), frequency (A rows), and each reason."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import compliance_cases as cases
import pytest
from compliance_cases import AT, POLICY, RULES, ask, clean, pewc

from penstock.compliance.facts import SELF_SUBMITTED, Attempt, Consent, Facts, Inbound, Scrub, Suppression
from penstock.compliance.gate import may_contact
from penstock.compliance.gates import GATES, Gate
from penstock.compliance.ruleset import RulesRefused
from penstock.compliance.zones import Location

NIGHT = datetime(2026, 11, 19, 4, tzinfo=UTC)
LISTED = (Scrub("US", date(2026, 11, 15), True),)
BOTH = frozenset({"sms", "voice_ai"})


def with_consent(consent: Consent | None, **more: Any) -> Facts:
    return clean(consents=(consent,) if consent else (), **more)


def at_place(phone: str, zip_code: str, **more: Any) -> Facts:
    return clean(phone=phone, location=Location(phone=phone, zip=zip_code), **more)


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


FLORIDA: dict[str, Any] = {"phone": "+13055550123", "location": Location(phone="+13055550123", zip="33101")}
UNCAPPED = POLICY.with_settings(
    dict.fromkeys(("sms_per_day", "sms_per_7_days", "all_channels_per_day")) | {"in_flight_pause_seconds": 0}
)


def attempts(*times: str, channel: str = "sms") -> tuple[Attempt, ...]:
    moments = [datetime.fromisoformat(time) for time in times]
    return tuple(Attempt(channel, moment, moment) for moment in moments)


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

STOP = Suppression("SUPP_OPT_OUT", AT - timedelta(days=2))


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


# -- email cadence ---------------------------------------------------------------------------------------------------

EQUITY = POLICY.with_settings({"email_per_7_days": 4, "cold_sequence_length": 4, "cold_gap_days": 2})


def cold_mails(*days_ago: float) -> tuple[Attempt, ...]:
    return tuple(Attempt("email", AT - timedelta(days=d), AT - timedelta(days=d), cold=True) for d in days_ago)


def mail(**more: Any) -> Facts:
    return clean(email=cases.EMAIL, **more)


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


# -- the frame -------------------------------------------------------------------------------------------------------

SPOILED: dict[str, Callable[[], tuple[Facts, str, dict[str, Any]]]] = {
    "SYS_INPUT": lambda: (clean(lead_found=False), "sms", {}),
    "SYS_INPUT purpose": lambda: (clean(), "sms", {"purpose": "TRANSACTIONAL"}),
    "SYS_INPUT channel": lambda: (clean(), "fax", {}),
    "JURISDICTION_UNSUPPORTED": lambda: (mail(location=Location(country="DE")), "email", {}),
    "JURISDICTION_UNSUPPORTED address": lambda: (clean(email="ada@firma.de"), "email", {}),
    "JURISDICTION_UNKNOWN": lambda: (clean(location=Location()), "sms", {}),
    "ID_INVALID phone": lambda: (clean(phone="+1212", location=Location(zip="10001")), "sms", {}),
    "ID_INVALID email": lambda: (clean(email="ada@@example"), "email", {}),
    "ID_INVALID alias": lambda: (clean(email="x@privaterelay.appleid.com"), "email", {}),
    "LINE_TYPE_UNKNOWN": lambda: (clean(line_checked_at=AT - timedelta(days=15, seconds=1)), "voice_ai", {}),
    "STATE_AI_INQUIRY": lambda: (at_place("+12075550123", "04101", inquiry_on=None), "voice_ai", {}),
    "CONTENT_PROHIBITED_CLAIM": lambda: (clean(), "sms", {"lint": frozenset({"CONTENT_PROHIBITED_CLAIM"})}),
    "CONTENT_MISSING_ELEMENT": lambda: (clean(), "sms", {"lint": frozenset({"CONTENT_MISSING_ELEMENT"})}),
}


@pytest.mark.parametrize("row", SPOILED)
def test_one_spoiled_fact_is_the_one_reason_named(row: str) -> None:
    facts, channel, more = SPOILED[row]()
    decision = ask(facts, channel, **more)
    assert decision.reasons == (row.split()[0],)
    assert decision.cure
    assert decision.next_permitted_at is None


def test_rules_past_their_review_or_edited_without_a_version_stop_everything() -> None:
    for rules in (replace(RULES, review_due=date(2026, 11, 17)), replace(RULES, fault="changed")):
        decision = may_contact(clean(), at=AT, intent=cases.intent("sms"), rules=rules, policy=POLICY)
        assert decision.reason == "SYS_RULES_STALE"


@pytest.mark.parametrize("switch", ["all", "sms", "campaign:7"])
def test_a_kill_switch_stops_what_it_names(switch: str) -> None:
    policy = POLICY.with_settings({"switched_off": [switch]})
    assert ask(clean(), "sms", policy=policy, campaign_id=7).reasons == ("SYS_KILL_SWITCH",)
    assert ask(clean(), "voice_ai", policy=policy, campaign_id=8).allowed is (switch != "all")


def test_the_mailing_address_adds_its_state_and_zone() -> None:
    absentee = replace(clean().location, mailing_state="CA", mailing_zip="90012")
    decision = ask(clean(location=absentee), "sms", at=datetime(2026, 11, 18, 15, tzinfo=UTC))
    assert decision.states == ("CA", "NY")
    assert decision.reason == "TIME_QUIET_HOURS"


def test_a_naive_instant_is_refused() -> None:
    assert ask(clean(), "sms", at=datetime(2026, 11, 18, 16)).reason == "SYS_CLOCK"  # noqa: DTZ001


def test_a_state_with_no_open_hour_in_common_with_another_asks_for_the_address() -> None:
    rules = replace(
        RULES,
        states={
            **RULES.states,
            "HI": replace(RULES.row("HI"), hours=dict.fromkeys(("weekday", "saturday", "sunday"), (480, 485))),
        },
    )
    facts = at_place("+18085550123", "10001")
    decision = may_contact(facts, at=NIGHT, intent=cases.intent("sms"), rules=rules, policy=POLICY)
    assert decision.allowed is False
    rules = replace(
        rules,
        states={
            **rules.states,
            "NY": replace(RULES.row("NY"), hours=dict.fromkeys(("weekday", "saturday", "sunday"), (720, 725))),
        },
    )
    decision = may_contact(facts, at=NIGHT, intent=cases.intent("sms"), rules=rules, policy=POLICY)
    assert "TIME_ZONE_CONFLICT" in decision.reasons
    assert decision.next_permitted_at is None
    assert decision.cure == "confirm the address"


@pytest.mark.parametrize("broken", range(len(GATES)), ids=lambda n: f"{n}-{GATES[n].code}")
def test_i13_a_gate_that_raises_lets_nobody_through(broken: int) -> None:
    def fail(*_: object) -> bool:
        raise RuntimeError("no data")

    gates = [Gate(gate.code, fail, gate.next_ok) if n == broken else gate for n, gate in enumerate(GATES)]
    code = GATES[broken].code
    channel = RULES.reasons[code].channels[-1]
    facts = mail() if channel == "email" else clean()
    decision = may_contact(facts, at=AT, intent=cases.intent(channel), rules=RULES, policy=POLICY, gates=gates)
    assert decision.reasons == (code,)


def test_a_new_gate_is_one_more_entry() -> None:
    gate = Gate("RND_STALE", lambda case, at: False)
    decision = may_contact(clean(), at=AT, intent=cases.intent("sms"), rules=RULES, policy=POLICY, gates=[*GATES, gate])
    assert decision.reason == "RND_STALE"


def test_an_allowed_call_carries_its_obligations() -> None:
    decision = ask(at_place("+12145550123", "75201"), "voice_ai")
    assert set(decision.obligations) == {
        "ANNOUNCE_AI",
        "OFFER_OPTOUT_DTMF",
        "VM:NONE",
        "RECORDING:ANNOUNCE",
        "STATE_SCRIPT:TX",
        "MAX_RING_SEC:25",
        "HANGUP_BY:2026-11-19T03:00:00+00:00",
    }
    california = at_place("+12135550123", "90012", at=datetime(2026, 11, 18, 20, tzinfo=UTC))
    assert "RECORDING:AFFIRMATIVE" in ask(california, "voice_ai", at=datetime(2026, 11, 18, 20, tzinfo=UTC)).obligations
    assert ask(clean(), "sms").obligations == ("STOP_FOOTER",)
    assert ask(mail(), "email").obligations == ("AD_LABEL", "POSTAL_ADDRESS", "LIST_UNSUB")


def test_the_inputs_hash_follows_the_facts_and_shows_no_person() -> None:
    same = {ask(clean(), "sms").inputs_hash, ask(clean(), "sms").inputs_hash}
    other = ask(clean(senior=True), "sms").inputs_hash
    renumbered = ask(clean(phone="+12125550199", consents=()), "sms").inputs_hash
    assert len(same) == 1 and other not in same
    assert renumbered == ask(clean(consents=()), "sms").inputs_hash
