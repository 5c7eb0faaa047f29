"""Portals are followed: read page by page, gone on with where a run died, and what changes there is told."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ground import START
from penstock import permits, sweep
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound, ProviderBusy, ProviderError, ProviderRefused
from penstock.core.http import make_client
from penstock.permits import pulling
from penstock.providers.permits import socrata
from penstock.town.app import make_app
from penstock.town.state import new_state

OCTOBER = date(2026, 10, 1)


class Portals(httpx.AsyncBaseTransport):
    """The town's portals, in process; `cut_after` pages the line breaks, `lost` columns are described no more."""

    def __init__(self) -> None:
        self.state = new_state(7, patience=0.1)
        self.state.clock.put(START)
        self._town = httpx.ASGITransport(make_app(self.state))
        self.cut_after: int | None = None
        self.status: int | None = None
        self.lost: set[str] = set()
        self.pages = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("query.json"):
            if self.cut_after is not None and self.pages >= self.cut_after:
                raise RuntimeError("the power is gone")
            if self.status is not None:
                return httpx.Response(self.status, headers={"Retry-After": "600"})
            self.pages += 1
        answer = await self._town.handle_async_request(request)
        if self.lost and re.search(r"/api/views/[^/]*$", request.url.path):
            described = httpx.Response(200, content=await answer.aread()).json()
            described["columns"] = [one for one in described["columns"] if one["fieldName"] not in self.lost]
            return httpx.Response(200, json=described)
        return answer


@pytest.fixture
async def portals(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Portals]:
    """Portals that give 30 rows a page."""
    made = Portals()
    monkeypatch.setattr(
        pulling, "REGISTRY", {"socrata": lambda client, account: socrata.Socrata(client, account, page_size=30)}
    )
    yield made
    await made.state.post.close()


@pytest.fixture
async def reader(ctx: Context, portals: Portals) -> AsyncIterator[Context]:
    """A Context whose portals are the town's."""
    vendors = ctx.settings.vendors
    key = type(vendors.socrata.key)("town-key-0001")
    here = vendors.socrata.model_copy(update={"base_url": "http://town.test/socrata", "key": key})
    settings = ctx.settings.model_copy(update={"vendors": vendors.model_copy(update={"socrata": here})})
    async with make_client(transport=portals) as client:
        yield replace(ctx, settings=settings, http=client)


@asynccontextmanager
async def days_later(portals: Portals, days: int) -> AsyncIterator[datetime]:
    at = START + timedelta(days=days)
    portals.state.clock.put(at)
    with clock.held_at(at):
        yield at


async def published(ctx: Context, since: date = OCTOBER) -> dict[str, str]:
    """Number and slip of every permit that Austin shows now and that is dated from a day on."""
    url = "http://town.test/socrata/data.austintexas.gov"
    shown = (await ctx.http.get(f"{url}/truth/3syk-w9eu.json")).json()
    query = {"$where": f"issue_date >= '{since}'", "$limit": "50000"}
    dated = (await ctx.http.get(f"{url}/resource/3syk-w9eu.json", params=query)).json()
    numbers = {row["permit_number"] for row in dated}
    return {one["number"] + " BP": one["slip"] for one in shown if one["number"] + " BP" in numbers}


async def stored(ctx: Context, sql: str) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(sql))]


async def numbers(ctx: Context) -> set[str]:
    return {row["source_id"] for row in await stored(ctx, "select source_id from app.building_permits")}


async def test_a_followed_portal_is_read_whole_and_daily_only_the_news(reader: Context, portals: Portals) -> None:
    await permits.follow(reader, 1, "austin", since=OCTOBER)
    first = await permits.pull(reader, 1, "austin")
    shown = await published(reader)
    good = {number for number, slip in shown.items() if slip != "2071"}
    assert await numbers(reader) == good
    assert (first.read, first.new, first.refused) == (len(shown), len(good), len(shown) - len(good))
    assert len(good) > 60
    pages = portals.pages
    again = await permits.pull(reader, 1, "austin")
    assert (again.new, again.changed) == (0, 0)
    assert portals.pages - pages < pages  # it began a week before the newest, not anew
    async with days_later(portals, 20):
        await permits.pull(reader, 1, "austin")
        later = {number for number, slip in (await published(reader)).items() if slip != "2071"}
        assert await numbers(reader) == later  # those too that a clerk entered days late
    assert later - good
    told = await stored(reader, "select sum(rows_read) as rows, bool_and(state = 'done') as done from app.uploads")
    (state,) = await stored(reader, "select * from app.permit_sources")
    assert told == [{"rows": state["rows_read"], "done": True}]
    assert state["last_outcome"].endswith(" refused")
    assert state["schema_seen_at"] is not None


async def test_a_run_that_dies_between_two_pages_goes_on_where_it_stopped(reader: Context, portals: Portals) -> None:
    await permits.follow(reader, 1, "austin", since=OCTOBER)
    portals.cut_after = 2
    with pytest.raises(RuntimeError):
        await permits.pull(reader, 1, "austin")
    kept = await numbers(reader)
    assert 30 < len(kept) <= 60
    (upload,) = await stored(reader, "select state, rows_read, inserted + rejected as accounted from app.uploads")
    assert upload == {"state": "done", "rows_read": upload["accounted"], "accounted": upload["rows_read"]}
    portals.cut_after, portals.pages = None, 0
    rest = await permits.pull(reader, 1, "austin")
    shown = {number for number, slip in (await published(reader)).items() if slip != "2071"}
    assert await numbers(reader) == shown
    assert rest.new == len(shown - kept)
    assert portals.pages < len(shown) // 30 + 1  # the first pages were not asked for again


async def test_the_en_dash_of_chicago_is_kept_and_its_reroofs_are_known(reader: Context, portals: Portals) -> None:
    await permits.pull(reader, 1, "chicago", since=date(2026, 9, 1))
    found = await stored(reader, "select type_raw, work, postal_code, owner_name_sealed from app.building_permits")
    assert {"PERMIT \N{EN DASH} EXPRESS PERMIT PROGRAM", "PERMIT - NEW CONSTRUCTION"} == {r["type_raw"] for r in found}
    assert {"reroof", "new_construction"} <= {row["work"] for row in found}
    assert {row["postal_code"] for row in found} == {None}
    assert all(row["owner_name_sealed"].startswith("s1.") for row in found)


async def test_a_portal_that_lost_a_column_is_left_alone_and_told_of(reader: Context, portals: Portals) -> None:
    await permits.follow(reader, 1, "austin", since=OCTOBER)
    portals.lost = {"original_address1"}
    with pytest.raises(ProviderRefused, match="has lost the column for address1"):
        await permits.pull(reader, 1, "austin")
    assert await numbers(reader) == set()
    (state,) = await stored(reader, "select * from app.permit_sources")
    assert (state["last_pulled_at"], state["schema_seen_at"]) == (None, None)
    assert "original_zip" in state["last_outcome"]  # what it has instead


async def test_a_busy_portal_is_given_up_until_later_and_what_was_read_stays(reader: Context, portals: Portals) -> None:
    await permits.follow(reader, 1, "austin", since=OCTOBER)
    portals.status = 503
    with pytest.raises(ProviderBusy):
        await permits.pull(reader, 1, "austin")
    (state,) = await stored(reader, "select * from app.permit_sources")
    assert state["last_outcome"].startswith("failed after 0 rows")
    portals.status = None
    assert (await permits.pull(reader, 1, "austin")).new > 60


async def test_two_runs_do_not_read_one_portal(reader: Context, portals: Portals) -> None:
    await permits.follow(reader, 1, "austin", since=OCTOBER)
    async with pulling._alone(reader, 1, "austin"):
        with pytest.raises(Conflict, match="another run"):
            await permits.pull(reader, 1, "austin")
        await permits.pull(reader, 1, "seattle", since=date(2026, 11, 1))
    assert (await permits.pull(reader, 1, "austin")).new


async def test_the_timetable_reads_what_is_followed_and_one_that_fails_holds_no_other(
    reader: Context, portals: Portals
) -> None:
    await permits.follow(reader, 1, "austin", since=date(2026, 11, 1))
    await permits.follow(reader, 1, "seattle", since=date(2026, 11, 1))
    await permits.follow(reader, 1, "chicago", since=date(2026, 11, 1))
    await permits.unfollow(reader, 1, "chicago")
    portals.lost = {"tcad_id", "issue_date"}  # Austin's
    async with reader.db.tenant(1) as db:
        await execute(db, text("update app.orgs set created_at = :at"), at=START - timedelta(days=2))
    slots = [slot for slot in sweep.journey.TIMETABLE if slot.job == "pull_permits"]
    await sweep.run_timetable(reader, 1, slots)
    (run,) = await stored(reader, "select state, error from app.timetable_runs where job = 'pull_permits'")
    assert run["state"] == "failed"
    assert "austin: " in run["error"]
    assert "issue_date" in run["error"]
    assert {row["source"] for row in await stored(reader, "select source from app.building_permits")} == {"seattle"}
    portals.lost = set()
    pages = portals.pages
    with clock.held_at(START + timedelta(minutes=11)):
        assert await sweep.run_timetable(reader, 1, slots) == ["pull_permits"]
    (run,) = await stored(reader, "select state, result from app.timetable_runs where job = 'pull_permits'")
    assert (run["state"], list(run["result"])) == ("done", ["austin"])  # Seattle had its turn
    assert portals.pages > pages


class Deadlock(Exception):
    """What the driver raises where the server broke a ring of locks."""

    sqlstate = "40P01"


def merge_that_fails(monkeypatch: pytest.MonkeyPatch, source: str, failures: list[Exception]) -> None:
    """Let storing pages of a source fail with these, one after the other."""
    own = pulling.merge

    async def merge(db: Any, org_id: int, sealer: Any, name: str, *rest: Any) -> Any:
        if name == source and failures:
            raise failures.pop(0)
        return await own(db, org_id, sealer, name, *rest)

    monkeypatch.setattr(pulling, "merge", merge)


async def test_a_page_that_met_another_writer_is_stored_anew(reader: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    merge_that_fails(monkeypatch, "austin", [OperationalError("insert", {}, Deadlock()) for _ in range(3)])
    done = await permits.pull(reader, 1, "austin", since=OCTOBER)
    shown = await published(reader)
    (upload,) = await stored(reader, "select rows_read from app.uploads")
    assert done.read == len(shown) == upload["rows_read"]


async def test_whatever_befalls_one_portal_the_next_is_read_and_only_the_kind_of_error_is_kept(
    reader: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("austin", "seattle"):
        await permits.follow(reader, 1, name, since=date(2026, 11, 1))
    merge_that_fails(monkeypatch, "austin", [KeyError("12 Elm Street")])
    with pytest.raises(ProviderError, match=r"^austin: KeyError$"):
        await pulling.pull_followed(reader, 1, START)
    told = await stored(reader, "select last_pulled_at, last_outcome from app.permit_sources order by source")
    assert (told[0]["last_pulled_at"], told[0]["last_outcome"]) == (None, "failed after 0 rows: KeyError")
    assert told[1]["last_pulled_at"] is not None
    assert list(await pulling.pull_followed(reader, 1, START)) == ["austin"]


async def test_what_cannot_be_followed_is_said(reader: Context) -> None:
    with pytest.raises(NotFound, match="austin, chicago, new_york, seattle"):
        await permits.follow(reader, 1, "nashville", since=OCTOBER)
    with pytest.raises(InvalidInput, match="between 1950 and today"):
        await permits.follow(reader, 1, "austin", since=date(2071, 1, 1))
    with pytest.raises(NotFound, match="not followed"):
        await permits.pull(reader, 1, "austin")
    with pytest.raises(NotFound, match="not followed"):
        await permits.unfollow(reader, 1, "austin")


async def test_followed_from_an_earlier_day_what_came_before_is_read_too(reader: Context, portals: Portals) -> None:
    await permits.pull(reader, 1, "austin", since=date(2026, 11, 1))
    few = len(await numbers(reader))
    await permits.pull(reader, 1, "austin", since=OCTOBER)
    assert len(await numbers(reader)) > few
    async with reader.db.tenant(1) as db:
        assert await scalar(db, text("select since from app.permit_sources")) == OCTOBER
        told = {one["source"]: one for one in await permits.sources(db)}
    assert (told["austin"]["followed"], told["seattle"]["followed"], told["nashville"]["portal"]) == (True, False, None)


def test_a_city_is_covered_by_its_portals() -> None:
    assert permits.sources_of("tx", "AUSTIN") == ["austin"]
    assert permits.sources_of("NY", "Staten Island") == ["new_york"]
    assert permits.sources_of("TN", "Nashville") == []  # comes as a file
    assert permits.sources_of("TX", "Seattle") == []


def test_what_no_database_keeps_is_taken_out_of_a_portals_text() -> None:
    row = {"permit_number": "1\0", "issue_date": "2026-11-05", "original_address1": "1 A \ud800 St", "description": "x"}
    (one,) = permits.read([(1, row)], permits.source("austin"), date(2026, 11, 30))
    assert one.permit is not None
    assert (one.permit.permit_number, one.permit.address1) == ("1", "1 A ? St")
