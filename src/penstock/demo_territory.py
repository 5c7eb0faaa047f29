"""What a demo of leads on the map does before the days begin: a portal's permits are read, a customer subscribes,
another tries it out, and both have a city searched.

Each step looks whether it is done, so that a run that was killed goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from penstock import billing, permits, scans
from penstock.billing import checkout
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import one, scalar
from penstock.core.errors import Conflict
from penstock.core.sqlfile import load
from penstock.playbook import Playbook
from penstock.simulate import Progress, TownControl

SQL = load(__package__, "demo_territory.sql")
PORTAL: Final = "austin"
CITY: Final = "Austin, TX"
YEARS: Final = timedelta(days=3 * 365)
ACTOR: Final = "demo"


@dataclass(frozen=True)
class Customers:
    """Who buys a subscription, and who tries Penstock out."""

    paying: UUID
    trying: UUID


async def open_books(
    ctx: Context, org_id: int, playbook: str, customers: Customers, *, town: TownControl, progress: Progress
) -> None:
    """The permits of a portal, and a subscription; the payment service tells of it a little later."""
    async with ctx.db.tenant(org_id) as db:
        pulled = await scalar(db, SQL["pulled"], source=PORTAL)
    if not pulled:
        progress(clock.now(), f"permits of {CITY}")
        await permits.pull(ctx, org_id, PORTAL, since=(clock.now() - YEARS).date())
    await _subscribe(ctx, org_id, ctx.playbooks[playbook], customers.paying, town)


async def order_scans(ctx: Context, org_id: int, playbook: str, customers: Customers) -> None:
    """A scan for each of the two: the trial takes the best places, the subscription the rest."""
    for broker_id in (customers.trying, customers.paying):
        wanted = scans.ScanRequest(
            area=scans.read_area(city=CITY), broker_id=broker_id, playbook=playbook, request_key=f"demo-{broker_id}"
        )
        await scans.order(ctx, org_id, wanted, actor=ACTOR)


async def _subscribe(ctx: Context, org_id: int, playbook: Playbook, broker_id: UUID, town: TownControl) -> None:
    """Buy the professional tier as a customer would: open the payment service's page and pay."""
    async with ctx.db.tenant(org_id) as db:
        if await scalar(db, SQL["subscribed"], broker_id=broker_id):
            return
    await checkout.prices(ctx, playbook, make=True)
    try:
        page = await billing.start_checkout(ctx, org_id, broker_id, tier="professional", actor=ACTOR)
    except Conflict:
        return  # paid before the run was killed
    await town.enter_card(page)


async def figures(ctx: Context, org_id: int) -> Mapping[str, Any]:
    """How far the places came: permits, scores, clusters, scans, leads, reports, and what was charged."""
    async with ctx.db.tenant(org_id) as db:
        found = await one(db, SQL["stages"])
    assert found is not None
    return dict(found)


async def graded(ctx: Context, org_id: int, truth: Mapping[str, Any]) -> dict[str, int]:
    """What must not happen to leads on the map: charged twice, over the trial, below the bar, told of twice; and
    other minutes of calls than those that the voice vendor wants money for."""
    async with ctx.db.tenant(org_id) as db:
        found = await one(db, SQL["grade"])
    assert found is not None
    wrong = dict(found)
    talked = truth["billed"].get("vapi", {}).get("items", 0)
    wrong["minutes_off"] = abs(wrong.pop("talked") - talked)
    return {**wrong, "usage_counted_twice": int(truth.get("usage_counted_twice", 0))}
