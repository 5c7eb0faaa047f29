"""Looking: status, explain, dlq."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from penstock import insight
from penstock.cli.output import Code, Json, answers, command, escape, fail, money, print_json, table
from penstock.cli.session import session
from penstock.core import dlq
from penstock.core.db import one, rows, scalar
from penstock.core.sqlfile import load
from penstock.insight import diary

SQL = load(__package__)
Entry = Annotated[int, typer.Argument(help="Entry id.")]


@command
async def status(json: Json = False) -> None:
    """How many leads came how far, what waits at each stage, what was spent, and what is the matter."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        funnel = await insight.funnel(db)
        waiting = await insight.waiting(db)
        alerts = [dict(row) for row in await rows(db, SQL["open_alerts"])]
        workers = await scalar(db, SQL["workers"])
    if json:
        stages = {"rows": funnel.rows, "stages": funnel.stages, "waiting": waiting}
        print_json(
            stages
            | {
                "spend_cents": funnel.spend_cents,
                "invoiced_cents": funnel.invoiced_cents,
                "workers": workers,
                "alerts": alerts,
            }
        )
        return
    answers.print(table("Leads", ["step", "leads"], list(funnel.stages.items()), right=["leads"]))
    if funnel.companies["companies"]:
        answers.print(table("Companies", ["step", "count"], list(funnel.companies.items()), right=["count"]))
    answers.print(table("Waiting", ["stage", "items"], [item for item in waiting.items() if item[1]], right=["items"]))
    spend = [(vendor, money(cents)) for vendor, cents in funnel.spend_cents.by_vendor.items()]
    answers.print(
        table("Spent", ["vendor", "money"], [*spend, ("total", money(funnel.spend_cents.total))], right=["money"])
    )
    answers.print(f"{workers} workers at work, {money(funnel.invoiced_cents)} invoiced")
    for alert in alerts:
        answers.print(f"[bold red]alert[/] {escape(alert['rule'])}: {escape(alert['value'])}")


@command
async def explain(
    lead: Annotated[str, typer.Argument(help="Lead id, the start of one, a phone (+1…) or an email.")],
    json: Json = False,
) -> None:
    """The diary of one lead: what happened when, at which stage, for how much, and the folder to open for each line."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        lead_id = await diary.find_lead(db, ctx.sealer, ctx.settings.org_id, lead)
        about = await one(db, SQL["lead"], id=lead_id)
        lines = await diary.of_lead(db, lead_id)
    assert about is not None  # found a moment ago, in the same transaction
    if json:
        print_json({"lead": about, "diary": lines})
        return
    answers.print(f"[bold]{escape(str(about['name']))}[/], {escape(about['address'])} ({lead_id})")
    if about["company"]:
        slot = f"{about['slot']} of " if about["slot"] else "at "
        answers.print(f"{slot}{escape(about['company'])}; {escape(about['slots'] or '')}")
    answers.print(
        f"{about['playbook']}: {about['lead_status']}, {about['campaign_status']}, {about['sales_stage']}; "
        f"quality {about['quality_score']}, promise {about['lead_score']}"
    )
    told = [
        (f"{line.at:%Y-%m-%d %H:%M}", line.what, line.detail, money(line.cents) if line.cents else "", line.folder)
        for line in lines
    ]
    answers.print(table("Diary (UTC)", ["when", "what", "detail", "money", "folder"], told, right=["money"]))


dlq_app = typer.Typer(help="What failed and waits: look at it, try it again, or give it up.", no_args_is_help=True)


@dlq_app.command("list", epilog="Example: penstock dlq list --stage outreach")
@command
async def dlq_list(
    stage: Annotated[str | None, typer.Option(help="Only of this stage.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    json: Json = False,
) -> None:
    """The items that wait, oldest first. Exit code 3 when there are any."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await dlq.listing(db, stage=stage, limit=limit)
    if json:
        print_json([dict(row) for row in found])
    else:
        lines = [
            (row["id"], row["stage"], row["item"], row["attempts"], _when(row["retry_after"]), row["error"])
            for row in found
        ]
        answers.print(
            table(
                "Dead-letter queue", ["id", "stage", "item", "tries", "next try", "error"], lines, right=["id", "tries"]
            )
        )
    if found:
        raise typer.Exit(Code.ATTENTION)


@dlq_app.command("show", epilog="Example: penstock dlq show 12 --json")
@command
async def dlq_show(entry: Entry, json: Json = False) -> None:
    """One item, with its payload and its last error."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = dict(await dlq.show(db, entry))
    if json:
        print_json(found)
        return
    answers.print(table(f"DLQ entry {entry}", ["field", "value"], list(found.items())))


@dlq_app.command("retry", epilog="Example: penstock dlq retry 12 13   or: penstock dlq retry --all")
@command
async def dlq_retry(
    entries: Annotated[list[int] | None, typer.Argument(help="Entry ids.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All entries.")] = False,
    json: Json = False,
) -> None:
    """Make items due now; the workers take them up within a minute."""
    if bool(entries) == everything:
        raise fail("name entries, or give --all", Code.BAD_INPUT)
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        count = await dlq.retry(db, entries or None)
    if entries and count < len(set(entries)):
        raise fail(f"only {count} of {len(set(entries))} entries exist; those are due now", Code.BAD_INPUT)
    _say({"due_now": count}, f"{count} due now", json)


@dlq_app.command("drop", epilog='Example: penstock dlq drop 12 --reason "address does not exist"')
@command
async def dlq_drop(
    entry: Entry, reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")], json: Json = False
) -> None:
    """Give an item up for good. It stays on record with the reason."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await dlq.drop(db, ctx.settings.org_id, entry, actor="cli", reason=reason)
    _say({"dropped": entry}, f"entry {entry} dropped", json)


def _say(value: Any, words: str, json: bool) -> None:
    if json:
        print_json(value)
    else:
        answers.print(words)


def _when(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "when a person says so"


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.command(epilog="Example: penstock status --json")(status)
    app.command(epilog="Example: penstock explain 1f3a9c   or: penstock explain ada@home.example")(explain)
    app.add_typer(dlq_app, name="dlq")
