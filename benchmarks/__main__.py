"""`python -m benchmarks`: measures, prints a table each, and writes JSON if asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import companies as company_list
from benchmarks import contagion, contagion_large, feeder, gate, importing, maps, queues, territory, upsert
from benchmarks.figures import Figure, Sizes, machine, table
from benchmarks.ground import Ground, ground
from penstock.core import clock, embedded
from penstock.core.settings import load_settings

Measure = Callable[[Ground, Sizes], Awaitable[list[Figure]]]


class Name(StrEnum):
    """The measurements, in the order in which they are taken: later ones stand on what the first have filled."""

    IMPORT = "import"
    COMPANIES = "companies"
    UPSERT = "upsert"
    FEEDER = "feeder"
    GATE = "gate"
    QUEUES = "queues"
    CONTAGION = "contagion"
    NEIGHBOURS = "neighbours"
    MAPS = "maps"
    LARGE = "large"


MEASUREMENTS: dict[Name, Measure] = {
    Name.IMPORT: importing.measure,
    Name.COMPANIES: company_list.measure,
    Name.UPSERT: upsert.measure,
    Name.FEEDER: feeder.measure,
    Name.GATE: gate.measure,
    Name.QUEUES: queues.measure,
    Name.CONTAGION: territory.measure,
    Name.NEIGHBOURS: contagion.measure_alone,
    Name.MAPS: maps.measure,
    Name.LARGE: contagion_large.measure,
}
BY_NAME = {Name.LARGE}  # takes many minutes: measured only if asked for


def main(
    rows: Annotated[
        int, typer.Option(min=200, help="Rows of the county file, and of the list of companies.")
    ] = Sizes().rows,
    companies: Annotated[int, typer.Option(min=200, help="Companies behind the queues.")] = Sizes().companies,
    homes: Annotated[
        int, typer.Option(min=600, help="Places that are scored; a tenth as many permits.")
    ] = Sizes().homes,
    only: Annotated[list[Name] | None, typer.Option(help="Measure only this; may be given several times.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON too.")
    ] = None,
) -> None:
    """Measure imports, upsert, feeder, gate, queues, scores and maps of places, each beside a peer of the same run.

    Works in databases of its own on the embedded server and drops them at the end.
    """
    with embedded.embedded_server(load_settings().home) as server, ground(server.url("postgres")) as made:
        report = asyncio.run(
            run(
                made,
                Sizes(rows=rows, companies=companies, homes=homes),
                only or [name for name in Name if name not in BY_NAME],
                Console(),
            )
        )
    if json_file:
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


async def run(made: Ground, sizes: Sizes, names: list[Name], out: Console) -> dict[str, object]:
    """Take the named measurements one after the other, print each, and give all of them as plain values."""
    line, began = machine(made.server_version()), clock.now()
    measured: dict[str, object] = {}
    for name in names:
        figures = await MEASUREMENTS[name](made, sizes)
        out.print(table(name.value, figures, line))
        out.print()
        measured[name.value] = [figure.as_json() for figure in figures]
    return {"machine": line, "began_at": began.isoformat(), "rows": sizes.rows, "measurements": measured}


if __name__ == "__main__":
    typer.run(main)
