"""Whose contact is it? The decisions of the waterfall, as pure functions."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.enrichment.rules import Owner, age, is_litigator, same_name, take, who
from penstock.providers.contacts import Found, FoundEmail, FoundPhone, OwnerCheck, Subject

ADA = Subject("Ada", "Sample", "1 Main St", "", "Tampa", "FL", "33602")
NOBODY = replace(ADA, first_name="", last_name="")
FOUND = Found(
    matched=True,
    first_name="Ada",
    last_name="Sample",
    phones=(FoundPhone("+18135550100"),),
    emails=(FoundEmail("ada@example.com"),),
)
AT = datetime(2026, 11, 30, tzinfo=UTC)


def test_the_owners_contacts_are_taken() -> None:
    taken = take(ADA, FOUND)
    assert (taken.owner, len(taken.phones), len(taken.emails)) == (Owner.SAME, 1, 1)


def test_somebody_elses_contacts_are_left() -> None:
    taken = take(ADA, replace(FOUND, first_name="Bob", last_name="Other"))
    assert (taken.owner, taken.phones, taken.emails) == (Owner.OTHER, (), ())


@pytest.mark.parametrize("check", [OwnerCheck.MOVED, OwnerCheck.HOUSEHOLD, OwnerCheck.DIFFERENT])
def test_the_vendors_own_no_weighs_more_than_equal_names(check: OwnerCheck) -> None:
    assert who(ADA, replace(FOUND, owner=check)) is Owner.OTHER


def test_a_point_that_the_vendor_ties_to_somebody_else_stays_out() -> None:
    mixed = replace(FOUND, phones=(FoundPhone("+18135550100", belongs=False), FoundPhone("+18135550101", belongs=True)))
    assert [phone.number for phone in take(ADA, mixed).phones] == ["+18135550101"]


def test_a_record_without_a_name_takes_whom_the_vendor_found() -> None:
    taken = take(NOBODY, FOUND)
    assert (taken.owner, len(taken.phones)) == (Owner.PERHAPS, 1)


def test_nothing_found_takes_nothing() -> None:
    assert take(ADA, replace(FOUND, matched=False)).phones == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (("Robert", "Jones"), ("Bob", "Jones"), True),
        (("R", "Jones"), ("Robert", "Jones"), True),
        (("Robert A", "Jones Jr"), ("ROBERT", "JONES"), True),
        (("Robert", "Jones"), ("Roberta", "Jones"), False),
        (("Robert", "Jones"), ("Robert", "Johnson"), False),
        (("", "Jones"), ("Mary", "Jones"), True),
        (("Maria", "Garcia-Lopez"), ("Maria", "Garcia"), True),
        (("Sean", "O'Neil"), ("Sean", "ONeil"), True),
        (("William", "II"), ("William", "III"), False),
    ],
)
def test_names_are_compared_as_people_write_them(ours: tuple[str, str], theirs: tuple[str, str], same: bool) -> None:
    asked = replace(ADA, first_name=ours[0], last_name=ours[1])
    found = replace(FOUND, first_name=theirs[0], last_name=theirs[1])
    assert same_name(asked, found) is same


@given(st.text(), st.text())
def test_comparing_names_does_not_depend_on_who_is_first(first: str, last: str) -> None:
    asked = replace(ADA, first_name=first, last_name=last)
    there = same_name(asked, FOUND)
    back = same_name(ADA, replace(FOUND, first_name=first, last_name=last))
    assert there == back


def test_a_litigators_number_marks_the_person_only_if_it_is_the_person() -> None:
    known = replace(FOUND, phones=(FoundPhone("+18135550100", tcpa=True),))
    assert is_litigator(known, take(ADA, known))
    assert is_litigator(replace(FOUND, litigator=True), take(ADA, FOUND))
    stranger = replace(known, last_name="Other", litigator=True)
    assert not is_litigator(stranger, take(ADA, stranger))


@pytest.mark.parametrize(
    ("born", "years"),
    [("195811", 68), ("195812", 67), ("195813", None), ("", None), (None, None), ("203001", None), ("180001", None)],
)
def test_age_is_full_years_from_a_birth_month(born: object, years: int | None) -> None:
    assert age(born, AT) == years
