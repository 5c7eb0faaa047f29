"""Companies' websites: pages that say what is true, change with the clock, and misbehave where the seed says so."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from datetime import timedelta
from html import unescape

import httpx
import pytest
from town_bench import served
from town_companies import some_site, visit

from penstock.town.app import make_app
from penstock.town.business import front
from penstock.town.business.chronicle import articles, openings
from penstock.town.business.sites import ODD, SHAPES, site_of


def text_of(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_team_page_names_the_officers_in_every_shape(bench, shape):
    site = next(
        found
        for found in (site_of(bench.state.dice, bench.state.companies.company(number)) for number in range(4000))
        if (found.shape, found.odd, found.dns_private) == (shape, "", False) and found.team_path
    )
    home = await visit(bench, site)
    assert f'href="{site.team_path}"' in home.text
    page = await visit(bench, site, site.team_path)
    now = bench.state.clock.now()
    shown = [term for term in site.company.terms if term.on_site(now)]
    assert shown
    for term in shown:
        assert term.person.last in unescape(page.text)
        said = page.text if shape == "jsonld" else text_of(page.text)
        assert term.title in said


async def test_the_home_page_carries_the_organisation_as_linked_data(bench):
    site = some_site(bench)
    page = await visit(bench, site, host=f"WWW.{site.company.domain}:443") if not site.www_redirects else None
    page = page or await visit(bench, site)
    data = json.loads(re.search(r'ld\+json">(.*?)</script>', page.text)[1])
    assert (data["@type"], data["legalName"]) == ("Organization", site.company.name)
    assert data["sameAs"] == [site.company.linkedin_url]


async def test_a_known_page_is_304_until_somebody_leaves(bench):
    site = next(
        found
        for found in (site_of(bench.state.dice, bench.state.companies.company(number)) for number in range(4000))
        if found.validators and found.team_path and not found.odd and not found.dns_private
        and any(term.site_until and term.site_until > bench.state.clock.now() for term in found.company.terms)
    )  # fmt: skip
    first = await visit(bench, site, site.team_path)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for known in ({"If_None_Match": tag}, {"If_None_Match": f'W/{tag}, "x"'}, {"If_Modified_Since": date}):
        again = await visit(bench, site, site.team_path, **known)
        assert again.status_code == 304 and not again.content and again.headers["etag"] == tag
    other_tag = await visit(bench, site, site.team_path, If_None_Match='"x"', If_Modified_Since=date)
    assert other_tag.status_code == 200
    leaves = min(
        (term for term in site.company.terms if term.site_until and term.site_until > bench.state.clock.now()),
        key=lambda term: term.site_until,
    )
    bench.state.clock.put(leaves.site_until)
    changed = await visit(bench, site, site.team_path, If_None_Match=tag, If_Modified_Since=date)
    assert changed.status_code == 200
    assert leaves.person.last in unescape(first.text)
    assert leaves.person.name not in text_of(changed.text)


async def test_news_and_openings_appear_when_they_are_published_and_openings_go(bench):
    dice = bench.state.dice
    site = next(
        found
        for found in (site_of(dice, bench.state.companies.company(number)) for number in range(2000))
        if not (found.odd or found.dns_private)
        and any(item.kind == "funding" for item in articles(dice, found.company))
        and any(job.benefits for job in openings(dice, found.company))
    )  # fmt: skip
    funding = next(item for item in articles(dice, site.company) if item.kind == "funding")
    for moment, there in ((funding.at - timedelta(minutes=1), False), (funding.at, True)):
        bench.state.clock.put(moment)
        assert (funding.headline in text_of((await visit(bench, site, "/news")).text)) is there
        assert (await visit(bench, site, funding.path)).status_code == (200 if there else 404)
    job = next(job for job in openings(dice, site.company) if job.benefits)
    for moment, there in ((job.posted_at, True), (job.closed_at, False)):
        bench.state.clock.put(moment)
        assert (job.path in (await visit(bench, site, "/careers")).text) is there


async def test_who_reads_what_robots_txt_forbids_is_noticed(bench):
    site = some_site(bench, robots="no_team")
    site = site if site.team_path else some_site(bench, robots="no_team", team_path="/team")
    rules = await visit(bench, site, "/robots.txt")
    assert f"Disallow: {site.team_path}" in rules.text
    await visit(bench, site)
    assert bench.state.truth.grade()["business"]["robots"]["disallowed"] == 0
    await visit(bench, site, site.team_path)
    await visit(bench, site, "/intranet/login")
    assert bench.state.truth.grade()["business"]["robots"] == {
        "disallowed": 2,
        "examples": [f"{site.company.domain}{site.team_path}", f"{site.company.domain}/intranet/login"],
    }
    slow = some_site(bench, robots="slow")
    assert f"Crawl-delay: {slow.crawl_delay}" in (await visit(bench, slow, "/robots.txt")).text
    assert (await visit(bench, some_site(bench, robots="none"), "/robots.txt")).status_code == 404


async def test_a_page_read_twice_within_thirty_days_is_noticed_by_type(bench):
    site = some_site(bench, www_redirects=True)
    moved = await visit(bench, site, "/news", host=f"www.{site.company.domain}")
    assert (moved.status_code, moved.headers["location"]) == (301, f"https://{site.company.domain}/news")
    for path in ("/", "/news", "/"):
        await visit(bench, site, path)
    pages = bench.state.truth.grade()["business"]["pages"]
    assert pages["website"] == {"fetched": 2, "twice": 1}
    assert pages["news"] == {"fetched": 1, "twice": 0}
    bench.state.clock.put(bench.state.clock.now() + timedelta(days=30))
    await visit(bench, site)
    assert bench.state.truth.grade()["business"]["pages"]["website"] == {"fetched": 3, "twice": 1}


async def test_hosts_that_are_nobodys_business_are_counted_and_linkedin_turns_robots_away(bench):
    site = some_site(bench)
    for host in ("127.0.0.1", "169.254.169.254", f"intranet.{site.company.domain}"):
        await visit(bench, site, host=host)
    assert bench.state.truth.grade()["business"]["counts"]["forbidden_hosts"] == 3
    assert (await visit(bench, site, "/in/jane", host="www.linkedin.com")).status_code == 999
    assert (await visit(bench, site, "/truth", host="127.0.0.1:8080")).json()["paid_twice"] == 0


async def test_about_four_in_a_hundred_sites_are_odd(bench):
    odd = [site_of(bench.state.dice, bench.state.companies.company(number)).odd for number in range(4000)]
    assert 110 < sum(map(bool, odd)) < 210
    assert set(odd) == {"", *ODD}


@pytest.mark.parametrize(
    ("odd", "status", "leads"),
    [
        ("error_500", 500, None),
        ("gone", 404, None),
        ("loop", 302, "https://{domain}/home"),
        ("to_loopback", 302, "http://127.0.0.1/"),
        ("to_metadata", 302, "http://169.254.169.254/latest/meta-data/"),
        ("wrong_type", 200, None),
    ],
)
async def test_odd_sites_answer_oddly(bench, odd, status, leads):
    site = some_site(bench, odd=odd)
    answer = await visit(bench, site)
    assert answer.status_code == status
    assert answer.headers.get("location") == (leads.format(domain=site.company.domain) if leads else None)
    if odd == "loop":
        assert (await visit(bench, site, "/home")).headers["location"] == f"https://{site.company.domain}/"
    assert bench.state.truth.grade()["business"]["pages"]["website"]["fetched"] == 0


async def test_a_bomb_unpacks_to_far_more_than_it_weighs(bench):
    site = some_site(bench, odd="gzip_bomb")
    request = bench.client.build_request("GET", "/", headers={"Host": site.company.domain})
    answer = await bench.client.send(request, stream=True)
    assert answer.headers["content-encoding"] == "gzip"
    raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    unpacker, size = zlib.decompressobj(31), 0
    for start in range(0, len(raw), 4096):
        size += len(unpacker.decompress(raw[start : start + 4096], 0))
        if size > 100_000_000:
            break
    assert size > 100_000_000 > 20 * len(raw)
    deep = await visit(bench, some_site(bench, odd="deep"))
    assert deep.text.count("<div>") == front.DEPTH


async def test_endless_and_slow_pages_end_with_the_reader(bench):
    async with served(make_app(bench.state)) as url, httpx.AsyncClient(base_url=url) as client:
        site = some_site(bench, odd="endless")
        async with client.stream("GET", "/", headers={"Host": site.company.domain}) as answer:
            seen = 0
            async for chunk in answer.aiter_bytes():
                seen += len(chunk)
                if seen > 20_000_000:
                    break
        site = some_site(bench, odd="slow")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.2):
                await client.get("/", headers={"Host": site.company.domain})
        assert (await client.get("/town/clock")).status_code == 200
        async with asyncio.timeout(60):  # nobody goes on writing to readers who have left
            while any("run_asgi" in repr(task) for task in asyncio.all_tasks()):
                await asyncio.sleep(0.02)


async def test_sites_fail_on_demand(bench):
    await bench.client.put("/town/faults", json={"sites": {"rate_429": 1.0}})
    answer = await visit(bench, some_site(bench))
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
