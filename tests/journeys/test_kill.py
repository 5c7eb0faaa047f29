"""kill -9 at twenty random moments of a run: nothing lost, paid or sent twice, nobody contacted against a rule."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ground import fresh_database
from penstock.town.server import Town, start_town

ROWS, DAYS, SEED, KILLS = 120, 12, 11, 20
GRADE = {"rows_lost": 0, "paid_twice": 0, "contacted_against_rule": 0}
SCRIPT = Path(__file__).with_name("carry_on.py")


def start(database: str, town: Town, rows: int = ROWS, days: int = DAYS) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        str(SCRIPT),
        database,
        town.http_url,
        str(town.smtp_port),
        str(rows),
        str(days),
        str(SEED),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


@pytest.mark.slow
def test_twenty_kills_change_nothing_in_the_grade(server_url: str, template_database: str) -> None:
    """The same run, once left alone and once killed twenty times, in two towns of the same seed at the same time."""
    with (
        fresh_database(server_url, template_database) as calm_database,
        fresh_database(server_url, template_database) as database,
        start_town(seed=SEED) as calm_town,
        start_town(seed=SEED) as town,
    ):
        calm = start(calm_database, calm_town)
        kill_again_and_again(database, town)
        report, expected = finish(start(database, town)), finish(calm)
    assert report["grade"] == GRADE | {"right_party_rate": report["grade"]["right_party_rate"]}, report
    assert expected["grade"] == GRADE | {"right_party_rate": expected["grade"]["right_party_rate"]}, expected
    assert report["rows"] == expected["rows"] and report["stages"]["emailed"] > 0
    # What a killed purchase would have told is lost (it is never bought twice), so a few other people may be met.
    assert abs(report["grade"]["right_party_rate"] - expected["grade"]["right_party_rate"]) < 0.05


def kill_again_and_again(database: str, town: Town) -> None:
    moments = random.Random(SEED)
    for kill in range(KILLS):
        process = start(database, town)
        try:
            # most of a process's first second is its imports: the moments reach from there into the run
            process.wait(timeout=moments.uniform(1.2, 3.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            pytest.fail(f"ended after {kill} kills, code {process.returncode}: {process.communicate()[1][-3000:]}")
