"""The houses behind the portals: lists of them, who lives there, and what BatchData's property search says of them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

import pytest
from town_bench import Bench

SEARCH = "/batchdata/api/v1/property/search"
KEY = {"Authorization": "Bearer a-key"}


async def listed(bench: Bench, rows: int, city: str = "Austin") -> list[dict[str, str]]:
    answer = await bench.client.get("/town/places", params={"rows": rows, "city": city})
    return list(csv.DictReader(io.StringIO(answer.raise_for_status().text)))


async def search(bench: Bench, criteria: dict[str, Any], **options: Any) -> Any:
    body = {"searchCriteria": criteria, "options": options}
    return await bench.client.post(SEARCH, json=body, headers=KEY)


async def test_the_first_houses_are_the_same_however_many_are_asked_for(bench: Bench) -> None:
    some, more = await listed(bench, 40), await listed(bench, 400)
    assert more[:40] == some
    streets = [
        row["Property Address"].upper().split()[1] for row in more if row["Property Address"] not in ("", "#REF!")
    ]
    assert len(Counter(streets)) <= 12, "street by street, so that neighbours are in it"
    assert len(await listed(bench, 3000)) < 2100, "a city has no more houses than it has"


async def test_a_list_of_houses_is_messy(bench: Bench) -> None:
    rows = await listed(bench, 800)
    assert any(row["Latitude"] == "" for row in rows)
    assert any(row["Latitude"].startswith("-") for row in rows), "exchanged with the longitude"
    assert any(row["Latitude"] == "0" for row in rows)
    assert 0 < sum(row["Property Address"] in ("", "#REF!") for row in rows) < 30
    assert len({tuple(row.values()) for row in rows}) < len(rows), "some come twice"


async def test_the_owner_of_a_house_is_whom_other_vendors_mean_there(bench: Bench) -> None:
    row = next(row for row in await listed(bench, 40) if row["Owner 1 First Name"] and row["Latitude"])
    asked = {"address": row["Property Address"], "city": row["City"], "state": row["State"], "zip": row["Zip"]}
    home = (await bench.client.get("/town/people", params=asked)).json()
    everybody = [*home["residents"], *home["outsiders"]]
    owner = next(person for person in everybody if person["id"] == home["owner_of_record"])
    assert owner["last"].upper() == row["Owner 1 Last Name"].upper()
    body = {"requests": [{"propertyAddress": {"street": asked["address"], "zip": asked["zip"]}}]}
    traced = (await bench.client.post("/batchdata/api/v1/property/skip-trace", json=body, headers=KEY)).json()
    person = traced["results"]["persons"][0]
    assert not person["meta"]["matched"] or person["property"]["equity"] == home["equity"]


async def test_an_unknown_city_is_refused(bench: Bench) -> None:
    answer = await bench.client.get("/town/places", params={"city": "Atlantis"})
    assert answer.status_code == 400
    assert "Austin" in answer.json()["detail"]


async def test_a_search_counts_for_nothing_and_pages_through_all_once(bench: Bench) -> None:
    city = {"query": "Austin, TX"}
    counted = (await search(bench, city, take=0)).json()["results"]
    assert counted["properties"] == []
    assert "batchdata" not in bench.state.truth.grade()["billed"]
    total = counted["meta"]["results"]["resultsFound"]
    seen: list[str] = []
    while len(seen) < total:
        page = (await search(bench, city, skip=len(seen), take=1000)).json()["results"]
        assert page["meta"]["results"]["resultCount"] == len(page["properties"]) > 0
        seen += [record["_id"] for record in page["properties"]]
    assert len(set(seen)) == total == 1920
    assert bench.state.truth.grade()["billed"]["batchdata"]["items"] == total


async def test_a_search_by_zip_and_by_box_finds_what_lies_there(bench: Bench) -> None:
    first = (await search(bench, {"query": "Austin, TX"}, take=1)).json()["results"]["properties"][0]["address"]
    in_zip = (await search(bench, {"query": first["zip"]}, take=1000)).json()["results"]["properties"]
    assert {record["address"]["zip"] for record in in_zip} == {first["zip"]}
    lat, lng = first["latitude"], first["longitude"]
    corners = {
        "nwGeoPoint": {"latitude": lat + 0.001, "longitude": lng - 0.001},
        "seGeoPoint": {"latitude": lat - 0.001, "longitude": lng + 0.001},
    }
    box = {"address": {"geoLocationBoundingBox": corners}}
    around = (await search(bench, box, take=1000)).json()["results"]["properties"]
    assert first in [record["address"] for record in around]
    assert len(around) < len(in_zip)


@pytest.mark.parametrize(
    ("criteria", "options", "named"),
    [
        ({"query": "Austin, TX"}, {"take": 1001}, "options.take"),
        ({"query": "Austin, TX"}, {"skip": -1}, "options.skip"),
        ({"quary": "Austin, TX"}, {}, "searchCriteria.quary"),
        ({}, {}, "searchCriteria"),
        ({"address": {"geoLocationBoundingBox": {}}}, {}, "nwGeoPoint"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused_by_its_field(
    bench: Bench, criteria: dict[str, Any], options: dict[str, Any], named: str
) -> None:
    answer = await search(bench, criteria, **options)
    assert answer.status_code == 400
    assert named in answer.json()["status"]["message"]
