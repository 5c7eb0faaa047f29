"""A scan makes the best places of an area into leads, once each, however often it is cut."""

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
from sqlalchemy.exc import DBAPIError

from ground import BROKER_ID, MASTER_KEY
from penstock import billing, journey, onboarding
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.errors import Conflict, InvalidInput, NotFound, ProviderBusy, ProviderRefused
from penstock.scans import ScanRequest, cancel, estimate, order, read_area, retry, run, start
from penstock.scans.tasks import pump, recover
from scanworld import AUSTIN, SQUARE, account, give_score, leads_of, make_places, ordered, sql, state, subscribe

if TYPE_CHECKING:
    from scanrooms import Rooms

pytest_plugins = ["scanrooms"]


# -- what becomes of an area -------------------------------------------------------------------------------------------


async def test_an_area_becomes_leads_and_an_account_of_what_did_not(ctx: Context, rooms: Rooms) -> None:
    places = await make_places(ctx, [95, 61, 60, 59, 12, None, 83])
    await make_places(ctx, [99], city="Dallas", postal_code="75201")
    await make_places(ctx, [None], lat=None)
    scan = await ordered(ctx)
    assert await pump(ctx, 1) == 1
    found = await state(ctx, scan)
    assert (found["status"], found["progress_percentage"], leads_of(found)) == ("completed", 100, 4)
    assert found["results_summary"]["by_tier"] == {"HOT": 2, "WARM": 2}
    assert found["results_summary"]["not_leads"] == {"below the bar": 2, "not scored": 1, "no coordinates": 1}
    leads = await sql(ctx, "select * from app.leads order by lead_score desc")
    assert [lead["property_id"] for lead in leads] == [places[0], places[6], places[1], places[2]]
    assert {lead["assigned_broker_id"] for lead in leads} == {BROKER_ID}
    assert all(lead["contact_id"] and lead["area_scan_id"] == scan and lead["source"] == "file" for lead in leads)
    assert found["results_summary"]["best"] == [str(lead["id"]) for lead in leads]
    assert await account(ctx) == {"leads": 4, "places": 4, "lines": 4, "told": 4, "trial": 21}
    assert rooms.asked == [("score", "roofing")]


async def test_a_drawn_area_and_a_zip_code_take_what_lies_in_them(ctx: Context, rooms: Rooms) -> None:
    inside = await make_places(ctx, [90], lat=30.255)
    edge = await make_places(ctx, [90], lat=30.25)
    beside = await make_places(ctx, [90], lat=30.2499)  # in the same cell of the grid
    await make_places(ctx, [90], lat=30.2499, postal_code="78702")
    scans = [await ordered(ctx, area=read_area(polygon=SQUARE)), await ordered(ctx, area=read_area(zip_code="78701"))]
    await pump(ctx, 1)
    assert [leads_of(await state(ctx, scan)) for scan in scans] == [2, 1]
    leads = await sql(ctx, "select property_id, area_scan_id from app.leads order by area_scan_id, property_id")
    assert [row["property_id"] for row in leads] == [*inside, *edge, *beside]


async def test_who_must_not_be_contacted_is_neither_lead_nor_charged(ctx: Context, rooms: Rooms) -> None:
    barred, dead, _ = await make_places(ctx, [90, 90, 90])
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into app.suppressions (org_id, kind, contact_id, reason, method, actor) select 1, 'contact',"
                " owner_contact_id, 'SUPP_LEGAL', 'file', 'test' from app.properties where id = :id"
            ),
            id=barred,
        )
        await execute(
            db,
            text(
                "update app.contacts set is_deceased = true"
                " where id = (select owner_contact_id from app.properties where id = :id)"
            ),
            id=dead,
        )
    scan = await ordered(ctx)
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert leads_of(found) == 1
    assert found["results_summary"]["not_leads"] == {"the owner must not be contacted": 2}


async def test_a_place_is_one_customers_for_good(ctx: Context, rooms: Rooms) -> None:
    carl = await onboarding.add_broker(ctx, 1, onboarding.BrokerProfile(name="Carl", email="carl@acme.example"))
    await make_places(ctx, [90, 80])
    await ordered(ctx)
    await pump(ctx, 1)
    await make_places(ctx, [70])
    again, his = await ordered(ctx), await ordered(ctx, broker_id=carl)
    await pump(ctx, 1)
    mine, other = await state(ctx, again), await state(ctx, his)
    assert mine["results_summary"]["not_leads"] == {"a lead of yours already": 2}
    assert other["results_summary"]["not_leads"] == {"taken": 3}
    assert (leads_of(mine), leads_of(other)) == (1, 0)


# -- how far it may go -------------------------------------------------------------------------------------------------


async def test_a_trial_of_25_stops_at_25_with_the_best_of_the_area(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", 10)
    places = await make_places(ctx, [60 + n for n in range(40)])
    scan = await ordered(ctx)
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (found["status"], leads_of(found), found["processed_properties"]) == ("completed", 25, 25)
    assert "trial" in found["results_summary"]["stopped"]
    assert found["results_summary"]["not_leads"] == {"not reached": 15}
    assert {r["property_id"] for r in await sql(ctx, "select property_id from app.leads")} == set(places[15:])
    await subscribe(ctx)
    more = await ordered(ctx)
    await pump(ctx, 1)
    assert leads_of(await state(ctx, more)) == 15
    assert await account(ctx) == {"leads": 40, "places": 40, "lines": 40, "told": 40, "trial": 0}
    free = await sql(ctx, "select in_trial, sum(unit_cents) as cents from app.usage_events group by 1 order by 1")
    assert [(row["in_trial"], int(row["cents"])) for row in free] == [(False, 15 * 2500), (True, 0)]


async def test_it_stops_at_the_leads_and_at_the_money_that_were_wanted(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90] * 12)
    await subscribe(ctx, trial=2)
    few = await ordered(ctx, max_leads=3)
    await pump(ctx, 1)
    cheap = await ordered(ctx, max_cost_cents=Decimal(7_600))  # three at $25, and a dollar left
    await pump(ctx, 1)
    first, second = await state(ctx, few), await state(ctx, cheap)
    assert (leads_of(first), first["results_summary"]["stopped"]) == (3, "3 leads were wanted")
    assert first["results_summary"]["cents"] == {"search": 0.0, "leads": 2500.0}
    assert (leads_of(second), second["results_summary"]["stopped"]) == (3, "the limit of $76.00 is reached")
    assert second["results_summary"]["cents"]["leads"] == 7500.0


async def test_an_unpaid_subscription_ends_a_scan_without_leads_and_says_why(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90])
    await subscribe(ctx, trial=25)
    scan = await ordered(ctx)
    await sql(ctx, "update app.subscriptions set status = 'past_due' returning 1")
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (found["status"], leads_of(found)) == ("completed", 0)
    assert "unpaid" in found["results_summary"]["stopped"]


async def test_an_order_of_who_can_be_given_no_lead_is_refused_with_the_reason(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90])
    await subscribe(ctx, "trial", trial=0)
    with pytest.raises(Conflict, match="trial's leads are used up") as refused:
        await ordered(ctx)
    assert refused.value.fix == "subscribe"
    await subscribe(ctx, trial=5)
    await sql(ctx, "update app.subscriptions set status = 'past_due' returning 1")
    with pytest.raises(Conflict, match="no lead now: an invoice is unpaid"):
        await ordered(ctx)
    assert await sql(ctx, "select 1 from app.area_scans") == []


async def test_a_scan_goes_no_further_than_the_estimate_that_was_agreed(ctx: Context, rooms: Rooms) -> None:
    empty, known = read_area(zip_code="78701"), read_area(zip_code="78702")
    await make_places(ctx, [90] * 4, postal_code="78702")
    await subscribe(ctx, "trial", trial=3)
    none, three, kept = [await ordered(ctx, area=area) for area in (empty, known, known)]
    for postal_code in ("78701", "78702"):  # loaded between order and run, by who has subscribed meanwhile
        await make_places(ctx, [95] * 4, postal_code=postal_code)
    await subscribe(ctx, trial=3)
    await pump(ctx, 1)
    found = [await state(ctx, scan) for scan in (none, three, kept)]
    assert [leads_of(scan) for scan in found] == [0, 3, 0]
    reached = "what was agreed is reached: {} leads, $0.00; order again for more"
    assert [scan["results_summary"]["stopped"] for scan in found] == [reached.format(n) for n in (0, 3, 3)]
    assert sum(scan["results_summary"]["cents"]["leads"] for scan in found) == 0
    more = await ordered(ctx, area=known, start=False)
    await subscribe(ctx, "enterprise")
    await sql(
        ctx,
        "update app.area_scans set estimate = jsonb_set(estimate, '{leads_at_most}', '2') where id = :id returning 1",
        id=more,
    )
    await start(ctx, 1, more)
    await pump(ctx, 1)
    second = await state(ctx, more)
    assert leads_of(second) == 2 and "2 leads, $125.00" in second["results_summary"]["stopped"]


async def test_a_scan_that_nothing_stopped_says_why_it_ended(ctx: Context, rooms: Rooms) -> None:
    carl = await onboarding.add_broker(ctx, 1, onboarding.BrokerProfile(name="Carl", email="carl@acme.example"))
    nobodys = await ordered(ctx)
    await pump(ctx, 1)
    await make_places(ctx, [90, 80, 10])
    all_of_them, taken = await ordered(ctx), await ordered(ctx, broker_id=carl)
    await pump(ctx, 1)
    said = [(await state(ctx, scan))["results_summary"]["stopped"] for scan in (nobodys, all_of_them, taken)]
    assert said == [
        "no place was good enough",
        "every place that was good enough is a lead",
        "every place that was good enough was a lead before: 0 yours, 2 taken",
    ]


async def test_permits_that_are_read_first_may_bring_any_place_to_the_bar(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90, 10, 10])
    request = ScanRequest(area=AUSTIN, broker_id=BROKER_ID)
    told = [await estimate(ctx, 1, replace(request, permits=permits)) for permits in (False, True)]
    assert [(one.leads_at_most, one.leads_expected) for one in told] == [(1, 1), (3, 1)]


async def test_the_price_is_told_before_and_nothing_is_stored_or_bought(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90, 90, 70, 10, 10, 10, 10, 10, None, None])
    rooms.at_vendor = 30
    await subscribe(ctx, trial=2)
    request = ScanRequest(area=AUSTIN, broker_id=BROKER_ID, search=True)
    told = await estimate(ctx, 1, request)
    assert (told.places, told.scored, told.at_vendor, told.trial_leads) == (10, 8, 30, 2)
    assert told.leads_at_most == 3 + 2 + 20  # ready, not scored yet, new at the vendor
    assert told.leads_expected == 3 + round(3 / 8 * 22)
    costs = {cost.what: (cost.at_most, cost.at_most_cents) for cost in told.costs}
    assert costs["search"] == (30, Decimal(300)) and costs["leads"] == (23, Decimal(57_500))
    assert told.at_most_cents == 300 + 57_500 + costs["pictures"][1]
    capped = await estimate(ctx, 1, replace(request, max_cost_cents=Decimal(200), max_leads=4))
    assert (capped.leads_at_most, capped.at_most_cents) == (4, 200 + 4 * told.costs[2].unit_cents)
    newcomer = await estimate(ctx, 1, ScanRequest(area=AUSTIN))
    assert (newcomer.trial_leads, newcomer.costs[1].at_most) == (25, 0)
    carl = await onboarding.add_broker(ctx, 1, onboarding.BrokerProfile(name="Carl", email="carl@acme.example"))
    await estimate(ctx, 1, replace(request, broker_id=carl))
    assert [row["broker_id"] for row in await sql(ctx, "select broker_id from app.subscriptions")] == [BROKER_ID]
    assert await sql(ctx, "select 1 from app.area_scans") == []
    assert {what for what, _ in rooms.asked} == {"count"}


async def test_a_search_buys_no_more_than_the_estimate_said(ctx: Context, rooms: Rooms) -> None:
    rooms.at_vendor = 500
    scan = await ordered(ctx, search=True, max_cost_cents=Decimal(1_000))
    rooms.at_vendor = 5_000
    await pump(ctx, 1)
    assert ("search", 100) in rooms.asked
    assert (await state(ctx, scan))["results_summary"]["cents"]["search"] == 1_000


# -- states ------------------------------------------------------------------------------------------------------------


async def test_a_scan_goes_only_the_way_that_scans_go(ctx: Context, rooms: Rooms) -> None:
    scan = await ordered(ctx, start=False)
    assert (await state(ctx, scan))["status"] == "pending"
    assert await pump(ctx, 1) == 0
    with pytest.raises(Conflict, match="only a failed one"):
        await retry(ctx, 1, scan)
    await start(ctx, 1, scan)
    with pytest.raises(Conflict, match="scan 1 is queued"):
        await start(ctx, 1, scan)
    await pump(ctx, 1)
    for refused in (cancel, retry, start):
        with pytest.raises(Conflict, match="scan 1 is completed"):
            await refused(ctx, 1, scan)
        with pytest.raises(NotFound, match="no scan 99"):
            await refused(ctx, 1, 99)
    with pytest.raises(DBAPIError, match="may not go from completed to queued"):
        await sql(ctx, "update app.area_scans set status = 'queued' returning 1")
    told = await sql(ctx, "select event_type from app.pipeline_events where stage = 'scans' order by id")
    assert [row["event_type"] for row in told] == ["scan_estimated", "scan_queued", "scan_started", "scan_completed"]


async def test_a_scan_is_cancelled_at_once_before_it_began_and_between_two_chunks_later(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_places(ctx, [90] * 9)
    waiting = await ordered(ctx)
    assert await cancel(ctx, 1, waiting) == "cancelled"
    monkeypatch.setattr(run, "CHUNK", 3)
    record, chunks = billing.record_leads, list[int]()

    async def recorded(db: Any, org_id: int, **given: Any) -> None:
        await record(db, org_id, **given)
        chunks.append(len(given["lead_ids"]))

    monkeypatch.setattr(billing, "record_leads", recorded)
    scan = await ordered(ctx)
    monkeypatch.setattr(run, "_chunk", cancelling(ctx, scan, chunks, run._chunk))
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (found["status"], leads_of(found), chunks) == ("cancelled", 6, [3, 3])
    assert (await account(ctx))["lines"] == 6


def cancelling(ctx: Context, scan: int, chunks: list[int], chunk: Any) -> Any:
    async def cancel_after_two(ctx_: Context, db: Any, *rest: Any) -> run.Chunk:
        if len(chunks) == 2:
            await execute(db, text("update app.area_scans set cancel_requested_at = app.now() where id = :id"), id=scan)
        made: run.Chunk = await chunk(ctx_, db, *rest)
        return made

    return cancel_after_two


async def test_what_was_asked_for_before_is_the_same_scan(ctx: Context, rooms: Rooms) -> None:
    first = await ordered(ctx, request_key="a", area=read_area(polygon=SQUARE))
    assert await ordered(ctx, request_key="a", area=read_area(polygon=SQUARE)) == first
    with pytest.raises(Conflict, match="used for another scan"):
        await ordered(ctx, request_key="a", max_leads=5, area=read_area(polygon=SQUARE))
    assert await ordered(ctx, request_key="b") != first


async def test_a_senseless_order_stores_nothing(ctx: Context, rooms: Rooms) -> None:
    senseless: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"broker_id": None}, InvalidInput, "nobody is named"),
        ({"broker_id": uuid.UUID(int=5)}, NotFound, "no broker"),
        ({"playbook": "equity"}, InvalidInput, "does not scan areas"),
        ({"max_leads": 0}, InvalidInput, "at least one"),
        ({"max_cost_cents": Decimal(-1)}, InvalidInput, "never negative"),
        ({"max_leads": 10**12}, InvalidInput, "more than 1,000,000"),
        ({"max_cost_cents": Decimal(10**23)}, InvalidInput, "more than 1,000,000,000"),
    ]
    for given, kind, said in senseless:
        with pytest.raises(kind, match=said):
            await ordered(ctx, **given)
    assert await sql(ctx, "select 1 from app.area_scans") == []


# -- what goes wrong ---------------------------------------------------------------------------------------------------


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
