"""Scans as people handle them: draw up, order, look, stop, try again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.playbook import Playbook
from penstock.scans.areas import Area
from penstock.scans.estimates import Estimate, draw_up
from penstock.scans.places import SQL

STAGE: Final = "scans"
ENDED: Final = frozenset({"completed", "failed", "cancelled"})
LISTED: Final = 50
MOST_LEADS: Final = 1_000_000
MOST_CENTS: Final = 1_000_000_000


@dataclass(frozen=True)
class ScanRequest:
    """What is wanted: whose leads, where, and how far it may go.

    `search`: places that nobody has loaded are bought; `permits`: the portals of the area's cities that the org reads
    are read first. It stops at `max_leads`, and before search and leads have cost more than `max_cost_cents`. Without
    `broker_id` it can only be estimated, as for a new customer. `request_key`: the same key from the same asker is the
    same scan. Without `start` it waits to be started.
    """

    area: Area
    broker_id: UUID | None = None
    playbook: str | None = None
    search: bool = False
    permits: bool = False
    max_leads: int | None = None
    max_cost_cents: Decimal | None = None
    request_key: str | None = None
    start: bool = True

    def parameters(self) -> dict[str, Any]:
        """As they are stored."""
        return {"search": self.search, "permits": self.permits, "max_leads": self.max_leads}


def with_territory(ctx: Context, name: str | None) -> Playbook:
    """The playbook of that name, or the only one, that finds its leads on the map. Raises InvalidInput."""
    able = {book.name: book for book in ctx.playbooks.values() if book.territory is not None}
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name is None or name not in able:
        what = "several playbooks find leads on the map" if name is None else f"playbook {name!r} does not scan areas"
        raise InvalidInput(f"playbook: {what}", fix=f"use {' or '.join(able) or 'one with a territory'}")
    return able[name]


async def estimate(ctx: Context, org_id: int, request: ScanRequest) -> Estimate:
    """What the scan would find and cost at most; nothing is stored or bought. Raises InvalidInput, NotFound."""
    playbook = with_territory(ctx, request.playbook)
    _check(request)
    async with ctx.db.tenant(org_id) as db:
        if request.broker_id is not None:
            await _broker(db, org_id, request.broker_id)
    return await draw_up(
        ctx,
        org_id,
        request.area,
        playbook,
        broker_id=request.broker_id,
        search=request.search,
        permits=request.permits,
        max_leads=request.max_leads,
        max_cost_cents=request.max_cost_cents,
    )


async def order(ctx: Context, org_id: int, request: ScanRequest, *, actor: str, agreed: Estimate | None = None) -> int:
    """Store a scan with its estimate, and start it unless it is to wait; gives its id.

    `agreed` is the estimate of this request that somebody has seen and said yes to; without it one is drawn up now.
    The scan goes no further than it. Raises InvalidInput, NotFound for an unknown broker, Conflict where `request_key`
    was used for another scan, or the customer can be given no lead now.
    """
    if request.broker_id is None:
        raise InvalidInput("broker: nobody is named who gets the leads", fix="name the broker")
    if (known := await _asked_before(ctx, org_id, request, actor)) is not None:
        return known
    drawn_up = agreed or await estimate(ctx, org_id, request)
    refuse_in_vain(drawn_up)
    async with ctx.db.tenant(org_id) as db:
        made = await scalar(db, SQL["insert_scan"], **_columns(org_id, request, drawn_up, actor))
        if made is not None:
            await tell(db, org_id, "scan_estimated", made, cents=float(drawn_up.at_most_cents))
            if request.start:
                await _queue(db, org_id, made)
            return int(made)
    same = await _asked_before(ctx, org_id, request, actor)  # the same request, a moment ago
    assert same is not None
    return same


def refuse_in_vain(drawn_up: Estimate) -> None:
    """Raises Conflict where the customer of an estimate can be given no lead now: what is agreed would be nothing."""
    if drawn_up.no_leads_because is not None:
        what, _, fix = drawn_up.no_leads_because.partition(": ")
        raise Conflict(f"this customer can be given no lead now: {what}", fix=fix or "order it when that is over")


async def start(ctx: Context, org_id: int, scan_id: int) -> None:
    """Let a scan that waits begin. Raises NotFound, Conflict."""
    async with ctx.db.tenant(org_id) as db:
        status = (await _hold(db, org_id, scan_id))["status"]
        if status != "pending":
            raise Conflict(f"scan {scan_id} is {_words(status)}", fix="only a pending scan can be started")
        await _queue(db, org_id, scan_id)


async def cancel(ctx: Context, org_id: int, scan_id: int) -> str:
    """Stop a scan: at once, or (one at work) at its next step; gives its status. The leads it has made stay.

    Raises NotFound, Conflict where it has ended.
    """
    async with ctx.db.tenant(org_id) as db:
        held = await _hold(db, org_id, scan_id)
        if held["status"] in ENDED:
            raise Conflict(f"scan {scan_id} is {_words(held['status'])}", fix="only a scan under way can be cancelled")
        if held["worker_id"] is not None:
            await execute(db, SQL["ask_to_stop"], org_id=org_id, id=scan_id)
            return str(held["status"])
        await end(db, org_id, scan_id, "cancelled")
        return "cancelled"


async def retry(ctx: Context, org_id: int, scan_id: int) -> None:
    """Queue a failed scan again; it goes on where it failed. Raises NotFound, Conflict."""
    async with ctx.db.tenant(org_id) as db:
        status = (await _hold(db, org_id, scan_id))["status"]
        if status != "failed":
            fix = "order it anew" if status in ENDED else "wait for it, or cancel it"
            raise Conflict(f"scan {scan_id} is {_words(status)}, and only a failed one can be tried again", fix=fix)
        await _queue(db, org_id, scan_id)


async def end(
    db: AsyncConnection,
    org_id: int,
    scan_id: int,
    status: str,
    *,
    error: str | None = None,
    learned: Mapping[str, Any] | None = None,
) -> None:
    """Bring a scan to its end in the caller's transaction, and tell it."""
    summary = dict(learned or {})
    given = {"status": status, "error": error, "learned": json.dumps(summary)}
    await execute(db, SQL["ended"], org_id=org_id, id=scan_id, **given)
    await dlq.clear(db, org_id, stage=STAGE, items=[str(scan_id)])
    details: dict[str, Any] = (
        {"reason": error} if error else {key: summary[key] for key in ("leads", "stopped") if key in summary}
    )
    await tell(db, org_id, f"scan_{status}", scan_id, **details)


async def listing(
    db: AsyncConnection,
    *,
    status: str | None = None,
    broker_id: UUID | None = None,
    before: int | None = None,
    limit: int = LISTED,
) -> Sequence[RowMapping]:
    """Scans, newest first; `before` an id to read on."""
    return await rows(db, SQL["listing"], id=None, status=status, broker_id=broker_id, before=before, limit=limit)


async def show(db: AsyncConnection, scan_id: int) -> RowMapping:
    """One scan as `listing` gives it. Raises NotFound."""
    found = await one(db, SQL["listing"], id=scan_id, status=None, broker_id=None, before=None, limit=1)
    if found is None:
        raise _unknown(scan_id)
    return found


def _check(request: ScanRequest) -> None:
    if request.max_leads is not None and request.max_leads < 1:
        raise InvalidInput("max_leads: a scan makes at least one lead", fix="leave it out for no limit")
    if request.max_leads is not None and request.max_leads > MOST_LEADS:
        raise InvalidInput(f"max_leads: more than {MOST_LEADS:,}", fix="give fewer, or leave it out for no limit")
    if request.max_cost_cents is not None and request.max_cost_cents < 0:
        raise InvalidInput("max_cost_cents: a price is never negative", fix="give cents, 0 for what is free")
    if request.max_cost_cents is not None and request.max_cost_cents > MOST_CENTS:
        raise InvalidInput(f"max_cost_cents: more than {MOST_CENTS:,}", fix="give fewer cents, or leave it out")


async def _broker(db: AsyncConnection, org_id: int, broker_id: UUID) -> None:
    found = await one(db, SQL["broker"], org_id=org_id, id=broker_id)
    if found is None:
        raise NotFound(f"there is no broker {broker_id}", fix="penstock subscription list shows them")
    if not found["is_active"]:
        raise InvalidInput("broker: this broker gets no new leads", fix="activate the broker first")


async def _asked_before(ctx: Context, org_id: int, request: ScanRequest, actor: str) -> int | None:
    if request.request_key is None:
        return None
    async with ctx.db.tenant(org_id) as db:
        known = await one(db, SQL["asked_before"], org_id=org_id, actor=actor, request_key=request.request_key)
    if known is None:
        return None
    same = (with_territory(ctx, request.playbook).name, request.broker_id, dict(request.area.spec))
    same_terms = (request.parameters(), request.max_cost_cents)
    if same != (known["playbook"], known["broker_id"], known["area"]) or same_terms != (
        known["scan_parameters"],
        known["max_cost_cents"],
    ):
        raise Conflict("this Idempotency-Key was used for another scan", fix="use a new key")
    return int(known["id"])


def _columns(org_id: int, request: ScanRequest, drawn_up: Estimate, actor: str) -> dict[str, Any]:
    south, west, north, east = request.area.box or (None, None, None, None)
    return {
        "org_id": org_id,
        "playbook": drawn_up.playbook,
        "broker_id": request.broker_id,
        "area_name": request.area.name,
        "scan_type": request.area.kind,
        "area": json.dumps(request.area.spec),
        "min_lat": south,
        "min_lng": west,
        "max_lat": north,
        "max_lng": east,
        "parameters": json.dumps(request.parameters()),
        "estimate": json.dumps(drawn_up.as_json()),
        "max_cost_cents": request.max_cost_cents,
        "places": drawn_up.places,
        "actor": actor,
        "request_key": request.request_key,
    }


async def _hold(db: AsyncConnection, org_id: int, scan_id: int) -> RowMapping:
    held = await one(db, SQL["hold"], org_id=org_id, id=scan_id)
    if held is None:
        raise _unknown(scan_id)
    return held


async def _queue(db: AsyncConnection, org_id: int, scan_id: int) -> None:
    await execute(db, SQL["queue"], org_id=org_id, id=scan_id)
    await dlq.clear(db, org_id, stage=STAGE, items=[str(scan_id)])
    await tell(db, org_id, "scan_queued", scan_id)


async def tell(db: AsyncConnection, org_id: int, event: str, scan_id: int, **details: Any) -> None:
    """Write into the diary what became of a scan."""
    await journey.announce(db, org_id, [journey.Event(event, None, STAGE, {"scan": scan_id, **details})])


def _unknown(scan_id: int) -> NotFound:
    return NotFound(f"there is no scan {scan_id}", fix="penstock scan list shows them")


def _words(status: str) -> str:
    return status.replace("_", " ")
