"""A scan with every room real: places bought, permits read, scores, leads, in the town."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ground import BROKER_ID
from penstock import permits
from penstock.core.context import Context
from penstock.scans import ScanRequest, estimate, order, read_area
from penstock.scans.tasks import pump
from scanworld import account, leads_of, sql, state, subscribe


async def test_an_area_that_nobody_loaded_becomes_leads_by_search_permits_and_scores(town_ctx: Context) -> None:
    ctx = town_ctx
    await permits.follow(ctx, 1, "austin", since=date(2026, 3, 1))
    limit = Decimal(4_000)  # 400 records; the leads are of the trial
    request = ScanRequest(
        area=read_area(city="Austin, TX"), broker_id=BROKER_ID, search=True, permits=True, max_cost_cents=limit
    )
    told = await estimate(ctx, 1, request)
    assert (told.places, told.leads_expected, told.costs[0].at_most) == (0, None, 400)
    assert told.at_vendor is not None and told.at_vendor > 400
    scan = await order(ctx, 1, request, actor="test")
    assert await pump(ctx, 1) == 1
    found = await state(ctx, scan)
    assert (found["status"], found["error_message"], found["total_properties"]) == ("completed", None, 400)
    leads, summary = leads_of(found), found["results_summary"]
    assert 0 < leads <= 25 and summary["owner_known"] == leads
    assert (summary["search"]["places"], summary["cents"]["search"]) == (400, 4_000)
    assert summary["permits"] == {"read": ["austin"], "not_followed": []}
    spent = await sql(ctx, "select area_scan_id, sum(cost_cents) as cents from app.vendor_calls group by 1")
    assert spent == [{"area_scan_id": scan, "cents": 4_000}]
    assert (await account(ctx)) == {
        "leads": leads, "places": leads, "lines": leads, "told": leads, "trial": 25 - leads,
    }  # fmt: skip
    await subscribe(ctx, "trial", trial=1)
    again = await order(ctx, 1, request, actor="test")  # the pages are known: nothing is bought twice
    await pump(ctx, 1)
    second = await state(ctx, again)
    assert second["results_summary"]["cents"]["search"] == 0
    assert second["results_summary"]["not_leads"]["a lead of yours already"] == leads
