"""Campaigns for companies, the tasks of people, hand-offs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.booking import handoffs
from penstock.cli.output import Code, Json, answers, command, escape, fail, print_json, table
from penstock.cli.session import session
from penstock.core.errors import InvalidInput, NotFound
from penstock.outreach import campaigns, worklist

campaign_app = typer.Typer(help="Campaigns for people at companies.", no_args_is_help=True)
task_app = typer.Typer(help="Steps that a person does: LinkedIn notes, calls.", no_args_is_help=True)
handoff_app = typer.Typer(help="Leads handed to the person who closes them.", no_args_is_help=True)
LARGEST = 2**63 - 1
STATES = ("open", "done", "skipped", "withdrawn", "all")
CHANNELS = ("linkedin", "phone", "other")
Id = Annotated[int, typer.Argument(help="Campaign id.", min=1, max=LARGEST)]
TaskId = Annotated[int, typer.Argument(help="Task id.", min=1, max=LARGEST)]
People = Annotated[list[int], typer.Argument(help="Contact ids.", min=1, max=LARGEST)]


@campaign_app.command("create", epilog="Example: penstock campaign create --playbook renewals --name Spring --dry-run")
@command
async def create(
    playbook: Annotated[str, typer.Option(help="The playbook whose audience it takes in.")],
    name: Annotated[str | None, typer.Option(help="Its name; by default the playbook's name for now.")] = None,
    targets: Annotated[
        str | None, typer.Option(help="Slots in the order to be written to, such as CFO,HR; by default the playbook's.")
    ] = None,
    allow_yellow: Annotated[bool, typer.Option("--allow-yellow", help="Write to risky addresses as well.")] = False,
    all_at_once: Annotated[
        bool, typer.Option("--all-at-once", help="Write to everybody at a company, not to one person at a time.")
    ] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Make it though nobody joins it now.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    json: Json = False,
) -> None:
    """Make a campaign out of the people who hold the offices of companies inside their window.

    Where nobody joins, it says why, and makes none: exit code 3.
    """
    slots = [part.strip().upper() for part in (targets or "").split(",") if part.strip()]
    if targets is not None and not slots:
        raise InvalidInput("--targets names no slot", fix=f"of {','.join(campaigns.ROLES)}, or leave it out")
    async with session() as ctx:
        made = await campaigns.create(
            ctx, ctx.settings.org_id, playbook=playbook, name=name, allow_yellow=allow_yellow,
            targets=slots, one_at_a_time=not all_at_once, actor="cli", dry_run=dry_run, empty=empty,
        )  # fmt: skip
    if json:
        print_json(made)
    else:
        _say_made(made)
    if made.campaign_id is None and not dry_run:
        found = [f"{count} people: {why}" for why, count in made.held_back.items()]
        found += [f"{count} companies: {why}" for why, count in made.outside.items()]
        reason = "; ".join(found) or "there are no companies"
        raise fail(f"nobody joins, so no campaign was made: {reason} (--empty makes it)", Code.ATTENTION)


def _say_made(made: campaigns.Made) -> None:
    what = "would take in" if made.campaign_id is None else f"({made.campaign_id}) took in"
    answers.print(f"campaign {escape(made.name)} {what} {made.added} people at {made.companies} companies")
    answers.print(table("By slot", ["slot", "people"], list(made.by_role.items()), right=["people"]))
    answers.print(table("Held back", ["reason", "people"], list(made.held_back.items()), right=["people"]))
    if not made.added:
        answers.print(table("Outside", ["reason", "companies"], list(made.outside.items()), right=["companies"]))


@campaign_app.command("list", epilog="Example: penstock campaign list --json")
@command
async def list_(json: Json = False) -> None:
    """Every campaign with how far its people are, newest first."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await campaigns.listing(db)
    if json:
        print_json([dict(row) for row in found])
        return
    figures = ["people", "written to", "under way", "replied", "booked"]
    lines = [
        (row["id"], row["name"], row["playbook"] or "by hand", "on" if row["is_active"] else "paused",
         *(row[figure.replace(" ", "_")] for figure in figures))
        for row in found
    ]  # fmt: skip
    answers.print(table("Campaigns", ["id", "name", "playbook", "state", *figures], lines, right=["id", *figures]))


@campaign_app.command("show", epilog="Example: penstock campaign show 3")
@command
async def show(campaign: Id, json: Json = False) -> None:
    """One campaign and its people: how far each sequence is, or what a person waits for."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await campaigns.show(db, campaign)
        people = await campaigns.members(db, campaign)
    if json:
        print_json({**found, "members": [dict(row) for row in people]})
        return
    state = "on" if found["is_active"] else "paused"
    rules = [", ".join(found["targets"]) or "every slot", "yellow too" if found["allow_yellow"] else "green only"]
    rules.append("one person of a company at a time" if found["one_at_a_time"] else "all at once")
    answers.print(f"[bold]{escape(found['name'])}[/] ({state}): {escape('; '.join(rules))}")
    lines = [
        (row["contact_id"], row["person"], row["role_code"], row["company"], _where(row), str(row["lead_id"] or "")[:8])
        for row in people
    ]
    answers.print(table("People", ["contact", "person", "slot", "company", "where", "lead"], lines, right=["contact"]))


def _where(row: RowMapping) -> str:
    if row["state"] is None:
        return f"{'waits' if row['waits_for'] in campaigns.TURNS else 'held back'}: {row['waits_for']}"
    steps = f"step {row['current_step']}, {row['state']}"
    return f"{steps}: {row['stop_reason']}" if row["stop_reason"] else steps


@campaign_app.command("pause", epilog="Example: penstock campaign pause 3")
@command
async def pause(campaign: Id, json: Json = False) -> None:
    """Nobody new is written to, and the steps of those under way wait."""
    await _switch(campaign, on=False, json=json)


@campaign_app.command("resume", epilog="Example: penstock campaign resume 3")
@command
async def resume(campaign: Id, json: Json = False) -> None:
    """Let a paused campaign go on."""
    await _switch(campaign, on=True, json=json)


async def _switch(campaign: int, *, on: bool, json: bool) -> None:
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await campaigns.switch(db, ctx.settings.org_id, campaign, on=on)
    _say({"campaign_id": campaign, "is_active": on}, f"campaign {campaign} {'goes on' if on else 'is paused'}", json)


@campaign_app.command("add", epilog="Example: penstock campaign add 3 12 13")
@command
async def add(campaign: Id, people: People, json: Json = False) -> None:
    """Add people who have a lead at a company. Whether and when they are written to is decided as for the others."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await _known(db, campaign, people)
        held = await campaigns.in_outreach(db, campaign, people)
        joined = await campaigns.add(db, ctx.settings.org_id, campaign, people)
    why = f"; {len(held)} in outreach already" if held else ""
    _say({"added": joined, "in_outreach": held}, f"{len(joined)} of {len(set(people))} people joined{why}", json)


@campaign_app.command("remove", epilog="Example: penstock campaign remove 3 12")
@command
async def remove(campaign: Id, people: People, json: Json = False) -> None:
    """Take people out of a campaign and end their sequence in it. The timetable does not put them back."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        await _known(db, campaign, people)
        gone = await campaigns.remove(db, ctx.settings.org_id, campaign, people)
    _say({"removed": gone}, f"{len(gone)} of {len(set(people))} people were in it, and are out", json)


async def _known(db: AsyncConnection, campaign: int, people: list[int]) -> None:
    await campaigns.show(db, campaign)
    unknown = await campaigns.unknown(db, people)
    if unknown:
        raise NotFound(f"no contact has the id {', '.join(map(str, unknown))}", fix="nothing was changed")


@task_app.command("list", epilog="Example: penstock task list --channel phone")
@command
async def tasks(
    state: Annotated[str, typer.Option(help="open, done, skipped, withdrawn or all.")] = "open",
    channel: Annotated[str | None, typer.Option(help="linkedin, phone or other.")] = None,
    campaign: Annotated[int | None, typer.Option(min=1, max=LARGEST, help="Only of this campaign.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
    json: Json = False,
) -> None:
    """The tasks, the ones due longest first."""
    _one_of("--state", state, STATES)
    _one_of("--channel", channel, (None, *CHANNELS))
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        if campaign is not None:
            await campaigns.show(db, campaign)
        wanted = None if state == "all" else state
        found = await worklist.listing(db, state=wanted, channel=channel, campaign_id=campaign, limit=limit)
    if json:
        print_json([dict(row) for row in found])
        return
    lines = [
        (row["id"], f"{row['due_at']:%Y-%m-%d %H:%M}", row["channel"], row["subject"],
         "waits" if row["waits_for"] else row["state"], row["waits_for"] or row["reason"])
        for row in found
    ]  # fmt: skip
    answers.print(table("Tasks (UTC)", ["id", "due", "channel", "what", "state", "reason"], lines, right=["id"]))


def _one_of(option: str, given: str | None, choices: tuple[str | None, ...]) -> None:
    if given not in choices:
        raise InvalidInput(f"{option} is not {given!r}", fix=f"one of {', '.join(filter(None, choices))}")


@task_app.command("show", epilog="Example: penstock task show 7")
@command
async def show_task(task: TaskId, json: Json = False) -> None:
    """One task with its words, the number or profile, and what the gate says to doing it now."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await worklist.show(ctx, db, ctx.settings.org_id, task)
    decision = found.decision
    if json:
        row = {key: value for key, value in found.row.items() if key != "body_sealed"}
        print_json({**row, "text": found.text, "phone": found.phone, "decision": decision})
        return
    answers.print(f"[bold]{escape(found.row['subject'] or '')}[/] ({found.row['state']})")
    answers.print(escape(found.phone or found.row["profile_url"] or ""))
    answers.print(escape(found.text))
    if waits := found.row["waits_for"]:
        answers.print(f"Not now: it waits ({waits})")
    elif decision is not None:
        answers.print("You may do this now." if decision.allowed else f"Not now: {', '.join(decision.reasons)}")


@task_app.command("done", epilog='Example: penstock task done 7 --note "left a voicemail"')
@command
async def done(
    task: TaskId,
    note: Annotated[str | None, typer.Option(help="What was said, if not the prepared words.")] = None,
    json: Json = False,
) -> None:
    """You are about to send or dial: the gate is asked once more. Exit code 3: do not."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        result = await worklist.done(ctx, db, ctx.settings.org_id, task, actor="cli", note=note)
    if result.waits_for is not None:
        raise fail(f"task {task} waits: {result.waits_for}", Code.ATTENTION)
    if result.decision is not None and not result.done:
        when = result.decision.next_permitted_at
        until = f", from {when:%Y-%m-%d %H:%M} UTC on" if when else f": {result.decision.cure or 'no way around'}"
        raise fail(f"the gate says no ({', '.join(result.decision.reasons)}){until}", Code.ATTENTION)
    _say({"task_id": task, "state": "done"}, f"task {task} is done", json)


@task_app.command("skip", epilog='Example: penstock task skip 7 --reason "profile is somebody else\'s"')
@command
async def skip(
    task: TaskId,
    reason: Annotated[str, typer.Option(help="Why.")],
    do_not_contact: Annotated[
        bool, typer.Option("--do-not-contact", help="The person asked to be left alone, and is, on every channel.")
    ] = False,
    json: Json = False,
) -> None:
    """Close a task undone; the sequence goes on without it."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        given: dict[str, Any] = {"actor": "cli", "reason": reason, "do_not_contact": do_not_contact}
        await worklist.skip(ctx, db, ctx.settings.org_id, task, **given)
    _say({"task_id": task, "state": "skipped"}, f"task {task} is skipped", json)


@handoff_app.command("list", epilog="Example: penstock handoff list --json")
@command
async def handed(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200, json: Json = False) -> None:
    """The hand-offs, newest first."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await handoffs.listing(db, limit=limit)
    if json:
        print_json([dict(row) for row in found])
        return
    lines = [
        (row["id"], f"{row['created_at']:%Y-%m-%d %H:%M}", row["person"], row["company"], row["broker"], row["cause"])
        for row in found
    ]
    answers.print(table("Hand-offs (UTC)", ["id", "when", "person", "company", "to", "cause"], lines, right=["id"]))


@handoff_app.command("show", epilog="Example: penstock handoff show 2")
@command
async def show_handoff(
    handoff: Annotated[int, typer.Argument(help="Hand-off id.", min=1, max=LARGEST)], json: Json = False
) -> None:
    """One hand-off with its notes: what was said, and what is known of the company."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = await handoffs.show(ctx, db, ctx.settings.org_id, handoff)
    if json:
        print_json(found)
        return
    answers.print(
        f"[bold]{escape(found['person'] or found['company'] or '')}[/] to {escape(found['broker'] or 'nobody')}"
    )
    answers.print(escape(found["notes"]))


def _say(value: Any, words: str, json: bool) -> None:
    if json:
        print_json(value)
    else:
        answers.print(words)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(campaign_app, name="campaign")
    app.add_typer(task_app, name="task")
    app.add_typer(handoff_app, name="handoff")
