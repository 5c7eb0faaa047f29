"""One group of commands for each playbook that finds its leads on the map: score, explain, clusters, map, backtest."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import contagion, playbooks
from penstock.cli.output import Json, answers, command, escape, money, print_json, progress, table
from penstock.cli.session import session
from penstock.contagion import backtest_run, map_svg
from penstock.contagion.charts import lift_chart
from penstock.contagion.load import check_past
from penstock.contagion.map_box import read_box
from penstock.contagion.map_cells import SQL as MAP
from penstock.contagion.rules import rules_of
from penstock.core.context import Context
from penstock.core.db import one, rows, scalar
from penstock.core.errors import InvalidInput, NotConfigured, NotFound
from penstock.core.settings import load_settings
from penstock.core.sqlfile import load
from penstock.insight.diary import find_lead
from penstock.playbook import Playbook

SQL = load(contagion.__name__)
LONGEST_NUMBER = 18  # digits of a place's number
Svg = Annotated[Path | None, typer.Option(metavar="FILE.svg", dir_okay=False, help="Draw the lift chart.")]


async def score(book: Playbook, full: bool, json: bool) -> None:
    """Score what came or changed, and tell how much it was."""
    async with session() as ctx:
        with progress("score") as update:
            done = await contagion.score_due(
                ctx, ctx.settings.org_id, book, full=full, progress=lambda step, places: update(places, step)
            )
        counts = await _tiers(ctx, book)
    if json:
        print_json({**asdict(done), "tiers": counts})
        return
    what = "every place" if done.full else "what changed"
    lines = [("places scored", done.properties), ("permits felt", done.permits), ("scores changed", done.changed)]
    lines += [(f"{tier} now", count) for tier, count in counts.items()]
    answers.print(table(f"{book.name}: {what}", ["what", "count"], lines, right=["count"]))


async def _tiers(ctx: Context, book: Playbook) -> dict[str, int]:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        found = await rows(db, MAP["tiers"], org_id=ctx.settings.org_id, playbook=book.name)
    return dict(found[0])


async def explain(book: Playbook, asked: str, json: bool) -> None:
    """Why a place has its score."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        place = await _place(ctx, db, book, asked)
        told = (await contagion.verdicts(db, book, ctx.settings.org_id, [place])).get(place)
        address = await scalar(db, SQL["address"], id=place)
    if told is None:
        raise NotFound(f"place {place} has no score", fix=f"penstock {book.name} score gives one to what can be scored")
    if json:
        print_json({**asdict(told), "address": address})
        return
    answers.print(f"[bold]{escape(address)}[/] (place {place}): {told.total} of 100, {told.tier}")
    answers.print(f"confidence {told.confidence}; {told.recommended_action.replace('_', ' ')}; as of {told.scored_on}")
    lines = [(reason.code, reason.sentence, f"{reason.points:.1f}") for reason in told.reasons]
    answers.print(table("Why", ["code", "reason", "points"], lines, right=["points"]))


async def _place(ctx: Context, db: AsyncConnection, book: Playbook, asked: str) -> int:
    """The place that is meant: by its number, by the id of its score, or as that of a lead."""
    number = asked.removeprefix(f"{book.name}:")
    if number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER:
        return int(number)
    lead = await one(db, SQL["place_of_lead"], id=await find_lead(db, ctx.sealer, ctx.settings.org_id, asked))
    if lead is None or lead["playbook"] != book.name or lead["property_id"] is None:
        raise NotFound(f"{asked!r} is no lead of {book.name} with a place", fix="penstock explain tells what it is")
    place: int = lead["property_id"]
    return place


async def clusters(book: Playbook, ended: bool, limit: int, json: bool) -> None:
    """List clusters, the busiest first."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await rows(
            db, MAP["clusters"], org_id=ctx.settings.org_id, playbook=book.name, ended=ended, limit=limit
        )
    if json:
        print_json([dict(row) for row in found])
        return
    columns = ["id", "city", "development", "permits", "radius ft", "from", "to", "value", "score", "status", "places"]
    lines = [
        (row["id"], f"{row['city'] or '?'}, {row['state'] or '?'}", row["subdivision_name"], row["permit_count"],
         round(row["radius_ft"]), row["date_range_start"], row["date_range_end"], money(row["value_cents"]),
         row["cluster_score"], "ended" if row["ended_at"] else row["cluster_status"], row["properties_in_cluster"])
        for row in found
    ]  # fmt: skip
    answers.print(table("Clusters", columns, lines, right=["id", "permits", "radius ft", "value", "score", "places"]))


async def draw_map(book: Playbook, out: Path, bbox: str | None, as_of: date | None, by_cell: bool, json: bool) -> None:
    """Write the map of permits and clusters."""
    _writable(out, "--out")
    box = read_box(bbox) if bbox else None
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        today = await _today(db, ctx)
        on = as_of or today
        check_past(on, today)
        drawn = await map_svg.read_map(
            db, ctx.settings.org_id, book, on=on, past=as_of is not None, box=box, by_cell=by_cell
        )
    _write(out, map_svg.draw(drawn, f"{_words(book).capitalize()} and their clusters"))
    told = {"file": out, "permits": len(drawn.permits), "clusters": len(drawn.clusters), "by_cell": drawn.by_cell}
    if json:
        print_json(told)
    else:
        answers.print(f"{escape(str(out))}: {told['permits']} permits, {told['clusters']} clusters", soft_wrap=True)


async def backtest(book: Playbook, as_of: date, days: int, chart: Path | None, json: bool) -> None:
    """Score as of a day, look at who asked after it, and say what that shows."""
    if chart:
        _writable(chart, "--chart")
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        today = await _today(db, ctx)
        proof = await backtest_run.prove(db, ctx.settings.org_id, book, as_of=as_of, days=days, today=today)
    if chart:
        _write(chart, lift_chart(proof.report, *_captions(book, proof)))
    if json:
        print_json(proof.as_json())
    else:
        _say(book, proof)


def _captions(book: Playbook, proof: backtest_run.Proof) -> tuple[str, str]:
    report = proof.report
    return (
        f"Who had {_words(book)} next? Ranked on {proof.as_of}, seen until {proof.until}",
        f"{report.properties:,} places, {report.permits_known:,} permits known, {report.hits:,} asked; "
        "whiskers: 95 of 100 draws of neighbourhoods",
    )


def _say(book: Playbook, proof: backtest_run.Proof) -> None:
    report = proof.report
    answers.print(
        f"{report.properties:,} places scored on {proof.as_of} with {report.permits_known:,} {_words(book)} known; "
        f"{report.hits:,} of them asked until {proof.until}, in {report.blocks:,} neighbourhoods of places",
        soft_wrap=True,
    )
    columns = ["ranked by", *map(str, range(1, 11))]
    lines = [(each.name, *(f"{tenth.hits:.1f}" for tenth in each.deciles)) for each in report.rankings]
    answers.print(table("Who asked, by tenth of the ranking", columns, lines, right=columns[1:]))
    figures = [
        (each.name, backtest_run.said(each.lift), backtest_run.said(each.captured), backtest_run.said(each.auc))
        for each in report.rankings
    ]
    names = ["ranked by", "lift of the first tenth", "share of hits in the first fifth", "area under the curve"]
    answers.print(table("How well (95 in 100 draws)", names, figures))
    for warning in report.warnings:
        answers.print(f"[yellow]![/] {escape(warning)}", soft_wrap=True)
    for sentence in proof.sentences:
        answers.print(escape(sentence), soft_wrap=True)


def _words(book: Playbook) -> str:
    return rules_of(book).words.many


async def _today(db: Any, ctx: Context) -> date:
    found: date = await scalar(db, SQL["today"], org_id=ctx.settings.org_id)
    return found


def _writable(to: Path, option: str) -> None:
    """Raises InvalidInput if nothing could be written there: said before the work, not after it."""
    if not to.parent.is_dir() or to.is_dir():
        raise InvalidInput(f"cannot write {to}", fix=f"give {option} a file in a folder that exists")


def _write(to: Path, picture: str) -> None:
    to.write_text(picture, encoding="utf-8")


def group_of(book: Playbook) -> typer.Typer:
    """The commands of one playbook."""
    group = typer.Typer(help=f"{book.title}: scores, clusters, the map, and whether it predicts.", no_args_is_help=True)

    @command
    async def score_(
        full: Annotated[bool, typer.Option("--full", help="Score every place anew, not only what changed.")] = False,
        json: Json = False,
    ) -> None:
        """Score places by the permits around them: what came or changed, or everything on a new day."""
        await score(book, full, json)

    @command
    async def explain_(
        place: Annotated[
            str,
            typer.Argument(
                metavar="PLACE_OR_LEAD", help="Number of a place, or a lead as `penstock explain` takes it."
            ),
        ],
        json: Json = False,
    ) -> None:
        """Why a place has its score: every reason with its code, most telling first."""
        await explain(book, place, json)

    @command
    async def clusters_(
        ended: Annotated[bool, typer.Option("--ended", help="Those that are no more, too.")] = False,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
        json: Json = False,
    ) -> None:
        """Where the same work is being done all around, the busiest first."""
        await clusters(book, ended, limit, json)

    @command
    async def map_(
        out: Annotated[Path, typer.Option(metavar="FILE.svg", help="Where to write it.")],
        bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees; all by default.")] = None,
        as_of: Annotated[
            datetime | None,
            typer.Option(formats=["%Y-%m-%d"], help="Permits and clusters as of that day; today by default."),
        ] = None,
        by_cell: Annotated[
            bool, typer.Option("--by-cell", help="Count permits by cell of the map, so that no single one shows.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Draw permits by age and their clusters (of the last scoring, or as of a day), as an SVG file."""
        await draw_map(book, out, bbox, as_of.date() if as_of else None, by_cell, json)

    @command
    async def backtest_(
        as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that is scored.")],
        days: Annotated[int, typer.Option(min=1, max=3650, help="How long after it is looked at.")] = 365,
        chart: Svg = None,
        json: Json = False,
    ) -> None:
        """Does the score predict? Scored with what was known on a day, held against who asked after it."""
        await backtest(book, as_of.date(), days, chart, json)

    year_ago = "2025-06-01"
    group.command("score", epilog=f"Example: penstock {book.name} score --full")(score_)
    group.command("explain", epilog=f"Example: penstock {book.name} explain 17")(explain_)
    group.command("clusters", epilog=f"Example: penstock {book.name} clusters")(clusters_)
    group.command("map", epilog=f"Example: penstock {book.name} map --out map.svg --by-cell")(map_)
    group.command("backtest", epilog=f"Example: penstock {book.name} backtest --as-of {year_ago} --chart lift.svg")(
        backtest_
    )
    return group


def known_playbooks() -> list[Playbook]:
    """The playbooks of this installation; those that come with Penstock where its settings are not in order."""
    try:
        found = playbooks.load_all(load_settings().playbook_packages())
    except (NotConfigured, ValidationError, OSError):  # the command itself says what is wrong with them
        found = playbooks.load_all()
    return list(found.values())


def add_to(app: typer.Typer) -> None:
    """Put a group for each playbook with a territory into the application."""
    for book in known_playbooks():
        if book.territory is not None:
            app.add_typer(group_of(book), name=book.name)
