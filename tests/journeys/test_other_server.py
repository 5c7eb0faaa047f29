"""The same on a server of the operating system: Debian's PostgreSQL 15 or newer, where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_kill import GRADE, finish, start

from ground import fresh_database, scratch
from penstock.schema import migrate
from penstock.town.server import start_town

ROOT = Path(__file__).parents[2]
PLACES = Path("/usr/lib/postgresql")
# What a server could see otherwise: the schema as a catalogue, SQL as people were told to write it, roles and claims.
SUITES = ("tests/schema/test_catalogue.py", "tests/schema/test_documented_sql.py", "tests/core/test_engine_room.py")


def programs() -> Path:
    found = [p for p in PLACES.glob("*/bin") if p.parent.name.isdigit() and int(p.parent.name) >= 15]
    if not found:
        pytest.skip("no PostgreSQL of the operating system from 15 up is installed: the embedded one alone was tested")
    return min(found, key=lambda p: int(p.parent.name))


@pytest.fixture(scope="module")
def other_server() -> Iterator[str]:
    """A throw-away cluster of the system's PostgreSQL, on a socket of its own."""
    home = Path(tempfile.mkdtemp(prefix="penstock-pg-", dir=scratch()))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    common = {"cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True, **user}
    data = home / "data"
    options = f"-k {home} -c listen_addresses= -c fsync=off -c max_connections=200"
    initdb = [programs() / "initdb", "-D", data, "--auth=trust", "-U", "postgres", "--no-locale", "-E", "utf8", "-N"]
    subprocess.run(initdb, **common)
    control = [programs() / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "-l", home / "log", "start"], **common)
    try:
        yield f"postgresql://postgres@/postgres?host={home}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **common)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
def test_schema_and_stages_hold_on_the_systems_server(other_server: str) -> None:
    environment = os.environ | {"PENSTOCK_TEST_DATABASE_URL": other_server}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *SUITES],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("playbook", ["equity", "renewals"])
def test_the_main_job_runs_on_the_systems_server(other_server: str, playbook: str) -> None:
    """Every statement of every stage runs here: what the stages' own tests would say again."""
    with fresh_database(other_server, "template1") as url, start_town(seed=5) as town:
        migrate.upgrade(url)
        report = finish(start(url, town, rows=30, days=4, playbook=playbook))
    assert {name: report["grade"][name] for name in GRADE} == GRADE
    assert report["stages"].get("emailed", report["stages"].get("contacted")) > 0
