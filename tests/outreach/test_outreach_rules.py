"""When a step is tried."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.outreach.letters import proper
from penstock.outreach.rules import CLOSES, OPENS, ends_sequence, next_step_at, working_hour

ZONES = st.sampled_from(["America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/Phoenix"])
INSTANTS = st.integers(0, 5 * 365 * 24 * 60).map(
    lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)
DAYS = (1, 3, 5, 7)


@given(INSTANTS, ZONES, st.integers(1, 3))
def test_a_step_lies_the_planned_days_later_in_working_hours(sent: datetime, zone: str, step: int) -> None:
    due = next_step_at(sent, DAYS, step, zone)
    assert due is not None
    local, before = due.astimezone(ZoneInfo(zone)), sent.astimezone(ZoneInfo(zone))
    assert OPENS <= local.time() < CLOSES
    assert 2 <= (local.date() - before.date()).days <= 3
    assert due > sent


def test_after_the_last_step_there_is_none() -> None:
    assert next_step_at(datetime(2026, 12, 1, 17, tzinfo=UTC), DAYS, 4, "America/New_York") is None


def test_the_local_hour_stays_when_the_clocks_change() -> None:
    sent = datetime(2026, 10, 31, 14, 0, tzinfo=UTC)  # 10:00 in New York, a day before winter time
    due = next_step_at(sent, DAYS, 1, "America/New_York")
    assert due is not None and due.astimezone(ZoneInfo("America/New_York")).time() == time(10)


@given(INSTANTS, ZONES)
def test_a_working_hour_is_kept_and_any_other_moves_forward_by_less_than_a_day(at: datetime, zone: str) -> None:
    moved = working_hour(at, zone)
    assert timedelta(0) <= moved - at <= timedelta(hours=17)
    assert working_hour(moved, zone) == moved


@pytest.mark.parametrize(
    ("reasons", "end"),
    [
        (("TIME_QUIET_HOURS",), None),
        (("FREQ_POLICY", "SUPP_OPT_OUT"), "SUPP_OPT_OUT"),
        (("SUPP_PENDING_REVIEW",), None),
        (("CONTENT_PROHIBITED_CLAIM",), None),
        (("DATA_SOURCE_PROHIBITED",), "DATA_SOURCE_PROHIBITED"),
    ],
)
def test_only_what_no_waiting_cures_ends_a_sequence(reasons: tuple[str, ...], end: str | None) -> None:
    assert ends_sequence(reasons) == end


@pytest.mark.parametrize(
    ("given_", "written"),
    [("RUTH ANN", "Ruth Ann"), ("mcdonald", "Mcdonald"), ("McDonald", "McDonald"), (None, ""), (" ", "")],
)
def test_names_are_written_as_people_write_them(given_: str | None, written: str) -> None:
    assert proper(given_) == written
