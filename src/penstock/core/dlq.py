"""Items that failed wait here; due views leave them out until `retry_after`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import clock
from penstock.core.db import execute, one, rows
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load

SQL = load(__package__, "dlq.sql")
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
GIVE_UP_AFTER = 12  # attempts; from then on a person decides
_random = SystemRandom()


def next_try(at: datetime, attempts: int, jitter: float) -> datetime | None:
    """When to try again after `attempts` failures: doubling from a minute to six hours, ± a fifth.

    `jitter` is between 0 and 1. Gives None when a person has to decide.
    """
    if attempts >= GIVE_UP_AFTER:
        return None
    wait: timedelta = min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT)
    return at + wait * (0.8 + 0.4 * jitter)


async def put(
    db: AsyncConnection,
    org_id: int,
    *,
    stage: str,
    item: str,
    payload: dict[str, Any],
    error: str,
    retry_in_s: float | None = None,
) -> datetime | None:
    """Note a failure of `item` in `stage`; gives when it will be tried again.

    `payload` and `error` hold no personal data.
    """
    known = await one(db, SQL["attempts"], org_id=org_id, stage=stage, item=item)
    attempts = (known["attempts"] if known else 0) + 1
    after = next_try(clock.now(), attempts, _random.random())
    if after is not None and retry_in_s is not None:
        after = max(after, clock.now() + timedelta(seconds=retry_in_s))
    await execute(
        db,
        SQL["put"],
        org_id=org_id,
        stage=stage,
        item=item,
        payload=json.dumps(payload),
        error=error[:2000],
        attempts=attempts,
        retry_after=after,
    )
    return after


async def clear(db: AsyncConnection, org_id: int, *, stage: str, items: Sequence[str]) -> int:
    """Take out items that succeeded."""
    return await execute(db, SQL["clear"], org_id=org_id, stage=stage, items=list(items)) if items else 0


async def listing(db: AsyncConnection, *, stage: str | None = None, limit: int = 100) -> list[RowMapping]:
    """Entries, oldest first."""
    return await rows(db, SQL["listing"], stage=stage, limit=limit)


async def show(db: AsyncConnection, entry_id: int) -> RowMapping:
    """One entry. Raises NotFound."""
    found = await one(db, SQL["show"], id=entry_id)
    if found is None:
        raise NotFound(f"no DLQ entry {entry_id}", fix="penstock dlq list shows the entries")
    return found


async def retry(db: AsyncConnection, entry_ids: Sequence[int] | None) -> int:
    """Make entries (or all) due now."""
    return await execute(db, SQL["retry"], ids=list(entry_ids) if entry_ids else None)


async def drop(db: AsyncConnection, org_id: int, entry_id: int, *, actor: str, reason: str) -> None:
    """Give an item up for good: the entry stays out of every retry, and the audit log says who and why.

    Raises NotFound.
    """
    entry = await show(db, entry_id)
    await execute(db, SQL["drop"], id=entry_id, note=f"dropped by {actor}: {reason}")
    await execute(
        db,
        SQL["audit_drop"],
        org_id=org_id,
        actor=actor,
        id=str(entry_id),
        details=json.dumps({"stage": entry["stage"], "item": entry["item"], "reason": reason}),
    )
