"""Notes, tags, follow-ups, stages, chances."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from factories import make_lead
from ground import MASTER_KEY, ORG, START, onboard
from penstock import assembly, sales
from penstock.cli import app
from penstock.cli.sales import instant
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.settings import Settings


async def test_the_timeline_holds_notes_in_order_and_a_note_taken_back_comes_back(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        note = await sales.add_note(ctx, db, 1, lead, "asks for a call after May", actor="me")
        assert await scalar(db, text("select body_sealed like 's1.%' from app.lead_notes"))
        await sales.change_tags(db, 1, lead, add=["hail-2026", "warm"], actor="me")
        assert await sales.change_tags(db, 1, lead, remove=["warm"], actor="me") == ["hail-2026"]
        lines = await sales.timeline(ctx, db, 1, lead, before=None, limit=50)
        assert [line["description"] for line in lines if line["activity_type"] == "note_added"] == [
            "asks for a call after May"
        ]
        assert [line["created_at"] for line in lines] == sorted((x["created_at"] for x in lines), reverse=True)
        first = lines[0]
        rest = await sales.timeline(ctx, db, 1, lead, before=(first["created_at"], first["id"]), limit=50)
        assert [x["id"] for x in rest] == [x["id"] for x in lines[1:]]
        face = "select id from territory.lead_activities where lead_id = :lead order by created_at desc, id desc"
        assert [x["id"] for x in lines] == [x["id"] for x in await rows(db, text(face), lead=lead)]
        await sales.take_back_note(db, 1, lead, note, actor="me")
        with pytest.raises(NotFound):
            await sales.take_back_note(db, 1, lead, note, actor="me")
        assert "note_added" not in [
            x["activity_type"] for x in await sales.timeline(ctx, db, 1, lead, before=None, limit=50)
        ]
        await sales.restore_note(db, 1, lead, note, actor="me")


async def test_words_that_are_no_tag_note_or_title_are_refused(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        for word in ("", "Hail", "-x", "a b", "x" * 41):
            with pytest.raises(InvalidInput, match="tag"):
                await sales.change_tags(db, 1, lead, add=[word], actor="me")
        for words in ("", "   ", "x" * 10_001, "\0", "call\0back", "\ud800"):
            with pytest.raises(InvalidInput, match="text"):
                await sales.add_note(ctx, db, 1, lead, words, actor="me")
        with pytest.raises(InvalidInput, match="title"):
            await sales.follow_up(ctx, db, 1, lead, title=" ", due_at=clock.now(), actor="me")
        broken = {"title": "call\0", "note": "\0", "assignee": "Bea\0"}
        for field, words in broken.items():
            with pytest.raises(InvalidInput, match=f"{field}: holds a character"):
                wanted = {"title": "call", "due_at": START + timedelta(days=1)} | {field: words}
                await sales.follow_up(ctx, db, 1, lead, actor="me", **wanted)
        with pytest.raises(InvalidInput, match="reason"):
            await sales.move_stage(db, 1, lead, "contacted", actor="me", reason="\0")
        with pytest.raises(InvalidInput, match="assignee"):
            await sales.follow_ups(ctx, db, 1, assignee="\0")
        assert await sales.follow_ups(ctx, db, 1) == []
        for due in (START - timedelta(days=3), START + timedelta(days=4000), START.replace(tzinfo=None)):
            with pytest.raises(InvalidInput, match="due_at"):
                await sales.follow_up(ctx, db, 1, lead, title="call", due_at=due, actor="me")


async def test_a_follow_up_falls_due_is_postponed_done_and_opened_again(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        soon = await sales.follow_up(
            ctx, db, 1, lead, title="call", due_at=START + timedelta(days=1), note="after six", actor="me"
        )
        assert await sales.follow_ups(ctx, db, 1, due_only=True) == []
    with clock.held_at(START + timedelta(days=1)):
        async with ctx.db.tenant(1) as db:
            (due,) = await sales.follow_ups(ctx, db, 1, due_only=True)
            assert (due["id"], due["note"], due["is_due"]) == (soon, "after six", True)
            await sales.postpone(db, 1, soon, START + timedelta(days=2), actor="me")
            assert await sales.follow_ups(ctx, db, 1, due_only=True) == []
            await sales.close_follow_up(db, 1, soon, state="done", actor="me")
            with pytest.raises(Conflict, match="done already"):
                await sales.close_follow_up(db, 1, soon, state="done", actor="me")
            with pytest.raises(Conflict, match="is done") as shut:
                await sales.postpone(db, 1, soon, START + timedelta(days=3), actor="me")
            assert "open" in str(shut.value.fix)
            for attempt in (
                sales.close_follow_up(db, 1, 999, state="done", actor="me"),
                sales.postpone(db, 1, 999, START + timedelta(days=3), actor="me"),
            ):
                with pytest.raises(NotFound):
                    await attempt
            await sales.close_follow_up(db, 1, soon, state="open", actor="me")
            (again,) = await sales.follow_ups(ctx, db, 1)
            assert (again["closed_at"], again["closed_by"]) == (None, None)


async def test_a_stage_follows_only_where_it_may_and_the_refusal_names_what_may(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        assert await sales.move_stage(db, 1, lead, "QUALIFIED", actor="me") == ("new", "interested")
        assert await sales.move_stage(db, 1, lead, "Proposal sent", actor="me") == ("interested", "quoted")
        with pytest.raises(Conflict) as refused:
            await sales.move_stage(db, 1, lead, "new", actor="me")
        assert "won" in str(refused.value.fix)
        assert await sales.move_stage(db, 1, lead, "quoted", actor="me", reason="higher") == ("quoted", "quoted")
        assert await sales.move_stage(db, 1, lead, "closed_won", actor="me") == ("quoted", "won")
        with pytest.raises(Conflict, match="won") as final:
            await sales.move_stage(db, 1, lead, "lost", actor="me")
        assert final.value.fix == "won is final"
        with pytest.raises(InvalidInput, match="stage"):
            await sales.move_stage(db, 1, lead, "bought", actor="me")


async def test_chances_are_counted_from_how_leads_ended_and_kept_back_while_too_few_have(ctx: Context) -> None:
    ended = [await make_lead(ctx, sales_stage="lost", lead_score=10) for _ in range(14)]
    ended += [await make_lead(ctx, sales_stage="won", lead_score=10) for _ in range(5)]
    cold, hot = await make_lead(ctx, lead_score=10), await make_lead(ctx, lead_score=95)
    assert await sales.learn(ctx, 1, START) == {"changed": 0}
    await make_lead(ctx, sales_stage="won", lead_score=95)
    assert await sales.learn(ctx, 1, START) == {"changed": 22}
    async with ctx.db.tenant(1) as db:
        chance = {
            row["id"]: float(row["conversion_probability"])
            for row in await rows(db, text("select id, conversion_probability from app.leads"))
        }
    # 6 of 20 won: p = 0.3. Cold: 5 of 19, (5 + 3) / 29. Hot: 1 of 1, (1 + 3) / 11.
    assert (chance[cold], chance[hot]) == (27.59, 36.36)
    assert (chance[ended[0]], chance[ended[-1]]) == (0.0, 100.0)
    assert await sales.learn(ctx, 1, START) == {"changed": 0}


async def test_one_tenants_notes_are_not_another_tenants(ctx: Context) -> None:
    lead = await make_lead(ctx)
    async with ctx.db.tenant(1) as db:
        await sales.add_note(ctx, db, 1, lead, "ours", actor="me")
    async with ctx.db.tenant(2) as db:
        assert await scalar(db, text("select count(*) from app.lead_notes")) == 0
        assert await execute(db, text("update app.lead_notes set author = 'x'")) == 0


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("+3d", "2026-12-03T09:00:00-05:00"),
        ("2026-12-03", "2026-12-03T09:00:00-05:00"),
        ("2026-12-03T14:30", "2026-12-03T14:30:00-05:00"),
        ("2026-12-03T14:30+00:00", "2026-12-03T14:30:00+00:00"),
    ],
)
def test_when_something_is_due_is_read_in_the_orgs_zone(held_clock: object, said: str, meant: str) -> None:
    assert instant(said, "America/New_York").isoformat() == meant


def test_the_lists_show_the_time_of_the_orgs_clock_and_name_its_zone(
    database: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none")}
    for name, value in {**variables, "PENSTOCK_MASTER_KEY": MASTER_KEY, "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)

    async def furnish() -> UUID:
        await onboard(settings, database)
        async with assembly.context(settings, database) as made:
            return await make_lead(made)

    lead = str(asyncio.run(furnish()))

    def penstock(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    when = f"{clock.now().year + 1}-01-15"  # winter: not the hour of UTC
    added = penstock("follow-up", "add", lead, "call", "--due", f"{when}T20:00+00:00")
    assert f"{when} 12:00 PST" in added and f"{when} 12:00 PST" in penstock("follow-up", "list")
    zone = clock.now().astimezone(ZoneInfo(ORG.timezone)).tzname()
    penstock("lead", "note", lead, "a note")
    assert f" {zone}" in penstock("lead", "timeline", lead)


@pytest.mark.parametrize("said", ["", "tomorrow", "+d", "+x", "2026-13-01", "12/03/2026"])
def test_a_day_that_is_none_is_refused_with_examples(said: str) -> None:
    with pytest.raises(InvalidInput, match="--due"):
        instant(said, "America/New_York")
