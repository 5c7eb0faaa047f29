"""Places from above: imagery status, show, look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from penstock.cli.output import Json, answers, command, escape, money, print_json, table
from penstock.cli.session import session
from penstock.core.context import Context
from penstock.core.db import scalar
from penstock.core.errors import InvalidInput, NotConfigured, NotFound
from penstock.core.sqlfile import load
from penstock.imagery import shown, tasks
from penstock.imagery.desk import Desk, desk_of
from penstock.insight import diary
from penstock.playbook import Playbook

SQL = load("penstock.imagery")
OfPlaybook = Annotated[str | None, typer.Option(help="Whose vendors look; by default the only one of places.")]
imagery_app = typer.Typer(help="Places from above: pictures, and what models see on them.", no_args_is_help=True)


@imagery_app.command("status", epilog="Example: penstock imagery status --json")
@command
async def imagery_status(json: Json = False) -> None:
    """How many places were looked at, what came of it, who disagrees, what it cost, and who is not connected."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        desks = [desk_of(ctx, ctx.settings.org_id, playbook) for playbook in _of_places(ctx)]
        vendors = _vendors(desks)
        found = await shown.status(db, [(vendor["vendor"], vendor["operation"]) for vendor in vendors])
    if json:
        print_json(found | {"vendors": vendors})
        return
    answers.print(
        table("Waiting", ["playbook", "leads"], [tuple(row.values()) for row in found["due"]], right=["leads"])
    )
    _grid("Looks", ["playbook", "outcome", "places"], found["looks"])
    _grid("Pictures", ["source", "status", "pictures", "reason"], found["images"])
    _grid("Assessments", ["vendor", "model", "status", "pictures", "mean_score", "reason"], found["assessments"])
    apart = found["disagreement"]
    answers.print(f"{apart['compared']} places seen live by several models; they disagree about {apart['apart']}")
    spent = [(row["vendor"], row["operation"], row["bought"], money(row["cents"])) for row in found["spent"]]
    answers.print(table("Spent", ["vendor", "for", "bought", "money"], spent, right=["bought", "money"]))
    _grid("Vendors", ["vendor", "operation", "makes", "missing"], vendors)


@imagery_app.command("show", epilog="Example: penstock imagery show 4711   or: penstock imagery show ada@home.example")
@command
async def imagery_show(
    place: Annotated[str, typer.Argument(help="Property id, or a lead: its id, an email, a phone (+1…).")],
    json: Json = False,
) -> None:
    """Pictures of one place with each model's words beside them. Only what is live counts in the score."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        property_id = int(place) if place.isdecimal() and len(place) < 19 else await _place_of_lead(ctx, db, place)
        found = await shown.of_property(db, property_id)
    if json:
        print_json(found)
        return
    _print_place(found)


@imagery_app.command("look", epilog="Example: penstock imagery look 4711")
@command
async def imagery_look(
    place: Annotated[int, typer.Argument(metavar="PROPERTY_ID", help="Property id.", min=1, max=2**63 - 1)],
    playbook: OfPlaybook = None,
    json: Json = False,
) -> None:
    """Look at a place now: a picture, and each model's word on it. What was bought before is not bought again."""
    async with session() as ctx:
        org_id = ctx.settings.org_id
        await tasks.look_at_one(ctx, desk_of(ctx, org_id, _chosen(ctx, playbook)), place)
        async with ctx.db.tenant(org_id) as db:
            found = await shown.of_property(db, place)
    if json:
        print_json(found)
        return
    _print_place(found)


def _of_places(ctx: Context) -> list[Playbook]:
    return [playbook for playbook in ctx.playbooks.values() if playbook.territory is not None]


def _chosen(ctx: Context, name: str | None) -> Playbook:
    """The playbook of that name, or the only one whose leads are found on the map."""
    found = [playbook for playbook in _of_places(ctx) if name in (None, playbook.name)]
    if not found:
        raise (
            NotConfigured("no playbook with a territory is loaded")
            if name is None
            else InvalidInput(
                f"{name} is no playbook of places", fix=f"one of {', '.join(p.name for p in _of_places(ctx))}"
            )
        )
    if len(found) > 1:
        raise InvalidInput("several playbooks look at places", fix=f"--playbook {found[0].name}")
    return found[0]


async def _place_of_lead(ctx: Context, db: Any, lead: str) -> int:
    lead_id = await diary.find_lead(db, ctx.sealer, ctx.settings.org_id, lead)
    property_id = await scalar(db, SQL["property_of_lead"], lead_id=lead_id)
    if property_id is None:
        raise NotFound("This lead is not about a place.")
    return int(property_id)


def _vendors(desks: list[Desk]) -> list[dict[str, Any]]:
    """Who looks for whom, what they make (live or synthetic), and what is missing."""
    return [
        {
            "playbook": desk.playbook.name,
            "vendor": part.terms.vendor,
            "operation": part.terms.operation,
            "makes": desk.status if part.connection else "",
            "missing": part.missing,
        }
        for desk in desks
        for part in desk.parts
    ]


def _grid(title: str, columns: list[str], lines: Sequence[Mapping[str, Any]]) -> None:
    cells = [["" if line[column] is None else line[column] for column in columns] for line in lines]
    answers.print(table(title, columns, cells, right=[c for c in columns if c in ("places", "pictures", "mean_score")]))


def _print_place(found: Mapping[str, Any]) -> None:
    answers.print(f"[bold]{escape(found['address'])}[/] (property {found['property_id']})")
    for image in found["images"]:
        taken = f", taken {image['taken_on']}" if image["taken_on"] else ""
        what = {"live": image["license"], "synthetic": "made up"}.get(image["status"], image["reason"])
        answers.print(f"{_mark(image['status'])} {image['source']}: {escape(str(what))}{taken}")
        lines = [
            (
                view["vendor"],
                view["status"],
                "" if view["condition_score"] is None else view["condition_score"],
                view["damage_level"] or "",
                "" if view["remaining_life_years"] is None else view["remaining_life_years"],
                view["assessment"] or view["reason"] or "",
            )
            for view in image["assessments"]
        ]
        if lines:
            answers.print(table("", ["model of", "status", "condition", "damage", "years left", "says"], lines))
    live = found["live"]
    if live is None:
        answers.print("Nothing live was seen: pictures count for nothing in the score.")
    else:
        agree = "disagree" if live["models_disagree"] else "agree"
        answers.print(f"condition {live['condition_score']} of 100; the models {agree} ({live['apart']} points apart)")
    for look in found["looks"]:
        what = f"{look['outcome'] or 'not finished'}" + (f": {look['reason']}" if look["reason"] else "")
        answers.print(f"{look['playbook']}: {escape(what)}; again from {look['due_at']:%Y-%m-%d}")
    if not found["images"]:
        answers.print("Nobody has looked yet.")


def _mark(status: str) -> str:
    return {"live": "[green]live[/]", "synthetic": "[yellow]synthetic[/]"}.get(status, "[red]failed[/]")


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(imagery_app, name="imagery")
