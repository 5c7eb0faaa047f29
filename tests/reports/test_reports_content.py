"""What a report says: no more than the record, in words that pass the lint of every letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports_world import DAY, HERE, MAKER, content_of, point

from penstock import compliance
from penstock.contagion import Known, Reason, Tier
from penstock.reports import sample
from penstock.reports.around import surroundings
from penstock.reports.content import Surroundings, compose, sha256, social_proof
from penstock.reports.map import age_class

TITLE = [
    Reason("LIENS", "There are liens on the property", 9),
    Reason("EQUITY", "About 80 % of the value is the owner's", 8),
]
SEEN = Reason("DAMAGE", "Pictures show damage (40 of 100)", 6)
RIVAL = Reason("CONTRACTORS_NEARBY", "At work close by: RIVAL ROOFS and 2 others", 7)


def all_words(content: dict[str, Any]) -> str:
    told = [content["social_proof"] or "", *content["meaning"], *content["unknown"], *content["score"]["reasons"]]
    return " ".join([*told, content["score"]["headline"]])


def test_liens_equity_other_firms_and_guesses_from_pictures_stay_off_the_page() -> None:
    close = Reason("CLOSE_BY", "4 re-roofs within 500 ft since March 2025", 5)
    content = compose(MAKER, sample.HOME, sample.AROUND, [*TITLE, RIVAL, SEEN, close], [], made_on=DAY)
    assert content["score"]["reasons"] == [close.sentence]
    assert "RIVAL" not in str(content) and "liens" not in str(content)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"permits_within_500ft": 1, "contractor_count": 1, "permits_within_quarter_mile": 1},
         "1 re-roof was permitted within 500 ft since March 2025; it is about 90 ft away, in October 2026."),
        ({"permits_within_100ft": 0, "permits_within_500ft": 0, "nearest_permit_ft": 812.0},
         "9 re-roofs were permitted within a quarter mile in the last 3 years; the nearest is about 810 ft away, "
         "in October 2026."),
        ({"permits_within_100ft": 0, "permits_within_500ft": 0, "permits_within_quarter_mile": 0}, None),
    ],
)  # fmt: skip
def test_the_sentence_of_public_facts_counts_where_there_is_something(
    changed: dict[str, Any], said: str | None
) -> None:
    assert content_of(**changed)["social_proof"] == said


def test_a_home_without_work_around_is_told_so() -> None:
    content = content_of(
        around=Surroundings(), permits_within_100ft=0, permits_within_500ft=0, permits_within_quarter_mile=0,
        nearest_permit_ft=float("nan"), nearest_on=None, known=Known.AGE, tier=Tier.COLD,
    )  # fmt: skip
    assert "No neighbour's re-roof is on record within a quarter mile of this home." in content["meaning"]
    assert any("we have none of them" in gap for gap in content["unknown"])
    assert content["score"]["parts"][0] == {
        "name": "contagion",
        "label": "Permits next door",
        "points": None,
        "share": 0,
    }
    assert sum(part["share"] for part in content["score"]["parts"]) == 100


def test_a_fresh_roof_is_left_alone() -> None:
    content = content_of(
        fresh=True, by_permit=True, installed_year=2024, roof_age_years=2, total_urgency_score=0, tier=0
    )
    assert content["score"]["headline"] == "Your roof was done lately"
    assert content["meaning"][0] == "On record, the roof of this home is 2 years old or less. Nothing is due."


def test_what_nobody_knows_is_said() -> None:
    assert any("replaced without a permit" in gap for gap in content_of()["unknown"])
    assert not any("replaced without a permit" in gap for gap in content_of(by_permit=True)["unknown"])
    assert any("How old your roof is" in gap for gap in content_of(roof_age_years=-1, known=1)["unknown"])
    assert content_of()["unknown"][0].startswith("Nobody has looked at your roof")


def test_the_days_alone_make_no_other_report() -> None:
    content = content_of()
    later = {**content, "days": {**content["days"], "made_on": "2027-01-01"}}
    assert sha256(later) == sha256(content) != sha256(content_of(permits_within_500ft=5))


@settings(max_examples=60, deadline=None)
@given(
    near=st.integers(0, 9), block=st.integers(0, 60), area=st.integers(0, 400), age=st.integers(-1, 120),
    known=st.integers(0, 15), fresh=st.booleans(), by_permit=st.booleans(), tier=st.integers(0, 2),
)  # fmt: skip
def test_no_words_of_a_report_claim_what_the_lint_forbids(
    near: int, block: int, area: int, age: int, known: int, fresh: bool, by_permit: bool, tier: int
) -> None:
    content = content_of(
        permits_within_100ft=near, permits_within_500ft=near + block, permits_within_quarter_mile=near + block + area,
        roof_age_years=age, known=known, fresh=fresh and age >= 0, by_permit=by_permit, tier=tier,
    )  # fmt: skip
    words = all_words(content)
    assert [f for f in compliance.lint.claims(words) if f.action == "BLOCK"] == []
    assert "damage" not in words and "leak" not in words and "urgent" not in words


def test_the_map_holds_what_lies_within_reach_and_inside_the_window() -> None:
    at = {"lat": HERE[0], "lng": HERE[1], "scored_on": DAY}
    spots = [(0, 90, DAY), (-500, 0, DAY - timedelta(days=1000)), (1340, 0, DAY), (10, 10, DAY - timedelta(days=1100)),
             (20, 20, DAY + timedelta(days=1))]  # fmt: skip
    lats, lngs = zip(*(point(east, north) for east, north, _ in spots), strict=True)
    found = {
        "permit_lats": list(lats), "permit_lngs": list(lngs), "permit_days": [on for *_, on in spots],
        "home_lats": None, "home_lngs": None, "cities": None, "read_at": None,
    }  # fmt: skip
    around = surroundings(found, at, MAKER.reach)
    assert [(dot.east, dot.north) for dot in around.dots] == [(0, 90), (-500, 0)]
    wide = surroundings(found, at, replace(MAKER.reach, area_ft=1400.0))
    assert [(dot.east, dot.north) for dot in wide.dots] == [(0, 90), (-500, 0), (1340, 0)]


def test_a_dot_is_as_old_as_its_month() -> None:
    on = date(2026, 11, 30)
    assert [age_class(month, on) for month in ("2026-11", "2025-12", "2025-11", "2024-12", "2024-11")] == [
        "new", "new", "mid", "mid", "old",
    ]  # fmt: skip


def test_no_permits_make_no_sentence() -> None:
    counted = content_of(permits_within_100ft=0, permits_within_500ft=0, permits_within_quarter_mile=0)["counts"]
    assert social_proof(MAKER.words, counted) is None and counted["nearest_feet"] is None
