"""The world: stable, plausible, and only partly known to the vendors."""

from __future__ import annotations

import csv
import io

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.town import odds, records
from penstock.town.dice import Dice
from penstock.town.people import World
from penstock.town.places import address, zip_code

STREETS = st.builds(
    "{} {} {}".format,
    st.integers(1, 9999),
    st.sampled_from(["Oak", "Blue Heron", "12th"]),
    st.sampled_from(["St", "Avenue"]),
)
ZIPS = st.sampled_from(["33602", "19103", "37203", "78701", "10001", "44113", "30303"])


def world(seed: int = 7) -> World:
    return World(Dice(seed))


@given(street=st.text(max_size=40), unit=st.text(max_size=6), city=st.text(max_size=12), postal=ZIPS)
def test_any_address_gives_the_same_household_twice(street, unit, city, postal):
    place = address(street, unit, city, "FL", postal)
    assert world().household(place) == world().household(address(street, unit, city, "FL", postal))


@given(street=STREETS, postal=ZIPS, blanks=st.integers(1, 3))
def test_case_blanks_and_abbreviations_do_not_matter(street, postal, blanks):
    respelt = (" " * blanks).join(street.upper().replace("AVENUE", "Ave.").split())
    assert world().household(address(respelt, postal=postal)) == world().household(address(street, postal=postal))


@given(street=STREETS, postal=ZIPS)
def test_the_unit_makes_another_household(street, postal):
    one, other, none = (world().household(address(street, unit, postal=postal)) for unit in ("4B", "5", ""))
    assert len({home.mak for home in (one, other, none)}) == 3
    assert one.base_mak == other.base_mak == none.mak


@pytest.mark.parametrize(
    "spelling",
    ["22 Blue Heron Dr Apt 4B", "22 BLUE HERON DRIVE #4b", "22 Blue Heron Dr, 4B", "22 blue heron dr unit 4B"],
)
def test_a_unit_in_the_street_line_is_the_same_unit(spelling):
    assert address(spelling, postal="33602") == address("22 Blue Heron Dr", "Unit 4B", postal="33602-1234")


def test_the_zip_code_and_the_city_lead_to_the_same_door():
    by_zip = address("100 Main St", postal="33602")
    by_city = address("100 main street", city="TAMPA", state="fl")
    assert by_zip.key == by_city.key
    assert world().household(by_zip).mak == world().household(by_city).mak


def test_another_seed_is_another_world():
    place = address("100 Main St", postal="33602")
    assert world(1).household(place) != world(2).household(place)


def test_where_there_can_be_no_house_there_is_no_household():
    for place in (address("Main St", postal="33602"), address("100 Main St", state="ZZ"), address("", postal="33602")):
        assert world().household(place) is None


def test_the_owner_answers_to_the_name_on_record_except_where_the_owner_has_moved():
    homes = [
        world().household(address(f"{house} Main St", postal="33602"), ("Ada", "Sample")) for house in range(1, 400)
    ]
    assert all(home.owner_of_record.name == "Ada Sample" for home in homes)
    moved = [home for home in homes if home.moved]
    assert all(home.owner.name != "Ada Sample" for home in moved)
    assert all(not home.owner_of_record.is_right_party for home in moved)
    assert 0.02 < len(moved) / len(homes) < 0.12


def test_the_order_of_names_given_does_not_matter():
    names = [("Zoe", "Sample"), ("ADA", "SAMPLE"), ("Mia", "Other")]
    place = address("101 Main St", postal="33602")
    one, other = world(), world()
    for name in names:
        one.household(place, name)
    for name in reversed(names):
        other.household(place, name)
    assert one.household(place) == other.household(place)


def test_a_company_is_no_person():
    place = address("102 Main St", postal="33602")
    assert world().household(place, ("Sample", "Family Trust")) == world().household(place)


@given(street=STREETS, postal=ZIPS)
@settings(max_examples=40)
def test_phones_are_valid_local_numbers_and_mail_stays_in_example_domains(street, postal):
    home = world().household(address(street, postal=postal))
    for person in home.everybody():
        assert person.own_number().alive
        for phone in person.phones:
            assert phonenumbers.is_valid_number(phonenumbers.parse(f"+1{phone.number}"))
            assert phone.number[:3] in zip_code(postal).area_codes
        assert all(mailbox.email.endswith(".example") for mailbox in person.mailboxes)
    assert 1 <= len(home.residents) <= 3
    assert 50 <= home.owner.age <= 85
    assert 0 < home.equity <= home.value


def county(seed: int, rows: int) -> list[dict[str, str]]:
    dice = Dice(seed)
    return list(csv.DictReader(io.StringIO(records.county_file(dice, World(dice), rows))))


def test_county_records_are_the_same_for_a_seed_and_longer_files_begin_alike():
    assert county(3, 120) == county(3, 120)
    assert county(3, 120) == county(3, 150)[:120]
    assert county(3, 50) != county(4, 50)


def test_county_records_have_the_promised_mess():
    rows = county(7, 1500)
    assert len(rows) == 1500
    seen: set[tuple[str, ...]] = set()
    exact = sum((cells in seen) or bool(seen.add(cells)) for cells in (tuple(row.values()) for row in rows))
    bad = [
        row
        for row in rows
        if not row["Property Address"] or row["State"] == "ZZ" or row["Est. Value"] == "see deed book"
    ]
    assert 0.01 < exact / 1500 < 0.035
    assert 0.003 < len(bad) / 1500 < 0.025
    assert any("  " in row["Property Address"] for row in rows)
    assert any("$" in row["Est. Value"] for row in rows) and any("," in row["Est. Value"] for row in rows)
    states = {state: sum(row["State"].upper() == state for row in rows) for state in records.STATES}
    assert states["FL"] > states["GA"] > states["CA"] > 0


def test_county_records_name_the_owner_of_record():
    dice = Dice(7)
    there = World(dice)
    for row in csv.DictReader(io.StringIO(records.county_file(dice, there, 60))):
        place = address(row["Property Address"], row["Unit"], row["City"], row["State"], row["Zip"])
        home = there.household(place)
        if home and "TRUST" not in row["Owner 1 Last Name"].upper() and "  " not in row["City"]:
            owner = home.owner_of_record
            assert (row["Owner 1 First Name"].casefold(), row["Owner 1 Last Name"].casefold()) == (
                owner.first.casefold(),
                owner.last.casefold(),
            )


def test_the_odds_leave_room_for_doing_nothing():
    factor = (odds.APPEAL_BASE + odds.APPEAL_EQUITY) * odds.APPEAL_SENIOR
    assert sum(odds.COLD.values()) * factor < 1
    for table in (odds.WARM, odds.CONSENTED, odds.WRONG_PARTY):
        assert sum(table.values()) < 1
    for table in (odds.CALL, odds.TALK, odds.TALK_WRONG, odds.AGES):
        assert sum(table.values()) == pytest.approx(1)


def test_nobody_shares_a_number_or_a_mailbox():
    there = world()
    for house in range(1, 1500):
        there.household(address(f"{house} Main St", postal="33602"))
    people = there.people.values()
    for person in people:
        assert all(there.person_of(phone.number) is person for phone in person.phones)
        assert all(there.person_at(mailbox.email) is person for mailbox in person.mailboxes)
