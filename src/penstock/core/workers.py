"""Who is at work. A process that died leaves reservations behind; whoever finds it dead puts them in doubt.

Liveness is a matter of real time even while a simulation holds the clock, so the heartbeat is the server's own
clock_timestamp(), and a process on this machine is asked for directly.
"""

from __future__ import annotations

import os
import socket
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load

SQL = load(__package__, "workers.sql")
SILENT_AFTER_S = 120  # no heartbeat for so long = dead, for processes on other machines


async def register(ctx: Context) -> None:
    """Sign this process in. Entry points do it before any work."""
    async with ctx.db.owner() as db:
        await execute(db, SQL["register"], id=str(ctx.worker_id), host=socket.gethostname(), pid=os.getpid())


async def heartbeat(ctx: Context) -> None:
    """Say that this process lives; the minute sweep does it."""
    async with ctx.db.owner() as db:
        await execute(db, SQL["heartbeat"], id=str(ctx.worker_id))


async def sign_off(ctx: Context) -> None:
    """A clean end: nothing of this process is in doubt."""
    async with ctx.db.owner() as db:
        await execute(db, SQL["sign_off"], id=str(ctx.worker_id))


async def dead(db: AsyncConnection) -> list[UUID]:
    """Workers that ended without signing off: their reservations, messages and calls in flight are in doubt."""
    host = socket.gethostname()
    found = []
    for worker in await rows(db, SQL["unfinished"], silent_s=SILENT_AFTER_S):
        gone = (
            not _is_running(worker["pid"], worker["started_ago_s"]) if worker["host"] == host else worker["is_silent"]
        )
        if gone:
            found.append(UUID(str(worker["id"])))
    return found


def _is_running(pid: int, started_ago_s: float) -> bool:
    """True if the process that had `pid` so many seconds ago still has it (numbers are given again)."""
    try:
        age = _process_age_s(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return age is None or age >= started_ago_s - 2


def _process_age_s(pid: int) -> float | None:
    """Seconds since the process started; None where /proc does not tell."""
    os.kill(pid, 0)
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123 a file of the kernel, not of ours
            fields = stat.read().rpartition(")")[2].split()
        with open("/proc/uptime", encoding="utf-8") as uptime:  # noqa: PTH123
            up = float(uptime.read().split()[0])
    except FileNotFoundError:
        return None
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return up - int(fields[19]) / os.sysconf("SC_CLK_TCK")
