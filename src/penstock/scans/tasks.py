"""The pump of area scans: one scan after the other, each from where it stands."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog

from penstock.core import dlq, workers
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import Conflict, InvalidInput, NotConfigured, NotFound, ProviderBusy, ProviderRefused
from penstock.scans.places import SQL
from penstock.scans.run import Over, Scan, scan_of, work
from penstock.scans.service import STAGE, end, tell

log = structlog.get_logger(__name__)
FOR_GOOD: Final = (ProviderRefused, NotConfigured, InvalidInput, NotFound)
# What this process is at, so that a scan which it let fall (cancelled, cut off from the database) is found again.
_at_work: set[tuple[UUID, int, int]] = set()


async def recover(ctx: Context, org_id: int) -> int:
    """Let go of the scans whose worker ended, so that another goes on with them; gives how many."""
    running = [scan for worker, org, scan in _at_work if (worker, org) == (ctx.worker_id, org_id)]
    async with ctx.db.tenant(org_id) as db:
        dead = [str(worker) for worker in await workers.dead(db)]
        found = await rows(db, SQL["abandoned"], org_id=org_id, dead=dead, worker_id=ctx.worker_id, running=running)
    return len(found)


async def pump(ctx: Context, org_id: int) -> int:
    """Work on every scan that is due, the oldest first; gives how many came to an end."""
    await recover(ctx, org_id)
    ended, tried = 0, list[int]()
    while (scan := await _claim(ctx, org_id, tried)) is not None:
        tried.append(scan.id)
        ended += await _work(ctx, org_id, scan)
    return ended


async def _claim(ctx: Context, org_id: int, tried: list[int]) -> Scan | None:
    """The next scan, committed as ours; one of a playbook that is gone fails at once."""
    while True:
        async with ctx.db.tenant(org_id) as db:
            row = await one(db, SQL["claim"], org_id=org_id, worker_id=ctx.worker_id, tried=tried)
            if row is None:
                return None
            playbook = ctx.playbooks.get(row["playbook"])
            if playbook is not None and playbook.territory is not None:
                if row["is_first"]:
                    await tell(db, org_id, "scan_started", row["id"])
                return scan_of(row, playbook)
            await end(db, org_id, row["id"], "failed", error=f"no playbook {row['playbook']!r} scans areas any more")


async def _work(ctx: Context, org_id: int, scan: Scan) -> int:
    """Work on one scan; 1 if it came to an end."""
    mine = (ctx.worker_id, org_id, scan.id)
    _at_work.add(mine)
    try:
        if await work(ctx, org_id, scan):
            return 1
        await _release(ctx, org_id, scan)
    except Over:
        return 0
    except ProviderBusy as busy:
        return await _later(ctx, org_id, scan, str(busy), busy.retry_after_s)
    except Conflict as other:  # somebody else is at a portal, or gave the customer its last lead
        return await _later(ctx, org_id, scan, str(other), None)
    except FOR_GOOD as refused:
        await _fail(ctx, org_id, scan, str(refused))
        return 1
    except Exception as error:  # a fault of ours must hold no other scan; it is tried again, and shown
        log.exception("scan_interrupted", scan=scan.id)
        return await _later(ctx, org_id, scan, type(error).__name__, None)
    finally:
        _at_work.discard(mine)
    return 0


async def _release(ctx: Context, org_id: int, scan: Scan) -> None:
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["release"], org_id=org_id, id=scan.id, worker_id=ctx.worker_id)


async def _later(ctx: Context, org_id: int, scan: Scan, error: str, retry_in_s: float | None) -> int:
    """Put the scan by until its time; one that went wrong too often fails."""
    async with ctx.db.tenant(org_id) as db:
        if not await execute(db, SQL["release"], org_id=org_id, id=scan.id, worker_id=ctx.worker_id):
            return 0
        item, payload = str(scan.id), {"scan": scan.id}
        again = await dlq.put(db, org_id, stage=STAGE, item=item, payload=payload, error=error, retry_in_s=retry_in_s)
        if again is not None:
            return 0
        await end(db, org_id, scan.id, "failed", error=f"given up: {error}")
    return 1


async def _fail(ctx: Context, org_id: int, scan: Scan, error: str) -> None:
    async with ctx.db.tenant(org_id) as db:
        if await execute(db, SQL["release"], org_id=org_id, id=scan.id, worker_id=ctx.worker_id):
            await end(db, org_id, scan.id, "failed", error=error)
