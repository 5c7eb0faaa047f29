"""The town's open-data portals and its geocoder: what they say, how they page, how they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from town_bench import Bench

from penstock.town import soql
from penstock.town.dice import Dice
from penstock.town.permits import City

AUSTIN = "/socrata/data.austintexas.gov/resource/3syk-w9eu.json"
COLUMNS = ("a", "b", "n")
ROWS = [{"a": "Roof", "n": "5"}, {"a": "reroof", "b": "x", "n": "12"}, {"b": "y"}]


def where(condition: str) -> list[int]:
    found = soql.run(soql.Query(where=condition), ROWS, COLUMNS)
    return [ROWS.index(row) for row in found]


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("a = 'Roof'", [0]),
        ("upper(a) like '%ROOF%'", [0, 1]),
        ("a like '%roof%'", [1]),
        ("n > 6", [1]),
        ("n > '6'", []),  # text is compared as text
        ("b IS NULL", [0]),
        ("b is not null and a is null", [2]),
        ("(a = 'Roof' OR b = 'y') AND NOT n = 5", [2]),
    ],
)
def test_conditions_are_understood(condition: str, rows: list[int]) -> None:
    assert where(condition) == rows


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("c = 'x'", "query.soql.no-such-column"),
        ("a = ", "query.compiler.malformed"),
        ("(a = 'x'", "query.compiler.malformed"),
        ("a ~ 'x'", "query.compiler.malformed"),
        ("a > 5", "query.soql.type-mismatch"),
    ],
)
def test_nonsense_is_refused_by_its_code(condition: str, code: str) -> None:
    with pytest.raises(soql.SoqlError) as caught:
        where(condition)
    assert caught.value.code == code


def test_a_statement_is_taken_apart() -> None:
    query = soql.parse("SELECT a, b WHERE n >= 3 ORDER BY n DESC LIMIT 7 OFFSET 14")
    assert query == soql.Query("a, b", "n >= 3", "n DESC", 7, 14)


def test_a_city_grows_with_the_clock_and_never_changes_its_past() -> None:
    late = datetime(2026, 11, 30, tzinfo=UTC)
    city = City(Dice(7), "Austin", "TX")
    entered_late = 0
    for day in range(1, 200, 3):
        early = late - timedelta(days=day)
        then = {permit.number: permit for permit in city.permits(early)}
        now = {permit.number: permit for permit in city.permits(late)}
        assert len(then) > 3000
        assert all(now[number] == permit for number, permit in then.items())
        entered_late += sum(now[number].issued < early.date() for number in set(now) - set(then))
    assert entered_late > 0


def test_roofs_are_replaced_in_waves() -> None:
    permits = [
        p for p in City(Dice(7), "Seattle", "WA").permits(datetime(2026, 11, 30, tzinfo=UTC)) if p.kind == "reroof"
    ]
    hit: list[set[str]] = []
    for first in (1, 4, 7, 10):
        months = [
            [p.house.street for p in permits if (p.issued.year, p.issued.month) == (2025, month)]
            for month in range(first, first + 3)
        ]
        quarter = [street for month in months for street in month]
        busiest = sorted(set(quarter), key=quarter.count, reverse=True)[:4]
        assert sum(quarter.count(street) for street in busiest) / len(quarter) > 0.5
        assert all(sum(street in busiest for street in month) / len(month) > 0.4 for month in months)
        hit.append(set(busiest))
    assert all(not this & following for this, following in pairwise(hit))


async def test_the_first_version_pages_by_parameters(bench: Bench) -> None:
    query = {"$order": "issue_date,permit_number", "$limit": "50", "$where": "permittype='BP'"}
    first = (await bench.client.get(AUSTIN, params=query)).json()
    second = (await bench.client.get(AUSTIN, params=query | {"$offset": "50"})).json()
    numbers = [row["permit_number"] for row in first + second]
    assert len(set(numbers)) == 100
    assert [row["issue_date"] for row in first + second] == sorted(row["issue_date"] for row in first + second)
    assert all(isinstance(value, str) for row in first for value in row.values())
    assert any("total_job_valuation" not in row for row in first)  # empty columns are left out


async def test_the_third_version_wants_a_token_and_pages_by_number(bench: Bench) -> None:
    path = "/socrata/data.cityofchicago.org/api/v3/views/ydr8-5enu/query.json"
    body: dict[str, Any] = {"query": "SELECT * ORDER BY issue_date, id", "page": {"pageNumber": 2, "pageSize": 10}}
    assert (await bench.client.post(path, json=body)).status_code == 403
    signed = await bench.client.post(path, json=body, headers={"X-App-Token": "t"})
    whole = await bench.client.post(
        path, json={"query": "SELECT * ORDER BY issue_date, id LIMIT 20"}, headers={"X-App-Token": "t"}
    )
    assert signed.json() == whole.json()[10:]
    assert {row["permit_type"] for row in whole.json()} == {
        "PERMIT – EXPRESS PERMIT PROGRAM",
        "PERMIT - NEW CONSTRUCTION",
    }


async def test_refusals_are_told_as_the_real_ones(bench: Bench) -> None:
    missing = await bench.client.get("/socrata/data.austintexas.gov/resource/aaaa-bbbb.json")
    column = await bench.client.get(AUSTIN, params={"$where": "issued_date > '2026'"})
    token = await bench.client.get(AUSTIN, headers={"X-App-Token": "BAD"})
    assert [(r.status_code, r.json()["code"]) for r in (missing, column, token)] == [
        (404, "dataset.missing"),
        (400, "query.soql.no-such-column"),
        (403, "permission_denied"),
    ]


async def test_who_has_no_token_is_turned_away_now_and_then(bench: Bench) -> None:
    query = {"$limit": "1"}
    codes = [(await bench.client.get(AUSTIN, params=query)).status_code for _ in range(40)]
    assert codes.count(429) == 1


async def test_the_geocoder_knows_the_houses_with_permits(bench: Bench) -> None:
    truth = (await bench.client.get("/socrata/data.seattle.gov/truth/76t5-zqzr.json")).json()
    permit = next(p for p in truth if not p["slip"])
    line = f"{permit['address']}, Seattle, WA {permit['zip']}"
    query = {"address": line, "benchmark": "Public_AR_Current", "vintage": "Current_Current", "format": "json"}
    answer = (await bench.client.get("/census/geocoder/geographies/onelineaddress", params=query)).json()
    at = answer["result"]["addressMatches"][0]["coordinates"]
    assert (at["y"], at["x"]) == (permit["lat"], permit["lng"])
    again = (await bench.client.get("/census/geocoder/geographies/onelineaddress", params=query)).json()
    assert again == answer


async def test_the_geocoders_batch_answers_backwards_and_with_every_outcome(bench: Bench) -> None:
    streets = ("100 Oak St", "5 Nowhere Rd", "9 Twin Ln", "Oak St")
    lines = "".join(f"{number},{street},Tampa,FL,33602\n" for number, street in enumerate(streets))
    answer = await bench.client.post(
        "/census/geocoder/geographies/addressbatch",
        data={"benchmark": "Public_AR_Current", "vintage": "Current_Current"},
        files={"addressFile": ("a.csv", lines.encode(), "text/csv")},
    )
    rows = [line.split('","') for line in answer.text.replace('"\n', "\n").splitlines()]
    assert [row[0].strip('"') for row in rows] == ["3", "2", "1", "0"]
    assert [row[2].strip('"') for row in rows] == ["No_Match", "Tie", "No_Match", "Match"]
    assert len(rows[3]) == 12


async def test_the_geocoder_refuses_what_is_no_form(bench: Bench) -> None:
    answer = await bench.client.post("/census/geocoder/geographies/addressbatch", content=b"1,2,3")
    assert answer.status_code == 400
    assert answer.text.startswith("<html>")
