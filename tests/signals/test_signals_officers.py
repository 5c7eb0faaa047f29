"""Who holds an office, drawn from pages, news and our own records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.signals.evidence import Fact
from penstock.signals.names import same_person
from penstock.signals.officers import Standing, set_by_records, standing

DAY0 = datetime(2026, 6, 1, 9, tzinfo=UTC)
HOME, LINKEDIN, NEWS = 1, 2, 3
_ids = count(1)


def day(n: float) -> datetime:
    return DAY0 + timedelta(days=n)


def fact(
    kind: str, name: str, found: float, *, seen: float | None = None, page: int | None = HOME, **value: Any
) -> Fact:
    known = value.pop("known", True)
    value = {"slot": "CEO", **value, "name": name}
    key = f"{value['slot']}:{name}"
    seen_at = day(found if seen is None else seen)
    return Fact(next(_ids), kind, key, value, day(found), seen_at, page, page_read_before=known, source="website")


def listed(name: str, found: float, seen: float | None = None, **value: Any) -> Fact:
    return fact("person_at", name, found, seen=seen, **value)


def absent(name: str, found: float, seen: float | None = None, **value: Any) -> Fact:
    return fact("person_absent", name, found, seen=seen, **value)


def news(kind: str, name: str, found: float, **value: Any) -> Fact:
    return fact(kind, name, found, page=value.pop("page", NEWS), **value)


def records(name: str | None, at: float, slot: Any = "CEO") -> Fact:
    note = set_by_records(slot, day(at), {"contact_id": None, "name": name} if name else None)
    return Fact(next(_ids), note["kind"], note["key"], note["value"], day(at), day(at))


def holder(result: Standing, slot: Any = "CEO") -> str | None:
    tenure = result.holders[slot]
    return tenure.person.name if tenure else None


def told(result: Standing) -> list[str]:
    return [f"{one.slot} {one.change} {one.person.name}" for one in result.changes]


def test_the_first_name_in_an_empty_slot_fills_it_and_is_no_movement() -> None:
    result = standing([listed("Jane Doe", 1)])
    assert holder(result) == "Jane Doe"
    assert told(result) == []


def test_another_person_on_the_page_takes_the_slot() -> None:
    result = standing([listed("Bob Smith", 1, 1), listed("Jane Doe", 31)])
    assert holder(result) == "Jane Doe"
    assert told(result) == ["CEO left Bob Smith", "CEO took Jane Doe"]
    assert result.changes[0].as_value()["successor"] == "Jane Doe"
    assert result.changes[1].as_value()["predecessor"] == "Bob Smith"


@pytest.mark.parametrize("spelling", ["Robert Smith", "Robert J. Smith Jr.", "Smith, Bob", "R. Smith"])
def test_another_spelling_is_no_movement(spelling: str) -> None:
    assert told(standing([listed("Bob Smith", 1, 1), listed(spelling, 31)])) == []


def test_a_list_that_is_older_than_the_page_gives_way() -> None:
    result = standing([records("Bob Smith", 0), listed("Jane Doe", 1, known=False)])
    assert holder(result) == "Jane Doe"
    assert told(result) == ["CEO left Bob Smith", "CEO took Jane Doe"]


def test_what_a_person_set_by_hand_after_the_page_was_read_stands() -> None:
    result = standing([listed("Jane Doe", 1), records("Bob Smith", 2)])
    assert holder(result) == "Bob Smith"
    assert told(result) == []


def test_two_names_side_by_side_leave_the_slot_to_the_first_and_one_goes_on_when_the_other_leaves() -> None:
    both = [listed("Ann Lee", 1, 61), listed("Jane Doe", 31, 61)]
    assert holder(standing(both)) == "Ann Lee"
    assert told(standing(both)) == []
    after = standing([*both, news("departure", "Ann Lee", 62)])
    assert holder(after) == "Jane Doe"
    assert told(after) == ["CEO left Ann Lee"]


def test_two_pages_that_disagree_at_first_sight_are_no_movement() -> None:
    result = standing([listed("Ann Lee", 1, known=False), listed("Jane Doe", 1.01, page=LINKEDIN, known=False)])
    assert holder(result) == "Ann Lee"
    assert told(result) == []


def test_a_name_that_is_new_on_a_page_we_knew_counts_although_another_page_lags() -> None:
    facts = [listed("Ann Lee", 1), listed("Ann Lee", 1, page=LINKEDIN), listed("Jane Doe", 31, page=LINKEDIN)]
    assert holder(standing(facts)) == "Jane Doe"


def test_news_of_a_successor_outweighs_a_page_that_is_read_for_the_first_time() -> None:
    facts = [news("appointment", "Jane Doe", 20, date="2026-06-10"), listed("Bob Smith", 21, known=False)]
    assert holder(standing(facts)) == "Jane Doe"


def test_a_page_read_for_the_first_time_does_not_bring_back_who_left_by_the_news() -> None:
    facts = [news("departure", "Bob Smith", 20, date="2026-06-10"), listed("Bob Smith", 21, known=False)]
    assert holder(standing(facts)) is None
    assert told(standing(facts)) == ["CEO left Bob Smith"]


def test_old_news_is_history() -> None:
    facts = [listed("Jane Doe", 1), news("appointment", "Bob Smith", 2, date="2019-03-01")]
    assert holder(standing(facts)) == "Jane Doe"
    assert told(standing(facts)) == []


def test_undated_news_on_a_page_read_for_the_first_time_is_history() -> None:
    facts = [listed("Jane Doe", 1), news("appointment", "Bob Smith", 2, known=False)]
    assert holder(standing(facts)) == "Jane Doe"
    assert holder(standing([*facts, news("appointment", "Bob Smith", 30)])) == "Bob Smith"


def test_a_departure_empties_the_slot_and_the_next_name_fills_it() -> None:
    facts = [listed("Bob Smith", 1), news("departure", "Robert Smith", 5, slot=None)]
    assert holder(standing(facts)) is None
    after = standing([*facts, listed("Jane Doe", 31)])
    assert holder(after) == "Jane Doe"
    assert told(after) == ["CEO left Bob Smith", "CEO took Jane Doe"]


def test_one_reading_that_misses_a_person_changes_nothing_and_a_second_empties_the_slot() -> None:
    bob = listed("Bob Smith", 1, 1)
    assert holder(standing([bob, absent("Bob Smith", 31)])) == "Bob Smith"
    assert holder(standing([bob, absent("Bob Smith", 31, 31.01)])) == "Bob Smith"  # a retry is no second reading
    gone = standing([bob, absent("Bob Smith", 31, 61)])
    assert holder(gone) is None
    assert told(gone) == ["CEO left Bob Smith"]


def test_two_pages_that_miss_a_person_are_two_readings() -> None:
    facts = [listed("Bob Smith", 1, 1), absent("Bob Smith", 31), absent("Bob Smith", 32, page=LINKEDIN)]
    assert holder(standing(facts)) is None


def test_a_page_that_names_the_person_again_undoes_the_doubt() -> None:
    facts = [listed("Bob Smith", 1, 61), absent("Bob Smith", 31, 45)]
    assert holder(standing(facts)) == "Bob Smith"


def test_who_was_followed_and_is_named_again_is_back_when_the_follower_is_gone() -> None:
    facts = [
        listed("Bob Smith", 1, 91),
        listed("Jane Doe", 31, 31, page=LINKEDIN),
        absent("Jane Doe", 61, 91, page=LINKEDIN),
    ]
    assert holder(standing(facts)) == "Bob Smith"


def test_an_interim_officer_has_the_office_and_it_is_said() -> None:
    result = standing([listed("Bob Smith", 1, 1), listed("Jane Doe", 31, title="Interim Chief Executive Officer")])
    assert holder(result) == "Jane Doe"
    assert result.changes[-1].as_value()["interim"] is True


@pytest.mark.parametrize("title", ["Former Chief Executive Officer", "Assistant to the CEO", "CEO, North America"])
def test_a_title_that_fills_no_slot_outweighs_the_slot_that_is_named(title: str) -> None:
    assert holder(standing([listed("Bob Smith", 1, title=title)])) is None


def test_a_co_ceo_who_is_appointed_displaces_nobody() -> None:
    facts = [listed("Ann Lee", 1), news("appointment", "Jane Doe", 20, title="co-CEO")]
    assert holder(standing(facts)) == "Ann Lee"
    assert told(standing(facts)) == []


def test_an_appointment_that_the_page_knew_before_is_told_once() -> None:
    facts = [listed("Jane Doe", 1), news("appointment", "Jane Doe", 3), news("appointment", "J. Doe", 5, page=9)]
    assert told(standing(facts)) == ["CEO took Jane Doe"]


def test_who_is_promoted_leaves_the_other_slot() -> None:
    facts = [listed("Jane Doe", 1, 1, slot="CFO"), listed("Bob Smith", 1, 1), listed("Jane Doe", 31)]
    result = standing(facts)
    assert (holder(result, "CEO"), holder(result, "CFO")) == ("Jane Doe", None)
    assert told(result) == ["CEO left Bob Smith", "CEO took Jane Doe", "CFO left Jane Doe"]


def test_two_offices_in_one_hand_are_one_slot() -> None:
    result = standing([listed("Jane Doe", 1), listed("Jane Doe", 1, slot="CFO")])
    assert (holder(result, "CEO"), holder(result, "CFO")) == ("Jane Doe", None)
    assert told(result) == []


def test_a_change_of_name_at_the_same_profile_is_no_movement() -> None:
    url = "linkedin.com/in/janedoe"
    facts = [listed("Jane Doe", 1, 1, profile_url=url), listed("Jane Roe", 31, profile_url=url)]
    assert told(standing(facts)) == []


def test_who_returns_is_told_of_a_second_time() -> None:
    facts = [
        news("appointment", "Bob Smith", 1),
        news("departure", "Bob Smith", 10),
        news("appointment", "Bob Smith", 20, page=9),
        news("departure", "Bob Smith", 30, page=9),
    ]
    result = standing(facts)
    assert [one.turn for one in result.changes] == [1, 1, 2, 2]
    assert result.changes[-1].as_value()["who"] == "bob smith:2"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"name": None},
        {"name": "  "},
        {"name": 7, "slot": "CEO"},
        {"name": "Jane Doe"},
        {"name": "Jane Doe", "slot": "COO"},
    ],
)
def test_a_fact_that_names_nobody_or_no_office_says_nothing(value: dict[str, Any]) -> None:
    odd = Fact(1, "person_at", "k", value, day(1), day(1))
    assert standing([odd]).holders == dict.fromkeys(("CEO", "CFO", "HR"))


PEOPLE = ["Bob Smith", "Jane Doe", "Carla Ortega", "Wei Zhang", "Olga Petrova", "Noah Weiss"]
SPELT = {"Bob Smith": "Robert J. Smith", "Jane Doe": "Doe, Jane", "Carla Ortega": "Carla Ortega Ruiz"}


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """One officer after another, a page and news that tell of them, each in its own words and time."""
    facts: list[Fact] = []
    for slot in draw(st.lists(st.sampled_from(["CEO", "CFO", "HR"]), min_size=1, max_size=2, unique=True)):
        others = [name for name in PEOPLE if not any(same_person(name, str(one.value["name"])) for one in facts)]
        line = draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
        for n, name in enumerate(line):
            start, told_as = 10 + 40 * n, draw(st.sampled_from([name, SPELT.get(name, name)]))
            how = draw(st.sampled_from(["page", "news", "both"]))
            if n == 0 and draw(st.booleans()):
                facts.append(records(name, start - 5, slot))
            if how != "page":
                facts.append(news("appointment", told_as, start + draw(st.integers(0, 3)), slot=slot))
            if how != "news":
                facts.append(listed(name, start + draw(st.integers(0, 20)), slot=slot))
            if draw(st.booleans()):
                facts.append(news("departure", told_as, start + 30, slot=slot))
    return facts


@settings(max_examples=200, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_facts_in_any_order_in_any_portions_end_where_they_end_in_time(facts: list[Fact], dice: Any) -> None:
    in_time = sorted(facts, key=lambda one: (one.found_at, one.id))
    final = standing(in_time)
    told_in_time: set[tuple[str, str, str]] = set()
    for n in range(1, len(in_time) + 1):
        told_in_time |= conclusions(standing(in_time[:n]))
    shuffled = [*facts, *dice.sample(facts, k=len(facts) // 2)]
    dice.shuffle(shuffled)
    told_shuffled: set[tuple[str, str, str]] = set()
    for n in range(1, len(shuffled) + 1):
        known = {one.id: one for one in shuffled[:n]}
        told_shuffled |= conclusions(standing(known.values()))
    again = standing({one.id: one for one in shuffled}.values())
    assert [holder(again, slot) for slot in again.holders] == [holder(final, slot) for slot in final.holders]
    assert told_shuffled == told_in_time == conclusions(final)


def conclusions(result: Standing) -> set[tuple[str, str, str]]:
    """What was told, the spelling of names aside."""
    return {
        (one.slot, one.change, next(name for name in PEOPLE if same_person(name, one.person.name)) + f":{one.turn}")
        for one in result.changes
    }
