"""The address hash says what its plain definition says, for real addresses and for any text at all."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ground import shared_data

DEFINITION = (Path(__file__).parent / "address_definition.sql").read_text("utf-8")
DIFFERENT = """
select * from asked
 where api.compute_addr_hash(line1, line2, city, state, zip) is distinct from spec.hash(line1, line2, city, state, zip)
"""
HASHED = "select count(distinct api.compute_addr_hash(line1, line2, city, state, zip)) from asked"

Address = tuple[str | None, str | None, str | None, str | None, str | None]

STREET_WORDS = ("100", "12-B", "NORTH", "n.", "East", "Street", "st", "Ave", "Avenue", "Court", "1/2", "Main", "Saint")
UNIT_WORDS = ("Apt", "#", "# 4", "UNIT 7", "UNIT", "Suite", "4", "4B", "Rm.")
OTHER_WORDS = (",", "é", "Straße", "|", "-", "\t", "  ")
WORDS = st.sampled_from((*STREET_WORDS, *UNIT_WORDS, *OTHER_WORDS))
LINES = (
    st.none()
    | st.lists(WORDS, max_size=8).map(" ".join)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
)
ADDRESSES = st.tuples(
    LINES, LINES, LINES, LINES, LINES | st.from_regex(r"\s?[0-9]{3,5}(-?[0-9]{4})?(\.0)?", fullmatch=True)
)


@pytest.fixture
def asking(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(DEFINITION)
        yield connection


def different(db: psycopg.Connection, addresses: list[Address]) -> list[tuple[str | None, ...]]:
    db.execute("truncate asked")
    with db.cursor() as cursor, cursor.copy("copy asked from stdin") as copy:
        for address in addresses:
            copy.write_row(address)
    return db.execute(DIFFERENT).fetchall()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(ADDRESSES, max_size=60))
def test_any_text_has_the_hash_of_the_definition(asking: psycopg.Connection, addresses: list[Address]) -> None:
    assert different(asking, addresses) == []


def test_spellings_of_one_address_are_one_and_other_places_are_others(asking: psycopg.Connection) -> None:
    here = ("100 North Main Street", "Apt 4", "Tampa", "FL", "33602")
    same: list[Address] = [
        here,
        ("100 n. main st.", "#4", "TAMPA", "fl", "33602-1234"),
        ("100 N MAIN ST APT 4", None, " Tampa ", "FL", "33602"),
    ]
    others: list[Address] = [
        ("100 North Main Street", "Apt 5", "Tampa", "FL", "33602"),
        ("100 South Main Street", "Apt 4", "Tampa", "FL", "33602"),
        ("100 North Main Avenue", "Apt 4", "Tampa", "FL", "33602"),
        ("100 North St", None, "Tampa", "FL", "33602"),
        ("100 N St", None, "Tampa", "FL", "33602"),
    ]
    assert different(asking, same) == []
    assert asking.execute(HASHED).fetchone() == (1,)
    assert different(asking, [here, *others]) == []
    assert asking.execute(HASHED).fetchone() == (6,)


def test_every_real_address_has_the_hash_of_the_definition(asking: psycopg.Connection) -> None:
    """One for each way of writing an address: of those that differ in digits alone the last."""
    found = list(real_addresses(shared_data() / "data"))
    assert len(found) > 90_000
    ways = {tuple(part and re.sub(r"\d", "0", part) for part in address): address for address in found}
    assert len(ways) > 60_000
    assert different(asking, list(ways.values())) == []


def real_addresses(data: Path) -> Iterator[Address]:
    """Every address in the data, from files with columns, and each line of the parsers' test files."""
    columns: dict[str, tuple[str | None, ...]] = {
        "property/philadelphia_opa_part_a": ("location", "unit", None, None, "zip_code"),
        "property/nashville_sales_2013_2016": ("PropertyAddress", None, "PropertyAddress", None, None),
        "property/nyc_2018_rollingsales_bronx": ("ADDRESS", "APARTMENT NUMBER", None, None, "ZIP CODE"),
        "property/nyc_2018_rollingsales_manhattan": ("ADDRESS", "APARTMENT NUMBER", None, None, "ZIP CODE"),
        "property/nyc_2018_rollingsales_statenisland": ("ADDRESS", "APARTMENT NUMBER", None, None, "ZIP CODE"),
        "property/nashville_corporate_parcels_a": ("address", None, "address", None, None),
        "property/nashville_corporate_holdings": ("address", None, "address", None, None),
        "permits/nashville_permits_2021_2024": ("Address", None, "City", "State", "ZIP"),
        "companies/irs_eo_bmf_dc": ("STREET", None, "CITY", "STATE", "ZIP"),
    }
    for name, wanted in columns.items():
        with gzip.open(data / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                one, two, city, state, code = (row[column] if column else None for column in wanted)
                yield one, two, city, state, code
    for path in sorted((data / "addresses").iterdir()):
        open_text = gzip.open if path.suffix == ".gz" else open
        with open_text(path, "rt", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                yield line.strip(), None, "Anywhere", "US", None
