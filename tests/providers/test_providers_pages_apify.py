"""The page vendor's runs: started once, waited for, read page by page, also where they failed half-way."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers import Account
from penstock.providers.pages import apify
from penstock.providers.pages.apify import Apify
from penstock.providers.pages.words import PagePerson, PageRefused, PageRequest

URLS = [f"https://www.linkedin.com/in/person-{n}" for n in range(5)]


class Vendor:
    """The part of the vendor that we use, over HTTP in process."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.polls_left = 2
        self.end = "SUCCEEDED"
        self.items: list[dict[str, Any]] = []
        self.start_status = 201
        self.poll_status = 200
        self.page_size = 2
        self.app = FastAPI()
        self.app.post("/v2/actors/{actor}/runs")(self.start)
        self.app.get("/v2/actor-runs/{run_id}")(self.poll)
        self.app.get("/v2/datasets/ds1/items")(self.dataset)

    async def start(self, actor: str, request: Request) -> Response:
        if self.start_status != 201:
            return Response('{"error":{"type":"x","message":"secret"}}', self.start_status)
        body, query = await request.json(), dict(request.query_params)
        self.started.append({"actor": actor, "query": query, "auth": request.headers["authorization"], **body})
        if not self.items:
            self.items = [profile(url) for url in reversed(body["urls"])]
        return self._run("READY", 201)

    async def poll(self, run_id: str, request: Request) -> Response:
        if self.poll_status != 200:
            return Response(status_code=self.poll_status)
        assert run_id == "r1"
        self.polls_left -= 1
        return self._run("RUNNING" if self.polls_left > 0 else self.end, 200)

    def _run(self, status: str, code: int) -> Response:
        run = {"id": "r1", "status": status, "defaultDatasetId": "ds1"}
        return Response(json.dumps({"data": run}), code, media_type="application/json")

    async def dataset(self, offset: int, limit: int) -> Response:
        page = self.items[offset : offset + min(limit, self.page_size)]
        return Response(json.dumps(page), headers={"x-apify-pagination-total": str(len(self.items))})


def profile(url: str) -> dict[str, Any]:
    return {"url": url + "/", "fullName": "Ada Sample", "title": "CFO", "company": "Heron", "companyUrl": "c"}


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, Apify]]:
    made = Vendor()
    async with make_client(transport=httpx.ASGITransport(made.app)) as client:
        yield made, Apify(client, Account("http://apify", "a-key"), "profile-scraper", report_to="http://us/hook")


def wanted(urls: list[str] = URLS) -> list[PageRequest]:
    return [PageRequest(url, reference=url[-1]) for url in urls]


async def test_a_batch_is_one_run_whose_items_answer_the_addresses_in_order(vendor: Any) -> None:
    made, source = vendor
    replies = await source.fetch(wanted())
    assert [reply.raw["url"] for reply in replies] == [url + "/" for url in URLS]
    assert all(reply.billable and not reply.failed for reply in replies)
    [start] = made.started
    assert (start["actor"], start["auth"], start["urls"]) == ("penstock~profile-scraper", "Bearer a-key", URLS)
    [hook] = json.loads(base64.b64decode(start["query"]["webhooks"]))
    assert hook["requestUrl"] == "http://us/hook?about=0,1,2,3,4"
    assert "ACTOR.RUN.FAILED" in hook["eventTypes"]
    person = PagePerson("Ada Sample", "CFO", URLS[0] + "/", "Heron", "c")
    assert source.read(replies[0].raw).people == (person,)


async def test_a_run_that_failed_half_way_counts_for_what_it_left(vendor: Any) -> None:
    made, source = vendor
    made.end, made.items = "FAILED", [profile(url) for url in URLS[:2]]
    replies = await source.fetch(wanted())
    assert [reply.billable for reply in replies] == [True, True, False, False, False]
    assert [reply.failed for reply in replies] == [False, False, True, True, True]


async def test_an_address_without_an_item_in_a_good_run_is_answered_with_nothing(vendor: Any) -> None:
    made, source = vendor
    made.items = [profile(URLS[0]), {"url": URLS[1], "error": "not found"}]
    replies = await source.fetch(wanted(URLS[:3]))
    assert [(reply.billable, reply.failed) for reply in replies] == [(True, False), (False, False), (False, False)]
    for reply in replies[1:]:
        with pytest.raises(PageRefused) as caught:
            source.read(reply.raw)
        assert caught.value.reason == "no_answer"


@pytest.mark.parametrize(("status", "error"), [(402, ProviderRefused), (401, ProviderRefused), (429, ProviderBusy)])
async def test_a_start_that_was_turned_away_cost_nothing(vendor: Any, status: int, error: type) -> None:
    made, source = vendor
    made.start_status = status
    with pytest.raises(error) as caught:
        await source.fetch(wanted())
    assert not isinstance(caught.value, ProviderUnclear)


@pytest.mark.parametrize("trouble", [{"start_status": 500}, {"poll_status": 429}, {"poll_status": 404}])
async def test_a_run_that_may_be_going_on_is_in_doubt(vendor: Any, trouble: dict[str, int]) -> None:
    made, source = vendor
    for name, value in trouble.items():
        setattr(made, name, value)
    with pytest.raises(ProviderUnclear):
        await source.fetch(wanted())
    assert len(made.started) == ("poll_status" in trouble)


def test_a_company_page_names_its_people() -> None:
    item = {
        "url": "https://www.linkedin.com/company/heron", "name": "Heron Inc", "website": "https://heron.example",
        "people": [{"fullName": " Ada  Sample ", "title": "CFO", "profileUrl": "p"}, {"fullName": "", "title": "x"}, 7],
    }  # fmt: skip
    page = apify.read_item(item)
    assert page.people == (PagePerson("Ada Sample", "CFO", "p", "Heron Inc", item["url"]),)


def test_a_website_item_is_a_page_to_read() -> None:
    assert apify.read_item({"url": "u", "html": "<p>x</p>", "statusCode": 200}).text == "<p>x</p>"
    with pytest.raises(PageRefused):
        apify.read_item({"url": "u", "html": "", "statusCode": 404})


def test_the_same_address_is_known_in_another_form() -> None:
    assert apify.same("https://www.LinkedIn.com/in/ada/") == apify.same("http://linkedin.com/in/ada#top")
    assert apify.same("https://a.example/x?id=1") != apify.same("https://a.example/x?id=2")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"eventType":"x"}', b'{"eventType":"x","eventData":7}'])
def test_what_is_no_report_of_a_run_is_refused(raw: bytes) -> None:
    with pytest.raises(ProviderRefused):
        apify.parse_report(raw)


def test_a_report_names_run_and_event() -> None:
    raw = {"eventType": "ACTOR.RUN.FAILED", "eventData": {"actorId": "a", "actorRunId": "r9"}}
    assert apify.parse_report(json.dumps(raw).encode()) == ("r9", "ACTOR.RUN.FAILED")
