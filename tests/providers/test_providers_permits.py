"""Portals of permits and the geocoder: what is asked, how answers are read, how pages join, what is refused."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import InvalidInput, ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers import Account
from penstock.providers.geocoding import REGISTRY as GEOCODERS
from penstock.providers.geocoding import Place, census
from penstock.providers.permits import REGISTRY as PORTALS
from penstock.providers.permits import Dataset, socrata
from penstock.town.app import make_app
from penstock.town.state import new_state

OPEN = Account("https://{domain}", "")
SIGNED = Account("https://{domain}", "a-token")
AUSTIN = Dataset("data.austintexas.gov", "3syk-w9eu", "issue_date", "permit_number", "description", "permittype = 'BP'")
NOW = datetime(2026, 11, 30, 17, tzinfo=UTC)


@asynccontextmanager
async def answering(answer: Callable[[httpx.Request], httpx.Response]) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(transport=httpx.MockTransport(answer)) as client:
        yield client


@asynccontextmanager
async def in_town(key: str = "") -> AsyncIterator[tuple[httpx.AsyncClient, Account]]:
    state = new_state(7, patience=0.1)
    state.clock.put(NOW)
    async with make_client(transport=httpx.ASGITransport(make_app(state))) as client:
        yield client, Account("http://town.test/socrata/{domain}", key)
    await state.post.close()


# What is asked


def test_without_a_token_the_clauses_are_parameters() -> None:
    request = socrata.build_request(
        OPEN, AUSTIN, start="2026-11-01T00:00:00.000", words=["roof"], limit=1000, offset=2000
    )
    assert request.url == "https://data.austintexas.gov/resource/3syk-w9eu.json"
    assert request.query == {
        "$where": "issue_date >= '2026-11-01T00:00:00.000' AND (permittype = 'BP')"
        " AND (upper(description) LIKE '%ROOF%')",
        "$order": "issue_date,permit_number",
        "$limit": "1000",
        "$offset": "2000",
    }
    assert "X-App-Token" not in request.headers


def test_with_a_token_the_third_version_gets_a_statement_and_a_page() -> None:
    request = socrata.build_request(SIGNED, AUSTIN, start=None, limit=500, offset=1000)
    assert request.url == "https://data.austintexas.gov/api/v3/views/3syk-w9eu/query.json"
    assert request.headers["X-App-Token"] == "a-token"
    assert request.json["page"] == {"pageNumber": 3, "pageSize": 500}
    assert request.json["query"].endswith("ORDER BY issue_date,permit_number")
    assert "orderingSpecifier" not in request.json


@pytest.mark.parametrize("word", ["", "roof'", "a%b", "x) OR (1=1"])
def test_a_word_cannot_smuggle_a_query(word: str) -> None:
    with pytest.raises(InvalidInput):
        socrata.condition(AUSTIN, None, [word])


@pytest.mark.parametrize(
    "wrong",
    [{"domain": "evil.example/x"}, {"id": "3syk-w9eu.json?x"}, {"dated": "issue date"}, {"key": "1;drop"}],
)
def test_a_dataset_with_impossible_names_is_refused(wrong: dict[str, str]) -> None:
    given_names = {"domain": "data.example.gov", "id": "ab12-cd34", "dated": "issued", "key": "number"}
    with pytest.raises(InvalidInput):
        Dataset(**(given_names | wrong))


# Paging


class Changing:
    """A portal of one dataset: rows of (time, number), some of which come or go after each page."""

    def __init__(self, rows: list[tuple[str, str]], comings: list[tuple[str, str]]) -> None:
        self.rows, self.comings = sorted(set(rows)), list(comings)

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        start = re.search(r">= '([^']+)'", query["$where"])
        fitting = [row for row in self.rows if not start or row[0] >= start[1]]
        offset, limit = int(query["$offset"]), int(query["$limit"])
        page = [{"d": day, "n": number} for day, number in fitting[offset : offset + limit]]
        if self.comings:
            self.rows = sorted({*self.rows, self.comings.pop()})
        return httpx.Response(200, json=page)


times = st.integers(0, 6).map(lambda n: f"2026-11-0{n + 1}T00:00:00.000")
rows_of_times = st.lists(st.tuples(times, st.integers(0, 40).map(str)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows_of_times, rows_of_times.map(lambda rows: rows[:5]), st.integers(2, 9), st.booleans())
async def test_no_row_is_lost_or_given_twice_while_others_come_in(
    rows: list[tuple[str, str]], comings: list[tuple[str, str]], page_size: int, dated: bool
) -> None:
    portal = Changing(rows, comings)
    since = date(2026, 11, 3) if dated else None
    async with answering(portal.answer) as client:
        pages = socrata.Socrata(client, OPEN, page_size).pages(
            Dataset("data.example.gov", "ab12-cd34", "d", "n"), since=since
        )
        found = [(row["d"], row["n"]) async for page in pages for row in page]
    wanted = {row for row in rows if since is None or row[0] >= since.isoformat()}
    assert wanted <= set(found)
    assert len(found) == len(set(found))


async def test_a_day_that_fills_many_pages_is_read_whole() -> None:
    portal = Changing([("2026-11-01T00:00:00.000", f"{n:03d}") for n in range(100)], [])
    async with answering(portal.answer) as client:
        pages = socrata.Socrata(client, OPEN, 7).pages(Dataset("data.example.gov", "ab12-cd34", "d", "n"))
        assert len([row async for page in pages for row in page]) == 100


@pytest.mark.parametrize("key", ["", "a-token"])
async def test_both_versions_read_the_same_permits_of_the_town(key: str) -> None:
    async with in_town(key) as (client, account):
        portal = PORTALS["socrata"](client, account)
        numbers = [row["permit_number"] async for page in portal.pages(AUSTIN) for row in page]
        truth = (await client.get("http://town.test/socrata/data.austintexas.gov/truth/3syk-w9eu.json")).json()
        assert len(numbers) > 3000
        assert sorted(numbers) == sorted(permit["number"] + " BP" for permit in truth)
        recent = [row async for page in portal.pages(AUSTIN, since=date(2026, 11, 23)) for row in page]
        assert 0 < len(recent) < 60
        assert all(row["issue_date"] >= "2026-11-23" for row in recent)
        roofs = [row async for page in portal.pages(AUSTIN, words=["roof"]) for row in page]
        assert 0 < len(roofs) < len(numbers)
        assert all("ROOF" in row["description"].upper() for row in roofs)


# Refusals


async def test_a_renamed_column_is_named_with_those_there_are() -> None:
    renamed = Dataset("data.austintexas.gov", "3syk-w9eu", "issued_date", "permit_number")
    async with in_town("a-token") as (client, account):
        with pytest.raises(ProviderRefused, match=r"no column issued_date.*it has .*issue_date"):
            await anext(aiter(socrata.Socrata(client, account).pages(renamed)))


async def test_a_dataset_that_is_not_there_is_told_by_domain_and_id() -> None:
    gone = Dataset("data.austintexas.gov", "gone-gone", "issue_date", "permit_number")
    async with in_town() as (client, account):
        with pytest.raises(ProviderRefused, match=r"404.*data\.austintexas.gov/gone-gone cannot be read"):
            await anext(aiter(socrata.Socrata(client, account).pages(gone)))


async def test_a_wrong_condition_is_told_where_the_columns_are_right() -> None:
    wrong = Dataset("data.austintexas.gov", "3syk-w9eu", "issue_date", "permit_number", only="permittype ~ 'BP'")
    async with in_town() as (client, account):
        with pytest.raises(ProviderRefused, match=r"400.*does not take this query"):
            await anext(aiter(socrata.Socrata(client, account).pages(wrong)))


async def test_a_throttled_portal_is_busy_for_as_long_as_it_says() -> None:
    def busy(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "90"}, json={"error": True})

    async with answering(busy) as client:
        with pytest.raises(ProviderBusy) as caught:
            await anext(aiter(socrata.Socrata(client, OPEN).pages(AUSTIN)))
    assert caught.value.retry_after_s == 90


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": True, "code": "query.soql.no-such-column"}, ProviderRefused),
        ({"rows": []}, ProviderUnclear),
        ([1, 2], ProviderUnclear),
        (None, ProviderUnclear),
    ],
)
def test_what_is_no_page_is_not_taken_for_an_empty_one(body: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        socrata.parse_answer(body, AUSTIN)


async def test_a_dataset_is_described_by_its_columns_and_age() -> None:
    async with in_town() as (client, account):
        found = await socrata.Socrata(client, account).describe(AUSTIN)
    assert {"issue_date", "permit_number", "description", "latitude"} <= set(found.columns)
    assert found.updated_at == datetime(2026, 11, 30, tzinfo=UTC)


# The geocoder

HERE = Account("http://census.example", "")
TAMPA = Place("100 Oak St", "Tampa", "FL", "33602")


def test_a_batch_is_a_form_with_a_file_of_positions_and_addresses() -> None:
    request = census.build_batch(HERE, [TAMPA, Place('5 "B" St,\nrear', "Old, Town", "TN")])
    content = (request.content or b"").decode()
    assert request.url == "http://census.example/geocoder/geographies/addressbatch"
    assert "boundary=penstock-addresses" in request.headers["Content-Type"]
    assert 'name="benchmark"\r\n\r\nPublic_AR_Current' in content
    sheet = content.split("\r\n\r\n")[3].split("\r\n--")[0]
    assert list(csv.reader(io.StringIO(sheet))) == [
        ["0", "100 Oak St", "Tampa", "FL", "33602"],
        ["1", '5 "B" St, rear', "Old, Town", "TN", ""],
    ]


def test_a_batch_is_no_larger_than_the_vendor_takes() -> None:
    with pytest.raises(InvalidInput, match="10,001"):
        census.build_batch(HERE, [TAMPA] * 10_001)


def test_answers_of_a_batch_are_put_back_in_order_and_read_by_their_outcome() -> None:
    text = (
        '"3","x","Tie"\n'
        '"1","x","No_Match"\n'
        '"0","100 Oak St, Tampa","Match","Non_Exact","100 OAK ST, TAMPA, FL","-82.45,27.95","1","L","12","57","1","2"\n'
        '"4","x","Match","Exact","4 OAK ST","nonsense","1","L"\n'
        '"99","x","Match","Exact","4 OAK ST","-82.45,27.95","1","L"\n'
    )
    found = census.parse_batch(text, 5)
    assert [located.outcome for located in found] == ["match", "no_match", "unanswered", "tie", "unanswered"]
    assert (found[0].lat, found[0].lng, found[0].exact, found[0].county) == (27.95, -82.45, False, "12057")


def test_a_web_page_is_no_batch() -> None:
    with pytest.raises(ProviderUnclear):
        census.parse_batch("<html>Bad Request</html>", 1)


def single(*points: tuple[float, float]) -> dict[str, Any]:
    matches = [
        {"matchedAddress": "1 A ST", "coordinates": {"x": x, "y": y}, "geographies": {"Counties": [{"GEOID": "48453"}]}}
        for x, y in points
    ]
    return {"result": {"addressMatches": matches}}


def test_one_line_can_match_tie_or_find_nothing() -> None:
    assert census.parse_single(single((-97.74, 30.27))).county == "48453"
    assert census.parse_single(single((-97.74, 30.27), (-97.74001, 30.27001))).outcome == "match"
    assert census.parse_single(single((-97.74, 30.27), (-97.80, 30.27))).outcome == "tie"
    assert census.parse_single(single()).outcome == "no_match"
    with pytest.raises(ProviderUnclear):
        census.parse_single({"errors": ["no"]})


def test_an_address_is_told_on_one_line_without_gaps() -> None:
    assert TAMPA.one_line == "100 Oak St, Tampa, FL 33602"
    assert Place("1 A St", zip="78701").one_line == "1 A St, 78701"


async def test_what_a_batch_cannot_place_is_asked_again_by_its_line() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("addressbatch"):
            return httpx.Response(200, text='"0","x","No_Match"\n"1","x","Tie"\n')
        asked.append(request.url.params["address"])
        return httpx.Response(200, json=single((-82.0, 27.0)) if "Oak" in asked[-1] else single())

    async with answering(answer) as client:
        found = await census.Census(client, HERE).locate([TAMPA, Place("9 Elm St", "Tampa", "FL")])
    assert asked == ["100 Oak St, Tampa, FL 33602", "9 Elm St, Tampa, FL"]
    assert [located.outcome for located in found] == ["match", "tie"]


async def test_every_geocoder_places_the_towns_houses() -> None:
    async with in_town() as (client, _):
        truth = (await client.get("http://town.test/socrata/data.seattle.gov/truth/76t5-zqzr.json")).json()[:200]
        places = [Place(permit["address"], "Seattle", "WA", permit["zip"]) for permit in truth]
        for make in GEOCODERS.values():
            found = await make(client, Account("http://town.test/census", "")).locate([*places, Place("1 Nowhere Rd")])
            right = [
                (at.lat, at.lng) == (permit["lat"], permit["lng"])
                for at, permit in zip(found, truth, strict=False)
                if at.outcome == "match"
            ]
            assert len(right) > 180
            assert all(right)
            assert found[-1].outcome == "no_match"


def test_nothing_asked_is_kept_in_a_form_that_cannot_be_repeated() -> None:
    requests = [
        socrata.build_request(SIGNED, AUSTIN, start=None, limit=1),
        socrata.build_description(OPEN, AUSTIN),
        census.build_batch(HERE, [TAMPA]),
        census.build_single(HERE, TAMPA),
    ]
    assert all(request.repeatable for request in requests)  # all are reads: a second copy costs nothing
    assert json.loads(json.dumps(requests[0].json)) == requests[0].json
