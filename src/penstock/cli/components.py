"""Components for other people's front ends: components export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock import assembly, components
from penstock.cli.output import Json, answers, command, escape, print_json
from penstock.cli.session import quiet
from penstock.core.db import Database
from penstock.core.settings import load_settings

components_app = typer.Typer(help="React components made from the schema.", no_args_is_help=True)


@components_app.command("export", epilog="Example: penstock components export --out penstock-components")
@command
async def components_export(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the package; an earlier export is replaced.")],
    force: Annotated[bool, typer.Option("--force", help="Move what else is in DIR aside, to DIR.old.")] = False,
    json: Json = False,
) -> None:
    """Write an npm package of typed React components, made from the schema alone: no row, value or key is in it."""
    with assembly.database_url(quiet(load_settings())) as url:
        database = Database(url, pool_size=1)
        try:
            async with database.owner() as db:
                done = await components.export(db, out, force=force)
        finally:
            await database.close()
    if json:
        print_json(done)
        return
    answers.print(f"{done.package} {done.version} ({done.files} files) in {escape(str(done.out))}", soft_wrap=True)
    if done.moved:
        answers.print(f"what was there is in {escape(str(done.moved))}", soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.add_typer(components_app, name="components")
