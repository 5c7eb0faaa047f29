"""Permits on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from penstock.cli import app
from permit_sheets import line, sheet


def test_the_commands_take_a_file_show_a_permit_and_follow_a_portal(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PENSTOCK_SETTINGS", str(tmp_path / "none"))

    def penstock(*arguments: str, expect: int = 0) -> Any:
        result = CliRunner().invoke(app, ["permits", *arguments])
        assert result.exit_code == expect, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result

    file = tmp_path / "permits.csv"
    file.write_bytes(sheet(line(), line(Permit__="2", Date_Issued="2071-01-01")).getvalue())
    shown = penstock("import", str(file)).stdout
    assert "re-roof" not in shown
    assert "issued_on" in shown and "future" in shown  # however wide the terminal is
    again = penstock("import", str(file), "--json")
    assert (again["read"], again["new"], again["unchanged"], again["refused"]) == (2, 0, 1, 1)
    (refused,) = again["rejected"]
    assert (refused["row"], refused["field"], bool(refused["reason"]), bool(refused["fix"])) == (
        3, "issued_on", True, True,
    )  # fmt: skip
    for beyond in (("--limit", "10001"), ("--before", "9" * 30)):
        penstock("list", *beyond, expect=2)
    (one,) = penstock("list", "--work", "reroof", "--since", "2024-01-01", "--json")
    unknown = penstock("list", "--work", "nonsense", expect=2)
    assert "'nonsense'" in unknown.output and "use reroof, roof_repair, new_construction" in unknown.output
    assert penstock("list", "--work", "solar", "--json") == []
    assert penstock("show", str(one["id"]), "--json")["raw"].count("615-555-0199") == 1
    file.write_bytes(sheet(line(Date_Issued="2071-01-01")).getvalue())
    penstock("import", str(file), expect=3)
    penstock("import", str(file), "--source", "atlantis", expect=2)
    penstock("show", "999", expect=2)
    assert penstock("follow", "austin", "--since", "2024-01-01", "--json")["followed"]
    followed = [one for one in penstock("sources", "--json") if one["followed"]]
    assert [(one["source"], one["since"]) for one in followed] == [("austin", "2024-01-01")]
    penstock("unfollow", "austin")
    assert penstock("pull", "--json") == []
    penstock("pull", "austin", expect=2)
    penstock("follow", "atlantis", "--since", "2024-01-01", expect=2)
