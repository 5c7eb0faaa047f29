"""Pages that a vendor reads: bought once in their period, whatever fails, and never lost where a report still comes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from scrape_cast import add_company, add_contact, change, facts, grade, listed, pages, town_companies
from sqlalchemy import text

from ground import START, several_lines
from penstock import enrichment as bank
from penstock.api.app import create_app
from penstock.core import clock, workers
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.http import ask_json
from penstock.providers.pages import apify
from penstock.providers.pages.words import PageRequest
from penstock.scrape import tasks
from penstock.scrape.desks import desks, request_for
from penstock.town.server import Town

CENTS = 0.5  # an item, in the playbook and in the town


async def read(ctx: Context, town: Town, *, days: float = 0) -> int:
    at = START + timedelta(days=days)
    async with httpx.AsyncClient() as client:
        (await client.put(f"{town.http_url}/town/clock", json={"now": at.isoformat()})).raise_for_status()
    with clock.held_at(at):
        return await tasks.pump(ctx, 1)


async def watched(ctx: Context, town: Town, count: int) -> list[dict[str, Any]]:
    """Companies of the town of which the LinkedIn page is watched."""
    known = await town_companies(town, count)
    for company in known:
        company["id"] = await add_company(ctx, company["name"], linkedin=company["linkedin"])
    return known


async def faults(town: Town, **rates: dict[str, float]) -> None:
    async with httpx.AsyncClient() as client:
        (await client.put(f"{town.http_url}/town/faults", json=rates)).raise_for_status()


async def ledger(ctx: Context) -> Counter[tuple[str, str]]:
    found = await listed(ctx, "select operation, status from app.vendor_calls where stage = 'scrape'")
    return Counter((one["operation"].partition("~")[2], one["status"]) for one in found)


async def test_a_page_is_bought_once_in_its_period(town_ctx: Context, town: Town) -> None:
    known = await watched(town_ctx, town, 60)
    assert await read(town_ctx, town) == 60
    assert await read(town_ctx, town) == await read(town_ctx, town, days=29.5) == 0
    assert (await grade(town))["billed"]["apify"] == {"calls": 2, "items": 60, "cents": 60 * CENTS}
    assert await ledger(town_ctx) == {("company-scraper", "applied"): 60}
    there = {(c["id"], s, o["name"]) for c in known for s, o in c["officers"].items() if o and o["on_profile"]}
    found = {(f["company_id"], f["value"]["slot"], f["value"]["name"]) for f in await facts(town_ctx)}
    assert len(found & there) > 60 and len(found - there) <= len(found) * 0.05
    assert await read(several_lines(town_ctx), town, days=30) == 60
    assert (await ledger(town_ctx))["company-scraper", "applied"] == 120
    assert (await grade(town))["billed"]["apify"]["items"] == 120  # in as many runs as chance cuts them into


async def test_a_run_that_fails_half_way_is_paid_for_what_it_left_and_the_rest_comes_later(
    town_ctx: Context, town: Town
) -> None:
    await watched(town_ctx, town, 10)
    await faults(town, apify={"run_failed": 1.0})
    assert await read(town_ctx, town) == 10
    read_now = [one for one in await pages(town_ctx) if one["outcome"] == "read"]
    assert len(read_now) == 5
    assert (await ledger(town_ctx))["company-scraper", "released"] == 5
    await faults(town, apify={"run_failed": 0.0})
    assert await read(town_ctx, town, days=0.1) == 5
    assert all(one["outcome"] == "read" for one in await pages(town_ctx))
    business = await grade(town)
    assert business["billed"]["apify"]["items"] == 10
    assert business["business"]["pages"]["linkedin"] == {"fetched": 10, "twice": 0}


async def test_a_start_without_an_answer_is_in_doubt_and_not_bought_again(town_ctx: Context, town: Town) -> None:
    await watched(town_ctx, town, 5)
    await faults(town, apify={"rate_500": 1.0})
    assert await read(town_ctx, town) == 5
    assert {one["outcome"] for one in await pages(town_ctx)} == {"in_doubt"}
    assert await ledger(town_ctx) == {("company-scraper", "settled"): 5}
    await faults(town, apify={"rate_500": 0.0})
    assert await read(town_ctx, town, days=29) == 0
    assert await read(town_ctx, town, days=30) == 5


async def test_a_pump_cancelled_on_the_way_to_the_vendor_leaves_its_purchases_in_doubt(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched(town_ctx, town, 5)
    asked = asyncio.Event()

    async def hang(self: apify.Apify, wanted: list[PageRequest]) -> None:
        asked.set()
        await asyncio.Event().wait()

    stopped = replace(town_ctx, worker_id=uuid4())
    await workers.register(stopped)
    with monkeypatch.context() as patch:
        patch.setattr(apify.Apify, "fetch", hang)
        pump = asyncio.create_task(tasks.pump(stopped, 1))
        async with asyncio.timeout(60):
            await asked.wait()
        pump.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pump
    assert await ledger(town_ctx) == {("company-scraper", "reserved"): 5}
    nobody = max(psutil.pids()) + 1_000_000
    await change(town_ctx, f"update app.workers set pid = {nobody} where id = '{stopped.worker_id}'")
    assert await read(town_ctx, town) == 5
    assert {one["outcome"] for one in await pages(town_ctx)} == {"in_doubt"}
    assert (await grade(town))["billed"].get("apify") is None
    assert await read(town_ctx, town, days=29) == 0


async def test_a_page_vendor_that_fails_unlike_any_vendor_leaves_nothing_reserved_or_leased(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched(town_ctx, town, 10)

    async def fail(self: apify.Apify, wanted: list[PageRequest]) -> None:
        raise ValueError("odd answer of ada@home.example")

    monkeypatch.setattr(apify.Apify, "fetch", fail)
    assert await read(town_ctx, town) == 10
    assert await listed(town_ctx, "select distinct outcome, leased_until from app.pages") == [
        {"outcome": "in_doubt", "leased_until": None}
    ]
    assert await ledger(town_ctx) == {("company-scraper", "settled"): 10}
    assert {one["error"] for one in await listed(town_ctx, "select error from app.vendor_calls")} == {"ValueError"}


async def test_a_vendor_that_is_turned_away_or_over_its_cap_leaves_the_pages_due(town_ctx: Context, town: Town) -> None:
    await watched(town_ctx, town, 5)
    await faults(town, apify={"rate_429": 1.0})
    assert await read(town_ctx, town) == 0
    await faults(town, apify={"rate_429": 0.0})
    await change(town_ctx, "insert into app.spend_caps (org_id, scope, cap_cents) values (1, 'org_day', 1)"
                           " on conflict do nothing")  # fmt: skip
    await change(town_ctx, "update app.spend_caps set cap_cents = 1 where scope = 'org_day'")
    assert await read(town_ctx, town, days=0.5) == 2
    assert len(await listed(town_ctx, "select * from app.scrape_due")) == 3


async def test_a_profile_says_whether_somebody_is_still_there(town_ctx: Context, town: Town) -> None:
    """Officers at their companies, and the same kind of people whom we thought elsewhere."""
    known = await town_companies(town, 12)
    officers = [(c, s, o) for c in known for s, o in c["officers"].items() if s == "CEO" and o and o["on_profile"]]
    at_home, away = set(), set()
    for n, (company, slot, one) in enumerate(officers):
        there = company["name"] if n % 2 else "Wholly Unrelated Widgets LLC"
        company_id = await add_company(town_ctx, f"{there}")
        who = await add_contact(town_ctx, company_id, one["name"], one["title"], slot, one["profile"])
        (at_home if n % 2 else away).add(who)
    await read(town_ctx, town)
    told = {(one["contact_id"], one["kind"]) for one in await facts(town_ctx)}
    answered = {one["contact_id"] for one in await pages(town_ctx) if one["outcome"] == "read"}
    assert len(answered & at_home) > 2 and len(answered & away) > 2
    assert told == {(who, "person_at") for who in answered & at_home} | {(who, "departure") for who in answered & away}
    departure = (await facts(town_ctx, "departure"))[0]
    assert departure["value"].keys() == {"name", "now_at"}
    assert departure["page_id"] is None  # no story on a page, but how it is now


async def test_the_profile_of_somebody_at_no_company_is_read_as_any_other(town_ctx: Context, town: Town) -> None:
    (company,) = await town_companies(town, 1)
    one = next(officer for officer in company["officers"].values() if officer and officer["on_profile"])
    async with town_ctx.db.tenant(1) as db:
        insert = "insert into people.contact (full_name, profile_source_url) values (:name, :profile)"
        await execute(db, text(insert), name="Lone Person", profile=one["profile"])
    assert await read(town_ctx, town) == 1
    assert await listed(town_ctx, "select * from people.next_profile_urls_30d") == [] == await facts(town_ctx)
    assert await read(town_ctx, town) == 0
    assert await read(town_ctx, town, days=30) == 1


async def reported(ctx: Context, run_id: str, about: list[int], token: str = "town-apify-0001") -> httpx.Response:
    body = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": run_id}, "resource": {}}
    transport = httpx.ASGITransport(create_app(ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://us") as client:
        about_text = ",".join(map(str, about))
        return await client.post(f"/webhooks/apify/{token}", params={"about": about_text}, json=body)


async def orphaned_run(ctx: Context) -> tuple[str, list[int]]:
    """A run that was started and paid for by a process that is gone: the ledger waits for its answers."""
    desk = next(one for one in desks(ctx, 1) if one.terms.source == "apify" and "linkedin" in one.url_types)
    wanted = [PageRequest(one["url"], reference=str(one["id"])) for one in await pages(ctx)]
    async with ctx.db.tenant(1) as db:
        await bank.reserve(ctx, db, 1, [request_for(desk.playbook.name, desk.terms, one.url) for one in wanted])
    source: Any = desk.source
    run = apify.parse_run(await ask_json(ctx.http, apify.build_start(source._account, source._actor, wanted)))
    while not run.finished:
        run = await source.run(run.run_id, wait_s=1)
    await change(ctx, "update app.vendor_calls set reserved_at = reserved_at - interval '11 minutes'")
    return run.run_id, [int(one.reference) for one in wanted]


async def test_a_report_saves_what_a_dead_process_had_paid_for(town_ctx: Context, town: Town) -> None:
    await watched(town_ctx, town, 4)
    run_id, about = await orphaned_run(town_ctx)
    assert await read(town_ctx, town) == 4
    assert {one["outcome"] for one in await pages(town_ctx)} == {"in_doubt"}
    assert (await reported(town_ctx, run_id, about)).status_code == 200
    assert (await reported(town_ctx, run_id, about)).status_code == 200  # a copy
    assert await read(town_ctx, town) == 1
    assert {one["outcome"] for one in await pages(town_ctx)} == {"read"}
    assert len(await facts(town_ctx, "person_at")) > 4
    [receipt] = await listed(town_ctx, "select * from app.webhook_receipts")
    assert receipt["outcome"] == "kept 4"
    assert (await grade(town))["billed"]["apify"]["items"] == 4
    assert await read(town_ctx, town) == 0


async def test_a_report_of_what_is_kept_already_changes_nothing(town_ctx: Context, town: Town) -> None:
    await watched(town_ctx, town, 3)
    await read(town_ctx, town)
    before = await pages(town_ctx)
    await reported(town_ctx, "run-1", [one["id"] for one in before])
    await read(town_ctx, town)
    assert await pages(town_ctx) == before
    assert [one["outcome"] for one in await listed(town_ctx, "select * from app.webhook_receipts")] == ["known"]


async def test_a_report_with_another_token_is_refused(town_ctx: Context, town: Town) -> None:
    answer = await reported(town_ctx, "run-1", [], token="guess")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert await listed(town_ctx, "select * from app.webhook_receipts") == []
    assert [one["ok"] for one in await listed(town_ctx, "select * from app.signature_checks")] == [False]


async def test_a_report_that_is_none_is_refused_and_odd_pages_are_passed_over(town_ctx: Context, town: Town) -> None:
    transport = httpx.ASGITransport(create_app(town_ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://us") as client:
        url = "/webhooks/apify/town-apify-0001"
        assert (await client.post(url, content=b"{}")).status_code == 422
        body = {"eventType": "TEST", "eventData": {"actorRunId": "x"}}
        assert (await client.post(url + "?about=1,x,--,99999999999999999999", json=body)).status_code == 200
    [receipt] = await listed(town_ctx, "select * from app.webhook_receipts")
    assert json.loads(town_ctx.sealer.open(1, receipt["payload_sealed"])) == {"run_id": "x", "about": [1]}


async def test_two_pumps_at_once_buy_nothing_twice(town_ctx: Context, town: Town) -> None:
    await watched(town_ctx, town, 120)
    done = await asyncio.gather(*(tasks.pump(several_lines(town_ctx), 1) for _ in range(3)))
    assert sum(done) == len(await pages(town_ctx)) > 100
    assert (await grade(town))["billed"]["apify"]["items"] == sum(done)
