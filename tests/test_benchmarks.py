"""Each measurement runs, on tiny sizes, and gives figures that stand beside a peer. Nothing here is about speed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from benchmarks import county, importing
from benchmarks.__main__ import MEASUREMENTS, Name, run
from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.gate import questions
from benchmarks.ground import ORG_ID, PLAYBOOK, Ground, ground
from rich.console import Console

from penstock import intake
from penstock.compliance.ruleset import load

TINY = Sizes(rows=300, rounds=1, calls=3, cap=2, brokers=(1, 3), facts=40, companies=300, homes=600)


@pytest.fixture
def made(server_url: str, template_database: str) -> Iterator[Ground]:
    with ground(server_url, template=template_database) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *[(Name.IMPORT, 3), (Name.COMPANIES, 3), (Name.UPSERT, 4), (Name.GATE, 1), (Name.QUEUES, 4)],
        *[(Name.CONTAGION, 4), (Name.MAPS, 11), (Name.LARGE, 3)],
    ],
)
async def test_a_measurement_gives_figures_beside_a_peer(made: Ground, name: Name, count: int) -> None:
    figures = await MEASUREMENTS[name](made, TINY)
    assert len(figures) == count
    _stand_beside_a_peer(figures)


async def test_the_feeder_is_measured_with_every_seat_taken(made: Ground) -> None:
    figures = await MEASUREMENTS[Name.FEEDER](made, TINY)
    assert [figure.note.split(", ")[1] for figure in figures] == ["2 fed", "2 fed", "6 fed", "6 fed"]
    _stand_beside_a_peer(figures)


async def test_the_ceiling_holds_the_very_rows_that_the_import_left(made: Ground) -> None:
    source, target = await made.filled(TINY.rows), made.new_database()
    async with made.context(target):
        importing.copy_all(made, source, target, Stopwatch())
    with made.owner(source) as there, made.owner(target) as here:
        for table in importing.TABLES:
            digest = f"select count(*), sum(hashtextextended(t::text, 0)) from app.{table} t"
            assert there.execute(digest).fetchone() == here.execute(digest).fetchone(), table


async def test_what_an_import_leaves_is_all_in_the_copied_tables(made: Ground) -> None:
    """Otherwise the ceiling would do less than the import had to."""
    empty = made.new_database()
    async with made.context(empty):
        with made.owner(empty) as before:
            had = _filled_tables(before)
    with made.owner(await made.filled(TINY.rows)) as after:
        new = {table for table in _filled_tables(after) - had if not table.startswith("pipeline_events_")}
    by_triggers = {"contagion_changes", "places_arrived"}  # the ceiling has them too
    assert new == {"uploads", *by_triggers, *importing.TABLES} - {"contact_points", "property_vendor_ids"}


async def test_the_made_county_imports_whole_and_again_as_updates(made: Ground) -> None:
    file = made.folder / "c.csv"
    county.write(file, TINY.rows)
    async with made.context(made.new_database()) as ctx:
        first = await intake.import_file(ctx, ORG_ID, path=file, playbook=PLAYBOOK)
        again = await intake.import_file(ctx, ORG_ID, path=file, playbook=PLAYBOOK)
    repeated = TINY.rows // county.REPEATED
    assert (first.inserted, first.duplicate_in_file, first.rejected) == (TINY.rows - repeated, repeated, 0)
    assert (again.inserted, again.updated) == (0, TINY.rows - repeated)


async def test_a_run_prints_tables_and_gives_plain_values(made: Ground) -> None:
    out = Console(record=True, width=100)
    report = await run(made, replace(TINY, rows=200), [Name.GATE], out)
    shown = out.export_text()
    assert "may_contact" in shown and "PostgreSQL" in shown
    (figure,) = json.loads(json.dumps(report))["measurements"]["gate"]
    assert figure["ratio"] == figure["value"] / figure["peer"]


def test_databases_of_a_run_are_dropped_even_after_an_error(server_url: str, template_database: str) -> None:
    with pytest.raises(RuntimeError), ground(server_url, template=template_database) as made:
        name = made.new_database()
        raise RuntimeError
    with psycopg.connect(server_url) as connection:
        assert connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None


def test_the_gate_is_asked_about_people_who_differ() -> None:
    asked = questions(load(), 200)
    assert len({question.facts.location for question in asked}) > 190
    assert {question.intent.channel for question in asked} == {"email", "sms", "voice_ai", "voice_live"}
    assert asked == questions(load(), 200)


def test_percentiles_are_laps_that_were_run() -> None:
    watch = Stopwatch()
    watch.laps = [float(lap) for lap in range(100, 0, -1)]
    assert (watch.percentile(50), watch.percentile(95), watch.percentile(100)) == (50.0, 95.0, 100.0)
    assert Figure("f", 3.0, "ms", "p", 2.0).ratio == 1.5


def _stand_beside_a_peer(figures: list[Figure]) -> None:
    for figure in figures:
        assert figure.name and figure.unit and figure.peer_name and figure.note
        assert 0 < figure.value < math.inf and 0 < figure.peer < math.inf
        assert figure.ratio == figure.value / figure.peer


def _filled_tables(db: psycopg.Connection) -> set[str]:
    names = [
        name
        for (name,) in db.execute(
            "select relname from pg_class where relnamespace = 'app'::regnamespace and relkind in ('r', 'p')"
        )
    ]
    return {name for name in names if db.execute(f"select exists (select 1 from app.{name})").fetchone() == (True,)}
