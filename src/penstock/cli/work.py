"""Working: up, demo, import, run, town."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock import demo as demo_run
from penstock import insight, intake, journey, playbooks, sweep, worker
from penstock.cli import up as everything
from penstock.cli.output import (
    Code,
    Json,
    JsonFile,
    answers,
    command,
    escape,
    fail,
    money,
    print_json,
    progress,
    table,
    talk,
    writable,
    write_json,
)
from penstock.cli.session import of_demo, quiet, session
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.errors import InvalidInput
from penstock.core.settings import load_settings
from penstock.core.sqlfile import load
from penstock.town.server import start_town

SQL = load(__package__)
Faults = Annotated[
    list[str] | None, typer.Option(help="Make a vendor misbehave: vendor:fault=rate, e.g. melissa:rate_429=0.1.")
]


@command
async def up(
    pace: Annotated[float, typer.Option(help="In the town: how many times as fast people live.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The town's world.")] = 7,
) -> None:
    """Run API, worker, embedded PostgreSQL, and the town where nobody real is reached yet. One Ctrl-C stops all."""
    if of_demo.get():
        raise InvalidInput("up runs the installation, not the demo", fix="leave out --demo")
    await everything.up(
        load_settings(), pace=pace, seed=seed, say=lambda line: answers.print(escape(line), soft_wrap=True)
    )


@command
async def demo(
    playbook: Annotated[
        str, typer.Option(help="Whose journey: equity, renewals, roofing…")
    ] = demo_run.Request.playbook,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Records of the town's list. Default: what the playbook's demo has.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=120, help="Simulated days. Default: what the playbook's demo has.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The town's world; the same seed gives the same result.")] = 7,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A real file instead of the town's.")
    ] = None,
    map_name: Annotated[str, typer.Option("--map", help="Its column map.")] = "auto",
    fault: Faults = None,
    json: JsonFile = None,
) -> None:
    """The whole journey in simulated time: records in, appointments and invoices out, graded by the town."""
    writable(json)
    request = demo_run.Request(rows, days, seed, playbook, file, map_name, _faults(fault))
    with progress("demo", total=days or demo_run.DAYS) as update:
        start = demo_run.FIRST_MORNING

        def show(at: datetime, doing: str) -> None:
            update(max(0, (at - start).days), f"{at.astimezone(start.tzinfo):%a %d %b %H:%M} {doing}")

        # The town misbehaves on purpose; what the product does about it is in the report, not in warnings.
        report = await demo_run.run_demo(quiet(load_settings(), "ERROR"), request, show)
    write_json(report, json)
    if str(json) != "-":
        _show_demo(report, await _most_eventful_lead())
    if any(count for what, count in report["grade"].items() if what != "right_party_rate"):
        raise fail("the grade is not clean", Code.FAILED)


def _faults(given: list[str] | None) -> dict[str, dict[str, float]] | None:
    faults: dict[str, dict[str, float]] = {}
    for entry in given or []:
        vendor, _, rest = entry.partition(":")
        name, _, rate = rest.partition("=")
        try:
            faults.setdefault(vendor, {})[name] = float(rate)
        except ValueError:
            raise fail(f"{entry!r} is not vendor:fault=rate", Code.BAD_INPUT) from None
    return faults or None


async def _most_eventful_lead() -> str:
    of_demo.set(True)
    async with session() as ctx, ctx.db.tenant(demo_run.ORG_ID) as db:
        return str(await scalar(db, SQL["most_eventful_lead"]))[:8]


def _show_demo(report: dict[str, Any], lead: str) -> None:
    spend, grade = report["spend_cents"], report["grade"]
    answers.print(table("Journey", ["step", "count"], list(report["stages"].items()), right=["count"]))
    stages = [(stage, money(cents)) for stage, cents in spend["by_stage"].items()]
    each = money(spend["per_appointment"]) if spend["per_appointment"] is not None else "none booked"
    lines = [*stages, ("total", money(spend["total"])), ("per appointment", each)]
    answers.print(table("Money", ["stage", "spent"], lines, right=["spent"]))
    answers.print(
        table("Not contacted, and why", ["reason", "leads"], list(report["not_contacted"].items()), right=["leads"])
    )
    answers.print(
        table(
            "Grade by the town",
            ["what", "value"],
            [(what, _short(value)) for what, value in grade.items()],
            right=["value"],
        )
    )
    answers.print(f"\n{report['seconds']} s. Try next:")
    for command_line, about in _try_next(report["playbook"], lead):
        answers.print(f"  {escape(f'{command_line:<52}{about}')}", soft_wrap=True)


def _try_next(shown: str, lead: str) -> list[tuple[str, str]]:
    """Commands for who has just seen a demo of that playbook, each with what it gives."""
    of_it = "" if shown == demo_run.Request.playbook else f" --playbook {shown}"
    known = playbooks.load_all(load_settings().playbook_packages())
    others = [book for book in known.values() if book.showcase and book.name != shown]
    return [
        ("penstock --demo status", "the same database, looked at again"),
        (f"penstock --demo explain {lead}", "the diary of the lead with most to tell"),
        (f"penstock demo{of_it} --seed 8", "another town"),
        *((f"penstock demo --playbook {book.name}", book.title[:1].lower() + book.title[1:]) for book in others),
        (f"penstock demo{of_it} --file YOURS.csv", "your own records through the whole journey"),
        (f"penstock import{of_it} FILE --map auto", "your own list into the database"),
    ]


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


@command
async def import_(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV (plain or gz), .xlsx, .xls.")
    ],
    map_name: Annotated[str, typer.Option("--map", help="auto, a named map, or the path of a YAML map.")] = "auto",
    playbook: Annotated[
        str | None,
        typer.Option(help="Whose leads, or places, the rows become; by default the only one about properties."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the records come from; the map knows by default.")] = None,
    json: JsonFile = None,
) -> None:
    """Read records into leads or places: a row ends inserted, updated, duplicate in file, or rejected with a reason."""
    writable(json)
    async with session() as ctx:
        chosen = intake.choose_playbook(ctx.playbooks, playbook)
        with progress(file.name) as update, _hint_at_others(ctx, playbook, chosen):
            report = await intake.import_file(
                ctx,
                ctx.settings.org_id,
                path=file,
                playbook=chosen,
                map_name=map_name,
                source=source,
                progress=update,
                actor="cli",
            )
        rejected = await _rejections(ctx, report.upload_id) if report.rejected else []
        noted = await _notes(ctx, report.upload_id) if report.warnings else []
    told = [dict(zip(("field", "reason", "fix", "rows"), line, strict=True)) for line in rejected]
    write_json(report.as_json() | {"rejected": told}, json)
    if str(json) != "-":
        _show_import(file, report, rejected, noted)
    if report.rejected == report.rows_read > 0:
        name, reason, fix, _ = rejected[0]
        trouble = f"every row was rejected, most often because of {name}: {reason} ({fix})"
        raise fail(f"{trouble}; if columns were taken for others, see docs/reference/maps.md", Code.ATTENTION)


@contextmanager
def _hint_at_others(ctx: Context, named: str | None, chosen: str) -> Iterator[None]:
    """A file that does not fit a playbook nobody named may be meant for another."""
    try:
        yield
    except InvalidInput as error:
        subject = ctx.playbooks[chosen].subject
        others = [name for name, book in ctx.playbooks.items() if book.subject != subject]
        if named is None and others:
            hint = f"a list for another playbook is imported with --playbook {' or '.join(others)}"
            error.fix = f"{error.fix}; {hint}" if error.fix else hint
        raise


def _show_import(
    file: Path, report: intake.UploadReport, rejected: list[tuple[Any, ...]], noted: list[tuple[Any, ...]]
) -> None:
    answers.print(
        table(
            f"{file.name} ({report.map_name})",
            ["rows", "count"],
            list(report.as_json()["rows"].items()),
            right=["count"],
        )
    )
    if rejected:
        answers.print(table("Rejected", ["field", "reason", "fix", "rows"], rejected, right=["rows"]))
    if noted:
        answers.print(table("Taken without", ["what, and what to do", "rows", "the first"], noted, right=["rows"]))
    if report.made:
        answers.print(table("Made", ["what", "count"], list(report.made.items()), right=["count"]))
    if report.columns_unused:
        answers.print(f"Columns not used: {escape(', '.join(report.columns_unused))}")
    if report.warnings:
        answers.print(table("Left empty", ["field: reason", "cells"], list(report.warnings.items()), right=["cells"]))


async def _notes(ctx: Context, upload_id: Any) -> list[tuple[Any, ...]]:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        return [tuple(row.values()) for row in await rows(db, SQL["notes"], id=upload_id)]


async def _rejections(ctx: Context, upload_id: Any) -> list[tuple[Any, ...]]:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        return [tuple(row.values()) for row in await rows(db, SQL["rejections"], id=upload_id)]


@command
async def run(
    stage: Annotated[str | None, typer.Argument(help="One stage; all by default.")] = None, json: Json = False
) -> None:
    """Do what is due now and stop. Without a stage: the timetable too. Exit code 3 when the DLQ holds items."""
    async with session() as ctx, worker.signed_in(ctx):
        org_id = ctx.settings.org_id
        done = {stage: await worker.run_stage(ctx, stage, org_id)} if stage else await _run_all(ctx, org_id)
        async with ctx.db.tenant(org_id) as db:
            waiting = {row["stage"]: row["items"] for row in await rows(db, SQL["dlq_by_stage"])}
            still_due = {name: count for name, count in (await insight.waiting(db)).items() if count and name in done}
    if json:
        print_json({"done": done, "dlq": waiting})
    else:
        answers.print(table("Done", ["stage", "items"], [item for item in done.items() if item[1]], right=["items"]))
    for name, count in still_due.items():
        talk.print(f"{name}: still waiting {count}, for a vendor that is not connected, or in another worker's hands")
    if waiting:
        talk.print(f"{sum(waiting.values())} items wait in the DLQ: penstock dlq list")
        raise typer.Exit(Code.ATTENTION)


async def _run_all(ctx: Context, org_id: int) -> dict[str, int]:
    """The sweep, then every stage in order, again and again until a round finds nothing to do."""
    await sweep.sweep(ctx)
    total: dict[str, int] = {}
    while True:
        handled = 0
        for stage in journey.STAGES:
            if stage.pump:
                count = await worker.run_stage(ctx, stage.name, org_id)
                total[stage.name] = total.get(stage.name, 0) + count
                handled += count
        if not handled:
            return total


@command
def town(
    port: Annotated[int, typer.Option(help="HTTP port, 0 for a free one.")] = 0,
    smtp_port: Annotated[int, typer.Option(help="SMTP port, 0 for a free one.")] = 0,
    seed: Annotated[int, typer.Option(help="The world to make.")] = 7,
    pace: Annotated[
        float | None, typer.Option(help="Run by the wall clock, with people this many times as fast.")
    ] = None,
    json: Json = False,
) -> None:
    """Run the town alone: vendors and people to try your own configuration against. Ctrl-C stops it."""
    with start_town(seed=seed, pace=pace, port=port, smtp_port=smtp_port) as started:
        if json:
            print_json({"http_url": started.http_url, "smtp_host": started.smtp_host, "smtp_port": started.smtp_port})
        else:
            answers.print(f"HTTP {started.http_url}   SMTP {started.smtp_host}:{started.smtp_port}")
        with suppress(KeyboardInterrupt):
            started.process.wait()


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.command(epilog="Example: penstock up --pace 600")(up)
    app.command(epilog="Example: penstock demo --rows 1000 --days 12 --seed 7 --json report.json")(demo)
    app.command("import", epilog="Example: penstock import county.csv.gz --map auto --json -")(import_)
    app.command(epilog="Example: penstock run enrichment")(run)
    app.command(epilog="Example: penstock town --port 8090 --smtp-port 2525 --pace 60")(town)
