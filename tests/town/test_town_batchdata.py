"""BatchData on the wire."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "/batchdata/api/v1"
KEY = {"Authorization": "Bearer key"}


def at(house: int, **more: Any) -> dict[str, Any]:
    place = {"street": f"{house} Example Ave", "city": "Tampa", "state": "FL", "zip": "33602"}
    return {"requestId": f"lead-{house}", "propertyAddress": place, "name": {"first": "Ada", "last": "Sample"}, **more}


async def ask(bench, path: str, requests: Any, **options: Any) -> dict[str, Any]:
    answer = await bench.client.post(BASE + path, headers=KEY, json={"requests": requests, "options": options})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == {"code": 200, "text": "OK"}
    return answer.json()["results"]


async def test_persons_come_in_request_order_with_the_documented_parts(bench):
    results = await ask(bench, "/property/skip-trace", [at(house) for house in range(1, 41)])
    persons, counts = results["persons"], results["meta"]["results"]
    assert [person.get("requestId") for person in persons] == [f"lead-{house}" for house in range(1, 41)]
    matched = [person for person in persons if person["meta"]["matched"]]
    assert counts == {
        "requestCount": 40,
        "matchCount": len(matched),
        "noMatchCount": 40 - len(matched),
        "errorCount": 0,
    }
    assert {
        "_id", "name", "emails", "phoneNumbers", "mailingAddress", "propertyAddress", "bankruptcy", "death", "dnc",
        "litigator", "involuntaryLien", "property", "meta",
    } <= set(matched[0])  # fmt: skip
    missed = next(person for person in persons if not person["meta"]["matched"])
    assert set(missed) == {"requestId", "propertyAddress", "meta"}
    phone = next(phone for person in matched for phone in person["phoneNumbers"])
    assert {"number", "carrier", "type", "tested", "reachable", "score", "dnc", "tcpa", "lastReportedDate"} <= set(
        phone
    )
    assert phone["type"] in ("Mobile", "Land Line", "Voip") and 0 <= phone["score"] <= 100


async def test_coverage_is_as_stated_and_only_matches_are_billed(bench):
    persons = [
        person
        for start in range(0, 500, 100)
        for person in (await ask(bench, "/property/skip-trace", [at(start + nth) for nth in range(1, 101)]))["persons"]
    ]
    matched = sum(person["meta"]["matched"] for person in persons)
    assert 0.75 < matched / 500 < 0.85
    assert 0.62 < sum(bool(person.get("phoneNumbers")) for person in persons) / 500 < 0.76
    assert 0.48 < sum(bool(person.get("emails")) for person in persons) / 500 < 0.62
    assert bench.state.truth.grade()["billed"]["batchdata"] == {"calls": 5, "items": matched, "cents": 15 * matched}


async def test_the_person_is_mostly_but_not_always_the_owner_we_asked_for(bench):
    persons = (await ask(bench, "/property/skip-trace", [at(nth) for nth in range(1, 101)]))["persons"]
    names = [person["name"]["full"] for person in persons if person["meta"]["matched"]]
    assert 0.7 < names.count("Ada Sample") / len(names) < 0.98


async def test_litigators_numbers_are_removed_unless_asked_for(bench, monkeypatch):
    monkeypatch.setattr("penstock.town.odds.TCPA_LITIGATOR", 1.0)
    requests = [at(nth) for nth in range(1, 21)]
    silent = (await ask(bench, "/property/skip-trace", requests))["persons"]
    told = (await ask(bench, "/property/skip-trace", requests, includeTCPABlacklistedPhones=True))["persons"]
    assert not any(person.get("phoneNumbers") for person in silent)
    numbers = [phone for person in told for phone in person.get("phoneNumbers", [])]
    assert numbers and all(phone["tcpa"] for phone in numbers)


@pytest.mark.parametrize(
    ("headers", "method", "path", "body", "status", "message"),
    [
        ({}, "POST", "/property/skip-trace", {"requests": [at(1)]}, 401, "token"),
        (
            {"Authorization": "Bearer forbidden"},
            "POST",
            "/property/skip-trace",
            {"requests": [at(1)]},
            403,
            "not permitted",
        ),
        ({"Authorization": "Bearer nocredit"}, "POST", "/phone/dnc", {"requests": ["8134500100"]}, 402, "credits"),
        (KEY, "GET", "/phone/dnc", None, 405, "method"),
        (KEY, "POST", "/property/vanish", {}, 404, "no endpoint"),
        (KEY, "POST", "/phone/tcpa", {"requests": [{"number": "8134500100"}]}, 400, "requests.0 must be a string"),
        (KEY, "POST", "/property/skip-trace", {"requests": ["x"]}, 400, "requests.0"),
        (KEY, "POST", "/property/skip-trace", {"requests": [at(1)] * 101}, 400, "at most 100"),
        (KEY, "POST", "/property/skip-trace", [], 400, "object"),
    ],
)
async def test_refusals_repeat_the_status_in_the_body(bench, headers, method, path, body, status, message):
    answer = await bench.client.request(method, BASE + path, headers=headers, json=body)
    assert answer.status_code == status
    assert answer.json()["status"]["code"] == status
    assert message in answer.json()["status"]["message"]
    assert bench.state.truth.grade()["billed"] == {}


async def test_phone_checks_know_the_towns_numbers(bench):
    phones = [phone for house in range(1, 60) for phone in bench.household(f"{house} Oak St").owner.phones]
    numbers = [phone.number for phone in phones][:100]
    verified = {item["number"]: item for item in (await ask(bench, "/phone/verification", numbers))["phoneNumbers"]}
    dnc = {item["number"]: item for item in (await ask(bench, "/phone/dnc", numbers))["phoneNumbers"]}
    tcpa = {item["number"]: item for item in (await ask(bench, "/phone/tcpa", numbers))["phoneNumbers"]}
    assert all(verified[phone.number]["type"] == phone.kind for phone in phones[:100])
    right = sum(verified[phone.number]["reachable"] == phone.alive for phone in phones[:100])
    assert right > 0.88 * len(numbers)
    assert all(item["dnc"] is False for item in dnc.values() if not item["meta"]["matched"])
    assert any(item["dnc"] for item in dnc.values())
    assert all(item["meta"]["matched"] == item["tcpa"] and not item["meta"]["error"] for item in tcpa.values())


async def test_a_number_nobody_can_have_is_not_found(bench):
    (item,) = (await ask(bench, "/phone/verification", ["1234567890"]))["phoneNumbers"]
    assert item["notFound"] is True and item["meta"]["matched"] is False
