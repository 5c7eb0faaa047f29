"""The private server: started, joined, left and stopped safely, also by two at once and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from penstock.core import embedded


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = Path(f"/tmp/penstock-embedded-{os.getpid()}-{time.perf_counter_ns()}")
    base.mkdir(mode=0o755)
    return base


def running(home: Path) -> bool:
    pidfile = home / "postgres" / "postmaster.pid"
    if not pidfile.exists():
        return False
    try:
        os.kill(int(pidfile.read_text().split()[0]), 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def using(home: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server for a while; it is in when the block starts."""
    script = f"""
        import time, psycopg
        from pathlib import Path
        from penstock.core import embedded
        with embedded.embedded_server(Path({str(home)!r})) as server:
            psycopg.connect(server.ensure_database("shared")).close()
            print("in", flush=True)
            time.sleep({seconds})
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "in\n"
        yield process


def use_and_leave(home: Path) -> int:
    with using(home, 1.0) as process:
        return process.wait(60)


def test_the_last_to_leave_stops_the_server(home: Path) -> None:
    with embedded.embedded_server(home) as first:
        with using(home, 0.2) as other:
            other.wait(60)
        assert running(home), "we still use it"
        with psycopg.connect(first.url("shared")) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert not running(home)


def test_two_commands_at_once_share_one_server(home: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(use_and_leave, [home, home])) == [0, 0]
    assert not running(home)


def test_a_killed_user_is_not_counted(home: Path) -> None:
    with using(home, 60) as victim:
        victim.send_signal(signal.SIGKILL)
        victim.wait(60)
    assert running(home), "nobody was left to stop it"
    with embedded.embedded_server(home):
        pass
    assert not running(home)


def test_data_survive_a_stop_and_a_database_is_made_once(home: Path) -> None:
    with embedded.embedded_server(home) as server:
        url = server.ensure_database("kept")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table t (n int); insert into t values (7)")
    with embedded.embedded_server(home) as server, psycopg.connect(server.ensure_database("kept")) as connection:
        assert connection.execute("select n from t").fetchone() == (7,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be refused a closed folder")
def test_root_is_told_when_the_server_could_not_reach_the_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(embedded.NotConfigured, match="cannot be reached"):
        embedded.start(closed / "home")


def test_two_long_homes_that_end_alike_have_sockets_of_their_own() -> None:
    long = "/var/tmp/" + "x" * 80
    folders = [embedded._socket_dir(Path(f"{long}/{name}/penstock")) for name in ("one", "two")]
    try:
        assert folders[0] != folders[1] and all(len(str(folder)) < 80 for folder in folders)
    finally:
        for folder in folders:
            folder.rmdir()
