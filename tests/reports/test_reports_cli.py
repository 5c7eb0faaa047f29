"""Reports and the firm on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from reports_world import LOGO_SVG, make_home
from typer.testing import CliRunner

from ground import BROKER, BROKER_ID, MASTER_KEY, ORG
from penstock import assembly, onboarding
from penstock.cli import app
from penstock.core.settings import Settings


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on an installation with one scored home."""
    for name, value in {
        "DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none"),
        "PENSTOCK_MASTER_KEY": MASTER_KEY, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    async def furnish() -> None:
        async with assembly.context(Settings(environment="demo"), database) as ctx:
            await onboarding.ensure_org(ctx, 1, ORG)
            await onboarding.add_broker(ctx, 1, BROKER, broker_id=BROKER_ID)
            await make_home(ctx, address="2214 OAKLAWN TER")

    asyncio.run(furnish())
    runner = CliRunner()

    def run(*arguments: str, expect: int = 0) -> Any:
        result = runner.invoke(app, list(arguments))
        assert result.exit_code == expect, f"{result.exit_code}: {result.output} {result.exception!r}"
        return result

    return run


def test_reports_are_made_listed_and_written_to_files_with_the_firms_name(penstock: Any, tmp_path: Path) -> None:
    logo, paper, web = tmp_path / "logo.svg", tmp_path / "report.pdf", tmp_path / "report.html"
    logo.write_bytes(LOGO_SVG)
    firm = ("contractor", "set", "--broker", BROKER.email, "--name", "Harbor Roofing", "--license", "RC-1")
    said = penstock(*firm, "--license-state", "TX", "--logo", str(logo)).stdout
    assert said == "Harbor Roofing: TX RC-1, with logo\n"
    assert penstock("report", "make", "--due").stdout == "1 reports made\n"
    [line] = json.loads(penstock("report", "list", "--json").stdout)
    lead = line["lead_id"]
    assert "2214 Oaklawn Ter, Austin" in penstock("report", "list").stdout
    shown = penstock("report", "show", lead, "--out", str(paper), "--html", str(web)).stdout
    assert "3 re-roofs were permitted within 500 ft" in shown and "84 of 100, HOT" in shown
    assert paper.read_bytes().startswith(b"%PDF") and "Harbor Roofing" in web.read_text()
    named = tmp_path / "named.HTML"
    penstock("report", "show", lead, "--out", str(named))
    assert named.read_text() == web.read_text(), "it is what its name says"
    refused = penstock("report", "show", lead, "--out", str(tmp_path / "report.doc"), expect=2)
    assert "end it in .pdf or .html" in refused.output and not (tmp_path / "report.doc").exists()
    made = json.loads(penstock("report", "make", lead, "--json").stdout)
    assert made["id"] == line["id"], "the same facts make no second report"
    penstock("report", "make", expect=2)
    penstock("report", "show", lead, "--out", str(tmp_path / "none" / "x.pdf"), expect=2)
    assert "no broker" in penstock("contractor", "set", "--broker", "no@body.example", "--name", "X Y", expect=2).output
