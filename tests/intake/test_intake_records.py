"""Maps and records: columns found by name, rows cleaned, and each refusal naming row, field and fix."""

import io
import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from penstock.core.errors import InvalidInput
from penstock.intake.mapping import describe, named_maps, plan
from penstock.intake.reader import BadFile, Rejection
from penstock.intake.reading import Reading, read
from penstock.intake.records import Record

TODAY = date(2026, 11, 30)
SHARED = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared"))
PROPSTREAM = """\
Address,Unit #,City,State,Zip,County,APN,Owner Occupied,Owner 1 First Name,Owner 1 Last Name,Litigator,Mailing Address,\
Mailing City,Mailing State,Mailing Zip,Do Not Mail,Phone 1,Phone 1 Type,Phone 1 DNC,Phone 2,Phone 2 Type,Phone 2 DNC,\
Email 1,Property Type,Bedrooms,Est. Value,Est. Equity,Est. Remaining balance of Open Loans,MLS Status,Deceased Owner
100 Example Ave,,Tampa,FL,33602,Hillsborough,18-29-12-0000,No,Ada,Sample,Yes,PO Box 10,\
Ocala,FL,34470,No,(813) 555-0100,Mobile,No,813-555-0101,Landline,Yes,\
ada@example.com,Single Family,3,"$412,000","$214,000","$198,000",EXPIRED,No
"""


def reading(text: str, map_name: str = "auto") -> Reading:
    return read(io.BytesIO(text.encode()), map_name, TODAY)


def only(text: str, map_name: str = "auto") -> dict[str, Any]:
    (record,) = reading(text, map_name)
    assert isinstance(record, Record), record
    return {name: value for name, value in record.values.items() if value not in (None, ())}


def refused(text: str) -> Rejection:
    (rejection,) = reading(text)
    assert isinstance(rejection, Rejection), rejection
    return rejection


def test_a_propstream_export_is_recognised_and_read() -> None:
    record = only(PROPSTREAM)
    assert record == {
        "apn": "18-29-12-0000",
        "state": "FL",
        "county": "HILLSBOROUGH",
        "address_line1": "100 Example Ave",
        "address_numbered": True,
        "city": "Tampa",
        "postal_code": "33602",
        "land_use": "Single Family",
        "bedrooms": 3,
        "property_value": 412_000,
        "estimated_equity": 214_000,
        "mortgage_balance": 198_000,
        "owner_first_name": "Ada",
        "owner_last_name": "Sample",
        "owner_full_name": "Ada Sample",
        "owner_occupied": False,
        "mailing_line1": "PO Box 10",
        "mailing_city": "Ocala",
        "mailing_state": "FL",
        "mailing_postal_code": "34470",
        "do_not_mail": False,
        "litigator": True,
        "deceased_owner": False,
        "phones": (("+18135550100", "mobile", False), ("+18135550101", "landline", True)),
        "emails": ("ada@example.com",),
    }
    assert describe(reading(PROPSTREAM).plan)["unused"] == ["MLS Status"]


def test_a_skip_trace_export_is_recognised_by_its_own_columns() -> None:
    record = only(
        "First Name,Last Name,Company Name,Street Address,City,State,Zip,Mail Street Address,"
        "Mail City,Mail State,Mail Zip,"
        "Cell,Cell 2,Landline,Email 1\n"
        "Ada,Sample,,1 OAK ST APT 2,TAMPA,FL,33602,1 Oak St #2,Tampa,FL,33602,8135550100,8135550100,813-555-0102,\n"
    )
    assert record["owner_occupied"] is True
    assert record["address_line2"] == "2"
    assert record["phones"] == (("+18135550100", "mobile", False), ("+18135550102", "landline", False))


def test_columns_are_found_by_what_their_header_says() -> None:
    record = only(
        "Owner;Property Address;Zip Code;Est. Equity;Cell Phone\nAda Sample;12 Main St;2139;$5,000;617-555-0100\n"
    )
    assert record["city"] == "Cambridge"
    assert record["state"] == "MA"
    assert record["postal_code"] == "02139"
    assert record["owner_last_name"] == "Sample"
    assert record["estimated_equity"] == 5000
    assert record["phones"] == (("+16175550100", "mobile", False),)


def test_an_address_on_one_line_is_taken_apart() -> None:
    record = only('address,owner\n"12 Main St, Apt 4, Dallas, TX 75201",Ada Sample\n')
    assert (record["address_line1"], record["address_line2"]) == ("12 Main St", "4")
    assert (record["city"], record["state"], record["postal_code"]) == ("Dallas", "TX", "75201")


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (",33602", "address_line1", "no street address"),
        ("Main St,33602", "address_line1", "'Main St' has no house number"),
        ("1 Main St,", "postal_code", "neither a ZIP code nor a city"),
        ("1 Main St,M5V 2T6", "postal_code", "'M5V 2T6' is not a US ZIP code"),
        (",", "address_line1", "the row is empty"),
    ],
)
def test_a_row_that_names_no_place_is_refused_with_field_and_fix(row: str, field: str, says: str) -> None:
    rejection = refused(f"address,zip\n{row}\n")
    assert (rejection.row_number, rejection.field) == (2, field)
    assert says in rejection.reason
    assert rejection.fix
    assert rejection.raw == row


def test_a_value_the_row_can_do_without_is_dropped_and_counted() -> None:
    found = reading("address,zip,year built,email,beds\n1 A St,33602,1066,x@,3\n2 A St,33602,1990,a@b.co,many\n")
    first, second = (row.values for row in found if isinstance(row, Record))
    assert (first["year_built"], first["bedrooms"]) == (None, 3)
    assert (second["year_built"], second["bedrooms"]) == (1990, None)
    assert {field for field, _ in found.warnings} == {"year_built", "email", "bedrooms"}
    assert (found.rows, found.rejected) == (2, 0)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("name,city", "a street address"),
        ("address,owner name,city", "a ZIP code, or a city and a state"),
        ("apn,state", "street address"),
    ],
)
def test_a_file_without_a_required_column_says_what_it_has_and_what_would_do(header: str, says: str) -> None:
    with pytest.raises(BadFile, match=says) as error:
        reading(f"{header}\n" + ",".join("x" for _ in header.split(",")) + "\n")
    assert header.split(",")[0] in str(error.value)
    assert "for example" in str(error.value)


def test_a_map_of_ones_own_joins_splits_looks_up_and_fixes_values(tmp_path: Path) -> None:
    path = tmp_path / "county.yaml"
    path.write_text(
        """
name: my_county
last_name_first: true
constants: {state: TN}
columns: {Eigner: owner_name, Preis: last_sale_price, Datum: last_sale_date}
splits: {Ort: [address_line1, city]}
lookups: {county: {column: C, values: {"1": Davidson}}}
joins: {apn: {columns: [Map, Lot], widths: [3, 4], unit: true}}
""",
        "utf-8",
    )
    record = only(
        'Ort,Map,Lot,C,Eigner,Preis,Datum\n"12 ELM ST #3, NASHVILLE",7,12,1,SAMPLE ADA,"$ 1,000",2016-05-04\n',
        str(path),
    )
    assert record["apn"] == "007-0012-3"
    assert (record["county"], record["state"], record["city"]) == ("DAVIDSON", "TN", "Nashville")
    assert (record["owner_first_name"], record["last_sale_price"], record["last_sale_date"]) == (
        "Ada",
        1000,
        date(2016, 5, 4),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\ncolumns: {A: colour}", "colour"),
        ("name: x\ncolums: {}", "colums"),
        ("- a\n- b", "docs/reference/maps.md"),
        ("a: [", "not YAML"),
    ],
)
def test_a_map_with_a_mistake_says_which(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=says):
        plan(["A", "B"], str(path))


def test_an_unknown_map_lists_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="propstream_contacts"):
        plan(["a"], "prop stream")


def test_a_transfer_without_price_is_no_sale() -> None:
    record = only("address,zip,sale date,sale price\n1 A St,10312,3/19/2018, $-   \n")
    assert "last_sale_date" not in record


def test_baths_add_up_and_acres_become_square_feet() -> None:
    record = only("address,zip,full bath,half bath,acreage\n1 A St,37013,2,1,0.5\n")
    assert (record["bathrooms"], record["lot_sqft"]) == (Decimal("2.5"), 21_780)


def test_every_named_map_says_what_it_is_for_and_is_told_by_its_header() -> None:
    for one in named_maps().values():
        assert one.about
        assert one.source
        for header in one.recognise:
            assert plan([*one.columns, *one.splits, *header, "BLOCK", "LOT"], "auto", one.subject).name == one.name


def test_an_apartment_of_a_cooperative_is_a_place_of_its_own_and_one_of_a_condominium_has_its_lot() -> None:
    header = "BOROUGH,BUILDING CLASS CATEGORY,BLOCK,LOT,ADDRESS,APARTMENT NUMBER,ZIP CODE,SALE PRICE,SALE DATE\n"
    coop = only(header + '5,10 COOPS - ELEVATOR,5391,65," 22 BLUE HERON DRIVE, 4B ", ,10312," $185,000 ",3/19/2018\n')
    condo = only(header + '5,13 CONDOS - ELEVATOR,5391,1065, 22 BLUE HERON DRIVE ,4B,10312," $185,000 ",3/19/2018\n')
    assert (coop["apn"], coop["address_line2"]) == ("5-05391-0065-4B", "4B")
    assert (condo["apn"], condo["address_line2"]) == ("5-05391-1065", "4B")
    assert coop["county"] == "RICHMOND"


COUNTY_FILES = {
    "philadelphia_opa_part_a": ("philadelphia_opa", 3149),
    "nashville_sales_2013_2016": ("nashville_sales", 13_999),
    "nyc_2018_rollingsales_statenisland": ("nyc_rolling_sales", 8250),
    "nyc_2018_rollingsales_bronx": ("nyc_rolling_sales", 7589),
    "nyc_2018_rollingsales_manhattan": ("nyc_rolling_sales", 16_772),
}


@pytest.mark.parametrize("name", COUNTY_FILES)
@pytest.mark.skipif(not SHARED.exists(), reason=f"no shared data at {SHARED}: real county files unread")
def test_real_county_files_are_recognised_and_hardly_a_row_is_refused(name: str) -> None:
    wanted, rows = COUNTY_FILES[name]
    with (SHARED / f"data/property/{name}.csv.gz").open("rb") as file:
        found = read(file, "auto", TODAY)
        records = [row for row in found if isinstance(row, Record)]
    assert (found.plan.name, found.rows) == (wanted, rows)
    assert len(records) + found.rejected == rows
    assert found.rejected < rows / 100
    assert all(record.values["apn"] and record.values["county"] for record in records)
    assert sum(record.values["address_numbered"] for record in records) > 0.95 * rows
