"""kill -9 at twenty random moments of a run: nothing lost, paid or sent twice, nobody contacted against a rule."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.town.server import start_town

ROWS, DAYS, SEED, KILLS = 80, 9, 11, 20
SCRIPT = Path(__file__).with_name("carry_on.py")


def start(database: str, town: Any) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        str(SCRIPT),
        database,
        town.http_url,
        str(town.smtp_port),
        str(ROWS),
        str(DAYS),
        str(SEED),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


@pytest.fixture
def town() -> Iterator[Any]:
    with start_town(seed=SEED) as running:
        yield running


@pytest.mark.slow
def test_twenty_kills_change_nothing_in_the_grade(database: str, town: Any) -> None:
    moments = random.Random(SEED)
    for kill in range(KILLS):
        process = start(database, town)
        try:
            # most of a process's first second is its imports: the moments reach from there into the run
            process.wait(timeout=moments.uniform(1.2, 4.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            _, err = process.communicate()
            assert process.returncode == 0, f"after {kill} kills: {err[-3000:]}"
            break
    report = finish(start(database, town))
    grade = report["grade"]
    assert {name: grade[name] for name in ("rows_lost", "paid_twice", "contacted_against_rule")} == {
        "rows_lost": 0,
        "paid_twice": 0,
        "contacted_against_rule": 0,
    }, report
    assert report["stages"]["emailed"] > 0 and report["rows"]["read"] >= ROWS
