"""The figures of Nashville that the docs quote can be made again. Skips where the shared data are absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from benchmarks.nashville import Case, cases, lines

from penstock.contagion.arrays import Reach
from penstock.contagion.backtest import OURS, Report, backtest
from penstock.contagion.parts import by_cell
from penstock.contagion.score import Weights

ROOT = Path(__file__).parents[2]
DATA = ROOT / os.environ.get("PENSTOCK_SHARED", "../shared") / "data"
JULY_2022 = 19_174


@pytest.fixture(scope="module")
def told() -> list[Case]:
    if not (DATA / "permits").is_dir():
        pytest.skip(f"{DATA} is absent (PENSTOCK_SHARED): Nashville is not read")
    return list(cases(DATA))


def report_on(case: Case, days: int) -> Report:
    at_risk = case.at_risk(JULY_2022, JULY_2022 + days)
    blocks = by_cell(at_risk.properties, resolution=7)
    return backtest(
        at_risk.properties,
        at_risk.permits,
        at_risk.own,
        blocks,
        as_of=JULY_2022,
        reach=Reach(),
        weights=Weights(),
        horizon_days=days,
    )


def test_the_reports_say_what_the_docs_say(told: list[Case]) -> None:
    page = (ROOT / "docs/explanation/contagion.md").read_text("utf-8")
    for case, days in ((told[1], 365), (told[1], 800), (told[2], 365), (told[2], 800)):
        report = report_on(case, days)
        total = next(each.lift for each in report.rankings if each.name == OURS)
        assert f"| {report.hits} of {report.properties:,} |" in page
        assert f"| {total.value:.2f} ({total.low:.2f} to {total.high:.2f}) |" in page


def test_with_one_re_roof_on_corporate_parcels_no_interval_is_given(told: list[Case]) -> None:
    report = report_on(told[0], 365)
    assert report.hits == 1
    assert np.isnan([each.lift.low for each in report.rankings]).all()
    assert any("too few for any interval" in line for line in lines(report))
