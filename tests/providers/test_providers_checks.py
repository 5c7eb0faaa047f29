"""Checking phones and emails: what we send and how the answers read."""

from typing import Any

import pytest

from penstock.core.errors import ProviderRefused
from penstock.core.http import ProviderUnclear
from penstock.providers import Account
from penstock.providers.contacts import LineType
from penstock.providers.email import melissa
from penstock.providers.phone import batchdata

BATCHDATA = Account("https://api.batchdata.com", "token")


def item(**changes: Any) -> dict[str, Any]:
    return {
        "number": "8135550100",
        "type": "Mobile",
        "carrier": "Example Wireless",
        "dnc": False,
        "tcpa": False,
        "reachable": True,
        "tested": True,
        "score": 95,
        "meta": {"matched": True, "error": False},
    } | changes


def phones(*items: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"code": 200}, "results": {"phoneNumbers": list(items)}}


def test_phone_numbers_are_sent_as_plain_strings_of_ten_digits() -> None:
    request = batchdata.build_request(BATCHDATA, ["+18135550100", "+18135550101"])
    assert request.json == {"requests": ["8135550100", "8135550101"]}
    assert request.url.endswith("/api/v1/phone/verification")


def test_a_phone_item_reads_with_type_reachability_and_list_flags() -> None:
    report = batchdata.read_item(item(dnc=True))
    assert (report.codes, report.line_type, report.dnc, report.tcpa) == (("reachable",), LineType.MOBILE, True, False)
    assert (report.score, report.carrier) == (95, "Example Wireless")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reachable": False}, "unreachable"),
        ({"notFound": True}, "not_found"),
        ({"reachable": None}, "untested"),
        ({"meta": {"error": True}}, "error"),
    ],
)
def test_phone_flags_become_one_code_for_the_code_map(changes: dict[str, Any], code: str) -> None:
    assert batchdata.read_item(item(**changes)).codes == (code,)


def test_a_bare_phone_item_reads_as_untested_with_nothing_known() -> None:
    report = batchdata.read_item({"number": "8135550100"})
    assert (report.codes, report.dnc, report.tcpa, report.line_type) == (("untested",), None, None, None)


def test_a_phone_the_vendor_failed_on_is_not_charged() -> None:
    replies = batchdata.parse_answer(phones(item(), item(meta={"error": True})), 2)
    assert [reply.billable for reply in replies] == [True, False]


def test_a_phone_answer_of_the_wrong_length_is_unclear() -> None:
    with pytest.raises(ProviderUnclear):
        batchdata.parse_answer(phones(item()), 2)


def test_emails_are_sent_in_one_batch_with_options_joined_by_commas() -> None:
    request = melissa.build_request(Account("https://globalemail.melissadata.net", "KEY"), ["ada@example.com"])
    assert request.json["Records"] == [{"RecordID": "1", "Email": "ada@example.com"}]
    assert ";" not in request.json["Options"]
    assert request.json["CustomerID"] == "KEY"


def test_an_email_record_reads_as_its_codes_and_confidence() -> None:
    report = melissa.read_record({"RecordID": "1", "Results": "ES01,ES07", "DeliverabilityConfidenceScore": "55"})
    assert (report.codes, report.score) == (("ES01", "ES07"), 55)


def test_an_email_batch_with_a_bad_licence_is_refused() -> None:
    with pytest.raises(ProviderRefused):
        melissa.parse_answer({"Records": [], "TransmissionResults": "GE05"}, 1)
