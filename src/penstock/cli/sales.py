"""What people do about a lead: notes, tags, follow-ups, the stage of the sale, its timeline."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import sales
from penstock.cli.output import Json, answers, command, escape, print_json, table
from penstock.cli.session import session
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import scalar
from penstock.core.errors import InvalidInput
from penstock.insight import diary

lead_app = typer.Typer(help="Notes, tags, stages and the timeline of a lead.", no_args_is_help=True)
follow_up_app = typer.Typer(help="What is to be done about leads, and when.", no_args_is_help=True)
ACTOR = "cli"
Lead = Annotated[str, typer.Argument(help="Lead id, the start of one, a phone (+1…) or an email.")]
Task = Annotated[int, typer.Argument(help="Follow-up id.", min=1, max=2**63 - 1)]
Due = Annotated[str, typer.Option("--due", help="2026-12-03, 2026-12-03T09:00, or +3d from today (09:00 of the org).")]
_ZONE = text("select timezone from app.orgs where id = cast(:org_id as int)")


async def _found(ctx: Context, db: AsyncConnection, lead: str) -> UUID:
    return await diary.find_lead(db, ctx.sealer, ctx.settings.org_id, lead)


@lead_app.command(epilog="Example: penstock lead timeline 3f2a")
@command
async def timeline(lead: Lead, limit: Annotated[int, typer.Option(min=1, max=500)] = 50, json: Json = False) -> None:
    """What happened to a lead and what was written about it, newest first."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        lead_id = await _found(ctx, db, lead)
        lines = await sales.timeline(ctx, db, ctx.settings.org_id, lead_id, before=None, limit=limit)
        zone = str(await scalar(db, _ZONE, org_id=ctx.settings.org_id))
    if json:
        print_json(lines)
        return
    rows = [(told(line["created_at"], zone), line["activity_type"], line["description"] or "") for line in lines]
    answers.print(table("Timeline", ["at", "activity", "what"], rows))


@lead_app.command(epilog='Example: penstock lead note 3f2a "asks for a call after May"')
@command
async def note(
    lead: Lead,
    words: Annotated[str | None, typer.Argument(help="The note.")] = None,
    take_back: Annotated[int | None, typer.Option("--take-back", help="Hide this note instead.", min=1)] = None,
    restore: Annotated[int | None, typer.Option(help="Show this note again.", min=1)] = None,
    json: Json = False,
) -> None:
    """Write a note, take one back, or bring one back."""
    if sum(given is not None for given in (words, take_back, restore)) != 1:
        raise InvalidInput("say one thing", fix="the words of a note, --take-back ID or --restore ID")
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        org_id, lead_id = ctx.settings.org_id, await _found(ctx, db, lead)
        if words is not None:
            number = await sales.add_note(ctx, db, org_id, lead_id, words, actor=ACTOR)
        elif take_back is not None:
            number = take_back
            await sales.take_back_note(db, org_id, lead_id, number, actor=ACTOR)
        else:
            number = restore or 0
            await sales.restore_note(db, org_id, lead_id, number, actor=ACTOR)
    if json:
        print_json({"lead": lead_id, "note": number})
    else:
        undo = f" (undo: penstock lead note {lead_id} --take-back {number})" if words is not None else ""
        answers.print(f"Note {number} of {lead_id}{undo}")


@lead_app.command(epilog="Example: penstock lead tag 3f2a --add hail-2026 --remove cold")
@command
async def tag(
    lead: Lead,
    add: Annotated[list[str] | None, typer.Option(help="A tag to add; more than once for several.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag to take away.")] = None,
    json: Json = False,
) -> None:
    """Add and remove tags; without either, show them."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        lead_id = await _found(ctx, db, lead)
        tags = await sales.change_tags(
            db, ctx.settings.org_id, lead_id, add=add or [], remove=remove or [], actor=ACTOR
        )
    if json:
        print_json({"lead": lead_id, "tags": tags})
    else:
        answers.print(escape(f"{lead_id}: {', '.join(tags) or 'no tags'}"))


@lead_app.command(epilog="Example: penstock lead stage 3f2a quoted --reason 'sent the offer'")
@command
async def stage(
    lead: Lead,
    to: Annotated[str, typer.Argument(help="new, contacted, replied, interested, … won, lost; or CLOSED_WON…")],
    reason: Annotated[str | None, typer.Option(help="Why; needed to take a lost sale up again.")] = None,
    json: Json = False,
) -> None:
    """Move the sale on; what may not follow is refused, with what may."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        lead_id = await _found(ctx, db, lead)
        was, now = await sales.move_stage(db, ctx.settings.org_id, lead_id, to, actor=ACTOR, reason=reason)
    if json:
        print_json({"lead": lead_id, "from": was, "to": now})
    else:
        answers.print(f"{lead_id}: {was} → {now}")


@follow_up_app.command(epilog="Example: penstock follow-up add 3f2a 'call back' --due +3d")
@command
async def add(
    lead: Lead,
    title: Annotated[str, typer.Argument(help="What is to be done, in a line.")],
    due: Due,
    note: Annotated[str, typer.Option(help="More about it; kept sealed.")] = "",
    assignee: Annotated[str | None, typer.Option(help="Who is to do it.")] = None,
    json: Json = False,
) -> None:
    """Remember to do something about a lead."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        org_id, lead_id = ctx.settings.org_id, await _found(ctx, db, lead)
        zone = str(await scalar(db, _ZONE, org_id=org_id))
        due_at = instant(due, zone)
        task = await sales.follow_up(
            ctx, db, org_id, lead_id, title=title, due_at=due_at, note=note, assignee=assignee, actor=ACTOR
        )
    if json:
        print_json({"lead": lead_id, "follow_up": task, "due_at": due_at})
    else:
        answers.print(f"Follow-up {task}, due {told(due_at, zone)}")


@follow_up_app.command("list", epilog="Example: penstock follow-up list --due")
@command
async def listing(
    due: Annotated[bool, typer.Option("--due", help="Only those whose time has come.")] = False,
    state: Annotated[str, typer.Option(help="open, done, skipped or all.")] = "open",
    json: Json = False,
) -> None:
    """Follow-ups, the ones due longest first."""
    if state not in ("open", "done", "skipped", "all"):
        raise InvalidInput(f"--state: {state!r} is none", fix="open, done, skipped or all")
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        wanted = None if state == "all" else state
        found = await sales.follow_ups(ctx, db, ctx.settings.org_id, state=wanted, due_only=due)
        zone = str(await scalar(db, _ZONE, org_id=ctx.settings.org_id))
    if json:
        print_json(found)
        return
    if not found:
        answers.print("Nothing is to be done." if state == "open" else "None.")
        return
    rows = [(str(t["id"]), told(t["due_at"], zone), t["state"], str(t["lead_id"])[:8], t["title"] or "") for t in found]
    answers.print(table("Follow-ups", ["id", "due", "state", "lead", "what"], rows))


@follow_up_app.command(epilog="Example: penstock follow-up close 12 --skip --reason 'sold the house'")
@command
async def close(
    task: Task,
    skip: Annotated[bool, typer.Option("--skip", help="It is not done, and need not be.")] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="It is open again.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    json: Json = False,
) -> None:
    """A follow-up is done, skipped, or open again."""
    if skip and reopen:
        raise InvalidInput("skipped or open again?", fix="--skip or --reopen")
    state = "skipped" if skip else "open" if reopen else "done"
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await sales.close_follow_up(db, ctx.settings.org_id, task, state=state, actor=ACTOR, reason=reason)
    if json:
        print_json({"follow_up": task, "state": state})
    else:
        answers.print(f"Follow-up {task}: {state}")


@follow_up_app.command("postpone", epilog="Example: penstock follow-up postpone 12 --due +1d")
@command
async def later(task: Task, due: Due, json: Json = False) -> None:
    """Another day."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        org_id = ctx.settings.org_id
        zone = str(await scalar(db, _ZONE, org_id=org_id))
        due_at = instant(due, zone)
        await sales.postpone(db, org_id, task, due_at, actor=ACTOR)
    if json:
        print_json({"follow_up": task, "due_at": due_at})
    else:
        answers.print(f"Follow-up {task}, due {told(due_at, zone)}")


def told(at: datetime, zone: str) -> str:
    """An instant as the clock of the org shows it, with its zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def instant(said: str, zone: str) -> datetime:
    """The instant of `+3d`, `2026-12-03` (09:00) or `2026-12-03T09:00`, in the zone where none is said."""
    home = ZoneInfo(zone)
    if said.startswith("+") and said.endswith("d") and said[1:-1].isdigit() and len(said) <= 6:
        day = clock.now().astimezone(home).date() + timedelta(days=int(said[1:-1]))
        return datetime.combine(day, time(9), home)
    try:
        read = datetime.fromisoformat(said)
    except ValueError:
        raise InvalidInput(f"--due: {said[:40]!r} is no day", fix="2026-12-03, 2026-12-03T09:00 or +3d") from None
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    return (datetime.combine(read.date(), time(9)) if len(said) == 10 else read).replace(tzinfo=home)


def add_to(app: typer.Typer) -> None:
    """Put these commands into the whole."""
    app.add_typer(lead_app, name="lead")
    app.add_typer(follow_up_app, name="follow-up")
