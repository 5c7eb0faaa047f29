"""A scan makes the best places of an area into leads, and goes only the way that scans go."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ground import BROKER_ID
from penstock import billing, contagion, onboarding
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.scans import ScanRequest, cancel, estimate, read_area, retry, run, start
from penstock.scans.tasks import pump
from scanworld import AUSTIN, SQUARE, account, leads_of, make_places, ordered, sql, state

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


async def test_an_area_in_parts_takes_what_lies_in_each_of_them_once(ctx: Context, rooms: Rooms) -> None:
    west, east = await make_places(ctx, [90], lat=51.95, lng=-180), await make_places(ctx, [90], lat=51.95, lng=179.95)
    await make_places(ctx, [90], lat=51.95, lng=-170)
    parts = [[[[x, 51.9], [x + 0.1, 51.9], [x + 0.1, 52.0], [x, 52.0], [x, 51.9]]] for x in (179.9, -180)]
    scan = await ordered(ctx, area=read_area(polygon={"type": "MultiPolygon", "coordinates": parts}))
    await pump(ctx, 1)
    assert leads_of(await state(ctx, scan)) == 2
    leads = await sql(ctx, "select property_id from app.leads order by property_id")
    assert [row["property_id"] for row in leads] == [*west, *east]


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


async def test_where_no_permits_are_known_the_best_title_is_no_lead_and_none_is_expected(ctx: Context) -> None:
    await make_places(ctx, [None, None])
    await sql(ctx, "update app.properties set property_value = 412000, estimated_equity = 260000 returning 1")
    await contagion.score_due(ctx, 1, ctx.playbooks["roofing"])
    told = await estimate(ctx, 1, ScanRequest(area=AUSTIN, broker_id=BROKER_ID))
    assert (told.places, told.scored, told.permits) == (2, 2, 0)
    assert (told.leads_at_most, told.leads_expected, told.at_most_cents) == (0, 0, 0)
    assert any("no permits are known here" in note for note in told.notes)
    scan = await ordered(ctx)
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (leads_of(found), found["results_summary"]["not_leads"]) == (0, {"below the bar": 2})
    stored = await sql(ctx, "select distinct total_urgency_score, tier, action, confidence from app.property_scores")
    assert stored == [{"total_urgency_score": 59, "tier": 0, "action": 1, "confidence": 0}]


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
    assert (found["processed_properties"], found["total_properties"], found["progress_percentage"]) == (
        6,
        9,
        Decimal("66.7"),
    )
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
