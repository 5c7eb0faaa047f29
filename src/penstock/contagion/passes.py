"""Brings the scores of an org up to date: everything on the first work of a day, later only what a change can reach.

One transaction under one lock. The changes are read first and the facts after them, so what changes in between is taken
in now or noted as a change for the next time, never lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.contagion import around, cluster_store, map_cells, store
from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.executors import executor_for
from penstock.contagion.field import prepare
from penstock.contagion.load import (
    SQL,
    Progress,
    all_permits,
    all_places,
    cities,
    day_number,
    of_projects,
    positions,
    silent,
)
from penstock.contagion.measuring import ground_of, in_order, measured
from penstock.contagion.rules import Rules, rules_of
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import InvalidInput
from penstock.core.settings import Contagion
from penstock.playbook import Playbook

FEW = 50  # changes that are always looked at one by one …
FEW_OF = 1_000  # … and one in so many places; more are quicker done all at once
LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Scored:
    """What a pass did: places and permits (one a project) it looked at, and how many scores differ from before."""

    properties: int
    permits: int
    changed: int
    full: bool = False


@dataclass(frozen=True, slots=True)
class _How:
    """Who measures a full pass, and who watches."""

    executor: Contagion
    progress: Progress


@dataclass(slots=True)
class _Written:
    """What the map and the clusters are counted from, by place, and how many stored rows differed from before."""

    totals: Ints
    tiers: Ints
    lies_in: Ints  # id of the cluster; 0
    changed: int = 0


async def score_due(
    ctx: Context, org_id: int, playbook: Playbook, *, full: bool = False, progress: Progress = silent
) -> Scored:
    """Take in all that came or changed; gives what was done for `playbook`. `full`: score every place anew.

    Raises InvalidInput for a playbook without a territory.
    """
    rules_of(playbook)
    done = await bring_up_to_date(ctx, org_id, full=full, progress=progress)
    if playbook.name not in done:
        raise InvalidInput(f"the playbook {playbook.name} is not among those of this installation")
    return done[playbook.name]


async def rescore(ctx: Context, org_id: int, slot: datetime | None = None) -> dict[str, int]:
    """The daily pass of the timetable: every place with the new day, and the clusters. Gives counts by playbook."""
    if not await worth_while(ctx, org_id):
        return {}
    done = await bring_up_to_date(ctx, org_id)
    return {name: scored.properties for name, scored in done.items()}


async def worth_while(ctx: Context, org_id: int) -> bool:
    """Has the org permits, or scores already? Without either there is nothing that a neighbour could say.

    Then what was noted is dropped, for the first pass reads everything anyway. As in a pass the changes are read first:
    of what comes in meanwhile, the permit is seen here or its change stays.
    """
    territory = any(book.territory for book in ctx.playbooks.values())
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["lock"], org_id=org_id)
        changes = await rows(db, SQL["change_ids"])
        if territory and await scalar(db, SQL["anything_on_record"]):
            return True
        await execute(db, SQL["forget_changes"], ids=[row["id"] for row in changes])
        return False


async def bring_up_to_date(
    ctx: Context, org_id: int, *, full: bool = False, progress: Progress = silent
) -> dict[str, Scored]:
    """Score for all playbooks with a territory, for they share the changes."""
    rules = [rules_of(book) for book in ctx.playbooks.values() if book.territory]
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["lock"], org_id=org_id)
        today: date = await scalar(db, SQL["today"], org_id=org_id)
        changes = await rows(db, SQL["change_ids"])
        how = _How(ctx.settings.contagion, progress)
        done = {each.playbook: await _one(db, org_id, each, today, full, how) for each in rules}
        if changes:
            await execute(db, SQL["forget_changes"], ids=[row["id"] for row in changes])
        worked = [name for name, scored in done.items() if scored.full or scored.properties or scored.changed]
        await journey.announce(db, org_id, [_event(name, done[name]) for name in worked])
    return done


def _event(playbook: str, scored: Scored) -> journey.Event:
    counts = {"properties": scored.properties, "permits": scored.permits, "changed": scored.changed}
    return journey.Event("places_scored", None, "contagion", {"playbook": playbook, "full": scored.full, **counts})


async def _one(db: AsyncConnection, org_id: int, rules: Rules, today: date, full: bool, how: _How) -> Scored:
    run = await one(db, SQL["run"], playbook=rules.playbook)
    stamp = store.Stamp(org_id, rules.playbook, today, rules.weights.version)
    towns = await cities(db, org_id)
    items = int(await scalar(db, SQL["count_changes"]))
    other_rules = run is None or run["scoring_version"] != rules.weights.version
    if full or other_rules or run is None or run["scored_on"] != today or list(run["cities"]) != towns:
        return await _full(db, stamp, rules, towns, how, all_anew=other_rules)
    if items > max(FEW, run["properties"] // FEW_OF):
        return await _full(db, stamp, rules, towns, how)
    return await _incremental(db, stamp, rules, towns) if items else Scored(0, 0, 0)


async def _full(
    db: AsyncConnection, stamp: store.Stamp, rules: Rules, towns: list[str], how: _How, all_anew: bool = False
) -> Scored:
    """Every place."""
    filed = await all_permits(db, rules, stamp.scored_on)
    places = await all_places(db, towns, how.progress)
    async with executor_for(how.executor, len(places.properties)) as executor:
        found, own = await asyncio.to_thread(of_projects, filed, positions(filed.owner, places.properties))
        clusters = await cluster_store.renew(db, stamp, rules, found.permits, own, places.properties)
        field = prepare(places.properties, found.permits, own, as_of=day_number(stamp.scored_on), reach=rules.reach)
        ground = ground_of(rules, stamp.scored_on, field, found.permits, clusters)
        async with aclosing(in_order(ground, places, executor)) as scored:
            written = await _write_all(db, stamp, len(places.properties), scored, how.progress, all_anew)
    await cluster_store.count(db, rules.playbook, written.lies_in)
    await map_cells.count_all(db, stamp.org_id, rules.playbook, places.properties, written.totals, written.tiers)
    counts = {"properties": len(places.properties), "permits": len(found.permits)}
    await execute(
        db, SQL["keep_run"], org_id=stamp.org_id, playbook=rules.playbook, scored_on=stamp.scored_on,
        version=stamp.version, cities=towns, **counts,
    )  # fmt: skip
    await store.touch_leads(db, rules.playbook)
    return Scored(**counts, changed=written.changed, full=True)


async def _write_all(
    db: AsyncConnection, stamp: store.Stamp, size: int, scored: AsyncIterator[Rows], progress: Progress, all_anew: bool
) -> _Written:
    """Write SCORE rows of all places as they come, by id; what is measured and what is written overlap."""
    await execute(db, SQL["stage"])
    made = _Written(*np.zeros((3, size), dtype=np.int64))
    done, after = 0, -1
    async for fresh in scored:
        some = slice(done, done + len(fresh))
        made.totals[some], made.tiers[some] = fresh["total_urgency_score"], fresh["tier"]
        made.lies_in[some], done = fresh["cluster_id"], some.stop
        upto = LAST if done == size else int(fresh["property_id"][-1])
        there = await store.between(db, stamp.playbook, after, upto)
        made.changed += await store.write(db, stamp, fresh, there, all_anew=all_anew)
        after = upto
        progress("scoring", done)
    if not size:
        there = await store.between(db, stamp.playbook, -1, LAST)
        made.changed = await store.write(db, stamp, np.zeros(0, dtype=store.SCORE), there)
    return made


async def _incremental(db: AsyncConnection, stamp: store.Stamp, rules: Rules, towns: list[str]) -> Scored:
    """Only the places that a change can reach."""
    local = await around.reached(db, stamp.org_id, rules, towns, stamp.scored_on)
    ground = ground_of(rules, stamp.scored_on, local.field, local.permits, local.clusters)
    fresh = await asyncio.to_thread(measured, ground, local.places)
    await execute(db, SQL["stage"])
    there = await store.of(db, rules.playbook, local.ids)
    changed = await store.write(db, stamp, fresh, there)
    await map_cells.count_around(db, stamp.org_id, rules.playbook, local.ids)
    await store.touch_leads(db, rules.playbook, local.ids)
    return Scored(len(fresh), len(local.permits), changed)
