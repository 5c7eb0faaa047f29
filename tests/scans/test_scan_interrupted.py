"""A scan makes each lead once, however often it is cut, killed, overtaken, or kept waiting."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from ground import BROKER_ID, MASTER_KEY
from penstock import intake, journey
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.scans import ScanRequest, order, read_area, retry, run
from penstock.scans.tasks import pump, recover
from scanworld import AUSTIN, account, give_score, leads_of, make_places, ordered, sql, state, subscribe

if TYPE_CHECKING:
    from scanrooms import Rooms

pytest_plugins = ["scanrooms"]


async def test_a_vendor_that_refuses_fails_the_scan_which_goes_on_where_it_failed(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90])
    rooms.at_vendor, rooms.fault = 50, ProviderRefused("batchdata says no: card declined")
    scan = await ordered(ctx, search=True)
    assert await pump(ctx, 1) == 1
    found = await state(ctx, scan)
    assert (found["status"], found["error_message"]) == ("failed", "batchdata says no: card declined")
    rooms.fault = None
    await retry(ctx, 1, scan)
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (found["status"], found["error_message"], leads_of(found)) == ("completed", None, 1)


async def test_a_busy_vendor_puts_the_scan_by_for_its_time(ctx: Context, rooms: Rooms) -> None:
    rooms.at_vendor, rooms.fault = 50, ProviderBusy("batchdata is busy", retry_after_s=300)
    scan = await ordered(ctx, search=True)
    assert await pump(ctx, 1) == 0
    assert (await state(ctx, scan))["status"] == "in_progress"
    assert await pump(ctx, 1) == 0
    assert [what for what, _ in rooms.asked].count("search") == 1
    rooms.fault = None
    async with ctx.db.tenant(1) as db:
        assert await dlq.retry(db, None) == 1
    assert await pump(ctx, 1) == 1
    assert (await state(ctx, scan))["status"] == "completed"
    assert await sql(ctx, "select 1 from app.dlq") == []


async def test_what_a_search_bought_before_a_hitch_is_in_the_account_and_off_the_limit(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_places(ctx, [90] * 9)
    await subscribe(ctx)
    rooms.at_vendor = 100
    scan = await ordered(ctx, search=True, max_cost_cents=Decimal(4_000))  # $10 for the search, $25 for a lead
    whole = rooms.search_places

    async def half(ctx: Context, org_id: int, **given: Any) -> Any:
        await rooms.pay(ctx, given["area_scan_id"], 60)
        raise ProviderBusy("batchdata is busy")

    async def the_rest(ctx: Context, org_id: int, **given: Any) -> Any:
        return await whole(ctx, org_id, **{**given, "limit": given["limit"] - 60})

    for part in (half, the_rest):
        monkeypatch.setattr(intake, "search_places", part)
        await pump(ctx, 1)
        async with ctx.db.tenant(1) as db:
            await dlq.retry(db, None)
    summary = (await state(ctx, scan))["results_summary"]
    assert summary["search"]["cents"] == 1_000
    assert summary["cents"] == {"search": 1_000, "leads": 2_500}
    assert await sql(ctx, "select area_scan_id, cost_cents from app.vendor_calls order by id") == [
        {"area_scan_id": scan, "cost_cents": cents} for cents in (600, 400)
    ]


async def test_a_scan_has_the_permits_decided_and_waits_while_another_is_at_them(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90])
    await sql(
        ctx,
        "insert into app.building_permits (org_id, source, source_id, work, issued_on, state, content_hash)"
        " values (1, 'test', 'p1', 'reroof', '2026-11-01', 'TX', 'x') returning 1",
    )
    scan = await ordered(ctx)
    async with ctx.db.tenant(1) as other:
        await execute(other, text("select 1 from app.building_permits for update"))
        assert await pump(ctx, 1) == 0
    assert (await state(ctx, scan))["step"] == "score" and rooms.asked == []
    assert await pump(ctx, 1) == 1
    assert (await sql(ctx, "select matched_at is not null as decided from app.building_permits"))[0]["decided"]
    assert "scans" in journey.NEXT["permits_matched"]


async def test_a_scan_cut_at_any_step_goes_on_and_does_nothing_twice(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", 4)
    await subscribe(ctx, trial=15)
    steps = ["_search", "_permits", "_score", "_go_on", "_chunk", "_finish"]
    for n, cut_in in enumerate(steps):
        await make_places(ctx, [90] * 10, postal_code=f"7872{n + 1}")
        scan = await ordered(ctx, area=read_area(zip_code=f"7872{n + 1}"))
        with monkeypatch.context() as patch:
            cut = cutting(getattr(run, cut_in))
            patch.setattr(run, cut_in, cut)
            patch.setattr(run, "_STEPS", run._STEPS | ({cut_in[1:]: cut} if cut_in[1:] in run._STEPS else {}))
            for _ in range(6):
                await pump(ctx, 1)
                async with ctx.db.tenant(1) as db:
                    await dlq.retry(db, None)
        found = await state(ctx, scan)
        assert (found["status"], leads_of(found)) == ("completed", 10), cut_in
    assert await account(ctx) == {"leads": 60, "places": 60, "lines": 60, "told": 60, "trial": 0}


def cutting(whole: Any) -> Any:
    """The same function, cut right after its work the first and the third time."""
    calls: list[int] = []

    async def cut(*args: Any, **given: Any) -> Any:
        calls.append(1)
        done = await whole(*args, **given)
        if len(calls) in (1, 3):
            raise RuntimeError("the power went")
        return done

    return cut


async def test_two_pumps_at_once_make_no_lead_twice(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", 3)
    await make_places(ctx, [60 + n for n in range(30)])
    scans = [await ordered(ctx), await ordered(ctx, area=read_area(zip_code="78701"))]
    await asyncio.gather(*(pump(replace(ctx, worker_id=uuid.uuid4()), 1) for _ in range(3)))
    found = [await state(ctx, scan) for scan in scans]
    assert {one["status"] for one in found} == {"completed"}
    assert sum(leads_of(one) for one in found) == 25
    assert await account(ctx) == {"leads": 25, "places": 25, "lines": 25, "told": 25, "trial": 0}


KILLED = """
    import asyncio, os, signal, sys
    from pydantic import SecretStr
    from penstock import assembly, billing, contagion
    from penstock.core import workers
    from penstock.core.settings import Settings
    from penstock.scans import run, tasks

    async def nothing(*args, **given): ...
    record, calls = billing.record_leads, []
    async def record_and_die(*args, **given):
        await record(*args, **given)
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    async def main():
        settings = Settings(environment="demo", master_key=SecretStr(sys.argv[2]))
        async with assembly.context(settings, sys.argv[1]) as ctx:
            await workers.register(ctx)
            await tasks.pump(ctx, 1)

    run.CHUNK, contagion.score_due, billing.record_leads = 4, nothing, record_and_die
    asyncio.run(main())
"""


async def test_after_kill_9_another_worker_goes_on(ctx: Context, database: str, rooms: Rooms) -> None:
    await make_places(ctx, [90] * 10)
    scan = await ordered(ctx)
    script = [sys.executable, "-c", textwrap.dedent(KILLED), database, MASTER_KEY]
    died = await asyncio.to_thread(subprocess.run, script, env={**os.environ}, check=False)
    assert died.returncode == -signal.SIGKILL
    assert (await account(ctx))["leads"] == 4  # the second chunk was cut before its commit
    assert (await state(ctx, scan))["status"] == "in_progress"
    assert await recover(ctx, 1) == 1
    assert await pump(ctx, 1) == 1
    assert leads_of(await state(ctx, scan)) == 10
    assert await account(ctx) == {"leads": 10, "places": 10, "lines": 10, "told": 10, "trial": 15}


async def test_a_place_that_fell_below_the_bar_meanwhile_is_left_out(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = await make_places(ctx, [90, 80])
    chunk = run._chunk

    async def rescored_first(ctx_: Context, db: Any, *rest: Any) -> run.Chunk:
        await execute(db, text("delete from app.property_scores where property_id = :id"), id=places[1])
        await give_score(db, places[1], 20)
        return await chunk(ctx_, db, *rest)

    monkeypatch.setattr(run, "_chunk", rescored_first)
    scan = await order(ctx, 1, ScanRequest(area=AUSTIN, broker_id=BROKER_ID), actor="test")
    await pump(ctx, 1)
    assert leads_of(await state(ctx, scan)) == 1
