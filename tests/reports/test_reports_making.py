"""Which leads get a report, when a new one is made, and what it rests on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reports_world import DAY, make_home, make_permit, place_at, property_of, reports_of, set_scores
from sqlalchemy import text

from ground import BROKER_ID
from penstock import contagion
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.reports import link_of_lead, making
from penstock.reports.firm import Firm, set_firm
from penstock.reports.tasks import pump

ANOTHER = text(
    "insert into app.properties (org_id, address_line1, city, state, source)"
    " values (1, :line, 'AUSTIN', 'TX', 'test') returning id"
)
PORTALS = text(  # the permits of make_home are of austin, and were written down the day before
    "insert into app.permit_sources (org_id, source, since, last_pulled_at) values (1, 'austin', '2026-01-01',"
    " '2026-11-30T09:00:00Z'), (1, 'chicago', '2026-01-01', '2026-11-30T12:00:00Z'), (1, 'dallas', '2026-01-01', null)"
)
ABOUT = text("update app.building_permits set property_id = :owner, matched_by = 'address' where id = :id")


async def test_a_scored_lead_gets_one_report_that_says_what_is_on_record(ctx: Context) -> None:
    lead = await make_home(ctx, address="2214 OAKLAWN TER")
    assert await pump(ctx, 1) == 1 and await pump(ctx, 1) == 0
    [report] = await reports_of(ctx, lead)
    said = report["content"]
    assert [ring["count"] for ring in said["counts"]["rings"]] == [1, 3, 4]
    assert said["social_proof"] == (
        "3 re-roofs were permitted within 500 ft since March 2025, by 2 different contractors; "
        "the nearest is about 80 ft away, in October 2026."
    )
    assert {(dot["east"], dot["north"], dot["month"]) for dot in said["map"]["dots"]} == {
        (60, 60, "2026-10"), (-300, 0, "2025-03"), (0, 400, "2026-01"), (900, -400, "2024-05"),
    }  # fmt: skip
    assert sorted(zip(said["map"]["homes"][::2], said["map"]["homes"][1::2], strict=True)) == [(-160, 30), (120, 30)]
    assert said["score"]["reasons"][0] == "3 re-roofs within 500 ft since March 2025, yours is the same age"
    assert said["cities"] == ["Austin, TX"] and said["days"]["read_on"] == "2026-11-29"
    assert "RIVAL" not in str(said).upper()
    async with ctx.db.tenant(1) as db:
        events = await rows(db, text("select event_type, details from app.pipeline_events where stage = 'reports'"))
        proof = await rows(db, text("select text, permits, contractors from app.social_proof_data"))
    assert [(e["event_type"], e["details"]) for e in events] == [("report_made", {"report": str(report["id"])})]
    assert [tuple(p.values()) for p in proof] == [(said["social_proof"], 4, 2)]


async def test_the_dots_of_the_map_are_the_projects_that_the_score_counts(ctx: Context) -> None:
    lead = await make_home(ctx)
    filed = [
        (200, 0, (400, 340, 200), 1),  # one property: a project, and another after 120 days without a permit
        (200, 40, (60, 50), None), (200, 40, (20,), None),  # a spot that belongs to nobody known
        (-700, 90, (1300, 1190, 1090), None),  # began before the window, and went on
        (300, 300, (90,), 2), (320, 330, (30,), 2),  # one property, written down at two spots
        (1250, 0, (15,), 3), (1350, 0, (10,), 3), (-1350, 0, (200,), 4), (-1290, 0, (110,), 4),  # across the rim
    ]  # fmt: skip
    owners: dict[int, int] = {}
    async with ctx.db.tenant(1) as db:
        for number in range(1, 5):
            owners[number] = int(await scalar(db, ANOTHER, line=f"{number} Elm St"))
            await place_at(db, owners[number], 100 * number, 500)
        for east, north, days_ago, owner in filed:
            for days in days_ago:
                permit = await make_permit(
                    db, f"{east} {north} {days}", east, north, DAY - timedelta(days=days), "reroof"
                )
                if owner is not None:
                    await execute(db, ABOUT, id=permit, owner=owners[owner])
    await contagion.score_due(ctx, 1, ctx.playbooks["roofing"], full=True)
    await pump(ctx, 1)
    said = (await reports_of(ctx, lead))[-1]["content"]
    counted = said["counts"]["rings"][2]["count"]
    assert counted == 4 + 2 + 1 + 1 + 1
    dots = {(dot["east"], dot["north"]): (dot["month"], dot["count"]) for dot in said["map"]["dots"]}
    assert sum(count for _, count in dots.values()) == counted
    assert dots[200, 40] == ("2026-10", 1) and dots[300, 300] == ("2026-09", 1) and (-700, 90) not in dots


async def test_permits_stand_as_of_the_day_that_their_portal_was_last_read(ctx: Context) -> None:
    lead = await make_home(ctx)
    async with ctx.db.tenant(1) as db:
        await execute(db, PORTALS)
    await pump(ctx, 1)
    [report] = await reports_of(ctx, lead)
    assert report["content"]["days"]["read_on"] == "2026-11-30"


async def test_the_barred_and_the_unscored_get_none_and_a_senseless_row_holds_nobody_up(ctx: Context) -> None:
    barred, unscored = await make_home(ctx), await make_home(ctx)
    senseless = await make_home(ctx, scores={"nearest_permit_ft": float("nan")})
    good = await make_home(ctx)
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.leads set lead_status = 'do_not_contact' where id = :id"), id=barred)
        place = await property_of(ctx, unscored)
        await execute(db, text("delete from app.property_scores where property_id = :id"), id=place)
    await pump(ctx, 1)
    assert [len(await reports_of(ctx, lead)) for lead in (barred, unscored, senseless, good)] == [0, 0, 0, 1]
    async with ctx.db.tenant(1) as db:
        waiting = await rows(db, text("select stage, item from app.dlq"))
        await set_scores(db, await property_of(ctx, senseless))
    assert [(row["stage"], row["item"]) for row in waiting] == [("reports", str(senseless))]
    await making.make(ctx, 1, senseless)
    async with ctx.db.tenant(1) as db:
        assert await rows(db, text("select stage from app.dlq")) == [], "what is made waits no more"


async def test_a_report_is_made_anew_when_an_owner_would_notice_and_only_then(ctx: Context) -> None:
    lead = await make_home(ctx)
    place = await property_of(ctx, lead)

    async def made_after(**changed: Any) -> int:
        async with ctx.db.tenant(1) as db:
            await set_scores(db, place, **changed)
        return await pump(ctx, 1)

    async def within_500_ft() -> list[tuple[int, bool]]:
        found = await reports_of(ctx, lead)
        return [(row["content"]["counts"]["rings"][1]["count"], row["is_current"]) for row in found]

    assert await made_after() == 1
    assert await made_after(total_urgency_score=83) == 0, "the total drifts from day to day"
    assert await made_after(permits_within_500ft=4) == 1
    assert sorted(await within_500_ft()) == [(3, False), (4, True)]
    assert await made_after() == 1, "facts that return bring their report back"
    assert sorted(await within_500_ft()) == [(3, True), (4, False)]
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.property_reports set withdrawn_at = app.now() where is_current"))
        assert await link_of_lead(db, ctx, 1, lead) is None
    assert await pump(ctx, 1) == 0, "what was withdrawn does not come back by itself"
    assert await made_after(tier=1, total_urgency_score=66) == 1
    async with ctx.db.tenant(1) as db:
        assert await link_of_lead(db, ctx, 1, lead) is not None
        await set_firm(
            db, 1, BROKER_ID, Firm("Harbor Roofing", "RC-1", "tx", "512 555 2368", "https://www.harbor.example/")
        )
    assert await pump(ctx, 1) == 1, "a firm that calls itself otherwise is shown so"
    [said] = [row["content"]["contractor"] for row in await reports_of(ctx, lead) if row["is_current"]]
    assert said == {
        "name": "Harbor Roofing", "license_number": "RC-1", "license_state": "TX", "phone": "(512) 555-2368",
        "website": "harbor.example",
    }  # fmt: skip
