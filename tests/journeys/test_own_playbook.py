"""The playbook that docs/how-to/write-a-playbook.md writes, outside of Penstock, walks through the town."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_kill import GRADE, SCRIPT, finish

from ground import fresh_database
from penstock.town.server import start_town

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/write-a-playbook.md"
EQUITY = ROOT / "src/penstock/playbooks/equity"
FOLDER = "src/penstock/playbooks/solar/"
FILE = re.compile(r"^<!-- file: (?P<name>.*?) -->\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def write_playbook(beside: Path) -> None:
    """The folder as the page makes it: a copy of equity's, with the page's own files in it."""
    shutil.copytree(EQUITY, beside / "solar", ignore=shutil.ignore_patterns("__pycache__"))
    for block in FILE.finditer(PAGE.read_text("utf-8")):
        if block["name"].startswith(FOLDER):
            (beside / "solar" / block["name"].removeprefix(FOLDER)).write_text(block["text"], encoding="utf-8")


@pytest.mark.slow
def test_a_fourth_playbook_runs_a_journey_without_a_change_to_the_engine(
    server_url: str, template_database: str, tmp_path: Path
) -> None:
    write_playbook(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PENSTOCK_PLAYBOOKS": "solar"}
    with fresh_database(server_url, template_database) as database, start_town(seed=3) as town:
        command = [sys.executable, str(SCRIPT), database, town.http_url, str(town.smtp_port), "40", "6", "3", "solar"]
        report = finish(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    assert report["playbook"] == "solar"
    assert report["grade"] == GRADE | {"right_party_rate": report["grade"]["right_party_rate"]}
    assert report["stages"]["emailed"] > 0 and set(report["spend_cents"]["by_vendor"]) == {"melissa", "batchdata"}
