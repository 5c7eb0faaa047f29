"""Finding people's contacts: what we send to Melissa and BatchData and how their answers read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear
from penstock.providers import Account
from penstock.providers.append import melissa
from penstock.providers.contacts import FoundEmail, FoundPhone, LineType, OwnerCheck, Subject, e164, email_address
from penstock.providers.skiptrace import batchdata

ADA = Subject("Ada", "Sample", "100 Example Ave", "", "Tampa", "FL", "33602-1234")
NOBODY = Subject("", "", "1 Nowhere St", "", "Tampa", "FL", "33602")
MELISSA = Account("https://personator.melissadata.net", "LICENCE")
BATCHDATA = Account("https://api.batchdata.com", "token")


def melissa_record(**changes: str) -> dict[str, str]:
    """The example record of Melissa's own documentation: a single space where there is nothing."""
    return {
        "AddressExtras": " ",
        "AddressKey": "33602123400",
        "AddressLine1": "100 Example Ave",
        "AddressLine2": " ",
        "City": "Tampa",
        "CompanyName": " ",
        "EmailAddress": "Ada@Example.com",
        "MelissaAddressKey": "9990001112",
        "MelissaAddressKeyBase": " ",
        "NameFull": "Ada Sample",
        "PhoneNumber": "8135550100",
        "PostalCode": "33602-1234",
        "RecordID": "1",
        "Results": "AS01,ES01,GS05,NS01,PS01,PS07,VR01,VR02",
        "State": "FL",
    } | changes


def melissa_answer(*records: dict[str, str], said: str = " ") -> dict[str, Any]:
    return {"Records": list(records), "TotalRecords": str(len(records)), "TransmissionResults": said, "Version": "9.4"}


def test_melissa_is_asked_in_one_batch_with_the_licence_in_the_body() -> None:
    request = melissa.build_request(MELISSA, [ADA, NOBODY])
    assert request.url == "https://personator.melissadata.net/v3/WEB/ContactVerify/doContactVerify"
    assert request.json["CustomerID"] == "LICENCE"
    assert request.json["Actions"] == "Check,Verify,Append"
    assert [record["RecordID"] for record in request.json["Records"]] == ["1", "2"]
    assert "Authorization" not in request.headers
    assert not request.repeatable


def test_melissa_record_reads_as_a_confirmed_owner_with_phone_email_and_address_key() -> None:
    found = melissa.read_record(melissa_record())
    assert (found.matched, found.mak, found.owner) == (True, "9990001112", OwnerCheck.CONFIRMED)
    assert (found.first_name, found.last_name) == ("Ada", "Sample")
    assert found.phones == (FoundPhone("+18135550100", LineType.MOBILE, belongs=True),)
    assert found.emails == (FoundEmail("ada@example.com", belongs=False),)


def test_melissa_single_spaces_are_nothing() -> None:
    empty = melissa_record(EmailAddress=" ", PhoneNumber=" ", MelissaAddressKey=" ", NameFull=" ", Results="AE02,VS00")
    found = melissa.read_record(empty)
    assert (found.matched, found.mak, found.phones, found.emails, found.last_name) == (False, None, (), (), "")


@pytest.mark.parametrize(
    ("codes", "owner"),
    [
        ("AS01,VR01", OwnerCheck.CONFIRMED),
        ("AS01,VS12", OwnerCheck.HOUSEHOLD),
        ("AS01,VS13", OwnerCheck.DIFFERENT),
        ("AS01,AS12,VR01", OwnerCheck.MOVED),
        ("AS01,VS01", OwnerCheck.MOVED),
        ("AS01", OwnerCheck.UNKNOWN),
    ],
)
def test_melissa_verify_codes_say_who_owns(codes: str, owner: OwnerCheck) -> None:
    assert melissa.read_record(melissa_record(Results=codes)).owner is owner


def test_melissa_answers_out_of_order_are_put_back_in_order() -> None:
    body = melissa_answer(melissa_record(RecordID="2", City="Ocala"), melissa_record(RecordID="1"))
    assert [reply.raw["City"] for reply in melissa.parse_answer(body, 2)] == ["Tampa", "Ocala"]


@pytest.mark.parametrize("said", ["GE04", "GE05", "GE14", "GE03", "GW01,GE08"])
def test_melissa_errors_inside_http_200_are_lasting_refusals(said: str) -> None:
    with pytest.raises(ProviderRefused, match=said[-4:]):
        melissa.parse_answer({"Records": [], "TransmissionResults": said}, 1)


def test_melissa_internal_error_is_busy_and_a_warning_is_no_error() -> None:
    with pytest.raises(ProviderBusy):
        melissa.parse_answer(melissa_answer(said="SE01"), 1)
    assert len(melissa.parse_answer(melissa_answer(melissa_record(), said="GW01"), 1)) == 1


def test_melissa_missing_records_are_unclear() -> None:
    with pytest.raises(ProviderUnclear):
        melissa.parse_answer(melissa_answer(melissa_record()), 2)


def person(**changes: Any) -> dict[str, Any]:
    """The example person of BatchData's skip-trace documentation."""
    return {
        "_id": "p1",
        "name": {"first": "Ada", "last": "Sample", "full": "Ada Sample"},
        "emails": [{"email": "ADA@example.com"}, {"email": "not an email"}],
        "phoneNumbers": [
            {"number": "8135550100", "type": "Mobile", "reachable": True, "score": 95, "dnc": False, "tcpa": False},
            {"number": "8135550101", "type": "Land Line", "score": 40, "dnc": True, "tcpa": True},
            {"number": "12", "type": "Mobile"},
        ],
        "death": {"deceased": False},
        "dnc": {"tcpa": False},
        "litigator": False,
        "property": {"equity": 214000, "absenteeOwner": True, "vacant": False},
        "meta": {"matched": True, "error": False},
    } | changes


NO_MATCH = {"propertyAddress": {"street": "1 Nowhere St"}, "meta": {"matched": False, "error": False}}


def skip_answer(*persons: dict[str, Any], code: int = 200) -> dict[str, Any]:
    return {"status": {"code": code, "text": "OK"}, "results": {"persons": list(persons)}}


def test_batchdata_is_asked_for_litigators_numbers_on_purpose() -> None:
    request = batchdata.build_request(BATCHDATA, [ADA, NOBODY])
    assert request.url == "https://api.batchdata.com/api/v1/property/skip-trace"
    assert request.headers["Authorization"] == "Bearer token"
    assert request.json["options"]["includeTCPABlacklistedPhones"] is True
    assert request.json["requests"][0]["propertyAddress"]["zip"] == "33602"
    assert "name" not in request.json["requests"][1]


@pytest.mark.parametrize(
    ("unit", "street"), [("", "1 A St"), ("4B", "1 A St # 4B"), ("#4B", "1 A St # 4B"), ("Apt 4B", "1 A St Apt 4B")]
)
def test_batchdata_gets_the_unit_within_the_street(unit: str, street: str) -> None:
    request = batchdata.build_request(BATCHDATA, [Subject("A", "B", "1 A St", unit, "Tampa", "FL", "33602")])
    assert request.json["requests"][0]["propertyAddress"]["street"] == street


def test_batchdata_person_reads_with_its_flags_and_without_unusable_values() -> None:
    found = batchdata.read_person(person())
    assert found.phones == (
        FoundPhone("+18135550100", LineType.MOBILE, 95, False, False),
        FoundPhone("+18135550101", LineType.LANDLINE, 40, True, True),
    )
    assert found.emails == (FoundEmail("ada@example.com"),)
    assert (found.litigator, found.deceased) == (False, False)
    assert found.facts == {"estimated_equity": 214000.0, "owner_occupied": False, "vacant": False}


def test_batchdata_warning_flags_survive() -> None:
    found = batchdata.read_person(person(litigator=True, death={"deceased": True}))
    assert (found.litigator, found.deceased) == (True, True)
    assert batchdata.read_person(person(dnc={"tcpa": True})).litigator


def test_batchdata_charges_matches_only() -> None:
    replies = batchdata.parse_answer(skip_answer(person(), NO_MATCH), 2)
    assert [reply.billable for reply in replies] == [True, False]
    assert not batchdata.read_person(replies[1].raw).matched


def test_batchdata_errors_in_the_body_are_told_apart() -> None:
    with pytest.raises(ProviderRefused):
        batchdata.parse_answer(skip_answer(code=403), 1)
    with pytest.raises(ProviderBusy):
        batchdata.parse_answer(skip_answer(code=429), 1)
    with pytest.raises(ProviderUnclear):
        batchdata.parse_answer(skip_answer(person()), 2)


@given(st.text())
def test_a_subject_key_ignores_case_and_spacing(name: str) -> None:
    loud = Subject(name.upper(), "Sample ", " 100  Example Ave.", "", "TAMPA", "fl", "33602")
    quiet = Subject(name.upper(), "sample", "100 example ave", "", "Tampa", "FL", "33602-1234")
    assert loud.key() == quiet.key()


def test_a_subject_key_keeps_units_apart() -> None:
    assert Subject(line1="1 Main St", unit="2").key() != Subject(line1="1 Main St", unit="3").key()


@given(st.text())
def test_no_text_can_break_the_readers_of_numbers_and_addresses(text: str) -> None:
    number, address = e164(text), email_address(text)
    assert number is None or number.startswith("+")
    assert address is None or address == address.lower()
