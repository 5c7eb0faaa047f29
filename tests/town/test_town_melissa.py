"""Melissa on the wire."""

from __future__ import annotations

from typing import Any

import pytest

VERIFY = "/melissa/v3/WEB/ContactVerify/doContactVerify"
EMAIL = "/melissa/v4/WEB/GlobalEmail/doGlobalEmail"
ADA = {
    "RecordID": "1",
    "FullName": "Ada Sample",
    "AddressLine1": "100 Example Ave",
    "City": "Tampa",
    "State": "FL",
    "PostalCode": "33602",
}


async def ask(bench, *records: dict[str, Any], **more: Any) -> dict[str, Any]:
    sent = {"CustomerID": "TEST", "Actions": "Check,Verify,Append", "Records": list(records), **more}
    answer = await bench.client.post(VERIFY, json=sent)
    assert answer.status_code == 200
    return answer.json()


async def one(bench, **fields: str) -> dict[str, str]:
    return (await ask(bench, {**ADA, **fields}))["Records"][0]


async def test_a_record_has_the_documented_fields_and_a_space_for_nothing(bench):
    answer = await ask(bench, ADA, TransmissionReference="job-17")
    record = answer["Records"][0]
    assert (answer["TotalRecords"], answer["TransmissionReference"], answer["TransmissionResults"]) == (
        "1",
        "job-17",
        " ",
    )
    assert set(record) == {
        "AddressExtras", "AddressKey", "AddressLine1", "AddressLine2", "City", "CompanyName", "EmailAddress",
        "MelissaAddressKey", "MelissaAddressKeyBase", "NameFull", "PhoneNumber", "PostalCode", "RecordExtras",
        "RecordID", "Reserved", "Results", "State",
    }  # fmt: skip
    assert all(isinstance(value, str) and value for value in record.values())
    assert record["Reserved"] == record["MelissaAddressKeyBase"] == " "
    assert len(record["MelissaAddressKey"]) == 10 and record["MelissaAddressKey"].isdecimal()
    assert len(record["AddressKey"]) == 11 and record["PostalCode"].startswith("33602-")
    assert "AS01" in record["Results"].split(",")


async def test_the_mak_is_stable_and_knows_its_building(bench):
    plain, respelt, unit = [
        await one(bench, **fields)
        for fields in ({}, {"AddressLine1": "100  EXAMPLE avenue", "PostalCode": ""}, {"AddressLine2": "Apt 4"})
    ]
    assert plain["MelissaAddressKey"] == respelt["MelissaAddressKey"] != unit["MelissaAddressKey"]
    assert unit["MelissaAddressKeyBase"] == plain["MelissaAddressKey"]
    assert unit["AddressLine1"] == "100 Example Ave Unit 4"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"CustomerID": ""}, "GE04"),
        ({"CustomerID": "BAD"}, "GE05"),
        ({"CustomerID": "NOCREDIT"}, "GE14"),
        ({"Records": [ADA] * 101}, "GE03"),
        ({"Records": []}, "GE02"),
        ({"Actions": ""}, "SP01"),
        ({"Actions": "Dance"}, "GE23"),
    ],
)
async def test_errors_hide_in_a_200_and_cost_nothing(bench, sent, code):
    answer = await ask(bench, ADA, **sent)
    assert (answer["TransmissionResults"], answer["Records"]) == (code, [])
    assert bench.state.truth.grade()["billed"] == {}


async def test_malformed_types_are_a_400_with_the_path(bench):
    answer = await bench.client.post(VERIFY, json={"CustomerID": "x", "Records": "none"})
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {"$.Records"}


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"AddressLine1": "999 Example Ave"}, {"AE10"}),
        ({"AddressLine1": "Example Ave"}, {"AE11"}),
        ({"AddressLine1": "10 Tower Rd"}, {"AS02", "AE09"}),
        ({"Country": "France"}, {"AS09"}),
        ({"PhoneNumber": "8134500907"}, {"PS01", "PS07"}),
        ({"PhoneNumber": "123"}, {"PE03"}),
        ({"EmailAddress": "ada@disposable.test"}, {"ES05"}),
        ({"EmailAddress": "not an address"}, {"EE01"}),
    ],
)
async def test_result_codes_say_what_is_wrong_or_special(bench, fields, codes):
    record = await one(bench, **fields)
    assert codes <= set(record["Results"].split(","))


async def test_a_mover_has_a_new_address(bench):
    record = (await ask(bench, ADA | {"FullName": "Ada Mover"}, Actions="Check,Verify,Move", Columns="MoveDate"))[
        "Records"
    ][0]
    assert "AS12" in record["Results"]
    assert record["MoveDate"].isdecimal() and record["AddressLine1"] != "100 Example Ave"


async def test_columns_come_as_asked(bench):
    columns = "GrpGeocode,GrpNameDetails,OwnRent,EstimatedHomeValue"
    record = (await ask(bench, ADA, Columns=columns))["Records"][0]
    assert (record["NameFirst"], record["NameLast"]) == ("Ada", "Sample")
    assert record["OwnRent"] in ("Definite Owner", "Inferred Owner", "Inferred Renter", "Definite Renter")
    assert float(record["Latitude"]) and int(record["EstimatedHomeValue"]) > 0


async def test_append_fills_blanks_at_the_stated_rate_and_never_overwrites(bench):
    records = [ADA | {"RecordID": str(house), "AddressLine1": f"{house} Example Ave"} for house in range(1, 401)]
    found = [
        record
        for start in range(0, 400, 100)
        for record in (await ask(bench, *records[start : start + 100]))["Records"]
    ]
    emails = sum(record["EmailAddress"] != " " for record in found) / 400
    phones = sum(record["PhoneNumber"] != " " for record in found) / 400
    assert 0.36 < emails < 0.52 and 0.30 < phones < 0.48
    assert all(("DA40" in record["Results"]) == (record["EmailAddress"] != " ") for record in found)
    lucky = next(int(record["RecordID"]) for record in found if "DA40" in record["Results"])
    kept = (await ask(bench, records[lucky - 1] | {"EmailAddress": "mine@lakemail.example"}))["Records"][0]
    assert kept["EmailAddress"] == "mine@lakemail.example"
    assert "DA40" not in kept["Results"]


async def test_the_owner_is_verified_and_a_stranger_is_not(bench):
    records = [ADA | {"RecordID": str(house), "AddressLine1": f"{house} Example Ave"} for house in range(1, 101)]
    known = (await ask(bench, *records))["Records"]
    assert sum("VR01" in record["Results"] for record in known) > 75
    others = (await ask(bench, *({**record, "FullName": "Zed Nobody"} for record in records)))["Records"]
    assert not any("VR01" in record["Results"] for record in others)


async def test_a_get_asks_the_same_by_query(bench):
    query = {"id": "x", "act": "Check", "a1": "100 Example Ave", "postal": "33602", "format": "json", "t": "t1"}
    answer = (await bench.client.get(VERIFY, params=query)).json()
    assert answer["Records"][0]["MelissaAddressKey"] == (await one(bench))["MelissaAddressKey"]


async def test_global_email_tells_live_from_dead_mailboxes(bench):
    live, dead = bench.someone("live").mailboxes[0].email, bench.someone("dead").mailboxes[0].email
    catch_all = bench.someone(catch_all=True).mailboxes[0].email
    asked = [live, dead, catch_all, "ada@nowhere.test", "ada@disposable.test", "ada"]
    sent = {"CustomerID": "x", "Records": [{"RecordID": str(nth), "Email": email} for nth, email in enumerate(asked)]}
    answer = (await bench.client.post(EMAIL, json=sent)).json()
    codes = [record["Results"] for record in answer["Records"]]
    assert codes == ["ES01", "EE04", "ES07", "EE02", "ES05", "EE01"]
    assert answer["TransmissionResults"] == "" and answer["Records"][0]["DeliverabilityConfidenceScore"] == "95"
    assert [record["RecordID"] for record in answer["Records"]] == list("012345")


async def test_global_email_answers_xml_to_a_get_that_does_not_ask_for_json(bench):
    answer = await bench.client.get(EMAIL, params={"id": "x", "email": "ada@nowhere.test"})
    assert answer.headers["content-type"] == "application/xml"
    assert "<Results>EE02</Results>" in answer.text
    as_json = await bench.client.get(EMAIL, params={"id": "x", "email": "ada@nowhere.test", "format": "json"})
    assert as_json.json()["Records"][0]["Results"] == "EE02"
