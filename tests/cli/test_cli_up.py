"""`penstock up`, `town` and `demo` as processes: they start, answer, and leave nothing behind when told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from ground import MASTER_KEY, onboard
from penstock.core.settings import Settings

pytestmark = pytest.mark.slow
PATIENCE_S = 120  # a busy machine takes its time: only what hangs fails


@contextmanager
def started(tmp_path: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "penstock.cli", *arguments]
    with (tmp_path / "stderr").open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env | environment, process_group=0
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line_with(output: IO[str] | None, word: str, tmp_path: Path) -> str:
    assert output is not None
    for line in output:
        if word in line:
            return line
    raise AssertionError(f"no line with {word}; stderr: {(tmp_path / 'stderr').read_text()[-3000:]}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_and_works_until_one_signal_stops_all_of_it(
    tmp_path: Path, database: str, number: signal.Signals
) -> None:
    with started(tmp_path, "up", "--pace", "600", DATABASE_URL=database, PENSTOCK_API__PORT="0") as process:
        town = re.search(r"http\S+\d", line_with(process.stdout, "town", tmp_path))
        api = re.search(r"http\S+:\d+", line_with(process.stdout, "API", tmp_path))
        assert town and api
        line_with(process.stdout, "worker", tmp_path)
        (word,) = tmp_path.glob("town-*.json")  # where commands find the town
        assert json.loads(word.read_text())["http_url"] == town[0]
        answer = httpx.get(f"{api[0]}/readyz", timeout=30)
        assert answer.json() == {"status": "ok", "reason": None}
        assert httpx.get(f"{town[0]}/town/next", timeout=30).status_code == 200
        family = psutil.Process(process.pid).children(recursive=True)
        assert family, "the town is a process of its own"
        assert process.pid not in {os.getpgid(one.pid) for one in family}, "what stops us leaves the town to its parent"
        os.killpg(process.pid, number)  # as a terminal does
        assert process.wait(timeout=PATIENCE_S) == 0
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_S)
        assert alive == []
        assert not word.exists()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{api[0]}/healthz")


def test_up_starts_no_town_for_a_tenant_with_a_profile_of_its_own(
    tmp_path: Path, database: str, settings: Settings
) -> None:
    asyncio.run(onboard(settings, database))
    ours = {"DATABASE_URL": database, "PENSTOCK_MASTER_KEY": MASTER_KEY, "PENSTOCK_API__PORT": "0"}
    with started(tmp_path, "up", **ours) as process:
        assert "acme is real" in line_with(process.stdout, "town", tmp_path)
        line_with(process.stdout, "worker", tmp_path)
        assert psutil.Process(process.pid).children(recursive=True) == []
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE_S) == 0


def test_up_says_when_its_port_is_taken(tmp_path: Path, database: str) -> None:
    with started(tmp_path, "town", "--json") as town:
        assert town.stdout is not None
        told = json.loads("".join(iter(town.stdout.readline, "}\n")) + "}")
        port = told["http_url"].rpartition(":")[2]
        with started(tmp_path, "up", DATABASE_URL=database, PENSTOCK_API__PORT=port) as process:
            assert process.wait(timeout=PATIENCE_S) == 1
        assert "PENSTOCK_API__PORT" in (tmp_path / "stderr").read_text()
        town.send_signal(signal.SIGINT)
        assert town.wait(timeout=PATIENCE_S) == 0


def test_a_demo_prints_its_report_as_json_and_leaves_nothing_running(tmp_path: Path, database: str) -> None:
    arguments = ("demo", "--rows", "30", "--days", "2", "--seed", "3", "--json", "-")
    with started(tmp_path, *arguments, DATABASE_URL=database) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        assert process.wait(timeout=PATIENCE_S) == 0
    rows = report["rows"]
    assert rows["read"] == rows["inserted"] + rows["updated"] + rows["duplicate_in_file"] + rows["rejected"] >= 30
    assert {"rows", "stages", "waiting", "spend_cents", "grade", "seconds"} <= set(report)
    assert {"total", "by_vendor", "per_appointment"} <= set(report["spend_cents"])
    with started(tmp_path, "--demo", "status", "--json", DATABASE_URL=database) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["rows"] == rows
