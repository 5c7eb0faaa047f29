"""Pages are read once in their period, what they say is kept, and what goes wrong with one page is its own affair."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import page_maker as pm
import pytest
from pydantic import SecretStr
from scrape_cast import add_company, change, facts, grade, listed, pages, town_companies
from sqlalchemy import text

from ground import MASTER_KEY, START, several_lines
from penstock.core import clock, workers
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.settings import Net, Settings
from penstock.scrape import Score, name_key, score, tasks
from penstock.town.server import Town
from website import HTML, Site, open_site

HOME = (
    "<body><main><h1>Heron</h1><a href='/team'>Our team</a> <a href='/news'>News</a> <a href='/careers'>Jobs</a></main>"
)
TEAM = [("Ada Lovelace", "Chief Executive Officer"), ("Grace Hopper", "CFO"), ("Tom Nowak", "Engineer")]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as made:
        made.put("/", HOME)
        made.put("/team", f"<body><main>{pm.cards(TEAM)}</main>")
        yield made


@pytest.fixture
def settings(tmp_path: Path, site: Site) -> Settings:
    at = f"127.0.0.1:{site.port}"
    net = Net(
        connect_to=at,
        dns_url=f"http://{at}/dns",
        requests_per_s_per_host=1000,
        page_seconds=2,
        page_bytes=200_000,
        concurrency=1,
    )
    return Settings(environment="demo", home=tmp_path, master_key=SecretStr(MASTER_KEY), net=net)


async def read(ctx: Context, *, days: float = 0) -> int:
    """Run the pump so many days after START."""
    with clock.held_at(START + timedelta(days=days)):
        return await tasks.pump(ctx, 1)


async def test_a_site_is_read_with_the_pages_that_matter_and_not_again_for_thirty_days(
    ctx: Context, site: Site
) -> None:
    site.put("/careers", "<body><main><h1>Careers</h1><ul><li><a href='/j/7'>Benefits Manager</a></li></ul></main>")
    site.put("/news", f"<body><main>{pm.articles(['Heron raises $12M Series B'])}</main>")
    company = await add_company(ctx, "Heron Inc", website="https://heron.example")
    assert await read(ctx) == 1
    found = await facts(ctx)
    assert Counter(one["kind"] for one in found) == {"person_at": 2, "job": 1, "funding": 1}
    ada = next(one for one in found if one["value"].get("name") == "Ada Lovelace")
    assert ada["value"] == {"name": "Ada Lovelace", "title": "Chief Executive Officer", "slot": "CEO"}
    assert (ada["company_id"], ada["source"], ada["source_url"]) == (company, "website", "https://heron.example/team")
    assert sorted(site.paths()) == ["/", "/careers", "/news", "/robots.txt", "/team"]
    assert (await pages(ctx))[0]["outcome"] == "read"
    assert await read(ctx, days=29.9) == 0
    assert await read(ctx, days=30) == 1
    assert [one["outcome"] for one in await pages(ctx)] == ["unchanged"]
    assert {one["seen_at"] for one in await facts(ctx)} == {START + timedelta(days=30)}
    assert len(await facts(ctx)) == 4


async def test_an_email_is_kept_sealed_and_no_number_stands_in_a_fact(ctx: Context, site: Site) -> None:
    card = "<div><h3>Ada Lovelace</h3><p>CFO</p><a href='mailto:ada@heron.example'>Mail</a></div>"
    site.put("/team", f"<body><main>{card}<p>Heron names Grace Hopper CEO. Press: +1 303 555 0100, press@x.example</p>")
    await add_company(ctx, "Heron Inc", website="https://heron.example")
    await read(ctx)
    found = await facts(ctx)
    [ada] = [one for one in found if one["kind"] == "person_at"]
    assert ctx.sealer.open(1, ada["value"]["email"]) == "ada@heron.example"
    assert not any("555" in str(one["value"]) or "@" in str(one["value"]) for one in found)


async def test_who_is_no_longer_named_on_a_page_that_lists_people_is_missed(ctx: Context, site: Site) -> None:
    await add_company(ctx, "Heron Inc", website="https://heron.example")
    await read(ctx)
    site.put("/team", f"<body><main>{pm.cards([TEAM[0], ('Mei Chen', 'CFO')])}</main>")
    await read(ctx, days=30)
    [missed] = await facts(ctx, "person_absent")
    assert (missed["value"]["name"], missed["value"]["slot"]) == ("Grace Hopper", "CFO")
    assert {one["value"]["name"] for one in await facts(ctx, "person_at")} == {
        "Ada Lovelace",
        "Grace Hopper",
        "Mei Chen",
    }
    await read(ctx, days=60)  # a second reading misses her as well
    [again] = await facts(ctx, "person_absent")
    assert (again["found_at"], again["seen_at"]) == (START + timedelta(days=30), START + timedelta(days=60))
    site.put("/team", f"<body><main>{pm.cards(TEAM)}</main>")
    await read(ctx, days=90)  # she is back
    site.put("/team", f"<body><main>{pm.cards(TEAM[:1])}</main>")
    await read(ctx, days=120)
    grace = next(one for one in await facts(ctx, "person_absent") if one["value"]["name"] == "Grace Hopper")
    assert grace["found_at"] == START + timedelta(days=120)  # missed anew


@pytest.mark.parametrize("how", ["500", "404", "empty", "bomb", "other people elsewhere"])
async def test_a_page_that_fails_or_shrinks_says_nothing_of_who_left(ctx: Context, site: Site, how: str) -> None:
    await add_company(ctx, "Heron Inc", website="https://heron.example")
    await read(ctx)
    site.put("/team", "<p>We are redesigning this page.</p>")
    match how:
        case "500" | "404":
            site.put("/team", status=f"{how} Oops")
        case "bomb":
            site.put("/team", "<div>" * 5000 + pm.cards([("Mei Chen", "CFO")]))
        case "other people elsewhere":
            site.put("/", HOME + "<h3>Mei Chen</h3><p>HR Director</p>")
            site.put("/team", status="404 Gone")
    await read(ctx, days=30)
    assert await facts(ctx, "person_absent") == []


async def test_a_news_page_is_asked_whether_it_has_changed(ctx: Context, site: Site) -> None:
    head = HTML + 'ETag: "v1"\r\n'
    site.put("/news", f"<body><main>{pm.articles(['Heron names Ada Lovelace CFO'])}</main>", head=head)
    await add_company(ctx, "Heron Inc", news="https://heron.example/news")
    await read(ctx)
    site.put("/news", status="304 Not Modified", head="")
    await read(ctx, days=30)
    assert site.asked[-1][2]["if-none-match"] == '"v1"'
    [page], [fact] = await pages(ctx), await facts(ctx)
    assert (page["outcome"], page["etag"], fact["kind"]) == ("unchanged", '"v1"', "appointment")
    assert (fact["value"]["slot"], fact["value"]["date"]) == ("CFO", "2026-11-01")
    assert fact["seen_at"] == page["last_checked_at"] == START + timedelta(days=30)


@pytest.mark.parametrize(
    ("url", "to", "reason"),
    [
        ("http://127.0.0.1/", "", "private_address"),
        ("https://heron.example", "http://127.0.0.1/", "private_address"),
        ("https://heron.example", "/", "redirects"),
        ("not a url", "", "bad_url"),
        ("https://heron.example/none", "", "not_found"),
    ],
)
async def test_what_cannot_be_read_says_why_and_rests(ctx: Context, site: Site, url: str, to: str, reason: str) -> None:
    if to:
        site.put("/", status="302 Found", to=to)
    await add_company(ctx, "Heron Inc", website=url)
    assert await read(ctx) == 1
    [page] = await pages(ctx)
    assert (page["outcome"], page["last_error"].partition(":")[0]) == ("refused", reason)
    assert "(" in page["last_error"]  # with what to do about it
    assert await read(ctx, days=29) == 0


async def test_a_site_in_trouble_is_tried_again_and_then_left_for_the_period(ctx: Context, site: Site) -> None:
    site.put("/", status="503 Busy")
    await add_company(ctx, "Heron Inc", website="https://heron.example")
    for day in range(4):
        assert await read(ctx, days=day) == 1
        assert await read(ctx, days=day) == 0  # it waits in the DLQ
        [waiting] = await listed(ctx, "select * from app.dlq")
        assert (waiting["stage"], waiting["attempts"]) == ("scrape", day + 1)
    await read(ctx, days=4)
    [page] = await pages(ctx)
    assert (page["outcome"], page["failures"], page["last_error"]) == ("given_up", 0, "the site answered 503")
    assert await listed(ctx, "select * from app.dlq") == []


async def test_one_bad_page_holds_nobody(ctx: Context, site: Site) -> None:
    for n in range(6):
        await add_company(ctx, f"Heron {n}", website=f"https://heron{n}.example")
    site.put("heron1.example/", "<div>" * 5000)
    site.put("heron2.example/", "x" * 300_000)
    site.put("heron3.example/", "%PDF", head="Content-Type: application/pdf\r\n")
    assert await read(ctx) == 6
    ends = Counter((one["last_error"] or "read").partition(":")[0] for one in await pages(ctx))
    assert ends == {"read": 3, "bomb": 1, "too_large": 1, "wrong_type": 1}


async def test_the_lease_of_a_dead_worker_is_given_back_and_of_a_living_one_not(ctx: Context, site: Site) -> None:
    await add_company(ctx, "Heron Inc", website="https://heron.example")
    living, dead = uuid.uuid4(), uuid.uuid4()
    await workers.register(ctx)
    await change(
        ctx, f"update app.pages set lease_id = '{ctx.worker_id}', leased_until = app.now() + interval '1 hour'"
    )
    assert await read(ctx) == 0
    other = json.dumps({"id": str(dead), "pid": 2_000_000_000})
    await change(ctx, f"insert into app.workers select (jsonb_populate_record(w, '{other}')).* from app.workers w")
    await change(ctx, f"update app.pages set lease_id = '{dead}'")
    assert await read(ctx) == 1
    await change(ctx, f"update app.pages set last_checked_at = null, lease_id = '{living}', leased_until = app.now()")
    assert await read(ctx, days=1) == 1  # its time ran out


async def test_who_lost_the_lease_writes_nothing(ctx: Context, site: Site) -> None:
    async def takes_over(writer: Any, headers: object) -> None:
        await change(ctx, f"update app.pages set lease_id = '{uuid.uuid4()}'")
        writer.write(b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\n<h3>Ada Lovelace</h3><p>CFO</p>")

    site.pages["/"] = takes_over
    await add_company(ctx, "Heron Inc", website="https://heron.example")
    await read(ctx)
    assert (await pages(ctx))[0]["outcome"] is None
    assert await facts(ctx) == []


async def test_each_reading_is_told_in_the_diary(ctx: Context, site: Site) -> None:
    await add_company(ctx, "Heron Inc", website="https://heron.example", news="https://heron.example/none")
    await read(ctx)
    told = await listed(ctx, "select details from app.pipeline_events where event_type = 'page_read'")
    assert sorted(one["details"]["outcome"] for one in told) == ["read", "refused"]
    async with ctx.db.owner() as db:
        jobs = await rows(db, text("select task_name from procrastinate_jobs where task_name = 'pump.signals'"))
    assert len(jobs) == 1


async def test_the_towns_officers_are_found_on_its_sites_and_no_page_is_asked_for_twice(
    town_ctx: Context, town: Town, held_clock: datetime
) -> None:
    """Pages that somebody else has made: what is found there is right, and what could be found is."""
    known = {}
    for company in await town_companies(town, 30):
        at = f"https://{company['domain']}"
        known[await add_company(town_ctx, company["name"], website=at, news=company["news"])] = company
    await tasks.pump(several_lines(town_ctx), 1)
    readable = {
        one["company_id"]
        for one in await pages(town_ctx)
        if one["url_type"] == "website" and one["outcome"] == "read"
        and known[one["company_id"]]["site"]["team_path"] and known[one["company_id"]]["site"]["robots"] != "no_team"
    }  # fmt: skip
    total = Score(0, 0, 0)
    for company_id in readable:
        there = {slot: one for slot, one in known[company_id]["officers"].items() if one and one["on_site"]}
        found = [one["value"] for one in await facts(town_ctx, "person_at") if one["company_id"] == company_id]
        total += score(
            {(one["slot"], name_key(one["name"])) for one in found},
            {(slot, name_key(one["name"])) for slot, one in there.items()},
        )
    print(f"\nofficers: {total}")
    assert total.right > 40 and total.precision >= 0.98 and total.recall >= 0.98
    business = (await grade(town))["business"]
    assert not any(one["twice"] for one in business["pages"].values())
    assert business["robots"]["disallowed"] == 0
    assert business["rate"]["crawl_delay_broken"] == 0
    assert business["counts"]["forbidden_hosts"] == 0
