"""Area scans: what an area would bring and cost, and the leads of it."""

from __future__ import annotations

import asyncio
import json as json_text
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import RowMapping

from penstock import scans
from penstock.billing import subscriptions
from penstock.cli.output import Code, Json, answers, command, escape, fail, money, print_json, progress, table, talk
from penstock.cli.session import session
from penstock.core.context import Context
from penstock.core.db import scalar
from penstock.core.errors import Conflict, InvalidInput
from penstock.core.sqlfile import load
from penstock.scans.service import ENDED

SQL = load(__package__)
scan_app = typer.Typer(help="An area becomes leads: a city, a ZIP code or a drawn polygon.", no_args_is_help=True)
POLL_S = 1.0
LARGEST_FILE = 5_000_000  # bytes
Id = Annotated[int, typer.Argument(help="Scan id.", min=1, max=2**63 - 1)]
City = Annotated[str | None, typer.Option(help='A city with its state: "Austin, TX".')]
ZipCode = Annotated[str | None, typer.Option("--zip", help="A ZIP code.")]
Polygon = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        readable=True,
        metavar="FILE",
        help="GeoJSON Polygon or MultiPolygon inside the United States; its parts may lie far apart.",
    ),
]
Name = Annotated[str | None, typer.Option(help="What a drawn area is called.")]
Playbook = Annotated[str | None, typer.Option(help="By default the only one that scans areas.")]
Search = Annotated[
    bool,
    typer.Option("--search", help="Buy places that nobody has loaded; of a drawn area, in the box around each part."),
]
Permits = Annotated[bool, typer.Option("--permits", help="Read the followed portals of the area's cities first.")]
MaxLeads = Annotated[int | None, typer.Option(min=1, help="Leads at most.")]
MaxCost = Annotated[
    int | None, typer.Option(min=0, metavar="CENTS", help="Search and leads cost no more, told or charged, US cents.")
]


@scan_app.command("estimate", epilog='Example: penstock scan estimate --city "Austin, TX"')
@command
async def estimate(
    city: City = None,
    zip_code: ZipCode = None,
    polygon: Polygon = None,
    name: Name = None,
    broker: Annotated[str | None, typer.Option(help="Email or id; by default a new customer.")] = None,
    playbook: Playbook = None,
    search: Search = False,
    permits: Permits = False,
    max_leads: MaxLeads = None,
    max_cost: MaxCost = None,
    json: Json = False,
) -> None:
    """What a scan would find and cost at most. Nothing is stored or bought."""
    async with session() as ctx:
        request = await _request(
            ctx, broker, city, zip_code, polygon, name, playbook=playbook, search=search, permits=permits,
            max_leads=max_leads, max_cost_cents=_cents(max_cost),
        )  # fmt: skip
        drawn_up = await scans.estimate(ctx, ctx.settings.org_id, request)
    print_json(drawn_up.as_json()) if json else _say_estimate(drawn_up)


@scan_app.command("order", epilog='Example: penstock scan order --broker ana@roofs.example --city "Austin, TX" --yes')
@command
async def order(
    broker: Annotated[str, typer.Option(help="Email or id of who gets and pays the leads.")],
    city: City = None,
    zip_code: ZipCode = None,
    polygon: Polygon = None,
    name: Name = None,
    playbook: Playbook = None,
    search: Search = False,
    permits: Permits = False,
    max_leads: MaxLeads = None,
    max_cost: MaxCost = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Say what a scan comes to at most, ask, and order it; a worker makes the leads."""
    async with session() as ctx:
        request = await _request(
            ctx, broker, city, zip_code, polygon, name, playbook=playbook, search=search, permits=permits,
            max_leads=max_leads, max_cost_cents=_cents(max_cost),
        )  # fmt: skip
        if not yes and (json or not sys.stdin.isatty()):
            raise InvalidInput("nobody is here to be asked", fix="look at scan estimate, then add --yes")
        agreed = await scans.estimate(ctx, ctx.settings.org_id, request)
        if not json:
            _say_estimate(agreed)
        try:
            scans.refuse_in_vain(agreed)
        except Conflict as refused:  # said before anybody is asked, and as an order that makes no sense
            raise InvalidInput(refused.detail, fix=refused.fix) from refused
        if not yes:
            typer.confirm("Order it?", abort=True, err=True)
        made = await scans.order(ctx, ctx.settings.org_id, request, actor="cli", agreed=agreed)
        row, workers = await _scan(ctx, made), await _workers(ctx)
    if json:
        print_json(dict(row))
        return
    answers.print(f"scan {made} of {escape(row['area_name'])} is queued: penstock scan watch {made}")
    _hint_at_workers(workers)


@scan_app.command("start", epilog="Example: penstock scan start 3")
@command
async def start(scan: Id, json: Json = False) -> None:
    """Let a pending scan begin."""
    async with session() as ctx:
        await scans.start(ctx, ctx.settings.org_id, scan)
        row = await _scan(ctx, scan)
    print_json(dict(row)) if json else answers.print(f"scan {scan} is queued")


@scan_app.command("list", epilog="Example: penstock scan list --status completed")
@command
async def listing(
    status: Annotated[
        str | None, typer.Option(help="pending, queued, in_progress, completed, failed or cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """The scans, newest first."""
    if status is not None and status not in {*ENDED, "pending", "queued", "in_progress"}:
        raise InvalidInput(f"--status: there is no status {status!r}", fix="use pending, queued, in_progress, …")
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await scans.listing(db, status=status, limit=limit)
    if json:
        print_json([dict(row) for row in found])
        return
    lines = [
        (row["id"], row["area_name"], row["broker"], row["status"], f"{row['progress_percentage']:.0f} %",
         row["total_properties"], row["qualified_leads"])
        for row in found
    ]  # fmt: skip
    columns = ["id", "area", "broker", "status", "done", "places", "leads"]
    answers.print(table("Area scans", columns, lines, right=["id", "done", "places", "leads"]))


@scan_app.command("show", epilog="Example: penstock scan show 3 --json")
@command
async def show(scan: Id, json: Json = False) -> None:
    """One scan: where it stands (places decided, of all), and what it came to."""
    async with session() as ctx:
        row = await _scan(ctx, scan)
    print_json(dict(row)) if json else _say_scan(row)


@scan_app.command("watch", epilog="Example: penstock scan watch 3")
@command
async def watch(scan: Id, json: Json = False) -> None:
    """Follow a scan to its end; exit code 1 if it fails. Ctrl-C stops watching, not the scan."""
    async with session() as ctx:
        row = await _scan(ctx, scan)
        if row["status"] not in ENDED:
            _hint_at_workers(await _workers(ctx))
        with progress(f"scan {scan}") as update:
            while row["status"] not in ENDED:
                update(row["processed_properties"], f"{row['step'] or row['status']}, {row['qualified_leads']} leads")
                await asyncio.sleep(POLL_S)
                row = await _scan(ctx, scan)
    print_json(dict(row)) if json else _say_scan(row)
    if row["status"] == "failed":
        raise fail(f"scan {scan} failed: {row['error_message']}", Code.FAILED)


@scan_app.command("cancel", epilog="Example: penstock scan cancel 3")
@command
async def cancel(scan: Id, json: Json = False) -> None:
    """Stop a scan: at once, or at its next step if it is at work. The leads it has made stay, and stay charged."""
    async with session() as ctx:
        status = await scans.cancel(ctx, ctx.settings.org_id, scan)
        row = await _scan(ctx, scan)
    done = "is cancelled" if status == "cancelled" else "stops at its next step"
    print_json(dict(row)) if json else answers.print(f"scan {scan} {done}")


@scan_app.command("retry", epilog="Example: penstock scan retry 3")
@command
async def retry(scan: Id, json: Json = False) -> None:
    """Queue a failed scan again; it goes on where it failed."""
    async with session() as ctx:
        await scans.retry(ctx, ctx.settings.org_id, scan)
        row = await _scan(ctx, scan)
    print_json(dict(row)) if json else answers.print(
        f"scan {scan} is queued again, at {row['step'] or 'its beginning'}"
    )


async def _request(
    ctx: Context,
    broker: str | None,
    city: str | None,
    zip_code: str | None,
    polygon: Path | None,
    name: str | None,
    **given: Any,
) -> scans.ScanRequest:
    drawn = None if polygon is None else _geojson(polygon)
    limit = ctx.settings.scans.largest_square_miles
    area = scans.read_area(city=city, zip_code=zip_code, polygon=drawn, name=name, largest_square_miles=limit)
    broker_id = None
    if broker is not None:
        async with ctx.db.tenant(ctx.settings.org_id) as db:
            broker_id = await subscriptions.find_broker(db, broker)
    return scans.ScanRequest(area=area, broker_id=broker_id, **given)


def _geojson(file: Path) -> Any:
    if file.stat().st_size > LARGEST_FILE:
        raise InvalidInput(f"polygon: {file.name} is larger than {LARGEST_FILE // 1_000_000} MB", fix="simplify it")
    try:
        return json_text.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"polygon: {file.name} is no GeoJSON: {error}", fix="export the area as GeoJSON") from error


def _cents(given: int | None) -> Decimal | None:
    return None if given is None else Decimal(given)


async def _scan(ctx: Context, scan: int) -> RowMapping:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        return await scans.show(db, scan)


async def _workers(ctx: Context) -> int:
    async with ctx.db.tenant(ctx.settings.org_id) as db:
        return int(await scalar(db, SQL["workers"]))


def _hint_at_workers(workers: int) -> None:
    if not workers:
        talk.print("no worker is at work: penstock up, or penstock run scans")


def _say_estimate(found: scans.Estimate) -> None:
    size = f", {found.square_miles:,.1f} square miles" if found.square_miles is not None else ""
    known: list[tuple[str, int | str]] = [
        ("places known", found.places),
        ("of them scored", found.scored),
        ("leads already, of any customer", found.leads_already),
    ]
    if found.at_vendor is not None:
        known.append(("places at the vendor", found.at_vendor))
    known += [
        (f"permits known ({', '.join(found.works)})", found.permits),
        ("leads expected", "?" if found.leads_expected is None else found.leads_expected),
        ("leads at most", found.leads_at_most),
        ("of them free", min(found.trial_leads, found.leads_at_most)),
    ]
    answers.print(table(f"{found.area_name}{size} ({found.playbook})", ["what", "count"], known, right=["count"]))
    lines = [
        (cost.what, cost.expected, cost.at_most, money(cost.unit_cents), money(cost.at_most_cents))
        for cost in found.costs
    ]
    columns = ["cost", "expected", "at most", "each", "comes to at most"]
    answers.print(table("Price", columns, lines, right=columns[1:]))
    answers.print(f"at most {money(found.at_most_cents)}, {money(found.expected_cents)} expected")
    for note in found.notes:
        answers.print(f"[yellow]note[/] {escape(note)}")


def _say_scan(row: RowMapping) -> None:
    where = f"{row['area_name']} for {row['broker'] or row['broker_id']} ({row['playbook']})"
    step = f", {row['step']}" if row["status"] == "in_progress" else ""
    answers.print(f"[bold]scan {row['id']}[/] of {escape(where)}: {row['status'].replace('_', ' ')}{step}")
    answers.print(
        f"{row['processed_properties']:,} of {row['total_properties']:,} places, {row['qualified_leads']:,} leads"
    )
    if row["error_message"]:
        answers.print(f"[bold red]failed[/] {escape(row['error_message'])}")
    summary = row["results_summary"] or {}
    if "not_leads" in summary:
        answers.print(table("Leads", ["tier", "leads"], list(summary["by_tier"].items()), right=["leads"]))
        answers.print(table("No leads", ["why", "places"], list(summary["not_leads"].items()), right=["places"]))
        cents = summary["cents"]
        answers.print(
            f"search {money(cents['search'])}, leads {money(cents['leads'])} ({summary['in_trial']} of the trial)"
        )
    if summary.get("stopped"):
        answers.print(f"stopped: {escape(summary['stopped'])}")


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(scan_app, name="scan")
