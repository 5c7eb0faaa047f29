"""How far a scan may go: what it may cost, how many leads, and what is told before."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import zipcodes

from ground import BROKER_ID
from penstock import onboarding
from penstock.core.context import Context
from penstock.core.errors import Conflict, InvalidInput
from penstock.scans import ScanRequest, estimate, order, read_area, run, start
from penstock.scans.tasks import pump
from scanworld import AUSTIN, SQUARE, account, leads_of, make_places, ordered, sql, state, subscribe

if TYPE_CHECKING:
    from scanrooms import Rooms

pytest_plugins = ["scanrooms"]


async def test_a_trial_of_25_stops_at_25_with_the_best_of_the_area(
    ctx: Context, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", 10)
    places = await make_places(ctx, [60 + n for n in range(40)])
    scan = await ordered(ctx)
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (found["status"], leads_of(found)) == ("completed", 25)
    assert (found["processed_properties"], found["total_properties"], found["progress_percentage"]) == (40, 40, 100)
    seen = await sql(ctx, "select processed_properties, progress_percentage from territory.area_scans")
    assert seen == [{"processed_properties": 40, "progress_percentage": 100}]
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


async def test_permits_that_name_no_zip_code_are_known_where_their_places_are(ctx: Context, rooms: Rooms) -> None:
    (place,) = await make_places(ctx, [10])
    await make_places(ctx, [10], postal_code="78702", lat=30.30)
    await make_places(ctx, [90], postal_code="78703", lat=30.35)
    permit = (
        "insert into app.building_permits (org_id, source, source_id, work, issued_on, city, state, postal_code, lat,"
        " lng, property_id, matched_by, content_hash, matched_at) values (1, 'test', :id, 'reroof', '2026-11-01',"
        " :city, 'TX', cast(:zip as text), cast(:lat as float8), -97.745, cast(:place as bigint),"
        " case when cast(:place as bigint) is not null then 'address' end, :id, app.now()) returning 1"
    )
    base: dict[str, Any] = {"city": "Austin", "zip": None, "lat": None, "place": None}
    for n, told in enumerate(
        [
            {"zip": "78701"},
            {"zip": "78701", "lat": 30.255, "place": place},  # counted once
            {"place": place, "city": None},
            {"lat": 30.2551, "city": None},  # next door
            {"lat": 30.2551, "zip": "78702"},
            {"lat": 30.32},
        ]
    ):
        await sql(ctx, permit, id=f"p{n}", **(base | told))
    asked = [read_area(zip_code=code) for code in ("78701", "78702", "78703")]
    told = [await estimate(ctx, 1, ScanRequest(area=area)) for area in (*asked, AUSTIN)]
    assert [one.permits for one in told] == [4, 1, 0, 6]
    assert [any("no permits are known" in note for note in one.notes) for one in told] == [False, False, True, False]
    await sql(
        ctx, "update app.property_scores set permits_within_quarter_mile = 1 where total_urgency_score = 90 returning 1"
    )
    felt = await estimate(ctx, 1, ScanRequest(area=asked[2]))
    assert not any("no permits are known" in note for note in felt.notes), "its neighbours' are beyond the edge"


async def test_the_price_is_told_before_and_nothing_is_stored_or_bought(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90, 90, 70, 10, 10, 10, 10, 10, None, None])
    rooms.at_vendor = 30
    await subscribe(ctx, trial=2)
    request = ScanRequest(area=AUSTIN, broker_id=BROKER_ID, search=True)
    told = await estimate(ctx, 1, request)
    assert (told.places, told.scored, told.at_vendor, told.trial_leads) == (10, 8, 30, 2)
    assert told.leads_at_most == 3 + 2 + 30  # ready, not scored yet, at the vendor: ours came from elsewhere
    assert told.leads_expected == 3 + round(3 / 8 * 32)
    costs = {cost.what: (cost.at_most, cost.at_most_cents) for cost in told.costs}
    assert costs["search"] == (30, Decimal(300)) and costs["leads"] == (33, Decimal(82_500))
    assert told.at_most_cents == 300 + 82_500 + costs["pictures"][1]
    capped = await estimate(ctx, 1, replace(request, max_cost_cents=Decimal(200), max_leads=4))
    assert (capped.leads_at_most, capped.at_most_cents) == (2, 200 + 2 * told.costs[2].unit_cents)
    newcomer = await estimate(ctx, 1, ScanRequest(area=AUSTIN))
    assert (newcomer.trial_leads, newcomer.costs[1].at_most) == (25, 0)
    carl = await onboarding.add_broker(ctx, 1, onboarding.BrokerProfile(name="Carl", email="carl@acme.example"))
    await estimate(ctx, 1, replace(request, broker_id=carl))
    assert [row["broker_id"] for row in await sql(ctx, "select broker_id from app.subscriptions")] == [BROKER_ID]
    assert await sql(ctx, "select 1 from app.area_scans") == []
    assert {what for what, _ in rooms.asked} == {"count"}


async def test_a_limit_on_the_cost_bounds_what_is_told_and_what_is_charged(ctx: Context, rooms: Rooms) -> None:
    """Expected is at most the most, the most is within the limit, and what is charged is within the most."""
    codes = sorted(at["zip_code"] for at in zipcodes.filter_by(city="Austin", state="TX"))
    limits = [None, *(Decimal(cents) for cents in (0, 2_800, 10_000))]
    for n, (limit, trial, at_vendor) in enumerate(itertools.product(limits, (0, 3), (0, 30))):
        area = read_area(zip_code=codes[n])
        await make_places(ctx, [90] * 9 + [10, None], postal_code=area.name)
        await subscribe(ctx, trial=trial)
        rooms.at_vendor = at_vendor
        request = ScanRequest(area=area, broker_id=BROKER_ID, search=at_vendor > 0, permits=True, max_cost_cents=limit)
        told = await estimate(ctx, 1, request)
        search, leads, pictures = told.costs
        assert all(cost.expected <= cost.at_most for cost in told.costs)
        assert told.expected_cents <= told.at_most_cents == sum(cost.at_most_cents for cost in told.costs)
        assert limit is None or search.at_most_cents + leads.at_most_cents <= limit
        assert told.leads_at_most == pictures.at_most == leads.at_most + min(trial, told.leads_at_most)
        scan = await order(ctx, 1, request, actor="test", agreed=told)
        await pump(ctx, 1)
        cents = (await state(ctx, scan))["results_summary"]["cents"]
        assert cents["search"] <= search.at_most_cents and cents["leads"] <= leads.at_most_cents
    agreed = await sql(
        ctx, "select (estimate->>'leads_at_most')::int as most, qualified_leads as made from app.area_scans"
    )
    assert all(scan["made"] <= scan["most"] for scan in agreed) and any(scan["made"] for scan in agreed)


async def test_an_estimate_says_that_the_limit_on_the_cost_ends_it(ctx: Context, rooms: Rooms) -> None:
    await make_places(ctx, [90] * 86)
    await subscribe(ctx, trial=15)
    request = ScanRequest(area=AUSTIN, broker_id=BROKER_ID, max_cost_cents=Decimal(10_000))
    told = await estimate(ctx, 1, request)
    assert (told.leads_at_most, told.leads_expected, told.costs[1].at_most_cents) == (19, 19, 10_000)
    assert "the limit of $100.00 on search and leads is what ends it" in told.notes
    scan = await order(ctx, 1, request, actor="test", agreed=told)
    await pump(ctx, 1)
    found = await state(ctx, scan)
    assert (leads_of(found), found["results_summary"]["cents"]["leads"]) == (19, 10_000)
    roomy = await estimate(ctx, 1, replace(request, max_cost_cents=Decimal(10**6)))
    assert not any("limit" in note for note in roomy.notes)


async def test_a_search_that_would_take_in_the_country_is_refused_and_one_that_takes_in_more_says_so(
    ctx: Context, rooms: Rooms
) -> None:
    rooms.at_vendor = 5
    corner = [[-97.75, 30.25], [-97.74, 30.25], [-97.74, 30.26], [-97.75, 30.25]]
    ends = [[[-122.3, 47.6], [-122.29, 47.6], [-104.9, 39.7], [-122.3, 47.6]]]  # a sliver from Seattle to Denver
    told = [
        await estimate(
            ctx, 1, ScanRequest(area=read_area(polygon={"type": "Polygon", "coordinates": [drawn]}), search=True)
        )
        for drawn in (corner, SQUARE["coordinates"][0])
    ]
    assert told[0].notes[-1].startswith("the search buys the boxes around the drawn parts, 0.4 square miles")
    assert not any("boxes" in note for note in told[1].notes)
    sliver = ScanRequest(area=read_area(polygon={"type": "Polygon", "coordinates": ends}))
    await estimate(ctx, 1, sliver)
    with pytest.raises(InvalidInput, match=r"search: it would take in the boxes .* more than 1,600") as refused:
        await estimate(ctx, 1, replace(sliver, search=True))
    assert refused.value.fix == "draw compact parts, or leave the search out"


async def test_a_search_buys_no_more_than_the_estimate_said(ctx: Context, rooms: Rooms) -> None:
    rooms.at_vendor = 500
    scan = await ordered(ctx, search=True, max_cost_cents=Decimal(1_000))
    rooms.at_vendor = 5_000
    await pump(ctx, 1)
    assert ("search", 100) in rooms.asked
    assert (await state(ctx, scan))["results_summary"]["cents"]["search"] == 1_000


async def test_records_that_are_bought_may_all_be_new_places(ctx: Context, rooms: Rooms) -> None:
    """Nobody knows which of the vendor's records are of the places we have, but of those that the vendor brought."""
    await subscribe(ctx, "trial", trial=25)
    await make_places(ctx, [90] * 10)
    await ordered(ctx)
    await pump(ctx, 1)
    rooms.at_vendor = 12
    search = ScanRequest(area=AUSTIN, broker_id=BROKER_ID, search=True, max_cost_cents=Decimal(100))
    told = await estimate(ctx, 1, search)
    assert (told.leads_already, told.costs[0].at_most, told.leads_at_most) == (10, 10, 10)
    await sql(ctx, "update app.properties set source = 'batchdata' where id % 2 = 0 returning 1")
    assert (await estimate(ctx, 1, search)).leads_at_most == 12 - 5
    scan = await order(ctx, 1, search, actor="test")
    await make_places(ctx, [90] * 7)  # what the search brings
    await pump(ctx, 1)
    assert leads_of(await state(ctx, scan)) == 7


async def test_a_search_that_would_be_paid_for_nothing_is_refused(ctx: Context, rooms: Rooms) -> None:
    await subscribe(ctx)
    await make_places(ctx, [10] * 5)
    rooms.at_vendor = 8
    search = ScanRequest(area=AUSTIN, broker_id=BROKER_ID, search=True)
    eaten = replace(search, max_cost_cents=Decimal(80))  # the search may cost that, a lead costs $25
    said = "the search may take all of the limit on the cost: raise the limit, or order without the search"
    told = await estimate(ctx, 1, eaten)
    assert (told.no_leads_because, said in told.notes) == (said, True)
    with pytest.raises(Conflict, match="may take all of the limit on the cost") as refused:
        await order(ctx, 1, eaten, actor="test")
    assert refused.value.fix == "raise the limit, or order without the search"
    assert (await estimate(ctx, 1, replace(eaten, max_cost_cents=Decimal(2_580)))).leads_at_most == 1
    await sql(ctx, "update app.properties set source = 'batchdata' returning 1")
    rooms.at_vendor = 5
    with pytest.raises(Conflict, match="the search finds no new one") as refused:
        await order(ctx, 1, search, actor="test")
    assert refused.value.fix == "name another area"
    assert (await estimate(ctx, 1, replace(search, search=False))).no_leads_because is None
