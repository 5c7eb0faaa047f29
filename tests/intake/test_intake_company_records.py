"""Rows about companies become records: what each column means, what is left out and why, and whom a row names."""

import csv
import io
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import InvalidInput
from penstock.intake.company_records import CompanyCleaner
from penstock.intake.company_values import (
    company_name,
    dollars,
    first_of_two,
    head_count,
    in_care_of,
    month,
    person_name,
)
from penstock.intake.mapping import plan
from penstock.intake.reader import BadFile, Rejection, Row
from penstock.intake.reading import Reading, read
from penstock.intake.records import Record

TODAY = date(2026, 11, 30)
TOWN = (
    "Company Name,EIN,Website,LinkedIn,News,Address,City,State,ZIP,Phone,Employees,Renewal Month,CEO,CEO Title,"
    "CEO Email,CFO,CFO Title,CFO Email,HR,HR Title,HR Email"
)
PEOPLE = "Full Name,Title,Email,Phone,LinkedIn,Company,Company Website"
IRS = (
    "EIN,NAME,ICO,STREET,CITY,STATE,ZIP,GROUP,SUBSECTION,AFFILIATION,CLASSIFICATION,RULING,DEDUCTIBILITY,FOUNDATION,"
    "ACTIVITY,ORGANIZATION,STATUS,TAX_PERIOD,ASSET_CD,INCOME_CD,FILING_REQ_CD,PF_FILING_REQ_CD,ACCT_PD,ASSET_AMT,"
    "INCOME_AMT,REVENUE_AMT,NTEE_CD,SORT_NAME"
)


def reading(header: str, *lines: str, map_name: str = "auto") -> Reading:
    return read(io.BytesIO("\n".join((header, *lines)).encode()), map_name, TODAY, "company")


def only(header: str, line: str) -> dict[str, Any]:
    (record,) = reading(header, line)
    assert isinstance(record, Record), record
    return record.values


def said(row: dict[str, str], *, strict: bool = False) -> tuple[Record | Rejection, Counter[tuple[str, str]]]:
    warnings: Counter[tuple[str, str]] = Counter()
    clean = CompanyCleaner(plan(list(row), "auto", "company"), TODAY, warnings, strict=strict)
    return clean(Row(2, list(row.values()))), warnings


def people(values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(one.name, one.title, one.slot, one.email) for one in values["people"]]


def test_the_list_with_a_slot_in_each_column_is_understood_without_a_map() -> None:
    line = (
        "The Stone Mill Co.,12-3456789,https://stone-mill.example,https://www.linkedin.com/company/Stone-Mill/,"
        "https://stone-mill.example/news,12 Elm St Ste 4,Tampa,Florida,33602,(813) 555-0100,51-200,June,Jane Doe,Owner,"
        "jane@stone-mill.example,Bob Ray,Chief Financial Officer,,Ann Lee,VP People,ann@stone-mill.example"
    )
    values = only(TOWN, line)
    expected = {
        "name": "The Stone Mill Co.", "ein": "123456789", "domain": "stone-mill.example",
        "linkedin_key": "company/stone-mill",
        "name_key": "stone mill|FL", "address_line1": "12 Elm St", "address_line2": "4", "city": "Tampa", "state": "FL",
        "postal_code": "33602", "main_phone": "+18135550100", "employees": 51, "renewal_month": 6,
        "website_url": "https://stone-mill.example", "news_url": "https://stone-mill.example/news",
        "linkedin_url": "https://www.linkedin.com/company/stone-mill",
    }  # fmt: skip
    assert {name: values[name] for name in expected} == expected
    assert people(values) == [
        ("Jane Doe", "Owner", "CEO", "jane@stone-mill.example"),
        ("Bob Ray", "Chief Financial Officer", "CFO", None),
        ("Ann Lee", "VP People", "HR", "ann@stone-mill.example"),
    ]


def test_a_contact_file_has_one_person_a_row() -> None:
    values = only(
        PEOPLE, '"Doe, Jane",VP People,Jane@Acme.example,813-555-0100,linkedin.com/in/jane-d,Acme LLC,acme.example'
    )
    (jane,) = values["people"]
    assert (jane.title, jane.slot, jane.email, jane.phone) == ("VP People", "HR", "jane@acme.example", "+18135550100")
    assert (jane.profile_url, values["domain"], values["linkedin_key"]) == (
        "linkedin.com/in/jane-d",
        "acme.example",
        None,
    )


def test_first_and_last_name_and_several_addresses_of_one_person() -> None:
    header = "First Name,Last Name,Job Title,Company,Email 1,Email 2,Mobile Phone,Phone 1,Phone 1 Type"
    values = only(header, "Jane,Doe,CFO,Acme,a@acme.example,b@acme.example,813-555-0101,813-555-0102,landline")
    assert people(values) == [("Jane Doe", "CFO", "CFO", "a@acme.example"), ("Jane Doe", None, None, "b@acme.example")]
    assert [(one.phone, one.phone_type) for one in values["people"]] == [
        ("+18135550101", None),
        ("+18135550102", "landline"),
    ]


def test_a_bare_name_is_the_company_unless_another_column_names_it() -> None:
    assert only("Name,State", "Acme,TX")["name"] == "Acme"
    values = only("Name,Company,Title", "Jane Doe,Acme,CEO")
    assert (values["name"], people(values)) == ("Acme", [("Jane Doe", "CEO", "CEO", None)])


def test_a_mailbox_tells_the_company_only_where_nothing_better_does() -> None:
    assert only("Company,Full Name,Email", "Acme,Jane Doe,jane@acme.example")["domain"] == "acme.example"
    assert only("Company,Full Name,Email", "Acme,Jane Doe,jane@gmail.com")["domain"] is None
    assert only("Company,State,Full Name,Email", "Acme,TX,Jane Doe,jane@agency.example")["domain"] is None
    assert only("Company,EIN,Full Name,Email", "Acme,12-3456789,Jane Doe,jane@agency.example")["domain"] is None


def test_an_office_address_is_marked_as_shared() -> None:
    values = only(TOWN, "Acme,,,,,,,,,,,,Jane Doe,,info@acme.example,,,,,,")
    assert [(one.email, one.email_is_shared) for one in values["people"]] == [("info@acme.example", True)]


def test_one_mailbox_given_to_two_people_of_a_row_stays_with_the_first() -> None:
    (record,) = (made := reading(TOWN, "Acme,,,,,,,,,,,,Jane Doe,,x@acme.example,Bob Ray,,x@acme.example,,,"))
    assert isinstance(record, Record)
    assert [one.email for one in record.values["people"]] == ["x@acme.example", None]
    assert dict(made.warnings) == {("email", "is given to two people of the row"): 1}


def test_a_value_that_makes_no_sense_is_left_out_and_counted() -> None:
    line = "Acme,12-345,http://127.0.0.1/,https://acme.example,ftp://x,,,Texas!,999,555-01,many,13,,,jane@acme.example,"
    line += ",,nope,,,"
    (record,) = (made := reading(TOWN, line))
    assert isinstance(record, Record)
    assert {
        name: record.values[name] for name in ("ein", "website_url", "renewal_month", "employees", "state")
    } == dict.fromkeys(("ein", "website_url", "renewal_month", "employees", "state"))
    assert dict(made.warnings) == {
        ("ein", "has 5 digits, an EIN has nine (12-3456789)"): 1,
        ("website", "is an address in numbers, not a public name"): 1,
        ("linkedin", "is not the LinkedIn page of a company (linkedin.com/company/…)"): 1,
        ("news", "is not a web address (http or https)"): 1,
        ("state", "is not a US state"): 1,
        ("phone", "is not a US phone number"): 1,
        ("employees", "is not a number"): 1,
        ("renewal_month", "is not a month (1 to 12)"): 1,
        ("ceo_email", "has no name to it"): 1,
        ("cfo_email", "is not an email address"): 1,
    }


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"Company": "Acme", "Renewal Month": "13"}, "renewal_month", "'13' is not a month (1 to 12)"),
        ({"Company": "Acme", "EIN": "12-345"}, "ein", "'12-345' has 5 digits, an EIN has nine (12-3456789)"),
        ({"Company": "A", "Name": "Jo Doe", "Role": "COO"}, "role", "'COO' is no slot of a company (CEO, CFO, HR)"),
        ({"Company": "A", "Website": "0x7f.1"}, "website", "'0x7f.1' is an address in numbers, not a public name"),
    ],
)  # fmt: skip
def test_a_row_sent_by_itself_is_refused_for_what_a_file_only_warns_of(
    row: dict[str, str], field: str, reason: str
) -> None:
    refused, _ = said(row, strict=True)
    assert isinstance(refused, Rejection)
    assert (refused.field, refused.reason) == (field, reason)
    assert refused.fix
    taken, warnings = said(row)
    assert isinstance(taken, Record)
    assert [name for name, _ in warnings] == [field]


@pytest.mark.parametrize(
    ("line", "reason"),
    [(",TX", "there is no company name"), (",", "the row is empty"), ("-!-,TX", "'-!-' is not a name")],
)
def test_a_row_without_a_company_is_rejected(line: str, reason: str) -> None:
    (refused,) = reading("Company,State", line)
    assert isinstance(refused, Rejection)
    assert (refused.field, refused.reason) == ("company_name", reason)


def test_a_file_without_a_company_column_and_a_map_of_the_other_kind_are_refused() -> None:
    with pytest.raises(BadFile, match="lacks the name of a company"):
        reading("EIN,State", "1,TX")
    with pytest.raises(InvalidInput, match="is for a property, the playbook for a company"):
        reading("Company,State", "A,TX", map_name="propstream")
    with pytest.raises(InvalidInput, match="is for a company, the playbook for a property"):
        read(io.BytesIO(b"Company,State\nA,TX\n"), "inc5000", TODAY)


def test_the_irs_file_gives_facts_and_no_renewal_month() -> None:
    line = "010471151,REGULATORY ASSISTANCE PROJECT,% FREDERICK W WESTON II DIRECTOR,50 STATE ST STE 3,MONTPELIER,VT,"
    line += "05602-2957,0000,03,3,1000,199208,1,15,149000000,1,01,201812,7,7,01,0,06,7640348,7980411,7980411,C40Z,"
    made = reading(IRS, line)
    (record,) = made
    assert isinstance(record, Record)
    assert made.plan.name == "irs_eo_bmf"
    values = record.values
    assert (values["ein"], values["name"], values["renewal_month"]) == (
        "010471151",
        "Regulatory Assistance Project",
        None,
    )
    assert (values["postal_code"], values["revenue"]) == ("05602", Decimal(7980411))
    facts = json.loads(values["facts"])
    assert (facts["fiscal_year_end_month"], facts["ntee_code"], facts["assets"]) == ("06", "C40Z", "7640348")
    assert "group_exemption" not in facts  # 0000 is none
    assert people(values) == [("Frederick W Weston II", "Director", None, None)]


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ("% JAN BURTCH CFO", ("Jan Burtch", "CFO")),
        ("C/O MARY ANN SMITH, TREASURER", ("Mary Ann Smith", "Treasurer")),
        ("PASTOR RUDY GOMINTONG", ("Rudy Gomintong", "Pastor")),
        ("% BONITA M WELLS", ("Bonita M Wells", None)),
        ("% TAX DEPT", None),
        ("% FOUNDATION SOURCE", None),
        ("% DINSE P C", None),
        ("% THE ORGANIZATION", None),
        ("% LINDA/MARY", None),
        ("% MAINE ASSOCIATION - PBK SOCIETY", None),
        ("% CATHEDRAL HTS ENGLISH SPANISH", None),
    ],
)
def test_somebody_in_care_of_whom_mail_goes_is_a_person_or_nobody(
    given: str, who: tuple[str, str | None] | None
) -> None:
    assert in_care_of(given) == who


def test_the_two_lists_of_companies_have_their_maps() -> None:
    inc = reading(
        "RANK,COMPANY NAME,GROWTH,EMPLOYEES,STATE,REVENUE,FOUNDED,INDUSTRY",
        "4204,ARMADA,81,468,PA,2950.8 MM,1890,Logistics",
    )
    (record,) = inc
    assert isinstance(record, Record)
    assert (inc.plan.name, record.values["name"], record.values["revenue"]) == (
        "inc5000",
        "ARMADA",
        Decimal("2950800000"),
    )
    header = "company,rank,rank_change,revenue,profit,num. of employees,sector,city,state,newcomer,ceo_founder,ceo_woman,profitable,prev_rank,CEO,Website,Ticker,Market Cap"  # noqa: E501
    fortune = reading(
        header,
        "Walmart,1,0,523964,14881,2200000,Retailing,Bentonville,AR,no,no,no,yes,1,C. Douglas McMillon,https://www.stock.walmart.com,WMT,411690",
    )
    (record,) = fortune
    assert isinstance(record, Record)
    assert (fortune.plan.name, record.values["revenue"], record.values["domain"]) == (
        "fortune_1000",
        Decimal(523964000000),
        "walmart.com",
    )
    assert people(record.values) == [("C. Douglas McMillon", None, "CEO", None)]


@pytest.mark.parametrize(
    ("given", "number"),
    [(text, 6) for text in ("6", "06", "June", "Jun.", "2027-06-01", "6/1/2027", "6.0", "June 2027", "jun 1, 2027")]
    + [("", None), ("n/a", None)],
)
def test_a_month_is_understood_in_many_forms(given: str, number: int | None) -> None:
    assert month(given) == number


@pytest.mark.parametrize("given", ["13", "0.5", "Junk", "2027-13-01", "soon", "-1"])
def test_what_is_no_month_is_told(given: str) -> None:
    with pytest.raises(ValueError, match="not a month"):
        month(given)


def test_sizes_and_amounts_are_understood() -> None:
    assert [head_count(text) for text in ("1,200", "51-200", "10,001+", "0", "25 employees")] == [
        1200,
        51,
        10001,
        None,
        25,
    ]
    assert [dollars(text) for text in ("$1,200,000", "18.3 MM", "1.2B", "950K", "$-", "0")] == [1200000, 18300000, 1200000000, 950000, None, None]  # fmt: skip # noqa: E501
    for wrong in ("lots", "5 apples"):
        with pytest.raises(ValueError, match="amount of money"):
            dollars(wrong)


def test_names_in_capitals_are_made_readable_and_placeholders_are_none() -> None:
    assert company_name("VALDEZ JUNIOR RIFLE CLUB") == "Valdez Junior Rifle Club"
    assert company_name("IBM") == "IBM"
    assert company_name("Unknown") is None
    assert [person_name(text) for text in ("JANE DOE", "Vacant", "TBD", "n/a")] == ["Jane Doe", None, None, None]
    with pytest.raises(ValueError, match="name of a person"):
        person_name("jane@acme.com")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Lee, Ann", "Ann Lee"),
        ("LEE, ANN M.", "Ann M. Lee"),
        ("Lee Jr, Ann", "Ann Lee Jr"),
        ("de la Cruz, María", "María de la Cruz"),
        ("Ann Lee, CPA", "Ann Lee, CPA"),
        ("Lee, CEO", "Lee, CEO"),
        ("Acme, Inc.", "Acme, Inc."),
    ],
)
def test_a_name_that_begins_with_the_family_is_turned_round(written: str, name: str) -> None:
    assert person_name(written) == name


@pytest.mark.parametrize("written", ['=HYPERLINK("x")', "+1+2", "@SUM(A1)", "'=1+1"])
def test_a_formula_is_no_name(written: str) -> None:
    with pytest.raises(ValueError, match="is a formula"):
        person_name(written)
    record, warnings = said({"Company Name": "Acme", "CEO": written})
    assert isinstance(record, Record)
    assert record.values["people"] == []
    assert warnings["ceo_name", "is a formula, not the name of a person"] == 1


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("Reed Hastings/Ted Sarandos", "Reed Hastings"),
        ("Ann Lee & Bob Ray", "Ann Lee"),
        ("Ann Lee &amp; Bob Ray", "Ann Lee"),
        ("Ann Lee; Bob Ray", "Ann Lee"),
        ("Amy A and Bob B", "Amy A"),
        ("Ann Lee, Bob Ray and Amy Poe", "Ann Lee"),
        ("Ann & Bob Ray", "Ann Ray"),
        ("Lee, Ann; Ray, Bob", "Ann Lee"),
    ],
)
def test_of_two_people_in_a_cell_the_first_is_taken_and_it_is_said(written: str, first: str) -> None:
    record, warnings = said({"Company Name": "Lee & Ray", "CEO": written})
    assert isinstance(record, Record)
    assert record.values["name"] == "Lee & Ray"
    assert [one.name for one in record.values["people"]] == [first]
    assert warnings == {("ceo_name", "names two people: the first was taken"): 1}
    refused, _ = said({"Company Name": "Lee & Ray", "CEO": written}, strict=True)
    assert isinstance(refused, Rejection)
    assert refused.reason.endswith("names two people")


def test_an_office_a_firm_or_a_double_name_is_no_second_person() -> None:
    for one in ("Ann Lee / CFO", "Maria Garcia/Lopez", "Ann Lee, CFO & Treasurer", "Ann Lee & Associates", "Andy Lee"):
        assert first_of_two(one) is None


def test_entities_of_html_are_the_characters_they_stand_for() -> None:
    values = only("Company Name,Website,CEO,CEO Title", "D&amp;B &#38; Co,d.example?a=1&copy=2,Pat O&#39;Neil,R&amp;D")
    assert values["name"] == "D&B & Co"
    assert "copy" not in values["website_url"] or "&copy=2" in values["website_url"]
    assert [(one.name, one.title) for one in values["people"]] == [("Pat O'Neil", "R&D")]


@given(st.lists(st.text(max_size=30), min_size=21, max_size=21))
def test_any_row_is_a_record_or_a_rejection_with_a_fix(cells: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    clean = CompanyCleaner(plan(TOWN.split(","), "auto", "company"), TODAY, Counter())
    made = clean(Row(2, cells))
    assert made.fix if isinstance(made, Rejection) else made.values["name"]
