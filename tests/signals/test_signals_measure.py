"""How well movements are recognised, on pages and news that were not written for the reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.executive_movement import measure
from benchmarks.ground import Ground, ground
from benchmarks.movement_pages import read_changes
from benchmarks.windows import measure as measure_windows

SHARED = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "data/companies/wikidata_ceo_changes_a.csv"
MADE_UP = [
    ("Acme Widgets Inc", "Robert Smith", "Jane Doe"),
    ("Harborline LLC", "Wei Zhang", "Carla Ortega Ruiz"),
    ("Blue Kettle Foods", "Olga Petrova", "Noah Weiss"),
    ("Nordlys AS", "Søren Kjær", "Åse Holm"),
    ("Tall Pine Bank", "Ann Lee", "Marc van den Berg"),
    ("Quarry & Sons", "Tom Quarry", "Lucy Hale"),
]


@pytest.fixture
def made(server_url: str, template_database: str) -> Iterator[Ground]:
    with ground(server_url, template=template_database) as made:
        yield made


async def test_movements_are_told_and_nothing_else_is(made: Ground) -> None:
    report = await measure(made, MADE_UP)
    assert report.wrong == []
    assert report.movements.recall >= 0.9, report.missed
    assert report.right_slots >= report.companies - 1, report.off


async def test_real_changes_are_recognised(made: Ground) -> None:
    if not REAL.exists():
        pytest.skip(f"LOUD: {REAL} is absent: the measure on real changes is not taken")
    report = await measure(made, read_changes(REAL)[5:20])
    assert report.movements.precision >= 0.97, report.wrong
    assert report.movements.recall >= 0.9, report.missed


async def test_windows_are_measured_over_companies_that_renew_in_every_month(made: Ground) -> None:
    report = await measure_windows(made, 360)
    assert 0 < report["raised"] < 360
    assert all(seconds > 0 for seconds in report.values())
