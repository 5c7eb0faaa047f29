"""kill -9 at random moments of a run: nothing lost, paid or sent twice, nobody contacted against a rule."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ground import fresh_database
from penstock.town.server import Town, start_town

ROWS, DAYS, SEED, KILLS = 60, 6, 2, 10  # a seed with which so few rows and days reach every stage
GRADE = {"rows_lost": 0, "paid_twice": 0, "contacted_against_rule": 0}
READERS = 8  # pages that one process reads at once
SCRIPT = Path(__file__).with_name("carry_on.py")


def start(
    database: str, town: Town, rows: int = ROWS, days: int = DAYS, playbook: str = "equity"
) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        str(SCRIPT),
        database,
        town.http_url,
        str(town.smtp_port),
        str(rows),
        str(days),
        str(SEED),
        playbook,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


@pytest.mark.slow
def test_ten_kills_change_nothing_in_the_grade(server_url: str, template_database: str) -> None:
    """The same run, once left alone and once killed ten times, in two towns of the same seed at the same time."""
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
    assert all(expected["stages"].values()), expected["stages"]
    # What a killed purchase would have told is lost (it is never bought twice), so a few other people may be met.
    assert abs(report["grade"]["right_party_rate"] - expected["grade"]["right_party_rate"]) < 0.1


@pytest.mark.slow
def test_five_kills_lose_no_company_read_no_profile_twice_and_write_to_nobody_twice(
    server_url: str, template_database: str
) -> None:
    with fresh_database(server_url, template_database) as database, start_town(seed=SEED) as town:
        kill_again_and_again(database, town, 5, rows=40, days=6, playbook="renewals")
        report = finish(start(database, town, rows=40, days=6, playbook="renewals"))
        assert signals_seen_twice(database) == []
    # A free page whose reader was killed before it could write is asked for once more; a paid one never is.
    report["grade"].pop("pages_read_twice")
    assert {name for name, value in report["grade"].items() if value} == {"right_party_rate"}, report["grade"]
    pages = report["town"]["business"]["pages"]
    assert (pages["profile"]["twice"], pages["linkedin"]["twice"]) == (0, 0)
    assert pages["website"]["twice"] + pages["news"]["twice"] <= 5 * READERS
    assert report["rows"]["read"] == 40 and report["stages"]["contacted"] > 0


@pytest.mark.slow
def test_six_kills_charge_no_lead_twice_and_lose_no_place(server_url: str, template_database: str) -> None:
    """A portal is read, a subscription bought, a city scanned, all of it cut off again and again."""
    with fresh_database(server_url, template_database) as database, start_town(seed=SEED) as town:
        kill_again_and_again(database, town, 6, rows=80, days=3, playbook="roofing")
        report = finish(start(database, town, rows=80, days=3, playbook="roofing"))
    assert {name for name, value in report["grade"].items() if value} == {"right_party_rate"}, report["grade"]
    stages = report["stages"]
    assert stages["in_trial"] + stages["charged"] == stages["leads"] > 25 and stages["billed"] == stages["charged"]
    assert stages["scans_completed"] == 2 and stages["emailed"] > 0


def signals_seen_twice(database: str) -> list[tuple[Any, ...]]:
    """Signals of one company that say the same thing of the same person."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            """
            select company_id, reason, contact_id, payload, count(*) from app.signals
             group by 1, 2, 3, 4 having count(*) > 1
            """
        ).fetchall()


def kill_again_and_again(
    database: str, town: Town, kills: int = KILLS, rows: int = ROWS, days: int = DAYS, playbook: str = "equity"
) -> None:
    moments = random.Random(SEED)
    for kill in range(kills):
        process = start(database, town, rows, days, playbook)
        assert process.stdout and process.stdout.readline() == "begun\n"
        try:
            process.wait(timeout=moments.uniform(0.1, 2.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:  # a quick machine
            assert process.returncode == 0, process.communicate()[1][-3000:]
            assert kill >= kills // 2, "the run is too short for its kills"
            process.communicate()
            return
