"""The pass over the database: what is written, what is left alone, what wakes whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection
from world_contagion import TODAY, change, fill, permit, place, scores, value

from factories import make_lead
from ground import START
from penstock.contagion import load, passes, rescore, score_due, verdicts
from penstock.contagion.tasks import pump
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import InvalidInput
from penstock.permits import tasks as permits
from penstock.playbook import Playbook

DUE = "select coalesce(sum(items), 0) from app.contagion_due"
DIARY = "select event_type, details from app.pipeline_events where stage = 'contagion' order by event_type"
WRITTEN = "select max(scored_at) from app.property_scores where property_id = :id"


@pytest.fixture
def book(ctx: Context) -> Playbook:
    return next(book for book in ctx.playbooks.values() if book.territory)


async def street(ctx: Context) -> None:
    """Five homes in a row, six re-roofs behind them, and a home far away."""
    homes = [place(100 + n, 0, n, subdivision=1) for n in range(1, 6)]
    await fill(ctx, [*homes, place(109, 99, 0)], [permit(id, 1, id, days=10 * id, contractor=1) for id in range(1, 7)])


async def test_a_first_pass_scores_every_place_with_coordinates(ctx: Context, book: Playbook) -> None:
    homes = [place(1, 0, 0), place(2, 0, 2), place(3, 90, 0, city="Elsewhere"), place(4, 0, 0, lat=None, lng=None)]
    await fill(ctx, homes, [permit(7, 0, 1, owner=2), permit(8, 0, 1, work="solar")])
    assert await value(ctx, DUE) == 5
    done = await score_due(ctx, 1, book)
    assert (done.properties, done.permits, done.changed, done.full) == (3, 1, 3, True)
    found = await scores(ctx)
    assert sorted(found) == [1, 2, 3]
    assert (found[1]["permits_within_100ft"], found[1]["nearest_permit_id"]) == (1, 7)
    assert (found[2]["by_permit"], found[2]["fresh"], found[2]["total_urgency_score"]) == (True, True, 0)
    assert [found[id]["known"] & 1 for id in (1, 3)] == [1, 0]  # no permits of Elsewhere are on record
    assert await value(ctx, DUE) == 0


async def test_a_permit_of_no_named_town_is_known_to_its_whole_subdivision(ctx: Context, book: Playbook) -> None:
    homes = [place(1, 0, 0, subdivision=1), place(2, 90, 0, subdivision=1), place(3, 90, 1, subdivision=2)]
    await fill(ctx, homes, [permit(7, 0, 0, city=None, subdivision=1)])
    await score_due(ctx, 1, book)
    found = await scores(ctx)
    assert [found[id]["known"] & 1 for id in (1, 2, 3)] == [1, 1, 0]
    async with ctx.db.tenant(1) as db:
        told = await verdicts(db, book, 1, [3])
    assert "PERMITS_UNKNOWN" in {reason.code for reason in told[3].reasons}


async def test_a_permit_without_coordinates_is_felt_around_its_place_and_gives_the_place_its_age(
    ctx: Context, book: Playbook
) -> None:
    await fill(ctx, [place(1, 0, 0), place(2, 0, 1), place(3, 60, 60)], [permit(9, 30, 30)])
    await score_due(ctx, 1, book)
    await fill(ctx, [], [permit(7, 0, 0, lat=None, lng=None)])
    await change(ctx, "update app.building_permits set addr_hash = 'h1' where id = 7")
    await permits.pump(ctx, 1)
    assert not (await score_due(ctx, 1, book)).full
    found = await scores(ctx)
    assert (found[1]["by_permit"], found[1]["fresh"], found[1]["permits_within_500ft"]) == (True, True, 0)
    assert (found[2]["nearest_permit_id"], found[2]["permits_within_100ft"]) == (7, 1)
    await change(
        ctx, "update app.properties p set lat = f.lat, lng = f.lng from app.properties f where p.id = 1 and f.id = 3"
    )
    await permits.pump(ctx, 1)
    assert not (await score_due(ctx, 1, book)).full
    moved = await scores(ctx)
    assert (moved[2]["permits_within_500ft"], moved[3]["nearest_permit_id"]) == (0, 7)
    await score_due(ctx, 1, book, full=True)
    assert await scores(ctx) == moved


async def test_what_did_not_change_is_not_written_again(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await score_due(ctx, 1, book)
    before = {id: await value(ctx, WRITTEN, id=id) for id in (103, 109)}
    with clock.held_at(START + timedelta(hours=1)):
        assert (await score_due(ctx, 1, book, full=True)).changed == 0
        assert (await score_due(ctx, 1, book)).properties == 0
        await fill(ctx, [], [permit(20, 0, 3)])
        done = await score_due(ctx, 1, book)
        assert (done.properties, done.full) == (5, False)
        after = {id: await value(ctx, WRITTEN, id=id) for id in (103, 109)}
    assert after[109] == before[109]
    assert after[103] == START + timedelta(hours=1)


async def test_the_first_work_of_a_day_scores_everything_with_the_new_day(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await fill(ctx, [], [permit(30, 0, 3, days=-1)])
    await score_due(ctx, 1, book)
    assert (await scores(ctx))[103]["permits_within_100ft"] == 0
    with clock.held_at(START + timedelta(days=1)):
        assert await rescore(ctx, 1) == {book.name: 6}
        assert await rescore(ctx, 1) == {book.name: 0}
    found = (await scores(ctx))[103]
    assert (found["permits_within_100ft"], found["scored_on"]) == (1, str(TODAY + timedelta(days=1)))


async def test_a_permit_from_a_new_town_makes_its_places_known(ctx: Context, book: Playbook) -> None:
    await fill(ctx, [place(1, 0, 0), place(2, 90, 0, city="Brentwood")], [permit(1, 0, 1)])
    await score_due(ctx, 1, book)
    await fill(ctx, [], [permit(2, 40, 0, city="BRENTWOOD", work="solar")])
    assert (await score_due(ctx, 1, book)).full
    assert [(await scores(ctx))[id]["known"] & 1 for id in (1, 2)] == [1, 1]


async def test_a_town_is_one_however_a_file_writes_it(ctx: Context, book: Playbook) -> None:
    written = ["Saint Paul", "ST PAUL", "St. Paul", "Mount Juliet", "La Vergne D.C.", "Paul"]
    filed = ["St. Paul", "MT. JULIET", "La Vergne DC"]
    homes = [place(id, 10 * id, 0, city=city) for id, city in enumerate(written)]
    await fill(ctx, homes, [permit(id, 90, 90, city=city) for id, city in enumerate(filed)])
    await score_due(ctx, 1, book)
    found = await scores(ctx)
    assert [found[id]["known"] & 1 for id in range(len(written))] == [1, 1, 1, 1, 1, 0]


async def test_a_permit_that_names_no_town_makes_that_of_its_place_known(ctx: Context, book: Playbook) -> None:
    homes = [place(1, 0, 0, city="Fargo"), place(2, 90, 0, city="Fargo"), place(3, 90, 90, city="Horace")]
    await fill(ctx, homes, [permit(7, 0, 0, city=None)])
    towns = {None: (None, [1, 0, 0]), 1: ("h1", [1, 1, 0]), 3: ("h3", [1, 0, 1])}
    for of, (matched, known) in towns.items():
        await change(ctx, "update app.building_permits set addr_hash = :hash where id = 7", hash=matched)
        await permits.pump(ctx, 1)
        assert await value(ctx, "select property_id from app.building_permits") == of
        assert (await score_due(ctx, 1, book)).full
        found = await scores(ctx)
        assert [found[id]["known"] & 1 for id in (1, 2, 3)] == known
        assert (await score_due(ctx, 1, book, full=True)).changed == 0
    await change(ctx, "update app.properties set city = 'Fargo' where id = 3")
    await permits.pump(ctx, 1)
    assert (await score_due(ctx, 1, book)).full
    assert [score["known"] & 1 for score in (await scores(ctx)).values()] == [1, 1, 1]


async def test_a_lead_is_scored_anew_if_its_place_has_another_score(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await score_due(ctx, 1, book)
    near, far = await make_lead(ctx), await make_lead(ctx)
    for lead, home in ((near, 103), (far, 109)):
        await change(
            ctx,
            "update app.leads set playbook = :book, property_id = :home, scored_at = app.now(),"
            " facts_changed_at = app.now(),"
            " lead_score = (select total_urgency_score from app.property_scores where property_id = :home)"
            " where id = cast(:lead as uuid)",
            book=book.name, home=home, lead=str(lead),
        )  # fmt: skip
    with clock.held_at(START + timedelta(hours=1)):
        await fill(ctx, [], [permit(40 + n, 0, 3) for n in range(5)])
        await score_due(ctx, 1, book)
        due = await value(ctx, "select array_agg(lead_id) from app.scoring_due where playbook = :book", book=book.name)
        assert due == [near]
        await change(ctx, "update app.leads set scored_at = app.now()")
        await change(ctx, "update app.properties set merged_into = 101 where id = 109")
        await score_due(ctx, 1, book)
        assert 109 not in await scores(ctx)
        due = await value(ctx, "select array_agg(lead_id) from app.scoring_due where playbook = :book", book=book.name)
        assert due == [far]


async def test_clusters_are_kept_under_their_ids_and_end(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await score_due(ctx, 1, book)
    async with ctx.db.tenant(1) as db:
        (first,) = await rows(db, text("select * from app.contagion_clusters"))
    assert (first["permit_count"], first["city"], first["state"], first["cluster_status"]) == (
        6,
        "Nashville",
        "TN",
        "growing",
    )
    assert (first["properties_in_cluster"], first["ended_at"]) == (5, None)
    assert {score["cluster_id"] for score in (await scores(ctx)).values()} == {0, first["id"]}
    with clock.held_at(START + timedelta(days=30)):
        await fill(ctx, [place(10, 2, 2)], [permit(60, 2, 3, days=-20)])
        await rescore(ctx, 1)
        assert await value(ctx, "select count(*) from app.cluster_permits where cluster_id = :id", id=first["id"]) == 7
        assert (await scores(ctx))[10]["cluster_id"] == first["id"]
    with clock.held_at(START + timedelta(days=40)):
        await change(ctx, "update app.properties set lat = lat + 1 where id between 10 and 105")
        await rescore(ctx, 1)
    assert await value(ctx, "select properties_in_cluster from app.contagion_clusters") == 0
    with clock.held_at(START + timedelta(days=600)):
        await rescore(ctx, 1)
    assert await value(ctx, "select ended_at is not null from app.contagion_clusters") is True
    assert {score["cluster_id"] for score in (await scores(ctx)).values()} == {0}
    assert await value(ctx, "select count(*) from app.cluster_permits") == 0


async def test_the_diary_counts_and_wakes_what_follows(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await pump(ctx, 1)
    async with ctx.db.tenant(1) as db:
        told = await rows(
            db, text("select event_type, details from app.pipeline_events where stage = 'contagion' order by 1")
        )
    assert [row["event_type"] for row in told] == ["clusters_found", "places_scored"]
    assert told[0]["details"] == {"playbook": book.name, "clusters": 1, "new": 1, "ended": 0}
    assert told[1]["details"] == {"playbook": book.name, "full": True, "properties": 6, "permits": 6, "changed": 6}
    assert await value(ctx, "select count(*) from public.procrastinate_jobs where task_name = 'pump.scans'") == 1


async def test_without_any_permit_there_is_nothing_to_score_by(ctx: Context) -> None:
    await fill(ctx, [place(1, 0, 0)], [])
    assert await pump(ctx, 1) == 0
    assert await value(ctx, DUE) == 0
    assert await scores(ctx) == {}
    await fill(ctx, [], [permit(1, 0, 1)])
    assert await pump(ctx, 1) == 1


async def test_a_permit_that_comes_in_while_it_is_asked_for_stays_noted(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ctx, [place(1, 0, 0)], [])
    ask = passes.scalar

    async def asked_too_early(db: AsyncConnection, sql: Executable, /, **params: Any) -> Any:
        answer = await ask(db, sql, **params)
        await fill(ctx, [], [permit(1, 0, 1)])
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(passes, "scalar", asked_too_early)
        assert await pump(ctx, 1) == 0
    assert await value(ctx, DUE) == 1
    assert await pump(ctx, 1) == 1


async def test_two_at_once_do_the_work_once(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    done = await asyncio.gather(*(score_due(ctx, 1, book) for _ in range(3)))
    assert sorted(each.properties for each in done) == [0, 0, 6]


async def test_playbooks_of_other_works_take_in_the_same_changes(ctx: Context, book: Playbook) -> None:
    assert book.territory
    other = replace(book, name="panels", territory=replace(book.territory, works=frozenset({"solar"})))
    both = replace(ctx, playbooks={book.name: book, other.name: other})
    await fill(both, [place(1, 0, 0)], [permit(1, 0, 1), permit(2, 0, 2, work="solar"), permit(3, 0, 3, work="solar")])
    await score_due(both, 1, book)
    await fill(both, [], [permit(4, 0, 4, work="solar")])
    await score_due(both, 1, book)
    async with ctx.db.tenant(1) as db:
        felt = await rows(db, text("select playbook, permits_within_500ft as n from app.property_scores"))
    assert {row["playbook"]: row["n"] for row in felt} == {book.name: 1, "panels": 3}


async def test_a_playbook_without_a_territory_is_refused(ctx: Context) -> None:
    with pytest.raises(InvalidInput, match="no territory"):
        await score_due(ctx, 1, ctx.playbooks["equity"])


async def test_progress_is_told(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    told: list[tuple[str, int]] = []
    await score_due(ctx, 1, book, progress=lambda step, done: told.append((step, done)))
    assert told == [("reading places", 6), ("scoring", 6)]


async def test_what_is_loaded_says_whose_each_permit_is(ctx: Context, book: Playbook) -> None:
    await fill(
        ctx,
        [place(5, 0, 0, subdivision=2, year_built=1980), place(3, 0, 4)],
        [permit(1, 0, 1, owner=5, contractor=4), permit(2, 0, 2), permit(3, 0, 3, days=-5)],
    )
    async with ctx.db.tenant(1) as db:
        loaded = await load(db, 1, book, as_of=TODAY)
        later = await load(db, 1, book, as_of=TODAY + timedelta(days=9))
    assert loaded.properties["id"].tolist() == [3, 5]
    assert loaded.properties["year_built"].tolist() == [1995, 1980]
    assert loaded.own.tolist() == [1, -1]
    assert loaded.facts["equity_percent"].tolist() == [40, 40]
    assert loaded.facts["value_cents"].tolist() == [25_000_000] * 2
    assert (loaded.contractors[4], loaded.subdivisions[2]) == ("Number 4", "Number 2")
    assert later.permits["day"].tolist()[-1] == (TODAY + timedelta(days=5) - date(1970, 1, 1)).days


async def test_verdicts_tell_the_stored_score_with_its_reasons(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await change(ctx, "update app.properties set has_liens = true, recent_refinance = true where id = 103")
    await score_due(ctx, 1, book)
    async with ctx.db.tenant(1) as db:
        told = await verdicts(db, book, 1, [103, 109, 77])
    assert sorted(told) == [103, 109]
    near: Any = told[103]
    score = (await scores(ctx))[103]
    assert (near.total, near.scoring_version) == (score["total_urgency_score"], "v1.1")
    assert (near.nearest_permit_address, near.nearest_permit_date) == ("3 Elm Street", TODAY - timedelta(days=30))
    assert near.neighbor_contractor_names == ("Number 1",)
    sentences = {reason.code: reason.sentence for reason in near.reasons}
    assert sentences["CLOSE_BY"] == "6 re-roofs within 500 ft since October"
    assert sentences["CONTRACTORS_NEARBY"] == "At work close by: Number 1"
    assert {"EQUITY", "REFINANCED", "LIENS"} <= sentences.keys()
    assert told[109].reasons[0].code == "AGE_OF_BUILDING"
    assert near.data_sources_used == ("permits", "year_built", "title")


async def test_what_a_score_was_made_of_is_named_alike_in_a_verdict_and_in_the_view(
    ctx: Context, book: Playbook
) -> None:
    await fill(ctx, [place(id, id, 0) for id in range(1, 33)], [permit(1, 0, 0)])
    await score_due(ctx, 1, book)
    await change(ctx, "update app.property_scores set known = (property_id - 1) / 2, by_permit = property_id % 2 = 0")
    async with ctx.db.tenant(1) as db:
        told = await verdicts(db, book, 1, list(range(1, 33)))
        shown = await rows(db, text("select property_id, data_sources_used as used from territory.property_scores"))
    used = {row["property_id"]: tuple(row["used"]) for row in shown}
    assert used == {id: verdict.data_sources_used for id, verdict in told.items()}
    assert (used[31], used[32]) == (
        ("permits", "year_built", "title", "imagery"),
        ("permits", "own_permit", "title", "imagery"),
    )


async def test_models_that_disagree_lower_the_confidence(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    for n, (condition, model) in enumerate([(20, "one"), (80, "other")], start=1):
        await change(
            ctx,
            "insert into app.roof_images (org_id, id, property_id, source, status, license, content, media_type) values"
            " (1, :n, 103, :model, 'live', 'public', 'x', 'image/png')", n=n, model=model,
        )  # fmt: skip
        await change(ctx, ASSESSED, n=n, model=model, condition=condition)
    await score_due(ctx, 1, book)
    found = await scores(ctx)
    assert (found[103]["damage"], found[103]["visual_score"], found[103]["known"] & 8) == (50, 50, 8)
    assert (found[102]["confidence"], found[103]["confidence"]) == (2, 1)


ASSESSED = """
    insert into app.roof_assessments (org_id, image_id, property_id, vendor, model, status, condition_score)
    values (1, :n, 103, :model, :model, 'live', :condition)
"""


async def test_another_org_keeps_its_scores_to_itself(ctx: Context, book: Playbook) -> None:
    await street(ctx)
    await score_due(ctx, 1, book)
    async with ctx.db.tenant(2) as db:
        assert await rows(db, text("select 1 from app.property_scores")) == []
