"""Several processes at once, and some that are killed: no page is paid for twice, none is lost."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from scrape_cast import add_company, facts, grade, listed, pages, town_companies

from ground import START
from penstock.core.context import Context
from penstock.town.server import Town
from website import HTML, open_site

SCRIPT = Path(__file__).with_name("scrape_once.py")
TEAM = "<body><main><h3>Ada Lovelace</h3><p>CEO</p></main>"


async def start(ctx: Context, where: str, *how: str) -> asyncio.subprocess.Process:
    command = (sys.executable, str(SCRIPT), ctx.db.url, where, START.isoformat(), *how)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)


async def finish(process: asyncio.subprocess.Process) -> int:
    out, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, error.decode()[-3000:]
    return int(out.splitlines()[-1])


async def test_two_processes_share_the_pages_and_ask_for_none_twice(ctx: Context) -> None:
    async def slowly(writer: asyncio.StreamWriter, headers: object) -> None:
        """Time for the other process to take its share."""
        await asyncio.sleep(0.1)
        writer.write(f"HTTP/1.1 200 OK\r\n{HTML}Content-Length: {len(TEAM)}\r\n\r\n{TEAM}".encode())

    async with open_site() as site:
        site.pages["/"] = slowly
        for n in range(24):
            await add_company(
                ctx, f"Heron {n}", website=f"https://heron{n}.example", news=f"https://heron{n}.example/news"
            )
        both = [await start(ctx, str(site.port), "--after-a-word") for _ in range(2)]
        for process in both:
            assert process.stdout and await process.stdout.readline() == b"ready\n"
        for process in both:
            assert process.stdin
            process.stdin.close()
        done = await asyncio.gather(*map(finish, both))
        asked = Counter((host, path) for host, path, _ in site.asked if path != "/robots.txt")
    assert sum(done) == 48 and min(done) > 0
    assert len(asked) == 48 and set(asked.values()) == {1}
    assert len(await facts(ctx)) == 24


@pytest.mark.slow
async def test_killed_again_and_again_nothing_is_paid_for_twice_and_no_page_is_forgotten(
    town_ctx: Context, town: Town
) -> None:
    for company in await town_companies(town, 45):
        at = f"https://{company['domain']}"
        await add_company(town_ctx, company["name"], website=at, linkedin=company["linkedin"])
    moments = random.Random(5)
    for _ in range(4):
        process = await start(town_ctx, town.http_url, "--after-a-word")
        assert process.stdin and process.stdout and await process.stdout.readline() == b"ready\n"
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), moments.uniform(0.1, 2.0))
        except TimeoutError:
            process.kill()
        await process.communicate()
    await finish(await start(town_ctx, town.http_url))
    waiting = {one["item"] for one in await listed(town_ctx, "select item from app.dlq")}
    ends = Counter(one["outcome"] for one in await pages(town_ctx) if str(one["id"]) not in waiting)
    assert set(ends) <= {"read", "refused", "in_doubt"}
    assert ends["read"] > 30, "all but the websites in trouble: a kill may leave everything that was bought in doubt"
    assert not any(one["lease_id"] for one in await pages(town_ctx))
    truth = await grade(town)
    assert truth["business"]["pages"]["linkedin"]["twice"] == 0
    calls = Counter(one["status"] for one in await listed(town_ctx, "select status from app.vendor_calls"))
    assert set(calls) <= {"applied", "settled"}
    assert truth["billed"]["apify"]["items"] <= calls["applied"] + calls["settled"]
    # Reading our own costs nobody anything: what was being read when its reader was killed is read again.
    assert truth["business"]["pages"]["website"]["twice"] <= 4 * 8
