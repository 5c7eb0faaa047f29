"""All commands, put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from penstock.cli import (
    admin,
    brokers,
    campaigns,
    components,
    doctor,
    imagery,
    intake,
    look,
    permits,
    reports,
    sales,
    scans,
    subscriptions,
    territory,
    work,
)
from penstock.cli.output import answers
from penstock.cli.session import of_demo

app = typer.Typer(
    name="penstock",
    help="From a list of records to booked appointments. Start with: penstock demo",
    epilog="Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 something needs a person (doctor, dlq, run).",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _version(asked: bool) -> None:
    if asked:
        answers.print(version("penstock"))
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Look at what the last demo left, not at the installation.")
    ] = False,
) -> None:
    """From a list of records to booked appointments."""
    of_demo.set(demo)


work.add_to(app)
intake.add_to(app)
campaigns.add_to(app)
brokers.add_to(app)
permits.add_to(app)
scans.add_to(app)
territory.add_to(app)
sales.add_to(app)
reports.add_to(app)
imagery.add_to(app)
subscriptions.add_to(app)
look.add_to(app)
doctor.add_to(app)
admin.add_to(app)
components.add_to(app)
