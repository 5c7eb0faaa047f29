"""The same seed gives the same result, to the last figure."""

from __future__ import annotations

import pytest
from test_kill import GRADE, SEED, finish, start

from ground import fresh_database
from penstock.town.server import start_town


@pytest.mark.slow
@pytest.mark.parametrize("playbook", ["equity", "renewals", "roofing"])
def test_two_runs_of_one_seed_give_one_report(server_url: str, template_database: str, playbook: str) -> None:
    with (
        fresh_database(server_url, template_database) as first_database,
        fresh_database(server_url, template_database) as second_database,
        start_town(seed=SEED) as first_town,
        start_town(seed=SEED) as second_town,
    ):
        runs = [
            start(database, town, rows=30, days=4, playbook=playbook)
            for database, town in ((first_database, first_town), (second_database, second_town))
        ]
        first, second = (finish(run) for run in runs)
    for report in (first, second):
        assert report.pop("seconds") > 0
    assert first == second
    assert {name: first["grade"][name] for name in GRADE} == GRADE and first["stages"].get(
        "emailed", first["stages"].get("contacted")
    ) > 0
