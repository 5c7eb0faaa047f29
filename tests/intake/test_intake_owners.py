"""Owner names of county rolls."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.intake.owners import NOBODY, from_fields, is_company, parse

SHARED = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("FRAZIER, CYRENTHA LYNETTE", "Cyrentha", "Frazier"),
        ("BONER, CHARLES & LESLIE", "Charles", "Boner"),
        ("FULGHUM, MELVIN H., JR & MELVIN H. III", "Melvin", "Fulghum"),
        ("John Smith, Jr", "John", "Smith"),
        ("MR & MRS JOHN SMITH", "John", "Smith"),
        ("John van der Berg", "John", "van der Berg"),
        ("Cher", None, "Cher"),
    ],
)
def test_one_line_names(name: str, first: str | None, last: str) -> None:
    owner = parse(name)
    assert (owner.first_name, owner.last_name, owner.company) == (first, last, None)


@pytest.mark.parametrize(
    ("line1", "line2", "first", "last"),
    [
        ("WAGNER FRANZ", "", "Franz", "Wagner"),
        ("GANGEMI JOSEPH A AND", "CAROLE A H/W", "Joseph", "Gangemi"),
        ("DI VENCENZO IRENE", "", "Irene", "Di Vencenzo"),
        ("HILTON DENNIS JR", "", "Dennis", "Hilton"),
        ("MEI YINGXIA", "MEI LUPING", "Yingxia", "Mei"),
    ],
)
def test_rolls_that_put_the_last_name_first(line1: str, line2: str, first: str, last: str) -> None:
    owner = parse(line1, line2, last_first=True)
    assert (owner.first_name, owner.last_name, owner.company) == (first, last, None)


@pytest.mark.parametrize(
    ("line1", "line2", "company"),
    [
        ("168 CHELTEN LLC", "", "168 Chelten LLC"),
        ("REDEVELOPMENT AUTHORITY", "OF PHILADELPHIA", "Redevelopment Authority Of Philadelphia"),
        ("TWIN TEAM, LLC THE", "", "Twin Team, LLC"),
        ("LOUISE SUTERS IRREVOCABLE TRUST", "", "Louise Suters Irrevocable Trust"),
        ("2001 EAST CUMBERLAND STRE", "", "2001 East Cumberland Stre"),
        ("DIETEL WILLIAM M TR", "WILLIAM M DIETEK LIVING TRUST", "Dietel William M Tr"),
    ],
)
def test_companies_trusts_and_authorities(line1: str, line2: str, company: str) -> None:
    owner = parse(line1, line2, last_first=True)
    assert (owner.company, owner.first_name, owner.last_name) == (company, None, None)


def test_a_company_may_sit_in_either_name_column() -> None:
    assert from_fields("", "ACME HOLDINGS LLC").company == "Acme Holdings LLC"
    assert from_fields("ACME HOLDINGS LLC", "").company == "Acme Holdings LLC"
    assert from_fields("Charlotte", "Church").company is None
    assert from_fields("", "", "ACME INC").company == "Acme Inc"
    assert from_fields(" ", "n/a") == NOBODY


@given(st.text(max_size=40), st.text(max_size=20), st.booleans())
def test_any_text_is_a_person_a_company_or_nobody(name: str, second: str, last_first: bool) -> None:
    owner = parse(name, second, last_first=last_first)
    assert owner.company is None or (owner.first_name is None and owner.last_name is None)
    assert owner == NOBODY or (owner.full_name or owner.company)


@pytest.mark.skipif(not SHARED.exists(), reason=f"no shared data at {SHARED}: person/company decision unmeasured")
def test_people_are_not_taken_for_companies_and_most_companies_are_seen() -> None:
    def names(kind: str) -> list[str]:
        lines = (SHARED / f"data/names/probablepeople_{kind}_a.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["text"] for line in lines]

    people, companies = names("person"), names("company")
    assert sum(is_company(name) for name in people) / len(people) < 0.01
    assert sum(is_company(name) for name in companies) / len(companies) > 0.5


@pytest.mark.parametrize("dots", ["", ".", " ", ". "])
@pytest.mark.parametrize("letters", ["LLC", "LLP", "LLLP", "LP", "PC", "PA", "NA"])
def test_a_legal_form_is_told_however_it_is_dotted(letters: str, dots: str) -> None:
    form = dots.join(letters) if dots else letters
    assert is_company(f"Oak Hill {form}", one_line=False)
    assert is_company(f"oak hill {form.lower()}, the", one_line=False)


@pytest.mark.parametrize(
    "name",
    ["City of Tampa", "UNITED STATES OF AMERICA", "U S A", "First Bank", "Bay-Homes", "Unit 7"],
)
def test_a_trade_is_told_on_one_line_only(name: str) -> None:
    assert is_company(name)
    assert not is_company(name, one_line=False)


@pytest.mark.parametrize("name", ["Ada Bankston", "OFELIA STATESON", "U Thant", "L Hillman", "Pat N Palmer"])
def test_a_person_whose_name_begins_like_a_firms_is_a_person(name: str) -> None:
    assert not is_company(name)
