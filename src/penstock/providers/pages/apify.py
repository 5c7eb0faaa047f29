"""Apify: an actor is run over a batch of addresses and leaves one item per address in a dataset.

Wire facts: the vendor's OpenAPI files and its own client. A run has no idempotency key, so a start without an
answer is in doubt; once started it is waited for, and what it left is read even where it failed half-way. Charged per
item.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from penstock.core import clock
from penstock.core.errors import ProviderError, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask, ask_json
from penstock.core.settings import Settings
from penstock.providers import Account, Reply, account
from penstock.providers.pages.words import Page, PagePerson, PageRefused, PageRequest

VENDOR = "apify"
USER = "penstock"  # whose actors: username~name
RUN_TIMEOUT_S = 300
WAIT_S = 60  # the longest the vendor holds a question about a run open
PATIENCE_S = RUN_TIMEOUT_S + 120
PAGE_OF_ITEMS = 250
FINISHED = frozenset({"SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED"})
REPORTED = ["ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED", "ACTOR.RUN.ABORTED", "ACTOR.RUN.TIMED_OUT"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the vendor tells it."""

    run_id: str
    status: str
    dataset_id: str

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


class Apify:
    """Runs one actor over the shared client. `report_to`: where the vendor tells of the end of a run ("" = nowhere)."""

    batch_size = 50

    def __init__(self, client: httpx.AsyncClient, account: Account, actor: str, *, report_to: str = "") -> None:
        self._client, self._account, self._report_to = client, account, report_to
        self._actor = actor if "~" in actor else f"{USER}~{actor}"

    async def fetch(self, wanted: Sequence[PageRequest]) -> list[Reply]:
        """One reply per address, in order. The items of a run that failed count; the rest is given back."""
        start = build_start(self._account, self._actor, wanted, report_to=self._report_to)
        run = parse_run(await ask_json(self._client, start))
        try:
            run = await self._end_of(run)
            items = await self.items(run)
        except ProviderUnclear:
            raise
        except ProviderError as error:  # it runs, and is charged for, whatever becomes of the questions about it
            raise ProviderUnclear(f"apify does not tell of a run that it started: {error.detail}") from error
        return parse_items(items, [request.url for request in wanted], complete=run.status == "SUCCEEDED")

    async def _end_of(self, run: Run) -> Run:
        began = clock.stopwatch()
        while not run.finished:
            if clock.stopwatch() - began > PATIENCE_S:
                raise ProviderUnclear("apify has not finished the run")
            run = await self.run(run.run_id, wait_s=WAIT_S)
        return run

    async def run(self, run_id: str, *, wait_s: int = 0) -> Run:
        """The state of a run, asked anew; waits up to `wait_s` seconds for its end."""
        return parse_run(await ask_json(self._client, build_wait(self._account, run_id, wait_s)))

    async def items(self, run: Run) -> list[Mapping[str, Any]]:
        """Everything in the run's dataset, page by page as the paging headers tell."""
        items: list[Mapping[str, Any]] = []
        while True:
            response = await ask(self._client, build_items(self._account, run.dataset_id, len(items)))
            page, total = parse_dataset(response)
            items += page
            if not page or len(items) >= total:
                return items

    def read(self, raw: Mapping[str, Any]) -> Page:
        """What a stored item says."""
        return read_item(raw)


def build_start(account: Account, actor: str, wanted: Sequence[PageRequest], *, report_to: str = "") -> Request:
    """The start of a run. It is answered at once, running. The report of its end names what was asked for."""
    urls = [request.url for request in wanted]
    query = {"timeout": str(RUN_TIMEOUT_S), "maxItems": str(len(urls))}
    if report_to:
        about = ",".join(request.reference for request in wanted)
        hook = [{"eventTypes": REPORTED, "requestUrl": f"{report_to}?about={about}"}]
        query["webhooks"] = base64.b64encode(json.dumps(hook).encode()).decode()
    return Request(
        vendor=VENDOR,
        method="POST",
        url=account.url(f"/v2/actors/{actor}/runs"),
        headers=account.bearer(),
        query=query,
        json={"urls": urls},
        timeout_s=account.timeout_s,
    )


def build_wait(account: Account, run_id: str, wait_s: int) -> Request:
    """How is the run? Answered when it has ended, or after `wait_s` seconds."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(f"/v2/actor-runs/{run_id}"),
        headers=account.bearer(),
        query={"waitForFinish": str(wait_s)},
        timeout_s=account.timeout_s + wait_s,
        repeatable=True,
    )


def build_items(account: Account, dataset_id: str, offset: int) -> Request:
    """A page of a dataset."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(f"/v2/datasets/{dataset_id}/items"),
        headers=account.bearer(),
        query={"format": "json", "offset": str(offset), "limit": str(PAGE_OF_ITEMS)},
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def parse_run(body: object) -> Run:
    """The run in an answer."""
    run = body.get("data") if isinstance(body, Mapping) else None
    try:
        return Run(str(run["id"]), str(run["status"]), str(run["defaultDatasetId"]))  # type: ignore[index]
    except (TypeError, KeyError):
        raise ProviderUnclear("apify answered without a run") from None


def parse_dataset(response: httpx.Response) -> tuple[list[Mapping[str, Any]], int]:
    """A page of items, and how many there are in all."""
    try:
        items, total = response.json(), int(response.headers["x-apify-pagination-total"])
    except (ValueError, KeyError):
        raise ProviderUnclear("apify answered with something that is no page of a dataset") from None
    if not isinstance(items, list):
        raise ProviderUnclear("apify answered with something that is no page of a dataset")
    return [item for item in items if isinstance(item, Mapping)], total


def parse_items(items: Sequence[Mapping[str, Any]], urls: Sequence[str], *, complete: bool) -> list[Reply]:
    """A reply per address. An address without an item has none where the run succeeded, else it was not reached."""
    by_url = {same(str(item.get("url", ""))): item for item in reversed(items)}
    replies = []
    for url in urls:
        item = by_url.get(same(url))
        if item is not None:
            replies.append(Reply(item, billable=not item.get("error")))
        else:
            replies.append(Reply({"url": url, "error": "no item"}, billable=False, failed=not complete))
    return replies


def same(url: str) -> str:
    """An address without the differences that mean nothing: scheme, www, case of the host, trailing slash, fragment."""
    parts = urlsplit(url.strip())
    path = parts.path.rstrip("/")
    return f"{parts.netloc.lower().removeprefix('www.')}{path}" + (f"?{parts.query}" if parts.query else "")


def read_item(item: Mapping[str, Any]) -> Page:
    """The page that an item of any of the three actors holds: raw HTML, a person's profile, or a company's people."""
    url = str(item.get("url") or "")
    if item.get("error"):
        raise PageRefused("no_answer", f"the vendor: {str(item['error'])[:100]}")
    if "html" in item:
        status = item.get("statusCode")
        if isinstance(status, int) and not 200 <= status < 300:
            raise PageRefused("refused", f"the site answered {status}")
        return Page(url, text=str(item["html"] or "").replace("\x00", ""))
    kind = "application/json"
    if "people" in item:
        people = item["people"] if isinstance(item["people"], list) else []
        company = _text(item, "name")
        found = (_person(one, company=company, company_url=url) for one in people if isinstance(one, Mapping))
        return Page(url, content_type=kind, people=tuple(person for person in found if person))
    person = _person(item, company=_text(item, "company"), company_url=_text(item, "companyUrl"))
    return Page(url, content_type=kind, people=(person,) if person else ())


def _person(item: Mapping[str, Any], *, company: str | None, company_url: str | None) -> PagePerson | None:
    name = _text(item, "fullName")
    title = _text(item, "title") or _text(item, "headline")
    if not name or not title:
        return None
    return PagePerson(name, title, _text(item, "profileUrl") or _text(item, "url"), company, company_url)


def _text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    return " ".join(value.replace("\x00", "").split())[:300] or None if isinstance(value, str) else None


def parse_report(raw: bytes) -> tuple[str, str]:
    """Run id and event type of a webhook. Raises ProviderRefused where it holds none."""
    try:
        body = json.loads(raw)
        return str(body["eventData"]["actorRunId"]), str(body["eventType"])
    except (ValueError, KeyError, TypeError):
        raise ProviderRefused("this is not a report of a run") from None


def make(client: httpx.AsyncClient, settings: Settings, operation: str) -> Apify:
    """The source that runs actor `operation`. Raises NotConfigured without a key."""
    token = settings.vendors.apify.webhook_token.get_secret_value()
    report_to = f"{settings.api.public_url.rstrip('/')}/webhooks/apify/{token}" if token else ""
    return Apify(client, account(settings, VENDOR, capability="pages"), operation, report_to=report_to)
