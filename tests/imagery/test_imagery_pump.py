"""Looking at leads from above, against the town: once each, side by side, nothing lost, no stand-in that counts."""

import asyncio
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from imagery_cast import PICTURES, book, change, desk, faults, found_leads, sql, truth, viewers

from ground import START, several_lines, with_net
from penstock.core import clock, workers
from penstock.core.context import Context
from penstock.core.errors import Conflict, NotFound
from penstock.imagery import live_photo, tasks
from penstock.imagery.looking import Look
from penstock.imagery.shown import APART
from penstock.town.server import Town

COST = (
    "select coalesce(sum(cost_cents), 0) as cents, count(*) filter (where status = 'reserved') as open"
    "  from app.vendor_calls"
)
LEASED = (
    "insert into app.roof_looks (org_id, property_id, playbook, leased_until) "
    "values (1, {}, 'roofing', app.now() + interval '1 hour')"
)


class Died(BaseException):
    """A process that ended in the middle."""


async def outcomes(ctx: Context) -> Counter[str]:
    return Counter(row["outcome"] for row in await sql(ctx, "select outcome from app.roof_looks"))


async def test_every_due_lead_is_looked_at_once_and_its_live_words_reach_the_score(
    town_ctx: Context, town: Town
) -> None:
    ctx, leads = town_ctx, await found_leads(town_ctx, 14)
    assert await tasks.look_at_all(ctx, desk(ctx)) == len(leads)
    ended = await outcomes(ctx)
    assert ended.total() == len(leads)
    assert ended["assessed"] > 9
    assert await sql(ctx, "select 1 from app.imagery_due") == []

    views = await sql(ctx, "select * from app.roof_assessments where status = 'live'")
    assert Counter(view["vendor"] for view in views).keys() == {"anthropic", "openai"}
    facts = await sql(ctx, "select * from app.roof_facts")
    assert {row["looked"] for row in facts} <= {1, 2}
    assert all(0 <= row["damage"] <= 100 and row["life_left_years"] <= 60 for row in facts)
    by_place: dict[int, list[int]] = {}
    for view in views:
        by_place.setdefault(view["property_id"], []).append(view["condition_score"])
    assert {row["property_id"]: row["apart"] for row in facts} == {
        place: max(scores) - min(scores) for place, scores in by_place.items()
    }
    assert any(row["apart"] >= APART for row in facts)
    versions = {row["id"]: row["version"] for row in await sql(ctx, "select id, version from app.properties")}
    assert {place for place, version in versions.items() if version > 2} == set(by_place)  # located once, then seen
    told = await sql(ctx, "select lead_id, details from app.pipeline_events where event_type = 'roof_assessed'")
    assert {row["lead_id"] for row in told} == set(leads.values())

    assert {row["stage"] for row in await sql(ctx, "select stage from app.vendor_calls")} == {"imagery"}
    spent = (await sql(ctx, COST))[0]
    known = await truth(town)
    assert known["paid_twice"] == 0
    assert float(spent["cents"]) == sum(
        known["billed"].get(v, {"cents": 0})["cents"] for v in ("mapbox", "openai", "anthropic")
    )
    assert spent["open"] == 0
    assert await tasks.look_at_all(ctx, desk(ctx)) == 0

    with clock.held_at(START + timedelta(days=370)):  # a year later the pictures are too old
        assert len(await sql(ctx, "select 1 from app.imagery_due")) == len(leads)


async def test_what_a_town_makes_is_synthetic_and_counts_for_nothing(town_ctx: Context) -> None:
    ctx, leads = town_ctx, await found_leads(town_ctx, 4)
    before = await sql(ctx, "select id, version from app.properties order by id")
    assert await tasks.pump(ctx, 1) == 4
    pictures = await sql(ctx, "select status, license, taken_on from app.roof_images")
    assert {"synthetic"} <= {row["status"] for row in pictures} <= {"synthetic", "failed"}
    assert {(row["license"], row["taken_on"]) for row in pictures} == {(None, None)}, (
        "what is made up has no maker's terms"
    )
    made = await sql(ctx, "select status from app.roof_assessments")
    assert len(made) >= 6
    assert {row["status"] for row in made} <= {"synthetic", "failed"}
    assert await sql(ctx, "select 1 from app.roof_facts") == []
    assert await sql(ctx, "select id, version from app.properties order by id") == before
    async with ctx.db.tenant(1) as db:
        assert [await live_photo(db, 1, place) for place in leads] == [None] * 4


async def test_what_a_stand_in_looked_at_is_looked_at_again_once_real_vendors_are_connected(
    town_ctx: Context, town: Town
) -> None:
    ctx = town_ctx
    await found_leads(ctx, 3)
    await faults(town, naip={"web_page": 1.0})
    stand_in = desk(ctx, live=False, pictures=PICTURES[:1])
    assert await tasks.look_at_all(ctx, stand_in) == 3
    assert await outcomes(ctx) == {"failed": 3}
    await faults(town)
    with clock.held_at(START + timedelta(days=1, minutes=1)):
        assert await tasks.look_at_all(ctx, desk(ctx, live=False)) == 3
        ended = await outcomes(ctx)
        assert ended.keys() <= {"assessed", "pictured"}
        assert await tasks.look_at_all(ctx, desk(ctx, live=False)) == 0
        assert await tasks.look_at_all(ctx, desk(ctx)) == 3, "due at once for those who are real"
        assert await tasks.look_at_all(ctx, desk(ctx)) == 0
    assert await outcomes(ctx) == ended
    live = "select source, status from app.roof_images where content is not null order by property_id, source"
    assert {row["status"] for row in await sql(ctx, live)} == {"live"}
    bought = await sql(ctx, "select vendor, count(*) from app.vendor_calls where operation = 'assess' group by 1")
    assert {row["count"] for row in bought} == {6}, "no stand-in's word is taken for a vendor's"


async def test_without_a_vendor_it_fails_visibly_and_is_mended_the_day_after_one_is_connected(
    ctx: Context, town_ctx: Context
) -> None:
    """Both contexts are of one database: before and after the vendors were connected."""
    leads = await found_leads(ctx, 2)
    assert await tasks.pump(with_net(ctx, closed=True), 1) == 0, "they wait for the town"
    assert await outcomes(ctx) == {}
    assert await tasks.pump(ctx, 1) == 2
    images = await sql(ctx, "select source, status, reason, content from app.roof_images order by property_id, source")
    assert [(row["source"], row["status"]) for row in images] == [("naip", "failed")] * 2
    assert all("not connected" in row["reason"] and row["content"] is None for row in images)
    assert await outcomes(ctx) == {"failed": 2}
    assert await tasks.pump(town_ctx, 1) == 0  # asked again tomorrow, not at every sweep
    with clock.held_at(START + timedelta(days=1, minutes=1)):
        assert await tasks.look_at_all(town_ctx, desk(town_ctx)) == len(leads)
    assert set(await outcomes(ctx)) <= {"assessed", "pictured"}


async def test_a_web_page_in_place_of_a_picture_leaves_its_reason_and_the_next_source_is_asked(
    town_ctx: Context, town: Town
) -> None:
    ctx = town_ctx
    await found_leads(ctx, 2)
    await faults(town, naip={"web_page": 1.0})
    await tasks.look_at_all(ctx, desk(ctx))
    images = await sql(ctx, "select source, status, reason from app.roof_images order by property_id, source")
    assert [(row["source"], row["status"]) for row in images] == [("mapbox", "live"), ("naip", "failed")] * 2
    assert "a web page where a picture was asked for" in images[1]["reason"]
    assert (await truth(town))["billed"]["mapbox"]["items"] == 2


async def test_half_a_picture_that_was_paid_for_is_not_bought_again(town_ctx: Context, town: Town) -> None:
    ctx = town_ctx
    await found_leads(ctx, 1)
    await faults(town, naip={"web_page": 1.0}, mapbox={"truncated": 1.0})
    for day in range(3):
        with clock.held_at(START + timedelta(days=day, minutes=day)):
            await tasks.look_at_all(ctx, desk(ctx))
    assert await outcomes(ctx) == {"failed": 1}
    assert (await truth(town))["billed"]["mapbox"]["items"] == 1
    assert (await sql(ctx, COST))[0]["cents"] == pytest.approx(0.5)
    reasons = {row["source"]: row["reason"] for row in await sql(ctx, "select source, reason from app.roof_images")}
    assert reasons["mapbox"] == "it was asked before and the answer was lost"
    assert await sql(ctx, "select 1 from app.roof_assessments") == []


async def test_a_cap_makes_places_wait_and_nothing_is_overspent(town_ctx: Context, town: Town) -> None:
    ctx = town_ctx
    await found_leads(ctx, 6)
    await change(
        ctx, "insert into app.spend_caps (org_id, scope, vendor, cap_cents) values (1, 'vendor_day', 'openai', 4)"
    )
    await tasks.look_at_all(ctx, desk(ctx))
    assert (await truth(town))["billed"]["openai"]["items"] == 2
    waiting = await sql(ctx, "select 1 from app.imagery_due")
    assert len(waiting) == 4
    assert await tasks.look_at_all(ctx, desk(ctx)) == 0
    with clock.held_at(START + timedelta(days=1)):  # another day, another cap
        await tasks.look_at_all(ctx, desk(ctx))
    assert (await truth(town))["billed"]["openai"]["items"] == 4
    assert (await truth(town))["paid_twice"] == 0


async def test_a_busy_vendor_makes_places_wait_and_the_dearer_one_is_not_asked(town_ctx: Context, town: Town) -> None:
    ctx = town_ctx
    await found_leads(ctx, 1)
    await faults(town, naip={"rate_429": 1.0})
    await tasks.look_at_all(ctx, desk(ctx))
    assert await outcomes(ctx) == {"waiting": 1}
    assert "mapbox" not in (await truth(town))["billed"]
    await faults(town)
    with clock.held_at(START + timedelta(minutes=20)):
        assert await tasks.look_at_all(ctx, desk(ctx)) == 1
    assert set(await outcomes(ctx)) <= {"assessed", "pictured"}


async def test_a_lead_below_the_mark_waits_until_it_promises_more(town_ctx: Context, town: Town) -> None:
    ctx = town_ctx
    (lead,) = (await found_leads(ctx, 1, score=64)).values()
    assert await tasks.look_at_all(ctx, desk(ctx, look_from=70)) == 1
    assert await outcomes(ctx) == {"below": 1}
    assert await tasks.look_at_all(ctx, desk(ctx, look_from=70)) == 0
    await change(ctx, "update app.leads set lead_score = 71")
    assert await tasks.look_at_all(ctx, desk(ctx, look_from=70)) == 1
    assert set(await outcomes(ctx)) <= {"assessed", "pictured"}
    told = await sql(ctx, "select lead_id from app.pipeline_events where event_type = 'roof_assessed'")
    assert [row["lead_id"] for row in told] == [lead]


async def test_a_place_that_was_moved_is_looked_at_anew_and_old_words_are_forgotten(
    town_ctx: Context, town: Town
) -> None:
    ctx = town_ctx
    await found_leads(ctx, 1)
    await tasks.look_at_all(ctx, desk(ctx))
    (before,) = await sql(ctx, "select id, content_sha256 from app.roof_images where status = 'live'")
    await change(ctx, "update app.properties set lat = 30.5")
    assert await tasks.look_at_all(ctx, desk(ctx)) == 1
    images = await sql(ctx, "select id, lat, content_sha256 from app.roof_images where status = 'live' and lat = 30.5")
    assert len(images) == 1
    assert images[0]["content_sha256"] != before["content_sha256"]
    said = await sql(ctx, "select v.status from app.vendor_calls v where operation = 'assess'")
    assert len(said) == 4
    assert (await truth(town))["paid_twice"] == 0


async def test_two_workers_share_the_places_and_buy_nothing_twice(town_ctx: Context, town: Town) -> None:
    ctx = several_lines(town_ctx)
    leads = await found_leads(ctx, 8)
    other = replace(ctx, worker_id=type(ctx.worker_id)(int=7))
    done = await asyncio.gather(*(tasks.look_at_all(worker, desk(worker)) for worker in (ctx, other)))
    assert sum(done) == len(leads)
    assert (await outcomes(ctx)).total() == len(leads)
    assert (await truth(town))["paid_twice"] == 0


async def test_a_worker_that_died_gives_its_places_back_and_what_it_bought_is_used(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = town_ctx
    await found_leads(ctx, 1)
    written = tasks._finish

    async def dies(*_: Any) -> None:
        raise Died

    async def dead(_: Any) -> list[Any]:
        return [ctx.worker_id]

    monkeypatch.setattr(tasks, "_finish", dies)
    with pytest.raises(BaseExceptionGroup):
        await tasks.look_at_all(ctx, desk(ctx))
    monkeypatch.setattr(tasks, "_finish", written)
    assert await sql(ctx, "select 1 from app.imagery_due") == []  # still leased
    monkeypatch.setattr(workers, "dead", dead)
    assert await tasks.recover(ctx, 1) == 1
    assert await tasks.look_at_all(ctx, desk(ctx)) == 1
    assert (await truth(town))["paid_twice"] == 0
    assert len(await sql(ctx, "select 1 from app.vendor_calls where operation = 'assess'")) == 2


async def test_one_strange_place_does_not_hold_the_others(town_ctx: Context) -> None:
    ctx = town_ctx
    strange, *_ = await found_leads(ctx, 3)
    await change(ctx, f"update app.properties set lat = 88 where id = {strange}")  # web maps end at 85 degrees
    assert await tasks.look_at_all(ctx, desk(ctx)) == 3
    (entry,) = await sql(ctx, "select stage, item, error from app.dlq")
    assert (entry["stage"], entry["item"]) == ("imagery", str(strange))
    assert "not on the map" in entry["error"]
    assert await sql(ctx, "select 1 from app.imagery_due") == []


async def test_what_an_unforeseen_error_quotes_is_not_kept(town_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = town_ctx
    await found_leads(ctx, 1)

    async def fail(*_: object) -> None:
        raise RuntimeError("parameters: ada@home.example")

    monkeypatch.setattr(tasks, "look_at", fail)
    assert await tasks.look_at_all(ctx, desk(ctx)) == 1
    assert await sql(ctx, "select error from app.dlq") == [{"error": "RuntimeError"}]


async def test_another_model_is_asked_about_the_picture_that_is_there(town_ctx: Context, town: Town) -> None:
    ctx = town_ctx
    (place,) = await found_leads(ctx, 1)
    await tasks.look_at_all(ctx, desk(ctx))
    newer = desk(ctx, viewers=viewers(ctx, model="model-2"))
    await tasks.look_at_one(ctx, newer, place)
    views = await sql(ctx, "select vendor, model from app.roof_assessments order by vendor")
    assert [(view["vendor"], view["model"]) for view in views] == [("anthropic", "model-2"), ("openai", "model-2")]
    await tasks.look_at_one(ctx, newer, place)
    assert len(await sql(ctx, "select 1 from app.vendor_calls where operation = 'assess'")) == 4
    assert len(await sql(ctx, "select 1 from app.vendor_calls where vendor = 'naip'")) == 1


async def test_a_place_that_is_not_there_or_is_being_looked_at_is_said_so(town_ctx: Context) -> None:
    ctx = town_ctx
    (place,) = await found_leads(ctx, 1)
    with pytest.raises(NotFound):
        await tasks.look_at_one(ctx, desk(ctx), 999)
    await change(ctx, LEASED.format(place))
    with pytest.raises(Conflict, match="being looked at"):
        await tasks.look_at_one(ctx, desk(ctx), place)
    await change(ctx, "update app.properties set lat = null, lng = null")
    with pytest.raises(Conflict, match="not known"):
        await tasks.look_at_one(ctx, desk(ctx), place)


async def test_a_playbook_without_sources_says_so(ctx: Context) -> None:
    await found_leads(ctx, 1)
    alone = replace(ctx, playbooks={"roofing": book(ctx, pictures=(), viewers=())})
    assert await tasks.pump(alone, 1) == 1
    (look,) = await sql(ctx, "select outcome, reason from app.roof_looks")
    assert look == {"outcome": "failed", "reason": "the playbook names no source of pictures"}


async def test_a_lease_that_ran_out_is_not_given_back_by_its_last_holder(town_ctx: Context) -> None:
    ctx, other = town_ctx, replace(town_ctx, worker_id=uuid.uuid4())
    await found_leads(ctx, 1)
    seat = desk(ctx)
    slow = await tasks._claim(ctx, seat)
    assert slow is not None
    held = "select outcome, worker_id, leased_until from app.roof_looks"
    for again, late in enumerate((other, ctx), start=1):  # another worker, and then the slow one's own next line
        with clock.held_at(START + timedelta(minutes=31 * again)):
            taken = await tasks._claim(late, seat)
            assert taken is not None
            await tasks._give_back(ctx, seat, slow)
            await tasks._finish(ctx, seat, slow, Look(failed=["too slow"]))
            assert await sql(ctx, held) == [
                {"outcome": None, "worker_id": late.worker_id, "leased_until": taken["leased_until"]}
            ]
    await tasks._give_back(ctx, seat, taken)
    assert await sql(ctx, held) == [{"outcome": None, "worker_id": None, "leased_until": None}]
