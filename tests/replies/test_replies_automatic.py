"""Machines that answer, and the day a person says to be back."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.replies.automatic import MAX_ABSENCE, is_automatic, return_date, says_absent

TODAY = date(2026, 12, 1)  # a Tuesday


@pytest.mark.parametrize(
    "headers",
    [
        {"auto-submitted": ("auto-replied",)},
        {"auto-submitted": ("auto-generated (failure)",)},
        {"return-path": ("<>",)},
        {"precedence": ("Bulk",)},
        {"list-id": ("<news.example>",)},
        {"x-autoreply": ("yes",)},
    ],
)
def test_machines_are_known_by_their_headers(headers: dict[str, tuple[str, ...]]) -> None:
    assert is_automatic(headers)


@pytest.mark.parametrize(
    "headers",
    [{}, {"auto-submitted": ("no",)}, {"x-auto-response-suppress": ("All",)}, {"return-path": ("<a@b.example>",)}],
)
def test_people_are_not_taken_for_machines(headers: dict[str, tuple[str, ...]]) -> None:
    assert not is_automatic(headers)


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("I will be back on December 7.", date(2026, 12, 7)),
        ("out of office until 12/14/2026", date(2026, 12, 14)),
        ("Returning 2026-12-20", date(2026, 12, 20)),
        ("away from Dec 1 until Dec 9th", date(2026, 12, 9)),
        ("I am away through December 4", date(2026, 12, 5)),
        ("back next Monday", date(2026, 12, 7)),
        ("I return on Tuesday", date(2026, 12, 8)),
        ("back tomorrow", date(2026, 12, 2)),
        ("I'll be out for two weeks", date(2026, 12, 15)),
        ("returning the 7th of December", date(2026, 12, 7)),
        ("back in my office 3 January", TODAY + MAX_ABSENCE),
        ("I am travelling and will answer when I can", None),
        ("I returned on November 2", None),
        ("back on 31/31/2026", None),
    ],
)
def test_the_day_of_return_is_read(text: str, back: date | None) -> None:
    assert return_date(text, TODAY) == back


def test_a_return_in_january_read_in_december_is_in_the_coming_year() -> None:
    assert return_date("I will be back January 4", date(2026, 12, 20)) == date(2027, 1, 4)


def test_absence_is_known_by_its_words_too() -> None:
    assert says_absent("I am currently out of the office with limited access to email")
    assert says_absent("Estoy fuera de la oficina")
    assert not says_absent("I work in an office, call me there")


@given(st.text(max_size=120), st.dates(date(2026, 1, 1), date(2030, 12, 31)))
def test_no_text_pauses_a_sequence_into_the_past_or_longer_than_thirty_days(text: str, today: date) -> None:
    back = return_date(text + " back on 5/6", today)
    assert back is None or timedelta(0) < back - today <= MAX_ABSENCE
