"""Cleaning of single values."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.states import CODES
from penstock.intake import addresses, normalise

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("found", "dollars"),
    [
        (" $1,185,000 ", 1_185_000),
        (" $-   ", None),
        ("-", None),
        ("($5,000)", -5000),
        ("-$5,000", -5000),
        ("412000.50", 412_000),
        ("0", 0),
        ("", None),
        ("N/A", None),
    ],
)
def test_money(found: str, dollars: int | None) -> None:
    assert normalise.money(found) == dollars


@pytest.mark.parametrize("found", ["12 apples", "$", "1.2.3", "9" * 15])
def test_what_is_no_money_is_an_error(found: str) -> None:
    with pytest.raises(ValueError, match=r"is (not|more)"):
        normalise.money(found)


def test_zero_is_no_price_and_no_area() -> None:
    assert normalise.worth("0.0") is None
    assert normalise.area("0") is None
    assert normalise.area("2,500") == 2500


@pytest.mark.parametrize(
    ("found", "zip5", "plus4"),
    [
        ("2139", "02139", None),
        ("501", "00501", None),
        ("90028-1234", "90028", "1234"),
        ("900281234", "90028", "1234"),
        ("10312.0", "10312", None),
        (" 19134 ", "19134", None),
    ],
)
def test_zip_codes(found: str, zip5: str, plus4: str | None) -> None:
    assert normalise.zip_code(found) == (zip5, plus4)


def test_a_zip_code_of_zeros_is_none_and_a_foreign_one_an_error() -> None:
    assert normalise.zip_code("0") is None
    with pytest.raises(ValueError, match="US ZIP"):
        normalise.zip_code("M5V 2T6")


@pytest.mark.parametrize(("found", "code"), [("fl", "FL"), ("Pennsylvania", "PA"), ("N.Y.", "NY"), ("", None)])
def test_states(found: str, code: str | None) -> None:
    assert normalise.state(found) == code


def test_there_are_56_states_districts_and_territories() -> None:
    assert len(CODES) == 56


@pytest.mark.parametrize(
    ("found", "day"),
    [
        ("2018-08-17", date(2018, 8, 17)),
        ("8/17/2018", date(2018, 8, 17)),
        ("-2025-06-01", date(2025, 6, 1)),
        ("20180817", date(2018, 8, 17)),
        ("Aug 17, 2018", date(2018, 8, 17)),
        ("17-Aug-2018", date(2018, 8, 17)),
        ("8/17/99", date(1999, 8, 17)),
        ("1534464000000", date(2018, 8, 17)),
        ("2018-08-17T00:00:00Z", date(2018, 8, 17)),
        ("", None),
        ("0000-00-00", None),
    ],
)
def test_dates(found: str, day: date | None) -> None:
    assert normalise.day(TODAY)(found) == day


@pytest.mark.parametrize("found", ["2071-10-01", "2018-02-30", "soon", "1066-10-14"])
def test_impossible_dates_are_errors(found: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        normalise.day(TODAY)(found)


def test_years() -> None:
    assert normalise.year(TODAY)("0") is None
    assert normalise.year(TODAY)("1899") == 1899
    with pytest.raises(ValueError, match="1600"):
        normalise.year(TODAY)("19")


def test_rooms_may_be_halves() -> None:
    assert normalise.rooms("2.5") == Decimal("2.5")


@pytest.mark.parametrize(
    ("found", "number"),
    [
        ("(813) 555-0100", "+18135550100"),
        ("1-813-555-0100", "+18135550100"),
        ("813.555.0100 x12", "+18135550100"),
        ("", None),
        ("0", None),
    ],
)
def test_phones(found: str, number: str | None) -> None:
    assert normalise.phone(found) == number


@pytest.mark.parametrize("found", ["555-0100", "+44 20 7946 0000", "111-555-0100", "813-011-0100", "813-911-0100"])
def test_what_is_no_us_number_is_an_error(found: str) -> None:
    with pytest.raises(ValueError, match="US phone"):
        normalise.phone(found)


def test_emails() -> None:
    assert normalise.email(" Ada@Example.COM ") == "ada@example.com"
    for bad in ("ada@", "a b@example.com", "ada@example", ".ada@example.com", "a..b@example.com", "ada@-x.com"):
        with pytest.raises(ValueError, match="email"):
            normalise.email(bad)


def test_counties_and_keys() -> None:
    assert normalise.county("St. Johns County") == "ST JOHNS"
    assert normalise.mak("8008006245") == "8008006245"
    with pytest.raises(ValueError, match="ten digits"):
        normalise.mak("12")
    assert normalise.parcel("000-000") is None


@pytest.mark.parametrize(
    ("found", "line", "unit", "numbered"),
    [
        ("22 BLUE HERON DR, 4B", "22 Blue Heron Dr", "4B", True),
        ("12 Main St APT 4", "12 Main St", "4", True),
        ("12 MAIN ST # 4B", "12 Main St", "4B", True),
        ("5700 ARLINGTON AVENUE, #19X", "5700 Arlington Avenue", "19X", True),
        ("1234 MARKET ST 16TH FLR", "1234 Market St", "FL 16", True),
        ("107 S 2ND ST 3RD FL", "107 S 2nd St", "FL 3", True),
        ("309 YORK RD STE 211", "309 York Rd", "211", True),
        ("P.O. Box 113", "PO Box 113", None, True),
        ("143 AVENUE B", "143 Avenue B", None, True),
        ("555 N UNIT AVE", "555 N Unit Ave", None, True),
        ("12 FRONT ST", "12 Front St", None, True),
        ("9 MCDONALD AVE", "9 McDonald Ave", None, True),
        ("ONE IRVING PLACE", "One Irving Place", None, True),
        ("0  FOREST PARK RD", "Forest Park Rd", None, False),
        ("N/A EAST TENAFLY AVENUE", "East Tenafly Avenue", None, False),
        ("EAST 181 STREET", "East 181 Street", None, False),
        ("ASHLAND CITY HWY", "Ashland City Hwy", None, False),
        ("17 McKinley Way", "17 McKinley Way", None, True),
        (" N/A ", None, None, False),
    ],
)
def test_streets(found: str, line: str | None, unit: str | None, numbered: bool) -> None:
    assert addresses.street(found) == (line, unit, numbered)


@pytest.mark.parametrize(
    ("found", "unit"),
    [
        ("APT 4B", "4B"),
        ("#4b", "4B"),
        ("4 B", "4B"),
        ("2nd floor", "FL 2"),
        ("Suite 200", "200"),
        ("BSMT", "BSMT"),
        (" ", None),
    ],
)
def test_units_are_written_one_way(found: str, unit: str | None) -> None:
    assert addresses.unit(found) == unit


@pytest.mark.parametrize(
    ("found", "parts"),
    [
        ("PHILADELPHIA PA", ("Philadelphia", "PA", None)),
        ("Tampa, FL 33602", ("Tampa", "FL", "33602")),
        ("GOODLETTSVILLE", ("Goodlettsville", None, None)),
        ("NEW YORK NY", ("New York", "NY", None)),
        ("Salem, Oregon 97301-1234", ("Salem", "OR", "97301-1234")),
    ],
)
def test_city_lines(found: str, parts: tuple[str | None, ...]) -> None:
    assert addresses.city_line(found) == parts


@given(st.text(max_size=40))
def test_cleaning_a_street_twice_changes_nothing_more(found: str) -> None:
    once = addresses.street(found)
    if once.line:
        assert addresses.street(once.line).line == once.line or addresses.street(once.line).unit is not None


@given(st.text(max_size=30))
def test_no_cleaner_raises_anything_but_value_error(found: str) -> None:
    cleaners = [normalise.money, normalise.number, normalise.rooms, normalise.area, normalise.age, normalise.zip_code]
    cleaners += [
        normalise.state,
        normalise.phone,
        normalise.email,
        normalise.yes_no,
        normalise.day(TODAY),
        normalise.mak,
    ]
    cleaners += [
        normalise.year(TODAY),
        normalise.roof,
        normalise.any_there,
        normalise.subdivision,
        normalise.parcel,
        normalise.county,
        addresses.unit,
        addresses.city,
    ]
    for clean in cleaners:
        try:
            clean(found)
        except ValueError as error:
            assert str(error).startswith("is ")


@given(st.text("abcABC '-0123", min_size=1, max_size=20))
def test_a_file_in_other_case_is_shown_alike(found: str) -> None:
    assert addresses.presentable(found.upper()) == addresses.presentable(found.lower())


@given(st.integers(0, 10**10))
def test_money_with_and_without_its_marks_is_the_same(dollars: int) -> None:
    assert normalise.money(f"${dollars:,}") == normalise.money(str(dollars)) == dollars
