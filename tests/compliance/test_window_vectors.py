"""Calling hours against the rule sheet's table W01 to W36: what is open, what closes it, and when it opens next."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import compliance_cases as cases
import pytest

from penstock.compliance.gate import may_contact
from penstock.compliance.hours import hours
from penstock.compliance.ruleset import load
from penstock.compliance.zones import Location, place

VECTORS = """
W01 +12125550123 10001 sms        2026-11-18T13:00:00Z NY    open                -
W02 +12125550123 10001 sms        2026-11-18T12:59:59Z NY    TIME_QUIET_HOURS    2026-11-18T13:00:00Z
W03 +12125550123 10001 voice_live 2026-11-19T01:59:59Z NY    open                -
W04 +12125550123 10001 voice_live 2026-11-19T02:00:00Z NY    TIME_QUIET_HOURS    2026-11-19T13:00:00Z
W05 +13055550123 33101 sms        2026-11-19T00:59:59Z FL    open                -
W06 +13055550123 33101 sms        2026-11-19T01:00:00Z FL    TIME_QUIET_HOURS    2026-11-19T13:00:00Z
W07 +18505550123 -     sms        2026-11-18T13:30:00Z FL    TIME_QUIET_HOURS    2026-11-18T14:00:00Z
W08 +18505550123 -     sms        2026-11-18T14:00:00Z FL    open                -
W09 +18505550123 32501 voice_live 2026-11-19T01:30:00Z FL    TIME_QUIET_HOURS    2026-11-19T14:00:00Z
W10 +12125550123 33101 sms        2026-11-19T01:30:00Z FL+NY TIME_QUIET_HOURS    2026-11-19T13:00:00Z
W11 +18085550123 10001 sms        2026-11-18T15:00:00Z HI+NY TIME_QUIET_HOURS    2026-11-18T18:00:00Z
W12 +18085550123 10001 sms        2026-11-18T18:00:00Z HI+NY open                -
W13 +12145550123 75201 sms        2026-11-22T17:30:00Z TX    TIME_QUIET_HOURS    2026-11-22T18:00:00Z
W14 +12145550123 75201 sms        2026-11-22T18:00:00Z TX    open                -
W15 +18015550123 84101 sms        2026-11-22T20:00:00Z UT    TIME_DAY_PROHIBITED 2026-11-23T15:00:00Z
W16 +15045550123 70112 voice_live 2026-02-17T18:00:00Z LA    TIME_DAY_PROHIBITED 2026-02-18T14:00:00Z
W17 +12155550123 19103 sms        2026-11-03T18:00:00Z PA    TIME_DAY_PROHIBITED 2026-11-04T14:00:00Z
W18 +14015550123 02903 sms        2026-05-04T15:00:00Z RI    TIME_DAY_PROHIBITED 2026-05-05T13:00:00Z
W19 +14015550123 02903 sms        2026-11-18T23:00:00Z RI    TIME_QUIET_HOURS    2026-11-19T14:00:00Z
W20 +12705550123 42701 sms        2026-11-18T15:00:00Z KY    TIME_QUIET_HOURS    2026-11-18T16:00:00Z
W21 +12705550123 42701 sms        2026-11-18T16:00:00Z KY    open                -
W22 +16025550123 85001 sms        2026-07-01T14:59:59Z AZ    TIME_QUIET_HOURS    2026-07-01T15:00:00Z
W23 +16025550123 85001 sms        2026-07-01T15:00:00Z AZ    open                -
W24 +16025550123 86040 sms        2026-07-02T03:30:00Z AZ    TIME_QUIET_HOURS    2026-07-02T15:00:00Z
W25 +12125550123 10001 sms        2026-11-01T12:30:00Z NY    TIME_QUIET_HOURS    2026-11-01T13:00:00Z
W26 +12125550123 10001 sms        2027-03-14T12:00:00Z NY    open                -
W27 +12075550123 04101 voice_ai   2026-11-18T22:00:00Z ME    TIME_QUIET_HOURS    2026-11-19T14:00:00Z
W28 +12075550123 04101 voice_live 2026-11-18T22:00:00Z ME    open                -
W29 +16055550123 57701 voice_ai   2026-11-21T20:00:00Z SD    TIME_DAY_PROHIBITED 2026-11-23T16:00:00Z
W30 +14025550123 68102 voice_ai   2026-11-22T18:00:00Z NE    TIME_QUIET_HOURS    2026-11-22T20:00:00Z
W31 +12055550123 35203 sms        2027-12-31T18:00:00Z AL    TIME_DAY_PROHIBITED 2028-01-03T14:00:00Z
W32 +16715550123 10001 sms        2026-11-18T22:30:00Z GU+NY open                -
W33 +12085550123 83501 sms        2026-11-18T15:30:00Z ID    TIME_QUIET_HOURS    2026-11-18T16:00:00Z
W34 +15415550123 97910 sms        2026-11-19T03:30:00Z OR    TIME_QUIET_HOURS    2026-11-19T16:00:00Z
W35 +19075550123 99546 sms        2026-11-18T17:30:00Z AK    TIME_QUIET_HOURS    2026-11-18T18:00:00Z
W36 +19155550123 79901 sms        2026-11-18T15:30:00Z TX    TIME_QUIET_HOURS    2026-11-18T16:00:00Z
"""


@pytest.mark.parametrize("row", VECTORS.strip().splitlines(), ids=lambda row: row.split()[0])
def test_the_window_opens_and_closes_as_the_rule_sheet_says(row: str) -> None:
    _, phone, zip_code, channel, at_text, states, expected, next_text = row.split()
    at = datetime.fromisoformat(at_text)
    location = Location(phone=phone, zip=None if zip_code == "-" else zip_code)
    facts = cases.clean(phone=phone, location=location, at=at, channel=channel)
    decision = may_contact(facts, at=at, intent=cases.intent(channel), rules=cases.RULES, policy=cases.POLICY)

    assert "+".join(decision.states) == states
    assert decision.reason == ("ALLOWED" if expected == "open" else expected)
    assert decision.next_permitted_at == (None if next_text == "-" else datetime.fromisoformat(next_text))


def test_the_guard_keeps_five_minutes_clear_at_both_ends() -> None:
    policy = load().policy
    verdicts = {}
    for clock in ("13:04:59", "13:05:00", "01:54:59", "01:55:00"):
        day = 18 if clock > "12" else 19
        at = datetime.fromisoformat(f"2026-11-{day}T{clock}Z")
        facts = cases.clean(at=at, channel="sms")
        verdicts[clock] = may_contact(
            facts, at=at, intent=cases.intent("sms"), rules=cases.RULES, policy=policy
        ).verdict
    assert verdicts == {"13:04:59": "DENY", "13:05:00": "ALLOW", "01:54:59": "ALLOW", "01:55:00": "DENY"}


def test_a_decision_ends_with_the_window_or_after_a_minute() -> None:
    at = datetime(2026, 11, 19, 1, 59, 30, tzinfo=UTC)
    closing = may_contact(cases.clean(at=at), at=at, intent=cases.intent("sms"), rules=cases.RULES, policy=cases.POLICY)
    assert closing.valid_until == datetime(2026, 11, 19, 2, tzinfo=UTC)
    at = datetime(2026, 11, 18, 16, tzinfo=UTC)
    open_long = may_contact(
        cases.clean(at=at), at=at, intent=cases.intent("sms"), rules=cases.RULES, policy=cases.POLICY
    )
    assert open_long.valid_until == datetime(2026, 11, 18, 16, 1, tzinfo=UTC)


def test_email_keeps_to_the_day_where_the_zone_is_known() -> None:
    at = datetime(2026, 11, 19, 2, 30, tzinfo=UTC)
    facts = cases.clean(email="ada@example.test", location=Location(zip="10001"), at=at, channel="email")
    decision = may_contact(facts, at=at, intent=cases.intent("email"), rules=cases.RULES, policy=cases.POLICY)
    assert decision.reasons == ("TIME_QUIET_HOURS",)
    assert decision.next_permitted_at == datetime(2026, 11, 19, 12, tzinfo=UTC)
    nowhere = replace(facts, location=Location())
    assert may_contact(nowhere, at=at, intent=cases.intent("email"), rules=cases.RULES, policy=cases.POLICY).allowed


@pytest.mark.parametrize(
    ("state", "day"),
    [
        ("AL", date(2026, 12, 1)),
        ("LA", date(2026, 11, 27)),
        ("MS", date(2027, 7, 5)),
        ("PA", date(2026, 4, 3)),
        ("PA", date(2026, 6, 14)),
        ("RI", date(2026, 8, 10)),
        ("RI", date(2026, 11, 3)),
        ("UT", date(2026, 7, 24)),
    ],
)
def test_a_state_holiday_closes_the_day(state: str, day: date) -> None:
    assert hours(load(), state, "sms", day) is None


def test_election_day_of_an_odd_year_closes_pennsylvania_but_not_rhode_island() -> None:
    assert hours(load(), "PA", "sms", date(2027, 11, 2)) is None
    assert hours(load(), "RI", "sms", date(2027, 11, 2)) == (540, 1080)


def test_an_area_code_that_spans_two_zones_gives_both() -> None:
    for phone, zones in {"+12705550123": 2, "+14235550123": 2, "+13645550123": 2, "+19065550123": 2}.items():
        found = place(Location(phone=phone), load()).zones
        offsets = {datetime(2026, 11, 18, 12, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset() for zone in found}
        assert len(offsets) >= zones, phone


def test_a_zone_that_does_not_load_is_dropped() -> None:
    zones = place(Location(zip="99634", declared_zone="Mars/Olympus"), load()).zones
    assert "America/Anchorage" in zones
    assert not {"Napakiak", "Mars/Olympus"} & set(zones)


def test_toll_free_and_foreign_numbers_point_nowhere() -> None:
    assert place(Location(phone="+18005550123"), load()).zones == ()
    assert place(Location(phone="+14165550123"), load()).states == ()
