"""Permits: files in, portals followed and read, and a look at what came of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock import permits
from penstock.cli.output import Code, Json, answers, command, escape, print_json, progress, table
from penstock.cli.session import session

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From that day on.")]
Portal = Annotated[str, typer.Argument(help="Name of the portal: penstock permits sources.")]
MOST = 10_000  # permits that are listed at once; --before goes on
group = typer.Typer(no_args_is_help=True, help="Permits of town halls: files, portals, and the places they are about.")


@command
async def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV (plain or gz), .xlsx, .xls.")],
    source: Annotated[str, typer.Option(help="auto, a named source, or the path of a YAML source.")] = "auto",
    json: Json = False,
) -> None:
    """Read permits from a file, all that make sense or nothing. Exit code 3 when every row was refused."""
    async with session() as ctx:
        with file.open("rb") as stream, progress("permits") as update:
            done = await permits.import_file(
                ctx, ctx.settings.org_id, stream, name=file.name, source=source, progress=update
            )
        async with ctx.db.tenant(ctx.settings.org_id) as db:
            refused = await permits.rejections(db, done.upload_id) if done.refused else []
    if json:
        print_json({**asdict(done), "rejected": refused})
    else:
        counted = [(name, getattr(done, name)) for name in ("new", "changed", "unchanged", "repeated", "refused")]
        lines = [("read", done.read), *counted]
        answers.print(table(f"{file.name}: {done.source}", ["rows", "count"], lines, right=["count"]))
        answers.print(table("Kinds of work", ["work", "rows"], list(done.works.items()), right=["rows"]))
        if done.warnings:
            answers.print(table("Left out", ["what", "rows"], list(done.warnings.items()), right=["rows"]))
        if done.refused:
            columns = ["row", "field", "reason", "fix"]
            lines = [tuple(one[name] for name in columns) for one in refused]
            first = "Refused" if len(refused) == done.refused else f"Refused: the first {len(refused)}"
            answers.print(table(first, columns, lines, right=["row"]))
            answers.print(f"refused rows: GET /v1/uploads/{done.upload_id}/rejected.csv")
    if done.read and done.read == done.refused:
        raise typer.Exit(Code.ATTENTION)


@command
async def sources(json: Json = False) -> None:
    """The sources that have a name: portals, and files that are recognised; which portals are followed, and how far."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await permits.sources(db)
    if json:
        print_json(found)
        return
    columns = ["source", "portal", "followed", "since", "read_up_to", "last_outcome"]
    answers.print(table("Sources", columns, [[_word(one[name]) for name in columns] for one in found]))


@command
async def follow(
    portal: Portal,
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Earliest day of issue.")],
    json: Json = False,
) -> None:
    """Read a portal from now on: daily at 04:30, and by penstock permits pull."""
    async with session() as ctx:
        await permits.follow(ctx, ctx.settings.org_id, portal, since=since.date())
    _said({"source": portal, "followed": True, "since": since.date()}, f"{portal} is followed", json)


@command
async def unfollow(portal: Portal, json: Json = False) -> None:
    """Read a portal no more; its permits stay."""
    async with session() as ctx:
        await permits.unfollow(ctx, ctx.settings.org_id, portal)
    _said({"source": portal, "followed": False}, f"{portal} is not followed any more", json)


@command
async def pull(
    portal: Annotated[str | None, typer.Argument(help="Name of the portal; all that are followed by default.")] = None,
    since: Day = None,
    json: Json = False,
) -> None:
    """Read now what followed portals have published since the last time; --since reads again from an earlier day."""
    done = []
    async with session() as ctx:
        async with ctx.db.tenant(ctx.settings.org_id) as db:
            known = [one["source"] for one in await permits.sources(db) if one["followed"]]
        for name in [portal] if portal else known:
            with progress(name) as update:
                done.append(
                    await permits.pull(
                        ctx, ctx.settings.org_id, name, since=since.date() if since else None, progress=update
                    )
                )
    if json:
        print_json(done)
        return
    columns = ["source", "read", "new", "changed", "refused", "read_up_to"]
    lines = [[asdict(one)[name] for name in columns] for one in done]
    answers.print(table("Pulled", columns, lines, right=columns[1:5]))


@command
async def list_(
    city: Annotated[str | None, typer.Option(help="Only of that city.")] = None,
    work: Annotated[str | None, typer.Option(help="Only that kind of work: reroof, solar…")] = None,
    unmatched: Annotated[bool, typer.Option(help="Only those that belong to no place we know.")] = False,
    since: Day = None,
    before: Annotated[
        int | None, typer.Option(min=1, max=2**63 - 1, help="The last permit of the page before.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many at most.")] = 100,
    json: Json = False,
) -> None:
    """Permits, newest first."""
    wanted = permits.Filters(city, work, None, unmatched, since.date() if since else None)
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = [dict(row) for row in await permits.listed(db, wanted, before=before, limit=limit)]
    if json:
        print_json(found)
        return
    columns = ["id", "permit_date", "work", "address_line1", "city", "property_id", "matched_by", "unmatched_reason"]
    answers.print(table("Permits", columns, [[row[name] for name in columns] for row in found]))


@command
async def show(
    permit: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Id of the permit.")], json: Json = False
) -> None:
    """One permit with the row as it came, in clear; the audit log keeps that you looked."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await permits.opened(db, ctx.sealer, ctx.settings.org_id, permit, actor="cli")
    if json:
        print_json(found)
        return
    lines = [(name, value) for name, value in found.items() if value is not None]
    answers.print(table(f"Permit {permit}", ["what", "value"], lines))


def _said(value: dict[str, Any], line: str, json: bool) -> None:
    if json:
        print_json(value)
    else:
        answers.print(escape(line))


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else ""
    return value.isoformat() if isinstance(value, date) else value


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(group, name="permits")
    group.command("import", epilog="Example: penstock permits import permits.csv.gz --source nashville")(import_)
    group.command(epilog="Example: penstock permits sources")(sources)
    group.command(epilog="Example: penstock permits follow austin --since 2024-01-01")(follow)
    group.command(epilog="Example: penstock permits unfollow austin")(unfollow)
    group.command(epilog="Example: penstock permits pull austin --since 2024-01-01")(pull)
    group.command("list", epilog="Example: penstock permits list --city Nashville --work reroof --unmatched")(list_)
    group.command(epilog="Example: penstock permits show 12")(show)
