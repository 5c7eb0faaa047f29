"""One scan, step by step: search, permits, score, leads. Each step may be cut anywhere and done again.

What is done is told by facts, not by a note of it: a page that was bought is not bought again, a place that became a
lead is no candidate any more. So a scan that goes on after a crash neither loses a lead nor makes or charges one twice.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import billing, contagion, intake, journey, permits
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.playbook import Playbook, Territory
from penstock.scans.areas import Area, stored_area
from penstock.scans.estimates import Terms, terms_of
from penstock.scans.places import SQL, Places, Why, places_of
from penstock.scans.service import STAGE, end

STEPS: Final = ("search", "permits", "score", "leads")
CHUNK: Final = 1000


class Over(Exception):
    """The scan is no longer ours to work on: it was cancelled, or somebody else goes on with it."""


@dataclass(frozen=True)
class Scan:
    """A scan that this worker holds."""

    id: int
    playbook: Playbook
    broker_id: UUID
    area: Area
    step: str
    search: bool
    permits: bool
    max_leads: int | None
    max_cost_cents: Decimal | None
    records_at_most: int
    agreed_leads: int
    agreed_cents: Decimal
    created_by: str

    @property
    def territory(self) -> Territory:
        assert self.playbook.territory is not None
        return self.playbook.territory


def scan_of(row: RowMapping, playbook: Playbook) -> Scan:
    """A claimed row as a Scan. Its stored estimate is what was agreed: without one that is nothing."""
    asked, agreed = row["scan_parameters"], row["estimate"] or {}
    costs = {cost["what"]: cost for cost in agreed.get("costs", [])}
    return Scan(
        id=row["id"],
        playbook=playbook,
        broker_id=row["broker_id"],
        area=stored_area(row["scan_type"], row["area_name"], row["area"]),
        step=row["step"],
        search=bool(asked.get("search")),
        permits=bool(asked.get("permits")),
        max_leads=asked.get("max_leads"),
        max_cost_cents=row["max_cost_cents"],
        records_at_most=int(costs["search"]["at_most"]) if costs else 0,
        agreed_leads=int(agreed.get("leads_at_most", 0)),
        agreed_cents=Decimal(str(costs["leads"]["at_most_cents"])) if costs else Decimal(0),
        created_by=row["created_by"],
    )


async def work(ctx: Context, org_id: int, scan: Scan) -> bool:
    """Take a scan through the steps that are left; False where it has to wait for another stage.

    Raises Over, and what vendors and other stages raise.
    """
    for step in STEPS[STEPS.index(scan.step) :]:
        if not await _STEPS[step](ctx, org_id, scan):
            return False
    return True


# -- before there are leads --------------------------------------------------------------------------------------------


async def _search(ctx: Context, org_id: int, scan: Scan) -> bool:
    """Buy places that nobody has loaded: no more records than the estimate said."""
    learned = {}
    if scan.search and scan.records_at_most:
        bought = await intake.search_places(
            ctx,
            org_id,
            playbook=scan.playbook.name,
            area=scan.area.spec,
            limit=scan.records_at_most,
            actor=scan.created_by,
            area_scan_id=scan.id,
        )
        async with ctx.db.tenant(org_id) as db:
            cents = float(await _search_cents(db, org_id, scan))
        learned = {"search": {"places": bought.places, "cents": cents, "stopped": bought.stopped}}
    await _go_on(ctx, org_id, scan, "permits", learned)
    return True


async def _permits(ctx: Context, org_id: int, scan: Scan) -> bool:
    """Read the portals of the area's cities, of those that the org follows; say which ones it does not."""
    learned = {}
    if scan.permits:
        covering = sorted({name for state, city in scan.area.cities() for name in permits.sources_of(state, city)})
        async with ctx.db.tenant(org_id) as db:
            followed = [row["source"] for row in await rows(db, SQL["followed"], org_id=org_id, sources=covering)]
        for source in followed:
            await permits.pull(ctx, org_id, source)
        learned = {"permits": {"read": followed, "not_followed": sorted(set(covering) - set(followed))}}
    await _go_on(ctx, org_id, scan, "score", learned)
    return True


async def _score(ctx: Context, org_id: int, scan: Scan) -> bool:
    """Bring the scores up to date, permits first: one that has not found its place may be about one of these.

    Where somebody else is at the permits, wait: a place must not become a lead because its own is not known yet.
    """
    await permits.decide_due(ctx, org_id)
    async with ctx.db.tenant(org_id) as db:
        if await scalar(db, SQL["permits_wait"]):
            return False
    await contagion.score_due(ctx, org_id, scan.playbook)
    await _go_on(ctx, org_id, scan, "leads", {})
    return True


async def _go_on(ctx: Context, org_id: int, scan: Scan, step: str, learned: Mapping[str, Any]) -> None:
    """Commit that the next step begins. Raises Over."""
    async with ctx.db.tenant(org_id) as db:
        held = await _hold(ctx, db, org_id, scan)
        if held is not None and held["cancel_requested_at"] is None:
            given = {"step": step, "learned": json.dumps(dict(learned)), "worker_id": ctx.worker_id}
            await one(db, SQL["step"], org_id=org_id, id=scan.id, **given)
            return
        if held is not None:
            await end(db, org_id, scan.id, "cancelled", learned=learned)
    raise Over


async def _hold(ctx: Context, db: AsyncConnection, org_id: int, scan: Scan) -> RowMapping | None:
    """The scan's row to the end of the transaction, if it is still ours."""
    return await one(db, SQL["hold_own"], org_id=org_id, id=scan.id, worker_id=ctx.worker_id)


# -- leads -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chunk:
    """How many candidates were dealt with, and why no more may be; `ours` is False where the scan is no longer ours."""

    dealt_with: int = 0
    stopped: str | None = None
    ours: bool = True


async def _leads(ctx: Context, org_id: int, scan: Scan) -> bool:
    """Make leads of the best places of the whole area, chunk by chunk, as far as customer and limits allow."""
    async with ctx.db.tenant(org_id) as db:
        found = await _places(db, org_id, scan)
        ready = found.best_first()
        await _count(db, org_id, scan, found)
    at, stopped = 0, None
    while at < len(ready) and stopped is None:
        wanted = ready[at : at + CHUNK]

        async def make(db: AsyncConnection, wanted: Sequence[int] = wanted) -> Chunk:
            return await _chunk(ctx, db, org_id, scan, wanted)

        chunk = await ctx.db.again(org_id, make)
        if not chunk.ours:
            raise Over
        at, stopped = at + chunk.dealt_with, chunk.stopped
    async with ctx.db.tenant(org_id) as db:
        held = await _hold(ctx, db, org_id, scan)
        if held is None:
            raise Over
        status = "completed" if held["cancel_requested_at"] is None else "cancelled"
        await _finish(db, org_id, scan, status, stopped)
    return True


async def _chunk(ctx: Context, db: AsyncConnection, org_id: int, scan: Scan, wanted: Sequence[int]) -> Chunk:
    """Leads of the first of the places `wanted`, recorded and told, in one transaction with the scan's counters."""
    held = await _hold(ctx, db, org_id, scan)
    if held is None:
        return Chunk(ours=False)
    if held["cancel_requested_at"] is not None:
        return Chunk(stopped="cancelled")
    terms = await terms_of(db, org_id, scan.playbook, scan.broker_id)
    room, why = await _room(db, org_id, scan, held, terms)
    if not room:
        return Chunk(stopped=why)
    taken = list(wanted[:room])
    made = await rows(
        db,
        SQL["make_leads"],
        org_id=org_id,
        playbook=scan.playbook.name,
        broker_id=scan.broker_id,
        scan_id=scan.id,
        lead_from=scan.territory.lead_from,
        ids=taken,
    )
    leads = [row["id"] for row in made]
    await billing.record_leads(db, org_id, broker_id=scan.broker_id, playbook=scan.playbook, lead_ids=leads)
    await journey.announce(db, org_id, [_found(scan, row, n < terms.free) for n, row in enumerate(made)])
    counted = {"processed": len(taken), "made": len(made), "bookmark": taken[-1]}
    await execute(db, SQL["walked"], org_id=org_id, id=scan.id, **counted)
    return Chunk(len(taken))


def _found(scan: Scan, row: RowMapping, in_trial: bool) -> journey.Event:
    return journey.Event(
        "lead_found", row["id"], STAGE, {"scan": scan.id, "score": row["lead_score"], "trial": in_trial}
    )


async def _room(db: AsyncConnection, org_id: int, scan: Scan, held: RowMapping, terms: Terms) -> tuple[int, str | None]:
    """How many leads may be made now, and what is in the way where that is none.

    What the customer agreed to bounds it whatever came after: places loaded since, a trial that became a subscription.
    """
    bounds: list[tuple[int, str | None]] = [(CHUNK, None)]
    if terms.most is not None:
        bounds.append((terms.most, terms.note))
    if scan.max_leads is not None:
        bounds.append((max(0, scan.max_leads - held["qualified_leads"]), f"{scan.max_leads} leads were wanted"))
    agreed = (
        f"what was agreed is reached: {scan.agreed_leads:,} leads, {_dollars(scan.agreed_cents)}; order again for more"
    )
    if terms.unit_cents:
        charged = await one(db, SQL["charged"], org_id=org_id, id=scan.id)
        assert charged is not None
        if scan.max_cost_cents is not None:
            left = scan.max_cost_cents - charged["cents"] - await _search_cents(db, org_id, scan)
            bounds.append((_leads_for(left, terms), f"the limit of {_dollars(scan.max_cost_cents)} is reached"))
        bounds.append((_leads_for(scan.agreed_cents - charged["cents"], terms), agreed))
    bounds.append((max(0, scan.agreed_leads - held["qualified_leads"]), agreed))
    return min(bounds, key=lambda bound: bound[0])


def _leads_for(cents: Decimal, terms: Terms) -> int:
    """How many leads the money is good for, the free ones first."""
    return terms.free + int(max(Decimal(0), cents) // terms.unit_cents)


def _dollars(cents: Decimal) -> str:
    return f"${cents / 100:,.2f}"


async def _search_cents(db: AsyncConnection, org_id: int, scan: Scan) -> Decimal:
    """What the search of a scan cost by the ledger, whichever of its tries bought a page."""
    return Decimal(await scalar(db, SQL["searched"], org_id=org_id, id=scan.id))


# -- the account -------------------------------------------------------------------------------------------------------


async def _places(db: AsyncConnection, org_id: int, scan: Scan) -> Places:
    return await places_of(db, org_id, scan.area, scan.playbook, broker_id=scan.broker_id, scan_id=scan.id)


async def _count(db: AsyncConnection, org_id: int, scan: Scan, found: Places, *, completed: bool = False) -> None:
    """Every place of the area is counted; what is no candidate (any more) is dealt with, at the end every one."""
    dealt_with = len(found) - (0 if completed else found.count(Why.READY))
    await execute(db, SQL["counted"], org_id=org_id, id=scan.id, total=len(found), processed=dealt_with)


async def _finish(db: AsyncConnection, org_id: int, scan: Scan, status: str, stopped: str | None) -> None:
    found = await _places(db, org_id, scan)
    await _count(db, org_id, scan, found, completed=status == "completed")
    tiers = await rows(db, SQL["tiers"], org_id=org_id, id=scan.id)
    charged = await one(db, SQL["charged"], org_id=org_id, id=scan.id)
    assert charged is not None
    summary = {
        "places": len(found),
        "leads": sum(row["leads"] for row in tiers),
        "by_tier": {row["tier"]: row["leads"] for row in tiers},
        "owner_known": sum(row["owner_known"] for row in tiers),
        "owned_by_companies": sum(row["owned_by_companies"] for row in tiers),
        "best": [str(row["id"]) for row in await rows(db, SQL["best"], org_id=org_id, id=scan.id)],
        "in_trial": charged["in_trial"],
        "cents": {"search": float(await _search_cents(db, org_id, scan)), "leads": float(charged["cents"])},
        "not_leads": dict(found.left_out()),
        "stopped": (stopped or _nothing_left(found)) if status == "completed" else None,
    }
    await end(db, org_id, scan.id, status, learned=summary)


def _nothing_left(found: Places) -> str:
    """Why a scan that nothing stopped made no more leads."""
    yours, others = found.count(Why.LED), found.count(Why.TAKEN)
    if found.count(Why.OF_THIS_SCAN):
        return "every place that was good enough is a lead"
    if yours or others:
        return f"every place that was good enough was a lead before: {yours:,} yours, {others:,} taken"
    return "no place was good enough"


_STEPS: Final[Mapping[str, Callable[[Context, int, Scan], Awaitable[bool]]]] = {
    "search": _search,
    "permits": _permits,
    "score": _score,
    "leads": _leads,
}
