"""What must hold for every contact at every instant (the rule sheet's I01 to I18, as far as the gates exist)."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import compliance_cases as cases
from compliance_cases import RULES, ask, clean, pewc
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.compliance import evidence
from penstock.compliance.facts import SELF_SUBMITTED, SKIP_TRACE, Attempt, Consent, Decision, Facts, Scrub, Suppression
from penstock.compliance.hours import hours
from penstock.compliance.zones import Location, place

GATE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

AREAS = re.findall(
    r"\d+", "212 850 305 808 214 801 504 215 401 270 602 207 605 402 205 671 208 541 907 915 206 860 213 423"
)
ZIPS = [
    None,
    *re.findall(r"\d+", "10001 33101 32501 75201 84101 70112 19103 02903 42701 86040 04101 57701 68102 35203 06103"),
]
CHANNELS = ["email", "sms", "voice_ai", "voice_live"]
PHONE_CHANNELS = CHANNELS[1:]
SUPPRESSIONS = ["SUPP_OPT_OUT", "SUPP_INTERNAL_DNC", "SUPP_LEGAL", "SUPP_PRIVACY", "SUPP_PENDING_REVIEW"]
T_CODES = {code for code, reason in RULES.reasons.items() if reason.kind == "T"}

instants = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes),
        st.sampled_from(
            [datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 3, 14, tzinfo=UTC), datetime(2028, 11, 5, tzinfo=UTC)]
        ),
        st.integers(0, 36 * 60),
    ),
)


@st.composite
def attempts(draw: st.DrawFn, at: datetime) -> tuple[Attempt, ...]:
    found = []
    for minutes in draw(st.lists(st.integers(0, 10 * 24 * 60), max_size=5)):
        moment = at - timedelta(minutes=minutes)
        ended = None if draw(st.integers(0, 9)) == 0 else moment
        channel = draw(st.sampled_from(CHANNELS))
        found.append(Attempt(channel, moment, ended, cold=channel == "email" and draw(st.booleans())))
    return tuple(found)


@st.composite
def suppressions(draw: st.DrawFn, at: datetime) -> Suppression:
    channels = draw(
        st.sampled_from([None, None, frozenset({"sms"}), frozenset({"voice_ai", "voice_live"}), frozenset({"email"})])
    )
    return Suppression(draw(st.sampled_from(SUPPRESSIONS)), at - timedelta(hours=draw(st.integers(0, 900))), channels)


@st.composite
def consents(draw: st.DrawFn, at: datetime, phone: str) -> Consent:
    return pewc(
        kind=draw(st.sampled_from(["PEWC", "PEWC", "PEWC", "PEC", "ORAL"])),
        phone=draw(st.sampled_from([phone, phone, phone, "+13125550199"])),
        seller_id=draw(st.sampled_from([1, 1, 1, 2])),
        captured_at=at - timedelta(hours=draw(st.integers(-50, 15000))),
        channels=frozenset(draw(st.sets(st.sampled_from(CHANNELS), min_size=1))),
        evidence_complete=draw(st.sampled_from([True, True, True, False])),
        box_initial=draw(st.sampled_from(["unchecked", "unchecked", "unchecked", "checked"])),
    )


@st.composite
def questions(draw: st.DrawFn, channels: list[str] = CHANNELS, tidy: bool = False) -> tuple[Facts, str, datetime]:
    """Facts, channel and instant. A tidy contact has consent and nothing against it but the clock and past attempts."""
    at, channel = draw(instants), draw(st.sampled_from(channels))
    phone = f"+1{draw(st.sampled_from(AREAS))}5550123"
    where = Location(
        phone=phone, zip=draw(st.sampled_from(ZIPS)), form_state=draw(st.sampled_from([None, None, "FL", "TX"]))
    )
    facts = clean(at=at, phone=phone, location=where, email=cases.EMAIL if channel == "email" else None)
    facts = replace(facts, attempts=draw(attempts(at)))
    if not tidy:
        facts = replace(
            facts,
            suppressions=tuple(draw(st.lists(suppressions(at), max_size=2))),
            consents=tuple(draw(st.lists(consents(at, phone), max_size=3))),
            scrubs=tuple(Scrub(s.list, s.version, draw(st.integers(0, 5)) == 0) for s in facts.scrubs),
            source=draw(st.sampled_from([SKIP_TRACE, SKIP_TRACE, SELF_SUBMITTED, "public_record", "trigger_lead"])),
            senior=draw(st.booleans()),
        )
    return facts, channel, at


def answer(question: tuple[Facts, str, datetime], **more: Any) -> Decision:
    facts, channel, at = question
    return ask(facts, channel, at=at, **more)


def wide_open(states: tuple[str, ...], zones: tuple[str, ...], channel: str, at: datetime) -> bool:
    """An independent reading of the windows: every zone, every state, and never outside 08 to 21."""
    for zone in zones:
        local = at.astimezone(ZoneInfo(zone))
        minute = local.hour * 60 + local.minute
        if not 8 <= local.hour < 21:
            return False
        for state in states:
            window = hours(RULES, state, channel, local.date())
            if window is None or not window[0] <= minute < window[1]:
                return False
    return True


@GATE
@given(questions(PHONE_CHANNELS, tidy=True), st.sampled_from(["MARKETING", "REMINDER"]))
def test_i01_i02_an_allowed_contact_by_phone_is_inside_every_window(
    question: tuple[Facts, str, datetime], purpose: str
) -> None:
    _, channel, at = question
    decision = answer(question, purpose=purpose)
    if decision.allowed:
        assert wide_open(decision.states, decision.zones, channel, at)
        assert decision.valid_until and wide_open(
            decision.states, decision.zones, channel, decision.valid_until - timedelta(microseconds=1)
        )


@GATE
@given(questions(), st.integers(0, 900))
def test_i03_no_contact_after_an_opt_out_that_no_newer_consent_follows(
    question: tuple[Facts, str, datetime], hours_ago: int
) -> None:
    facts, channel, at = question
    stop = Suppression("SUPP_OPT_OUT", at - timedelta(hours=hours_ago))
    facts = replace(facts, suppressions=(*facts.suppressions, stop))
    stops = [bar.at for bar in facts.suppressions if bar.code == "SUPP_OPT_OUT" and bar.covers(channel)]
    newer = [
        c for c in facts.consents if max(stops) < c.captured_at <= at and channel in c.channels and c.kind == "PEWC"
    ]
    if not newer:
        assert "SUPP_OPT_OUT" in answer((facts, channel, at)).reasons


@GATE
@given(questions(), st.data())
def test_i04_more_against_the_contact_never_opens_it(
    question: tuple[Facts, str, datetime], data: st.DataObject
) -> None:
    facts, channel, at = question
    assume(not answer(question).allowed)
    worse = data.draw(
        st.sampled_from(
            [
                replace(facts, suppressions=(*facts.suppressions, data.draw(suppressions(at)))),
                replace(facts, scrubs=tuple(replace(scrub, listed=True) for scrub in facts.scrubs)),
                replace(facts, attempts=(*facts.attempts, Attempt(channel, at - timedelta(minutes=5), at))),
                replace(facts, location=replace(facts.location, declared_zone="Pacific/Honolulu")),
                replace(facts, location=replace(facts.location, address_state="RI")),
            ]
        )
    )
    assert not answer((worse, channel, at)).allowed


@GATE
@given(questions())
def test_i05_consent_never_changes_the_clock_the_caps_or_the_states(question: tuple[Facts, str, datetime]) -> None:
    facts, channel, at = question
    given_now = pewc(phone=facts.identifier, captured_at=at, channels=frozenset(CHANNELS))
    kinds = ("TIME_", "FREQ_", "STATE_AI_", "SUPP_INTERNAL", "JURISDICTION")

    def kept(decision: Decision) -> list[str]:
        return [code for code in decision.reasons if code.startswith(kinds)]

    assert kept(answer(question)) == kept(answer((replace(facts, consents=(*facts.consents, given_now)), channel, at)))


@GATE
@given(questions(["sms", "voice_ai"]))
def test_i06_i07_ai_voice_and_texts_rest_on_written_consent(question: tuple[Facts, str, datetime]) -> None:
    facts, channel, at = question
    if answer(question).allowed:
        stops = [bar.at for bar in facts.suppressions if bar.code == "SUPP_OPT_OUT" and bar.covers(channel)]
        assert any(
            consent.kind == "PEWC"
            and consent.seller_id == cases.SELLER
            and consent.phone == facts.identifier
            and channel in consent.channels
            and consent.captured_at <= at
            and all(consent.captured_at > stop for stop in stops)
            for consent in facts.consents
        )
    assert "CONSENT_MISSING" in answer((replace(facts, consents=()), channel, at)).reasons


@GATE
@given(questions(PHONE_CHANNELS, tidy=True))
def test_i08_nobody_is_approached_more_than_three_times_in_a_day(question: tuple[Facts, str, datetime]) -> None:
    facts, _, at = question
    if answer(question).allowed:
        assert sum(at - timedelta(days=1) < attempt.at <= at for attempt in facts.attempts) < 3


@settings(GATE, max_examples=80)
@given(questions(tidy=True), st.lists(st.floats(0, 1, exclude_max=True), min_size=8, max_size=8))
def test_i09_i10_the_next_instant_is_open_and_none_before_it_is(
    question: tuple[Facts, str, datetime], parts: list[float]
) -> None:
    facts, channel, at = question
    decision = answer(question)
    if decision.next_permitted_at is None:
        return
    assert set(decision.reasons) <= T_CODES
    assert decision.next_permitted_at > at
    assert answer((facts, channel, decision.next_permitted_at)).allowed
    for part in parts:
        between = at + (decision.next_permitted_at - at) * part
        assert between == decision.next_permitted_at or not answer((facts, channel, between)).allowed


@GATE
@given(questions())
def test_i10_i14_reasons_are_ranked_and_only_the_clock_gives_a_next_instant(
    question: tuple[Facts, str, datetime],
) -> None:
    decision = answer(question)
    numbers = [RULES.reasons[code].number for code in decision.reasons]
    assert numbers == sorted(set(numbers))
    assert decision.allowed == (not decision.reasons)
    assert decision.reason == (decision.reasons[0] if decision.reasons else "ALLOWED")
    if not set(decision.reasons) <= T_CODES:
        assert decision.next_permitted_at is None and decision.cure


@contextmanager
def host_zone(name: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
        time.tzset()


@settings(GATE, max_examples=40)
@given(questions(), st.integers(-12, 14))
def test_i11_i12_the_answer_depends_on_nothing_but_the_question(
    question: tuple[Facts, str, datetime], offset: int
) -> None:
    facts, channel, at = question
    first = answer(question)
    with host_zone("Asia/Kathmandu"):
        assert answer(question) == first
    assert answer((facts, channel, at.astimezone(timezone(timedelta(hours=offset))))) == first


@GATE
@given(questions(PHONE_CHANNELS, tidy=True), st.sampled_from(["zip", "form_state", "declared_zone", "phone"]))
def test_i15_more_evidence_of_place_never_opens_a_window(question: tuple[Facts, str, datetime], field: str) -> None:
    facts, channel, at = question
    less = replace(facts, location=replace(facts.location, **{field: None}))
    narrow, wide = place(less.location, RULES), place(facts.location, RULES)
    assert set(narrow.states) <= set(wide.states) and set(narrow.zones) <= set(wide.zones)
    assume(narrow.states and narrow.zones)
    if answer((facts, channel, at)).allowed:
        assert answer((less, channel, at)).allowed


@GATE
@given(
    st.sampled_from(evidence.REQUIRED),
    st.sampled_from(["sms", "voice_ai"]),
    st.sampled_from(["absent", "null", "blank"]),
)
def test_i16_evidence_that_lacks_any_field_supports_nothing(field: str, channel: str, how: str) -> None:
    record = complete_record()
    facts = clean(consents=(pewc(evidence_complete=not evidence.missing(record)),))
    assert ask(facts, channel).allowed
    if how == "absent":
        del record[field]
    else:
        record[field] = None if how == "null" else " "
    spoiled = clean(consents=(pewc(evidence_complete=not evidence.missing(record)),))
    assert ask(spoiled, channel).reason == "CONSENT_DEFECTIVE"


@GATE
@given(questions(["voice_ai"], tidy=True))
def test_i24_a_state_that_blocks_ai_voice_blocks_it_wherever_it_comes_from(
    question: tuple[Facts, str, datetime],
) -> None:
    facts, channel, at = question
    for field in ("address_state", "form_state"):
        for state in ("AR", "WA", "WY"):
            there = replace(facts, location=replace(facts.location, **{field: state}))
            assert "STATE_AI_BLOCKED" in answer((there, channel, at)).reasons


def complete_record() -> dict[str, Any]:
    record: dict[str, Any] = dict.fromkeys(evidence.REQUIRED, "x")
    boxes = evidence.boxes(("sms", "voice_ai"), frozenset({"sms"}), shown_at="t0", sent_at="t1")
    return record | {"channels": ["sms"], "boxes": boxes, "previous_consents": [], "proxies": []}


def test_every_field_of_the_facts_is_part_of_the_hash_or_marked_personal() -> None:
    personal = {field.name for field in fields(Facts) if field.metadata.get("personal")}
    assert personal == {"identifier", "location"}
