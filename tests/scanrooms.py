"""The rooms around a scan where they are not the point: a plugin with the fixture `rooms`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from penstock import contagion, intake
from penstock.core.context import Context
from penstock.core.db import execute, scalar

IDLE = text(
    "select count(*) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"
)
PAGE = text(
    """
    insert into app.vendor_calls (org_id, vendor, operation, request_hash, window_start, status, price_cents,
                                  cost_cents, playbook, stage, area_scan_id, answered_at)
    values (1, 'batchdata', 'search', :hash, '2026-11-30', 'applied', :cents, :cents, 'roofing', 'intake', :scan,
            app.now())
    """
)


@dataclass
class Rooms:
    """The rooms around a scan, told what they would say and remembering what they were asked."""

    at_vendor: int = 0
    asked: list[tuple[str, Any]] = field(default_factory=list)
    fault: Exception | None = None

    async def count_places(self, ctx: Context, org_id: int, *, playbook: Any, area: Any) -> int:
        self.asked.append(("count", dict(area)))
        async with ctx.db.owner() as db:
            assert await scalar(db, IDLE) == 0, "a transaction is open while the vendor is asked"
        return self.at_vendor

    async def search_places(self, ctx: Context, org_id: int, **given: Any) -> Any:
        self.asked.append(("search", given["limit"]))
        if self.fault is not None:
            raise self.fault
        await self.pay(ctx, given["area_scan_id"], given["limit"])
        return intake.Bought(given["limit"])

    async def pay(self, ctx: Context, scan: int, records: int) -> None:
        """A page of so many records in the ledger, ten cents each."""
        async with ctx.db.tenant(1) as db:
            await execute(db, PAGE, hash=f"{scan}: {len(self.asked)}", cents=10 * records, scan=scan)

    async def score_due(self, ctx: Context, org_id: int, playbook: Any) -> None:
        self.asked.append(("score", playbook.name))


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Search and scoring are not the point: they do as they are told."""
    made = Rooms()
    monkeypatch.setattr(intake, "count_places", made.count_places)
    monkeypatch.setattr(intake, "search_places", made.search_places)
    monkeypatch.setattr(contagion, "score_due", made.score_due)
    return made
