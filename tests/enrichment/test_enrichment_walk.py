"""Leads through the whole waterfall with the stages beside it, also with a worker that is killed again and again."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from factories import make_lead
from ground import MASTER_KEY, START
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.enrichment import tasks as enrichment
from penstock.scoring import tasks as scoring
from penstock.town.server import Town
from penstock.verification import tasks as verification

COUNT = 120
WORKER = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from pydantic import SecretStr
from penstock import assembly
from penstock.core import clock, workers
from penstock.core.settings import Settings
from penstock.enrichment import tasks as enrichment
from penstock.scoring import tasks as scoring
from penstock.verification import tasks as verification

async def main(url, town, key, at):
    clock.hold(datetime.fromisoformat(at))
    plain = Settings(environment="demo", home=Path("/nonexistent"), master_key=SecretStr(key))
    async with assembly.context(assembly.pointed_at_town(plain, town, "127.0.0.1", 1), url) as ctx:
        await workers.register(ctx)
        print("ready", flush=True)
        while await enrichment.pump(ctx, 1) + await verification.pump(ctx, 1) + await scoring.pump(ctx, 1):
            pass
        await workers.sign_off(ctx)

asyncio.run(main(*sys.argv[1:]))
"""


async def value(ctx: Context, sql: str) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text(sql))


async def truth(town: Town) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{town.http_url}/truth")).json()


async def owner_of(client: httpx.AsyncClient, town: Town, column: str, found: str) -> dict[str, Any] | None:
    answer = await client.get(f"{town.http_url}/town/people", params={column: found})
    if answer.status_code == 404:
        return None
    home = answer.json()
    people = [*home["residents"], *home["outsiders"]]
    return next(
        person
        for person in people
        if found in {box["email"] for box in person["mailboxes"]} | {phone["number"] for phone in person["phones"]}
    )


def printed_query() -> str:
    """The query that the documentation prints."""
    page = (Path(__file__).parents[2] / "docs/explanation/the-ledger.md").read_text("utf-8")
    return page.split("```sql")[1].split("```")[0]


async def walk(ctx: Context) -> None:
    while await enrichment.pump(ctx, 1) + await verification.pump(ctx, 1) + await scoring.pump(ctx, 1):
        pass


async def settled(ctx: Context, count: int) -> None:
    """In = out: every lead is there, has walked to the end, and carries a route; nothing waits."""
    assert await value(ctx, "select count(*) from app.leads where merged_into is null") == count
    assert await value(ctx, "select count(*) from app.leads where waterfall_exhausted_at is not null") == count
    assert await value(ctx, "select count(*) from app.leads where lead_status = 'new'") == 0
    for view in ("enrichment_due", "verification_due", "scoring_due", "dlq"):
        assert await value(ctx, f"select count(*) from app.{view}") == 0, view
    assert await value(ctx, "select count(*) from app.vendor_calls where status not in ('applied', 'settled')") == 0


async def test_every_lead_walks_to_the_end_and_reaches_the_right_person(town_ctx: Context, town: Town) -> None:
    for number in range(COUNT):
        family = f"Sample{chr(97 + number % 26)}"
        await make_lead(town_ctx, address=f"{100 + number} Heron Ave", last_name=family)
    await walk(town_ctx)
    await settled(town_ctx, COUNT)
    found = await truth(town)
    assert found["paid_twice"] == 0
    spent = await value(town_ctx, "select sum(cost_cents) from app.vendor_calls")
    assert spent == sum(vendor["cents"] for vendor in found["billed"].values())
    async with town_ctx.db.tenant(1) as db:
        costs = {row["vendor"]: row["cents_per_verified_point"] for row in await rows(db, text(printed_query()))}
    assert costs["melissa"] > 5
    assert costs["batchdata"] > 5
    contactable = await value(town_ctx, "select count(*) from app.leads where lead_status = 'contactable'")
    assert contactable > COUNT / 3
    async with town_ctx.db.tenant(1) as db:
        points = await rows(
            db,
            text(
                "select p.kind, p.value, c.last_name from app.contact_points p "
                "join app.contacts c on c.org_id = p.org_id and c.id = p.contact_id where p.verified"
            ),
        )
    right = 0
    async with httpx.AsyncClient() as client:
        for point in points:
            plain = town_ctx.sealer.open(1, point["value"]).removeprefix("+1")
            person = await owner_of(client, town, point["kind"], plain)
            right += person is not None and person["last"] == point["last_name"]
    assert right / len(points) > 0.9


@pytest.mark.slow
async def test_a_worker_killed_again_and_again_pays_nothing_twice_and_loses_nobody(
    town_ctx: Context, town: Town
) -> None:
    for number in range(COUNT):
        await make_lead(town_ctx, address=f"{100 + number} Heron Ave", last_name="Sample")
    when = random.Random(7)
    for _ in range(8):
        worker = await start_worker(town_ctx, town)
        await asyncio.sleep(when.uniform(0.0, 0.5))
        if worker.returncode is None:
            os.kill(worker.pid, signal.SIGKILL)
        await worker.wait()
    last = await start_worker(town_ctx, town)
    assert await last.wait() == 0
    await settled(town_ctx, COUNT)
    assert (await truth(town))["paid_twice"] == 0
    steps = await value(town_ctx, "select count(*) from app.pipeline_events where event_type = 'lead_enriched'")
    calls = "select count(*) from app.vendor_calls where operation in ('personator', 'skip_trace')"
    assert steps == await value(town_ctx, calls)


async def start_worker(ctx: Context, town: Town) -> asyncio.subprocess.Process:
    """A worker process on the test's database and town; returns once it is at work."""
    arguments = (ctx.db.url, town.http_url, MASTER_KEY, START.isoformat())
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert worker.stdout is not None
    await worker.stdout.readline()
    return worker
