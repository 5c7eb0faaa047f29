"""Scores, clusters, the map and the backtest on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from ground import MASTER_KEY, ORG
from penstock import assembly, onboarding
from penstock.cli import app
from penstock.core.db import execute, rows
from penstock.core.settings import Settings

PLACES = """
    insert into app.properties (org_id, id, addr_hash, address_line1, city, state, lat, lng, year_built, source)
    select 1, n, 'h' || n, n || ' Elm Street', 'Nashville', 'TN', 36.1 + n * 0.0002, -86.8, 1990, 'test'
      from generate_series(1, 20) n
"""
PERMITS = """
    insert into app.building_permits
      (org_id, source, source_id, work, issued_on, city, state, lat, lng, property_id, matched_by, content_hash)
    select 1, 'test', n, 'reroof', date '2024-01-01' + n * 50, 'Nashville', 'TN', 36.1 + n * 0.0002, -86.8,
           n, 'parcel', 'x'
      from generate_series(1, 8) n
"""


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on an installation with a street of twenty homes, eight of them re-roofed in 2024 and 2025."""
    for name, value in {
        "DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none"),
        "PENSTOCK_MASTER_KEY": MASTER_KEY, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    async def furnish() -> None:
        async with assembly.context(Settings(environment="demo"), database) as ctx:
            await onboarding.ensure_org(ctx, 1, ORG)
            async with ctx.db.tenant(1) as db:
                for statement in (PLACES, PERMITS):
                    await execute(db, text(statement))

    asyncio.run(furnish())

    def run(*arguments: str, expect: int = 0) -> Any:
        result = CliRunner().invoke(app, ["roofing", *arguments])
        assert result.exit_code == expect, f"{result.exit_code}: {result.output} {result.exception!r}"
        return result

    return run


def test_a_street_is_scored_drawn_and_looked_back_at(penstock: Any, tmp_path: Path) -> None:
    done = json.loads(penstock("score", "--full", "--json").stdout)
    assert (done["properties"], done["permits"], done["full"]) == (20, 8, True)
    assert sum(done["tiers"].values()) == 20
    assert "scores changed" in penstock("score").stdout
    assert json.loads(penstock("clusters", "--ended", "--json").stdout) == []
    drawn = json.loads(
        penstock("map", "--out", str(tmp_path / "map.svg"), "--as-of", "2024-12-31", "--by-cell", "--json").stdout
    )
    assert (drawn["permits"], drawn["clusters"], drawn["by_cell"]) == (7, 1, True)
    assert (tmp_path / "map.svg").read_text("utf-8").startswith("<svg")
    today = json.loads(penstock("map", "--out", str(tmp_path / "today.svg"), "--json").stdout)
    assert (today["permits"], today["by_cell"]) == (8, False)
    chart = str(tmp_path / "lift.svg")
    told = penstock("backtest", "--as-of", "2024-06-01", "--days", "200", "--chart", chart).stdout
    assert "too few" in told and "total score" in told
    assert "re-roofs" in Path(chart).read_text("utf-8")
    figures = json.loads(penstock("backtest", "--as-of", "2024-06-01", "--days", "200", "--json").stdout)
    assert (figures["hits"], figures["until"], figures["rankings"][0]["lift"]["low"]) == (4, "2024-12-18", None)


def test_what_cannot_be_done_is_said_before_the_work(penstock: Any, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none" / "map.svg")
    assert "in a folder that exists" in penstock("map", "--out", nowhere, expect=2).stderr
    assert (
        "in a folder that exists" in penstock("backtest", "--as-of", "2024-06-01", "--chart", nowhere, expect=2).stderr
    )
    assert "four numbers" in penstock("map", "--out", str(tmp_path / "m.svg"), "--bbox", "1,2", expect=2).stderr
    assert (
        "the first is of 2024-02-20" in penstock("backtest", "--as-of", "2023-01-01", "--days", "600", expect=2).stderr
    )
    assert "is not over" in penstock("backtest", "--as-of", "9999-12-31", expect=2).stderr
    between, drawing = "is not between 1950 and today", ("map", "--out", str(tmp_path / "map.svg"), "--as-of")
    assert between in penstock("backtest", "--as-of", "0001-01-01", expect=2).stderr
    for day in ("0001-01-01", "1949-12-31", "9999-12-31"):
        assert between in penstock(*drawing, day, expect=2).stderr
    assert not (tmp_path / "m.svg").exists()


def test_a_score_is_explained_by_the_number_of_its_place_or_by_its_lead(penstock: Any, database: str) -> None:
    assert "penstock roofing score" in penstock("explain", "10", expect=2).stderr
    penstock("score", "--full")
    told = json.loads(penstock("explain", "10", "--json").stdout)
    codes = [reason["code"] for reason in told["reasons"]]
    assert {"IN_THE_AREA", "AGE_OF_BUILDING"} <= {*codes} or "CLOSE_BY" in codes
    assert (told["address"], told["property_id"]) == ("10 Elm Street, Nashville, TN", 10)
    assert json.loads(penstock("explain", "roofing:10", "--json").stdout) == told
    says = penstock("explain", "10").stdout
    assert "10 Elm Street" in says and all(reason["sentence"] in says for reason in told["reasons"])

    async def leads() -> list[str]:
        made = "insert into app.leads (org_id, playbook, source, vendor_record_id, property_id) values"
        places = " (1, 'roofing', 'test', 'a', 10), (1, 'equity', 'test', 'b', 11) returning cast(id as text)"
        async with assembly.context(Settings(environment="demo"), database) as ctx, ctx.db.tenant(1) as db:
            return [row["id"] for row in await rows(db, text(made + places))]

    mine, other = asyncio.run(leads())
    assert json.loads(penstock("explain", mine, "--json").stdout) == told
    assert "no lead of roofing" in penstock("explain", other, expect=2).stderr
    assert "No lead is meant" in penstock("explain", "nobody@home.example", expect=2).stderr
