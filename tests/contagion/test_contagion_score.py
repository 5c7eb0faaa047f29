"""From figures to a score, a tier and something to do; and the reasons in words."""

from __future__ import annotations

import numpy as np
import pytest
from ground_contagion import AS_OF, nobody, permits, properties
from hypothesis import given
from hypothesis import strategies as st

from penstock.contagion.arrays import NEIGHBOURS, Reach, Rows
from penstock.contagion.field import prepare
from penstock.contagion.neighbours import measure
from penstock.contagion.reasons import Teller, Verdict, Words
from penstock.contagion.score import Action, Confidence, Known, Tier, Weights, score, unknown_facts
from penstock.core.errors import InvalidInput

WORDS = Words(one="re-roof", many="re-roofs", part="roof")
WEIGHTS = Weights()


def one(**figures: float) -> Rows:
    """NEIGHBOURS of a property of 2003 that feels nothing, but for what is said."""
    felt = np.zeros(1, dtype=NEIGHBOURS)
    felt["installed_year"], felt["nearest"], felt["contractors"] = 2003, -1, -1
    for name in ("nearest_ft", "replaced_year", "subdivision_year"):
        felt[name] = np.nan
    for name, value in figures.items():
        felt[name] = value
    return felt


def facts(**known: float) -> Rows:
    made = unknown_facts(1)
    for name, value in known.items():
        made[name] = value
    return made


def told(felt: Rows, about: Rows | None = None, **names: str) -> Verdict:
    about = unknown_facts(1) if about is None else about
    scored = score(felt, about, WEIGHTS, as_of=AS_OF)
    contractors = {int(code.removeprefix("c")): name for code, name in names.items()}
    return Teller(WORDS, Reach(), WEIGHTS, AS_OF, contractors).verdict(felt[0], scored[0], about[0])


def total(felt: Rows, **known: float) -> int:
    return int(score(felt, facts(**known), WEIGHTS, as_of=AS_OF)["total"][0])


def test_the_parts_are_weighed_by_what_is_known() -> None:
    row = score(one(pressure=1.0), unknown_facts(1), WEIGHTS, as_of=AS_OF)[0]
    assert (row["contagion"], row["age_match"], row["financial"], row["visual"]) == (50, 90, 0, 0)
    assert row["total"] == round((0.45 * 50 + 0.30 * 90) / 0.75)
    assert row["known"] == Known.CONTAGION | Known.AGE
    assert row["confidence"] == Confidence.MEDIUM


def test_pictures_not_looked_at_neither_help_nor_harm_but_damage_seen_does() -> None:
    felt = one(pressure=1.0)
    assert total(felt, damage=100) > total(felt) > total(felt, damage=0)


def test_a_lien_lowers_and_equity_lifts() -> None:
    felt = one(pressure=1.0)
    assert total(felt, equity_percent=90) > total(felt, equity_percent=90, liens=1) > total(felt, equity_percent=0)


@pytest.mark.parametrize(
    ("pressure", "expected"), [(0.5, Tier.COLD), (0.9, Tier.WARM), (1.6, Tier.WARM), (3.0, Tier.HOT)]
)
def test_the_tiers_follow_the_total(pressure: float, expected: Tier) -> None:
    row = score(one(pressure=pressure), unknown_facts(1), WEIGHTS, as_of=AS_OF)[0]
    assert row["tier"] == expected
    assert (row["total"] >= 80, row["total"] >= 60) == (expected == Tier.HOT, expected >= Tier.WARM)


def test_the_tiers_begin_at_eighty_and_sixty() -> None:
    felt = np.repeat(one(installed_year=0), 4)
    felt["pressure"] = -np.log2(1 - np.array([79.6, 79.4, 59.6, 59.4]) / 100)
    scored = score(felt, unknown_facts(4), WEIGHTS, as_of=AS_OF)
    assert scored["total"].tolist() == [80, 79, 60, 59]
    assert [Tier(t).name for t in scored["tier"]] == ["HOT", "WARM", "WARM", "COLD"]


def test_what_was_done_lately_is_left_alone_however_busy_the_street() -> None:
    row = score(one(pressure=9.0, installed_year=2022, by_permit=True), unknown_facts(1), WEIGHTS, as_of=AS_OF)[0]
    assert (row["total"], row["tier"], row["action"]) == (0, Tier.COLD, Action.LEAVE)


def test_hot_with_little_known_is_looked_at_first() -> None:
    little = score(one(pressure=9.0, installed_year=0), unknown_facts(1), WEIGHTS, as_of=AS_OF)[0]
    assert (little["tier"], little["confidence"], little["action"]) == (Tier.HOT, Confidence.LOW, Action.LOOK_FIRST)
    more = score(one(pressure=9.0), facts(equity_percent=80), WEIGHTS, as_of=AS_OF)[0]
    assert (more["confidence"], more["action"]) == (Confidence.HIGH, Action.CONTACT)


def test_nothing_known_is_nothing_scored() -> None:
    row = score(one(installed_year=0), facts(covered=False), WEIGHTS, as_of=AS_OF)[0]
    assert (row["total"], row["known"], row["confidence"]) == (0, 0, Confidence.LOW)


KNOWN_OR_NOT = st.one_of(st.just(float("nan")), st.floats(0, 100))


@given(
    st.booleans(),
    st.floats(0, 10),
    st.sampled_from([0, 1930, 1995, 2003, 2016, 2022]),
    st.sampled_from([0, 10_000_000, 25_000_000, 90_000_000]),
    KNOWN_OR_NOT,
    KNOWN_OR_NOT,
)
def test_without_permits_on_record_nothing_ranks_as_due_and_with_them_the_mean_stands(
    covered: bool, pressure: float, year: int, value: int, equity: float, damage: float
) -> None:
    about = facts(covered=covered, value_cents=value, equity_percent=equity, damage=damage)
    row = score(one(pressure=pressure, installed_year=year), about, WEIGHTS, as_of=AS_OF)[0]
    parts = zip(("contagion", "age_match", "financial", "visual"), (45, 30, 15, 10), Known, strict=True)
    known = [(int(row[name]), weight) for name, weight, flag in parts if row["known"] & flag]
    mean = sum(points * weight for points, weight in known) / max(sum(weight for _, weight in known), 1)
    due = 0 if row["fresh"] else mean
    if covered:
        assert row["total"] == pytest.approx(due, abs=1)
    else:
        assert (row["tier"], row["action"] in (Action.WAIT, Action.LEAVE)) == (Tier.COLD, True)
        assert row["total"] == pytest.approx(min(due, 59), abs=1) and row["total"] < 60


@pytest.mark.parametrize("known", [{"equity_percent": 100}, {"damage": 100}, {"value_cents": 10**9}])
def test_one_good_figure_is_no_lead_where_no_permits_are_known(known: dict[str, float]) -> None:
    blind = one(installed_year=0)
    assert (total(blind, covered=False, **known), total(one(installed_year=1985), covered=False, **known)) == (59, 59)
    verdict = told(blind, facts(covered=False, **known))
    assert (verdict.tier, verdict.recommended_action) == ("COLD", "wait")
    assert verdict.reasons[0].sentence == "No permits are known here, so it cannot rank as due"
    assert total(blind, **known) < 60, "permits are known, and none is near"


def test_the_bar_that_a_place_without_permits_stays_below_is_that_of_the_weights() -> None:
    strict = Weights(warm=40, hot=70)
    row = score(one(installed_year=0), facts(covered=False, equity_percent=100), strict, as_of=AS_OF)[0]
    assert (row["total"], row["tier"]) == (39, Tier.COLD)


@given(
    st.floats(0, 1e4),
    st.integers(0, 10_000),
    st.sampled_from([0, 1700, 1890, 2003, 2024, 2071]),
    st.one_of(st.just(float("nan")), st.floats(1800, 2100)),
    st.one_of(st.just(float("nan")), st.floats(-50, 150)),
)
def test_every_part_stays_between_nothing_and_a_hundred(
    pressure: float, same: int, year: int, replaced: float, seen: float
) -> None:
    felt = one(pressure=pressure, same_subdivision=same, installed_year=year, replaced_year=replaced)
    about = facts(equity_percent=seen, damage=seen, life_left_years=seen, value_cents=10**12)
    row = score(felt, about, WEIGHTS, as_of=AS_OF)[0]
    for name in ("contagion", "age_match", "financial", "visual", "total"):
        assert 0 <= row[name] <= 100


def test_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput):
        Weights(contagion=-0.1)
    with pytest.raises(InvalidInput):
        Weights(hot=50)


def test_the_leading_reason_reads_as_a_roofer_would_say_it() -> None:
    felt = one(block=4, area=9, near=1, nearest_ft=84.4, since=AS_OF - 200, pressure=3.0, replaced_year=2002.4)
    felt["same_subdivision"] = 6
    felt["contractors"][0, :2], felt["contractor_count"] = (5, 2), 2
    verdict = told(felt, c5="Summit Exteriors")
    assert [reason.sentence for reason in verdict.reasons] == [
        "4 re-roofs within 500 ft since March, yours is the same age",
        "The roof is 21 years old if it is the first (built 2003)",
        "The nearest re-roof is about 80 ft away",
        "6 re-roofs in the same subdivision",
        "At work close by: Summit Exteriors and 1 other",
    ]
    assert (verdict.tier, verdict.recommended_action, verdict.confidence) == ("HOT", "contact", "medium")
    assert verdict.data_sources_used == ("permits", "year_built")
    assert verdict.scoring_version == "v1.1"


def test_of_an_age_that_is_not_known_it_is_not_said_that_it_is_the_same() -> None:
    felt = {"area": 3, "pressure": 3.0, "replaced_year": 1967.0, "installed_year": 1966}
    for near in ({}, {"block": 3, "since": AS_OF - 200}):
        first, age, *_ = (reason.sentence for reason in told(one(**felt, **near)).reasons)
        assert first.endswith(", on buildings of the same years as this one")
        assert age == "The building is of 1966; when its roof was last done is not known"
        by_permit = told(one(**felt, **near, by_permit=True)).reasons[0].sentence
        assert by_permit.endswith(", yours is the same age")


def codes(verdict: Verdict) -> set[str]:
    return {reason.code for reason in verdict.reasons}


def test_each_gap_is_named() -> None:
    assert codes(told(one(installed_year=0), facts(covered=False))) == {"PERMITS_UNKNOWN", "AGE_UNKNOWN"}
    assert codes(told(one())) == {"NONE_NEARBY", "AGE_OF_BUILDING"}
    assert codes(told(one(installed_year=1930))) == {"NONE_NEARBY", "AGE_GUESSED"}


def test_each_fact_of_title_and_picture_is_named() -> None:
    about = facts(equity_percent=72, refinanced=1, liens=1, damage=60, life_left_years=1)
    verdict = told(one(area=1, pressure=0.2), about)
    assert codes(verdict) >= {"IN_THE_AREA", "EQUITY", "REFINANCED", "LIENS", "DAMAGE", "WORN"}
    assert "1 re-roof within a quarter mile in 3 years" in {reason.sentence for reason in verdict.reasons}
    assert "By its pictures it lasts 1 more year" in {reason.sentence for reason in verdict.reasons}
    assert verdict.data_sources_used == ("permits", "year_built", "title", "imagery")


def test_a_fresh_one_says_so_first() -> None:
    verdict = told(one(installed_year=2022, by_permit=True, area=5, block=5, since=AS_OF - 400, pressure=4.0))
    assert verdict.reasons[0].sentence == "The roof is new, by its permit of 2022: nothing is due"
    assert verdict.recommended_action == "leave"
    assert "since August 2023" in verdict.reasons[1].sentence


def test_an_own_permit_gives_the_age() -> None:
    verdict = told(one(installed_year=2004, by_permit=True))
    assert "The roof is 20 years old, by its permit of 2004" in {reason.sentence for reason in verdict.reasons}
    assert "own_permit" in verdict.data_sources_used


def test_from_permits_to_words_in_one_go() -> None:
    homes = properties([(0, 0)], built=[1995])
    filed = permits([(0, 1), (1, 0), (3, 3), (0, 2)], day=AS_OF - 90)
    felt = measure(homes, prepare(homes, filed, nobody(filed), as_of=AS_OF, reach=Reach()))
    assert told(felt).reasons[0].sentence.startswith("4 re-roofs within 500 ft since July")
