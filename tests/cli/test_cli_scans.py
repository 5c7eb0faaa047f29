"""Area scans on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from ground import BROKER, BROKER_ID, MASTER_KEY, ORG
from penstock import assembly, onboarding
from penstock.cli import app
from penstock.core.settings import Settings
from scanworld import SQUARE, make_places

if TYPE_CHECKING:
    from scanrooms import Rooms

pytest_plugins = ["scanrooms"]


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rooms: Rooms) -> Any:
    """Runs a command on an installation with three places."""
    for name, value in {
        "DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none"),
        "PENSTOCK_MASTER_KEY": MASTER_KEY, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    async def furnish() -> None:
        async with assembly.context(Settings(environment="demo"), database) as ctx:
            await onboarding.ensure_org(ctx, 1, ORG)
            await onboarding.add_broker(ctx, 1, BROKER, broker_id=BROKER_ID)
            await make_places(ctx, [90, 70, 10])

    asyncio.run(furnish())

    def run(*arguments: str, expect: int = 0) -> Any:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == expect, f"{result.exit_code}: {result.output} {result.exception!r}"
        return result

    return run


def test_a_scan_is_estimated_ordered_worked_on_and_looked_at(penstock: Any, tmp_path: Path) -> None:
    (tmp_path / "area.json").write_text(json.dumps(SQUARE))
    (tmp_path / "broken.json").write_text("{")
    area = ["--polygon", str(tmp_path / "area.json"), "--name", "Downtown"]
    told = json.loads(penstock("scan", "estimate", *area, "--json").stdout)
    assert (told["places"], told["leads_at_most"]) == (3, 2)
    said = penstock("scan", "estimate", "--city", "Austin, TX").stdout
    assert "leads expected" in said and "leads already, of any customer" in said and "permits known (reroof" in said
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert "is no GeoJSON" in penstock("scan", "estimate", "--polygon", str(tmp_path / "deep.json"), expect=2).stderr
    too_dear = penstock("scan", "estimate", "--zip", "78701", "--max-cost", "9" * 23, expect=2)
    assert "max_cost_cents: more than" in too_dear.stderr
    refused = penstock("scan", "estimate", "--polygon", str(tmp_path / "broken.json"), expect=2)
    assert "is no GeoJSON" in refused.stderr
    assert "did you mean Austin" in penstock("scan", "estimate", "--city", "Austn, TX", expect=2).stderr

    order = ["scan", "order", "--broker", BROKER.email, *area]
    assert "add --yes" in penstock(*order, expect=2).stderr
    assert "no broker is meant" in penstock("scan", "order", "--broker", "x@y.z", "--zip", "78701", expect=2).stderr
    made = json.loads(penstock(*order, "--yes", "--json").stdout)
    assert (made["status"], made["created_by"], made["area_name"]) == ("queued", "cli", "Downtown")
    assert "no permits are known here" in "".join(made["estimate"]["notes"])
    ordered = penstock(*order, "--yes")
    assert "no worker is at work" in ordered.stderr
    assert "note no permits are known here" in ordered.stdout and "at most $" in ordered.stdout
    assert "is cancelled" in penstock("scan", "cancel", "2").stdout
    penstock("run", "scans")
    penstock("subscription", "limit", BROKER.email, "--leads", "0")
    refused = " ".join(penstock(*order, "--yes", expect=2).stderr.split())  # however wide the terminal is
    assert "the limit of 0 leads a month is reached" in refused
    assert "2 leads" in penstock("scan", "watch", "1").stdout
    assert "below the bar" in penstock("scan", "show", "1").stdout
    listed = json.loads(penstock("scan", "list", "--json").stdout)
    assert [(row["id"], row["status"]) for row in listed] == [(2, "cancelled"), (1, "completed")]
    assert "Downtown" in penstock("scan", "list", "--status", "completed").stdout
    assert "order it anew" in penstock("scan", "retry", "2", expect=1).stderr
    assert "only a pending scan" in penstock("scan", "start", "1", expect=1).stderr
    assert "no scan 99" in penstock("scan", "show", "99", expect=2).stderr
