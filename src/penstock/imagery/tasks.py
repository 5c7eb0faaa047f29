"""The pump of imagery: lease a place that is due, look at it, write down what came of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import enrichment as bank
from penstock import journey
from penstock.core import dlq, workers
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import Conflict, NotFound, reason_of
from penstock.core.sqlfile import load
from penstock.imagery.desk import Desk, desk_of
from penstock.imagery.looking import SOON, TOMORROW, Look, look_at

SQL = load(__package__)
STAGE = "imagery"
log = structlog.get_logger(__name__)


async def recover(ctx: Context, org_id: int) -> int:
    """Give back the places that dead workers were looking at; gives how many."""
    async with ctx.db.tenant(org_id) as db:
        dead = [str(worker) for worker in await workers.dead(db)]
        return await execute(db, SQL["give_back_of_dead"], org_id=org_id, dead=dead) if dead else 0


async def pump(ctx: Context, org_id: int) -> int:
    """Look at every place that is due; gives how many were dealt with. None where nobody outside may be asked: a place
    that a town can show is not one without a picture.
    """
    await recover(ctx, org_id)
    if ctx.settings.net.closed:
        return 0
    async with ctx.db.tenant(org_id) as db:
        await bank.doubt_abandoned(db, org_id)
    done = 0
    for playbook in ctx.playbooks.values():
        if playbook.territory is not None:
            done += await look_at_all(ctx, desk_of(ctx, org_id, playbook))
    return done


async def look_at_all(ctx: Context, desk: Desk) -> int:
    """All due places of a desk, several at a time; gives how many were dealt with."""
    passed = await _pass_below(ctx, desk)
    if desk.status == "live":
        await _look_for_real(ctx, desk)
    async with asyncio.TaskGroup() as group:
        lines = [group.create_task(_drain(ctx, desk)) for _ in range(ctx.settings.vendors.concurrency)]
    return passed + sum(line.result() for line in lines)


async def look_at_one(ctx: Context, desk: Desk, property_id: int) -> Look:
    """Look at one place now, lead or not. Raises NotFound, or Conflict while somebody else looks at it."""
    async with ctx.db.tenant(desk.org_id) as db:
        known = await one(db, SQL["property"], property_id=property_id)
        if known is None:
            raise NotFound(f"There is no property {property_id}.")
        if known["lat"] is None:
            raise Conflict(f"Where property {property_id} is, is not known.", fix="wait until it has been located")
        place = await _lease(ctx, desk, db, property_id)
    if place is None:
        raise Conflict(f"Property {property_id} is being looked at now.", fix="ask again in a minute")
    try:
        look = await look_at(ctx, desk, place)
    except BaseException:
        await _give_back(ctx, desk, place)
        raise
    await _finish(ctx, desk, place, look)
    return look


async def _pass_below(ctx: Context, desk: Desk) -> int:
    """Leave out the leads that promise too little to buy pictures for."""
    passed = 0
    while True:
        async with ctx.db.tenant(desk.org_id) as db:
            count = await execute(db, SQL["pass_below"], **desk.where, look_from=desk.territory.look_from)
        passed += count
        if not count:
            return passed


async def _look_for_real(ctx: Context, desk: Desk) -> None:
    """Make due what only a stand-in looked at: real vendors are connected now."""
    async with ctx.db.tenant(desk.org_id) as db:
        await execute(db, SQL["forget_stand_ins"], **desk.where)


async def _drain(ctx: Context, desk: Desk) -> int:
    """Place after place until none is left, or a vendor takes nothing more now (a break, a cap)."""
    done = 0
    while (place := await _claim(ctx, desk)) is not None:
        try:
            look = await look_at(ctx, desk, place)
        except Exception as error:  # one strange place must not hold the others
            await _set_aside(ctx, desk, place, error)
        except BaseException:  # stopped in the middle
            await _give_back(ctx, desk, place)
            raise
        else:
            if look.stop:
                await _give_back(ctx, desk, place)
                return done
            await _finish(ctx, desk, place, look)
        done += 1
    return done


async def _claim(ctx: Context, desk: Desk) -> RowMapping | None:
    async with ctx.db.tenant(desk.org_id) as db:
        await execute(db, SQL["lock"], org_id=desk.org_id)
        property_id = await scalar(db, SQL["next_due"], **desk.where, look_from=desk.territory.look_from)
        return None if property_id is None else await _lease(ctx, desk, db, property_id)


async def _lease(ctx: Context, desk: Desk, db: AsyncConnection, property_id: int) -> RowMapping | None:
    return await one(db, SQL["lease"], **desk.where, property_id=property_id, worker_id=str(ctx.worker_id))


def _leased(ctx: Context, desk: Desk, place: RowMapping) -> dict[str, Any]:
    """The lease of a place, as the queries ask for it."""
    held = {"worker_id": str(ctx.worker_id), "leased_until": place["leased_until"]}
    return {**desk.where, "property_id": place["property_id"], **held}


async def _give_back(ctx: Context, desk: Desk, place: RowMapping) -> None:
    async with ctx.db.tenant(desk.org_id) as db:
        await execute(db, SQL["give_back"], **_leased(ctx, desk, place))


async def _set_aside(ctx: Context, desk: Desk, place: RowMapping, error: Exception) -> None:
    log.exception("place_not_looked_at", property_id=place["property_id"])
    async with ctx.db.tenant(desk.org_id) as db:
        item, said = str(place["property_id"]), reason_of(error)
        await dlq.put(db, desk.org_id, stage=STAGE, item=item, payload={"playbook": desk.playbook.name}, error=said)
        await execute(db, SQL["give_back"], **_leased(ctx, desk, place))


async def _finish(ctx: Context, desk: Desk, place: RowMapping, look: Look) -> None:
    """The outcome, the end of the lease, and the event, in one transaction; nothing where the lease is lost: whoever
    holds it now tells, with the pictures that were bought."""
    again_in = SOON if look.waits else look.again_in or _lasts(desk, look)
    async with ctx.db.tenant(desk.org_id) as db:
        ours = await execute(
            db,
            SQL["finish"],
            **_leased(ctx, desk, place),
            outcome=look.outcome,
            reason=look.reason,
            lead_score=place["lead_score"],
            lat=place["lat"],
            lng=place["lng"],
            again_in_s=again_in.total_seconds(),
        )
        if not ours:
            return
        await dlq.clear(db, desk.org_id, stage=STAGE, items=[str(place["property_id"])])
        news = (look.outcome, look.reason) != (place["last_outcome"], place["last_reason"]) and not look.waits
        if look.seen or news:
            await journey.announce(db, desk.org_id, [_event(desk, place, look)])


def _lasts(desk: Desk, look: Look) -> timedelta:
    """How long a look lasts. That a stand-in had no picture says nothing of the vendors that come after it."""
    return timedelta(days=desk.fresh_days) if look.image_id is not None or desk.status == "live" else TOMORROW


def _event(desk: Desk, place: RowMapping, look: Look) -> journey.Event:
    scores = look.seen
    details = {
        "property_id": place["property_id"],
        "status": desk.status if look.image_id is not None else "failed",
        "outcome": look.outcome,
        "source": look.source,
        "seen": len(scores),
        "apart": max(scores) - min(scores) if len(scores) > 1 else None,
        "reason": look.reason,
    }
    return journey.Event("roof_assessed", place["lead_id"], STAGE, details)
