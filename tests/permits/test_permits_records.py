"""Rows of portals and files as permits in one form: each source's columns, and what makes no sense set aside."""

import csv
import gzip
import io
import os
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import InvalidInput
from penstock.core.http import make_client
from penstock.intake import cells
from penstock.intake.reader import BadFile
from penstock.permits.classify import standard, tally
from penstock.permits.files import PermitFile
from penstock.permits.records import Permit, Read, read
from penstock.permits.sources import named_sources, parse, source
from penstock.providers import Account
from penstock.providers.permits import REGISTRY
from penstock.town.app import make_app
from penstock.town.state import new_state
from sheets import xlsx

TODAY = date(2026, 11, 30)
SHARED = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared")) / "data/permits"
AUSTIN = {
    "permit_number": "2026-000001 BP",
    "permit_type_desc": "Building Permit",
    "permit_class_mapped": "Residential",
    "work_class": "Remodel",
    "description": "Reroof  house",
    "tcad_id": "0212-0304",
    "applieddate": "2026-11-02T00:00:00.000",
    "issue_date": "2026-11-05T00:00:00.000",
    "status_current": "Active",
    "total_job_valuation": "14,200.00",
    "original_address1": "100 OAK  ST",
    "original_zip": "78701-1234",
    "latitude": "30.27",
    "longitude": "-97.74",
    "contractor_full_name": "A. Roofer",
    "contractor_phone": "(512) 555-0100",
}


def one(name: str = "austin", row: dict[str, Any] | None = None, **changed: Any) -> Read:
    """One row of a source, with some columns changed; None takes a column away."""
    whole = {**(AUSTIN if row is None else row), **changed}
    return read([(12, {k: v for k, v in whole.items() if v is not None})], source(name), TODAY)[0]


def permit(name: str = "austin", row: dict[str, Any] | None = None, **changed: Any) -> Permit:
    made = one(name, row, **changed)
    assert made.permit is not None, made.flaws
    return made.permit


# The sources


def test_a_row_of_austin_is_a_permit() -> None:
    made = permit()
    assert made.permit_number == made.source_id == "2026-000001 BP"
    assert (made.type_raw, made.work_raw, made.description) == (
        "Building Permit",
        "Residential Remodel",
        "Reroof house",
    )
    assert (made.applied_on, made.issued_on, made.completed_on) == (date(2026, 11, 2), date(2026, 11, 5), None)
    assert (made.valuation, made.parcel, made.zip) == (14_200, "0212-0304", "78701")
    assert (made.address1, made.city, made.state, made.county) == ("100 OAK ST", "Austin", "TX", "TRAVIS")
    assert (made.lat, made.lon) == (30.27, -97.74)
    assert (made.contractor_name, made.contractor_phone) == ("A. Roofer", "+15125550100")
    assert made.dated == date(2026, 11, 5)
    assert made.raw["description"] == "Reroof  house"


def test_personal_data_stays_out_of_what_is_printed() -> None:
    shown = repr(permit())
    assert "A. Roofer" not in shown
    assert "5550100" not in shown
    assert "Reroof" not in shown


def test_chicago_names_its_people_in_numbered_columns_and_has_no_zip() -> None:
    made = permit(
        "chicago",
        {
            "id": "3141",
            "permit_": "B20260001",
            "permit_type": "PERMIT – EXPRESS PERMIT PROGRAM",
            "work_type": "Roofing",
            "issue_date": "2026-11-05T00:00:00.000",
            "street_number": "1204",
            "street_direction": "W",
            "street_name": "OAK ST",
            "contact_1_type": "OWNER",
            "contact_1_name": "O. WNER",
            "contact_2_type": "MASONRY CONTRACTOR",
            "contact_2_name": "NOT ME",
            "contact_11_type": "CONTRACTOR-GENERAL CONTRACTOR",
            "contact_11_name": "ROOFS INC",
            "reported_cost": "1",
            "pin_list": "14-08-203-001-0000 | 14-08-203-002-0000",
            "latitude": "41.9",
            "longitude": "-87.65",
        },
    )
    assert (made.source_id, made.permit_number) == ("3141", "B20260001")
    assert (made.address1, made.city, made.zip) == ("1204 W OAK ST", "Chicago", None)
    assert (made.owner_name, made.contractor_name) == ("O. WNER", "ROOFS INC")
    assert made.valuation is None  # a dollar is how some say that they do not know
    assert made.parcel is None  # the work is on two
    assert made.type_raw == "PERMIT – EXPRESS PERMIT PROGRAM"


def test_new_york_tells_county_and_city_by_the_borough() -> None:
    made = permit(
        "new_york",
        {
            "job_filing_number": "X0001-I1",
            "sequence_number": "2",
            "issued_date": "2026-11-05T00:00:00.000",
            "house_no": "12-34",
            "street_name": "OAK AVENUE",
            "borough": "STATEN ISLAND",
            "bbl": "5012340056",
            "estimated_job_costs": "58000.40",
            "owner_name": "PR",
        },
    )
    assert (made.permit_number, made.source_id) == ("X0001-I1", "X0001-I1 2")
    assert (made.city, made.county, made.address1) == ("Staten Island", "RICHMOND", "12-34 OAK AVENUE")
    assert (made.parcel, made.valuation) == ("5012340056", 58_000)


NASHVILLE = (
    "Permit__,Permit_Type_Description,Permit_Subtype_Description,Parcel,Date_Entered,Date_Issued,Const_Cost,Address,"
    "City,State,Subdivision_Lot,Contact,Purpose,Lon,Lat,ZIP\r\n"
    "2026001,Building Residential - Roofing / Siding,Duplex,00100200300,1762300800000,,9000,12  ELM ST,NASHVILLE,TN,"
    '"LOT 3 BLK B OAK HILL RESUB LOTS 3 & 4",ROOFS LLC,"to re-roof. POC: [phone]\r\nno change",-86.78,36.16,37212\r\n'
)


def file_of(text: str, **options: Any) -> PermitFile:
    return PermitFile(io.BytesIO(text.encode()), TODAY, **options)


def test_a_file_of_nashville_is_recognised_and_read() -> None:
    file = file_of(NASHVILLE)
    (made,) = list(file)
    assert file.source.name == "nashville"
    assert made.permit is not None and made.flaws == ()
    assert (made.permit.applied_on, made.permit.issued_on) == (date(2025, 11, 5), None)
    assert made.permit.dated == date(2025, 11, 5)
    assert (made.permit.address1, made.permit.subdivision) == ("12 ELM ST", "OAK HILL")
    assert made.permit.description == "to re-roof. POC: [phone] no change"


def test_a_packed_file_of_seattles_commercial_permits_is_read() -> None:
    text = (
        "Application/Permit Number,Permit Type,Address,Category,Action Type,Work Type,Value,Application Date,"
        "Issue Date,Final Date,Expiration Date,Status,Master Use Permit,Latitude,Longitude\n"
        "6268348,Construction,600 OAK ST,COMMERCIAL,ADD/ALT,No plan review,149000,12/6/10,12/7/10,8/19/11,6/6/12,"
        "Permit Closed,,47.6,-122.33\n"
    )
    (made,) = list(PermitFile(io.BytesIO(gzip.compress(text.encode())), TODAY))
    assert made.permit is not None
    assert (made.permit.applied_on, made.permit.completed_on) == (date(2010, 12, 6), date(2011, 8, 19))
    assert (made.permit.status, made.permit.work_raw) == ("Permit Closed", "COMMERCIAL ADD/ALT")


def test_a_workbook_of_permits_is_read_from_the_sheet_that_fits() -> None:
    header, values = csv.reader(io.StringIO(NASHVILLE.replace("\r\nno", " no")))
    values[4] = "11/5/25"
    book = xlsx({"About": [["Export of", "permits"]], "Permits": [["Permits 2025"], header, values]})
    file = PermitFile(io.BytesIO(book), TODAY)
    (made,) = list(file)
    assert file.source.name == "nashville"
    assert made.permit is not None
    assert (made.permit.permit_number, made.permit.applied_on) == ("2026001", date(2025, 11, 5))


def test_a_row_that_is_no_row_keeps_its_place_among_the_others() -> None:
    lines = NASHVILLE.split("\r\n", 1)
    text = lines[0] + "\r\n" + "1,2,3\r\n" + lines[1]
    broken, whole = list(file_of(text))
    assert broken.permit is None and broken.flaws[0].row_number == 2
    assert whole.permit is not None


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a,b\n1,2\n", {}, "No known source of permits has such columns: a, b"),
        (
            "a,b\n1,2\n",
            {"source_name": "nashville"},
            "reads permit_number, issued_on, address1, state from",
        ),
        ("", {}, "empty"),
    ],
)
def test_a_file_that_is_no_file_of_permits_is_refused(text: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(BadFile, match=said):
        file_of(text, **options)


def test_a_source_of_ones_own_is_a_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "name: mine\nconstants: {state: TN}\nfields: {permit_number: No, issued_on: Day, address1: Where}\n"
    )
    (made,) = list(file_of("No,Day,Where\nA-1,3/9/24,12 Elm St\n", source_name=str(mine)))
    assert made.permit is not None
    assert (made.permit.source, made.permit.issued_on) == ("mine", date(2024, 3, 9))


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nfields: {permit_number: a, address1: b}\nconstants: {state: TN}",  # no day
        "name: x\nfields: {permit_number: a, issued_on: c, address1: b}",  # no state
        "name: x\nfields: {permit_number: a, issued_on: c, address1: b, colour: d}\nconstants: {state: TN}",
        "name: X y\nfields: {permit_number: a, issued_on: c, address1: b}\nconstants: {state: TN}",
        "[",
    ],
)
def test_a_source_that_cannot_make_a_permit_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"mine\.yaml"):
        parse(text, "mine.yaml")
    with pytest.raises(InvalidInput, match="There is no source"):
        source("mine")


# What makes no sense


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"permit_number": None}, "permit_number", "is missing"),
        ({"issue_date": "2071-03-01T00:00:00.000"}, "issued_on", "is not a date between 1950 and today"),
        ({"issue_date": "soon"}, "issued_on", "is not a date"),
        ({"issue_date": None, "applieddate": None}, "applied_on", "is missing, and so is issued_on"),
        ({"original_address1": None, "latitude": None}, "address1", "is missing, and there are no coordinates"),
        ({"original_address1": None, "latitude": "0", "longitude": "0"}, "address1", "is missing"),
    ],
)
def test_a_row_that_cannot_be_a_permit_is_set_aside(changed: dict[str, Any], field: str, said: str) -> None:
    made = one(**changed)
    assert made.permit is None
    flaw = next(flaw for flaw in made.flaws if flaw.field == field)
    assert said in flaw.reason
    assert flaw.row_number == 12
    assert flaw.fix
    assert "permit_type_desc" in flaw.raw


@pytest.mark.parametrize(
    ("lat", "lon", "said"),
    [
        ("-97.74", "30.27", "where the other coordinate belongs"),
        ("0", "0", "the sea off Ghana"),
        ("47.6", "-122.3", "outside of the state"),
        ("31.69", "-106.42", "outside of the state"),  # Ciudad Juárez, in the box of Texas
        ("300", "-97.74", "not on the earth"),
        ("north", "-97.74", "not a number"),
        ("nan", "-97.74", "not a number"),
        ("30.27", None, "not a number"),
    ],
)
def test_coordinates_that_cannot_be_are_left_out_and_told(lat: str, lon: str | None, said: str) -> None:
    made = one(latitude=lat, longitude=lon)
    assert made.permit is not None
    assert (made.permit.lat, made.permit.lon) == (None, None)
    (flaw,) = made.flaws
    assert (flaw.field, flaw.row_number) == ("lat, lon", 12)
    assert said in flaw.reason


@pytest.mark.parametrize(
    ("column", "text", "field"),
    [
        ("total_job_valuation", "-500", "valuation"),
        ("total_job_valuation", "plenty", "valuation"),
        ("original_zip", "787", "zip"),
        ("completed_date", "2071-01-01", "completed_on"),
        ("contractor_phone", "911", "contractor_phone"),
    ],
)
def test_another_value_that_makes_no_sense_is_left_out_and_told(column: str, text: str, field: str) -> None:
    made = one(**{column: text})
    if field == "zip":
        assert made.permit is not None and made.permit.zip == "00787"  # a spreadsheet ate its zeros
        return
    assert made.permit is not None
    assert getattr(made.permit, field) is None
    assert [flaw.field for flaw in made.flaws] == [field]


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(sorted(AUSTIN)), st.none() | st.text(max_size=30) | st.integers() | st.floats()))
def test_any_row_is_a_permit_or_is_set_aside_with_a_reason(changed: dict[str, Any]) -> None:
    made = one(**changed)
    if made.permit is None:
        assert made.flaws
    else:
        assert made.permit.permit_number and made.permit.dated <= TODAY
        assert made.permit.address1 or made.permit.lat is not None
        assert made.permit.valuation is None or made.permit.valuation > 0


@pytest.mark.parametrize(
    ("legal", "name"),
    [
        ("LOT 12 OAK HILL", "OAK HILL"),
        ("PT LOTS 1 & 2 BLK C OAK HILL PH 3 SEC 2", "OAK HILL"),
        ("LOT 12 BLK C OAK HILL RESUB OF LOTS 4 5", "OAK HILL"),
        ("lots 2 4 6 blk k oak hill farms", "OAK HILL FARMS"),
        ("E/S OF OAK RD N OF MAIN ST", None),
        ("S OF MAIN ST E OF OAK RD", None),
        ("LOT 4", None),
        ("", None),
    ],
)
def test_a_subdivision_is_known_by_its_name(legal: str, name: str | None) -> None:
    assert cells.subdivision(legal) == name


# All together


@pytest.mark.parametrize("name", [n for n, s in named_sources().items() if s.socrata])
async def test_every_portal_of_the_town_is_read_and_told_apart(name: str) -> None:
    """The columns of the map are the portal's; the slips are found, no others; the kinds of work are the true ones."""
    one = named_sources()[name]
    assert one.socrata is not None
    state = new_state(7, patience=0.1)
    state.clock.put(datetime(2026, 11, 30, 17, tzinfo=UTC))
    async with make_client(transport=httpx.ASGITransport(make_app(state))) as client:
        portal = REGISTRY["socrata"](client, Account("http://town.test/socrata/{domain}", "a-token"))
        rows = [row async for page in portal.pages(one.socrata.dataset) for row in page]
        columns = (await portal.describe(one.socrata.dataset)).columns
        path = f"{one.socrata.domain}/truth/{one.socrata.id}.json"
        truth = (await client.get(f"http://town.test/socrata/{path}")).json()
    assert {one.socrata.dated, one.socrata.key, one.socrata.text} <= set(columns)
    assert {column for row in rows for column in row} & one.columns(*one.fields) > {one.socrata.dated, one.socrata.key}
    made = read(enumerate(rows, start=1), one, TODAY)
    wrong = Counter(flaw.field for item in made for flaw in item.flaws)
    slips = Counter(item["slip"] for item in truth)
    assert wrong["lat, lon"] == slips["zero place"] + slips["swapped"] > 0
    assert sum(item.permit is None for item in made) == wrong["issued_on"] == slips["2071"]
    kinds = {"".join(c for c in item["number"] if c.isdigit()): item["kind"] for item in truth}
    pairs = [
        (kinds["".join(c for c in p.permit_number.split("-I1")[0] if c.isdigit())], told(p)) for p in permits(made)
    ]
    assert {kind for kind, t in tally(pairs).items() if min(t["precision"], t["recall"]) < 0.95} == set()


def digits(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


def permits(made: list[Read]) -> list[Permit]:
    return [item.permit for item in made if item.permit is not None]


def told(p: Permit) -> str:
    return standard()(type_raw=p.type_raw, work_raw=p.work_raw, description=p.description, valuation=p.valuation).kind


@pytest.mark.parametrize(
    ("file", "name", "rows"),
    [
        ("nashville_permits_2021_2024.csv.gz", "nashville", 5_996),
        ("seattle_commercial_permits_2005_2015.csv", "seattle_commercial", 10_246),
    ],
)
def test_real_files_are_read_whole(file: str, name: str, rows: int) -> None:
    if not (SHARED / file).exists():
        pytest.skip(f"no {SHARED / file}: set PENSTOCK_SHARED to read real permits")
    with (SHARED / file).open("rb") as stream:
        opened = PermitFile(stream, TODAY)
        made = list(opened)
    assert opened.source.name == name
    assert len(permits(made)) == len(made) == rows
    assert sum(len(item.flaws) for item in made) <= 2
    assert all(p.lat is not None for p in permits(made))
