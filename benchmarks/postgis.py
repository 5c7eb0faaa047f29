"""A private PostgreSQL with PostGIS, where Debian's package is installed, and the seed's question asked of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from penstock.contagion.arrays import Reach, Rows
from penstock.contagion.geometry import FOOT

SHARE, PROGRAMS = Path("/usr/share/postgresql"), Path("/usr/lib/postgresql")

# The nearest is the least distance and not the first by `<->`: on geography that operator orders by a sphere.
ASK = """
select felt.*
  from property p,
       lateral (select count(*) filter (where st_dwithin(p.at, t.at, %(near)s)) as near,
                       count(*) filter (where st_dwithin(p.at, t.at, %(block)s)) as block,
                       count(*) as area,
                       min(st_distance(p.at, t.at)) as metres
                  from permit t where st_dwithin(p.at, t.at, %(area)s)) felt
 order by p.id
"""


def programs() -> Path | None:
    """Where the newest PostgreSQL with PostGIS has its programs; None where there is none."""
    with_postgis = sorted(SHARE.glob("*/extension/postgis.control"))
    folders = (PROGRAMS / control.parent.parent.name / "bin" for control in reversed(with_postgis))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def server(folder: Path) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a server of its own, on a socket only, with PostGIS; all of it is gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="postgis-", dir="/tmp"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(home, user, pwd.getpwnam(user).pw_gid)
    data = str(home / "data")
    try:
        _run(folder / "initdb", user, "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "--no-locale")
        quiet = f"-k {home} -c listen_addresses='' -c fsync=off -c jit=off -c shared_buffers=256MB"
        _run(folder / "pg_ctl", user, "-D", data, "-w", "-l", str(home / "log"), "-o", quiet, "start")
        try:
            with psycopg.connect(f"host={home} user=postgres dbname=postgres", autocommit=True) as db:
                db.execute("create extension postgis")
                yield db
        finally:
            _run(folder / "pg_ctl", user, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def load(db: psycopg.Connection[Any], properties: Rows, permits: Rows) -> None:
    """Both as tables with a geography column and its index."""
    for table, rows in (("property", properties), ("permit", permits)):
        db.execute(f"drop table if exists {table}")
        db.execute(f"create table {table} (id bigint primary key, lng float8, lat float8)")
        with db.cursor().copy(f"copy {table} from stdin") as copy:
            for row in zip(rows["id"].tolist(), rows["lng"].tolist(), rows["lat"].tolist(), strict=True):
                copy.write_row(row)
        db.execute(f"alter table {table} add at geography(point, 4326)")
        db.execute(f"update {table} set at = st_makepoint(lng, lat)::geography")
        db.execute(f"create index on {table} using gist (at)")
        db.execute(f"vacuum analyze {table}")


def ask(db: psycopg.Connection[Any], reach: Reach) -> tuple[Rows, Rows]:
    """(near, block, area) counts (n, 3) and feet to the nearest permit in the area (n; NaN: none), by property id."""
    radii = {name: getattr(reach, f"{name}_ft") * FOOT for name in ("near", "block", "area")}
    found = db.execute(ASK, radii).fetchall()
    return np.array([row[:3] for row in found]), np.array([row[3] for row in found], dtype=np.float64) / FOOT


def _run(program: Path, user: str | None, *arguments: str) -> None:
    subprocess.run(
        [program, *arguments],
        cwd="/",
        user=user,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server would hold a pipe open
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=120,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    )
