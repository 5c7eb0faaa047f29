"""Records that came by POST: list, show, mend, promote, drop."""

from __future__ import annotations

import json as json_text
from typing import Annotated, Any

import typer

from penstock import intake
from penstock.cli.output import Code, Json, answers, command, escape, fail, print_json, table
from penstock.cli.session import session
from penstock.core.errors import InvalidInput, NotFound

Load = Annotated[int, typer.Argument(min=1, max=intake.loads.MAX_ID, help="Id of the record.")]
group = typer.Typer(no_args_is_help=True, help="Records that came by POST /insert, and what became of them.")


@command
async def list_(
    status: Annotated[str | None, typer.Option(help="waiting, promoted, rejected or dropped.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    json: Json = False,
) -> None:
    """Records with their state and, where they were refused, what is wrong with them."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = [dict(row) for row in await intake.loads.listed(db, status=status, limit=limit)]
    if json:
        print_json(found)
        return
    columns = ["id", "status", "field", "reason", "fix", "company_id", "contact_id"]
    answers.print(table("Records", columns, [[row[name] for name in columns] for row in found]))


@command
async def show(load: Load, json: Json = False) -> None:
    """One record with its content in clear; the audit log keeps that you looked."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await intake.loads.shown(db, ctx.sealer, ctx.settings.org_id, load, actor="cli")
    if json:
        print_json(found)
        return
    lines: list[tuple[str, Any]] = [(name, value) for name, value in found.items() if name != "payload"]
    answers.print(table(f"Record {load}", ["what", "value"], [line for line in lines if line[1] is not None]))
    content = (found["payload"] or {}).items()
    answers.print(table("Content", ["field", "value"], [(name, _short(value)) for name, value in content]))


@command
async def mend(
    load: Load,
    change: Annotated[list[str], typer.Argument(help="field=value, as many as wanted; field= takes it out.")],
    json: Json = False,
) -> None:
    """Set fields of a record that waits or was refused; it waits for promotion again."""
    wanted = dict(_change(one) for one in change)
    intake.loads.refuse_unknown(wanted)
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await intake.loads.mend(db, ctx.sealer, ctx.settings.org_id, load, wanted, actor="cli")
    if json:
        print_json({"id": load, "status": "waiting"})
        return
    answers.print(f"record {load} waits for promotion: penstock intake promote {load}")


@command
async def promote(
    loads: Annotated[list[int] | None, typer.Argument(help="Ids; all that wait by default.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what would become of them.")] = False,
    json: Json = False,
) -> None:
    """Make companies, people and slots of records now. Exit code 3 when some were refused, 2 for unknown ids."""
    async with session() as ctx:
        if loads and (wrong := next((one for one in loads if not 1 <= one <= intake.loads.MAX_ID), None)) is not None:
            raise InvalidInput(f"there is no raw load {wrong}", fix="penstock intake list shows them")
        done = await intake.execute_pipeline(ctx, ctx.settings.org_id, loads, dry_run=dry_run)
    if json:
        print_json(done)
    else:
        counted = [
            (name, len(getattr(done, name))) for name in ("inserted", "updated", "duplicate", "rejected", "failed")
        ]
        others = ("promoted already", len(done.promoted)), ("dropped", len(done.dropped))
        counted += [line for line in (*others, ("in progress", len(done.in_progress))) if line[1]]
        answers.print(table("Dry run" if dry_run else "Promoted", ["outcome", "records"], counted, right=["records"]))
        refused = [(one.id, one.field, one.reason, one.fix) for one in done.rejected]
        if refused:
            answers.print(table("Refused", ["id", "field", "reason", "fix"], refused))
    if done.unknown:
        unknown = ", ".join(map(str, done.unknown))
        raise NotFound(f"there is no raw load {unknown}", fix="penstock intake list shows them")
    if done.rejected or done.failed:
        raise typer.Exit(Code.ATTENTION)


@command
async def drop(
    load: Load,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    json: Json = False,
) -> None:
    """Give up a record that waits or was refused; it stays listed as dropped."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await intake.loads.drop(db, ctx.settings.org_id, load, actor="cli", reason=reason)
    if json:
        print_json({"id": load, "status": "dropped"})
        return
    answers.print(f"record {load} is dropped")


def _change(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidInput(f"{text!r} is not field=value", fix="for example renewal_month=6")
    try:
        return name, json_text.loads(value) if value[:1] in {"[", "{"} else value or None
    except ValueError:
        raise fail(f"{escape(name)} is not JSON", Code.BAD_INPUT) from None


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(group, name="intake")
    group.command("list", epilog="Example: penstock intake list --status rejected")(list_)
    group.command(epilog="Example: penstock intake show 12")(show)
    group.command(epilog="Example: penstock intake mend 12 renewal_month=6")(mend)
    group.command(epilog="Example: penstock intake promote 12 --dry-run")(promote)
    group.command(epilog="Example: penstock intake drop 12 --reason 'sent twice'")(drop)
