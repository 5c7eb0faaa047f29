"""Reports for owners, and the firm they speak for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from penstock.cli.output import Json, answers, command, escape, print_json, progress, table, writable
from penstock.cli.session import session
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.errors import InvalidInput, NotFound
from penstock.insight import diary
from penstock.reports import firm, making, service
from penstock.reports.links import report_link
from penstock.reports.service import SQL

report_app = typer.Typer(
    help="The page an owner gets: the work around the home, and what it means.", no_args_is_help=True
)
contractor_app = typer.Typer(help="The firm that reports speak for.", no_args_is_help=True)
Lead = Annotated[str, typer.Argument(help="Lead id, the start of one, a phone (+1…) or an email.")]


@report_app.command("make", epilog="Example: penstock report make --due")
@command
async def make(
    lead: Annotated[str | None, typer.Argument(help="Lead id, the start of one, a phone (+1…) or an email.")] = None,
    due: Annotated[bool, typer.Option("--due", help="All that are due, which a worker does by itself.")] = False,
    json: Json = False,
) -> None:
    """Make the report of a lead anew, or all reports that are due."""
    if (lead is None) != due:
        raise InvalidInput("say which", fix="give a lead, or --due")
    async with session() as ctx:
        org_id = ctx.settings.org_id
        if lead is None:
            with progress("reports") as update:
                count = await making.make_due(ctx, org_id, lambda done: update(done, ""))
            print_json({"made": count}) if json else answers.print(f"{count} reports made")
            return
        made = await making.make(ctx, org_id, await _lead(ctx, lead))
        async with ctx.db.tenant(org_id) as db:
            url = await report_link(ctx, db, org_id, made)
    print_json({"id": made, "url": url}) if json else answers.print(f"report {made}: {url}", soft_wrap=True)


@report_app.command("show", epilog="Example: penstock report show 4f2a --out report.pdf")
@command
async def show(
    lead: Lead,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as its name ends: .pdf or .html.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write it as a web page.")] = None,
    json: Json = False,
) -> None:
    """What the report of a lead says; as a file of PDF or HTML where one is named."""
    for file in (out, html):
        writable(file)
    if out is not None and out.suffix.lower() not in (".pdf", ".html"):
        raise InvalidInput(f"--out: {out.name} names neither a PDF nor a web page", fix="end it in .pdf or .html")
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        shown = await service.open_report(
            ctx, db, ctx.settings.org_id, await service.of_lead(db, await _lead(ctx, lead))
        )
    assert shown is not None  # withdrawn ones are not found
    for file in filter(None, (out, html)):
        if file is out and file.suffix.lower() == ".pdf":
            file.write_bytes(await shown.as_pdf())
        else:
            file.write_text(shown.as_html(with_pdf=False), encoding="utf-8")
    if json:
        print_json({"id": shown.id, "url": shown.links.page, "content": shown.content})
    else:
        _say(shown)


def _say(shown: service.Shown) -> None:
    said: Any = shown.content
    place = said["address"]
    answers.print(f"[bold]{escape(place['line1'])}[/], {escape(place['city'] or '')} ({shown.id})")
    answers.print(escape(said["social_proof"] or "No work around it is on record."))
    answers.print(f"{said['score']['total']} of 100, {said['score']['tier']}: {escape(said['score']['headline'])}")
    parts = [
        (p["label"], p["points"] if p["points"] is not None else "not known", p["share"])
        for p in said["score"]["parts"]
    ]
    answers.print(table("Score", ["part", "points", "counts %"], parts, right=["points", "counts %"]))
    for reason in said["score"]["reasons"]:
        answers.print(f"• {escape(reason)}")
    answers.print(escape(shown.links.page), soft_wrap=True)


@report_app.command("list", epilog="Example: penstock report list --limit 10")
@command
async def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="Earlier reports of a lead as well.")] = False,
    json: Json = False,
) -> None:
    """Reports, newest first."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = [
            dict(row)
            for row in await rows(
                db, SQL["listing"], lead_id=None, current=not every, after_at=None, after_id=None, limit=limit
            )
        ]
    if json:
        print_json(found)
        return
    lines = [
        (f"{row['created_at']:%Y-%m-%d}", str(row["lead_id"])[:8], f"{row['address_line1']}, {row['city']}",
         row["total_urgency_score"], row["urgency_tier"], row["opened_count"],
         "withdrawn" if row["withdrawn_at"] else "")
        for row in found
    ]  # fmt: skip
    columns = ["made", "lead", "home", "score", "tier", "opened", ""]
    answers.print(table("Reports", columns, lines, right=["score", "opened"]))


@contractor_app.command(
    "set", epilog="Example: penstock contractor set --broker dana@example.com --name 'Harbor Roofing' --logo logo.png"
)
@command
async def set_(
    broker: Annotated[str, typer.Option(metavar="EMAIL", help="Whose firm it is: the email of a broker.")],
    name: Annotated[str | None, typer.Option(help="As the firm writes itself.")] = None,
    license_number: Annotated[str | None, typer.Option("--license", help="Number of the state licence.")] = None,
    license_state: Annotated[str | None, typer.Option(help="Who gave it: two letters.")] = None,
    phone: Annotated[str | None, typer.Option(help="A business number for owners to call.")] = None,
    website: Annotated[str | None, typer.Option(help="Its site.")] = None,
    logo: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG, JPEG or plain SVG, at most 200 kB.")] = None,
    json: Json = False,
) -> None:
    """Set name, licence and logo of a broker's own firm. What is left out stays. Their reports are made anew."""
    given = firm.Firm(name, license_number, license_state, phone, website, _read(logo))
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        broker_id = await scalar(db, SQL["broker_by_email"], email=broker)
        if broker_id is None:
            raise NotFound(f"There is no broker {broker}.", fix="POST /v1/brokers makes one")
        kept = dict(await firm.set_firm(db, ctx.settings.org_id, broker_id, given))
    if json:
        print_json(kept)
        return
    license_ = " ".join(filter(None, (kept["license_state"], kept["license_number"]))) or "no licence given"
    answers.print(f"{escape(kept['name'])}: {escape(license_)}, {'with' if kept['logo_type'] else 'without'} logo")


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    if not file.is_file():
        raise InvalidInput(f"{file} is no file", fix="give --logo a PNG, JPEG or SVG file")
    return file.read_bytes()


async def _lead(ctx: Context, text: str) -> UUID:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        return await diary.find_lead(db, ctx.sealer, ctx.settings.org_id, text)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(report_app, name="report")
    app.add_typer(contractor_app, name="contractor")
