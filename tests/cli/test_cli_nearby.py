"""Commands on a town's database: answered by the town that `penstock up` runs, else by nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from ground import MASTER_KEY
from penstock.cli import app, nearby
from penstock.core.errors import NotConfigured
from penstock.core.settings import Api, Settings
from penstock.providers import account, pages
from penstock.town.server import Town

KEYLESS = ("census", "naip")


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on a database in which a town has answered; gives the result."""
    given = {"DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_MASTER_KEY": MASTER_KEY}
    for name, value in (given | {"PENSTOCK_SETTINGS": str(tmp_path / "none")}).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, expect: int = 0) -> Any:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == expect, (result.output, result.exception)
        return result

    run("permits", "sources")
    with psycopg.connect(database) as connection:
        connection.execute("update app.orgs set rehearsed_at = now()")
    run("permits", "follow", "austin", "--since", "2026-10-01")
    return run


def test_a_command_is_answered_by_the_town_that_is_up_and_by_nobody_without_it(
    penstock: Any, database: str, tmp_path: Path, town: Town
) -> None:
    assert "leave penstock up running" in penstock("permits", "pull", expect=1).stderr
    settings = Settings(home=tmp_path, api=Api(public_url="http://127.0.0.1:9"))
    with nearby.told(settings, database, town):
        (pulled,) = json.loads(penstock("permits", "pull", "--json").stdout)
    assert pulled["new"] > 0
    assert "leave penstock up running" in penstock("permits", "pull", expect=1).stderr


def test_the_word_of_a_town_that_was_killed_is_not_believed(penstock: Any, database: str, tmp_path: Path) -> None:
    gone = Town("http://127.0.0.1:9", "127.0.0.1", 9, None)  # type: ignore[arg-type]
    with nearby.told(Settings(home=tmp_path), database, gone):
        assert "leave penstock up running" in penstock("permits", "pull", expect=1).stderr


@pytest.mark.parametrize("word", ["", "[]", "7", '{"http_url": 3}', '{"http_url": "http://[x"}'])
def test_a_word_of_another_shape_is_none(penstock: Any, database: str, tmp_path: Path, word: str) -> None:
    nearby._file(Settings(home=tmp_path), database).write_text(word)
    assert "leave penstock up running" in penstock("permits", "pull", expect=1).stderr


def test_nobody_who_needs_no_key_is_asked_while_the_way_out_is_closed() -> None:
    shut = nearby.closed(Settings())
    for vendor in KEYLESS:
        account(Settings(), vendor)
        with pytest.raises(NotConfigured, match="penstock up"):
            account(shut, vendor)
    with pytest.raises(NotConfigured, match="penstock up"):
        pages.REGISTRY["own"](None, shut, "")  # type: ignore[arg-type]
    with pytest.raises(NotConfigured, match="penstock demo"):
        account(shut.model_copy(update={"environment": "demo"}), "census")
