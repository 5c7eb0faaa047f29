"""Every minute: heartbeat, small chores, the timetable, and a nudge for every stage that has something due.

A lost nudge is therefore harmless: the next sweep finds what is due in the view.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import text

from penstock import journey
from penstock.core import clock, jobs, workers
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import reason_of
from penstock.core.sqlfile import load

SQL = load(__package__, "sweep.sql")
SWEEP_LOCK = 7_203_447_010
LATEST = timedelta(hours=20)  # a slot missed by more than this is left to the next one
RETRY_FAILED_AFTER = timedelta(minutes=10)
log = structlog.get_logger(__name__)

# Chores of a minute, in order; each is (ctx, org_id) -> how much it did.
CHORES: tuple[str, ...] = (
    "penstock.verification.plain:seal_plain_values",
    "penstock.outreach.plain:seal_plain_texts",
    "penstock.identity.tasks:make_missing_keys",
    "penstock.enrichment.tasks:recover",
    "penstock.scrape.tasks:recover",
    "penstock.outreach.tasks:recover",
    "penstock.voice.tasks:recover",
    "penstock.billing.usage:recover",
    "penstock.scans.tasks:recover",
    "penstock.imagery.tasks:recover",
    "penstock.insight.alerts:evaluate",
)


def resolve(name: str) -> Callable[..., Awaitable[Any]]:
    """The function that `package.module:function` names."""
    module, _, function = name.partition(":")
    found = getattr(import_module(module), function)
    assert callable(found)
    return found  # type: ignore[no-any-return]


async def sweep(ctx: Context) -> None:
    """One round over all tenants. Two at once do no harm; one of them finds little left."""
    await workers.heartbeat(ctx)
    await jobs.free_dead(ctx)
    for org_id in await ctx.db.org_ids():
        for chore in CHORES:
            await _guarded(ctx, org_id, chore)
        await run_timetable(ctx, org_id)
        await nudge_due(ctx, org_id)


async def nudge_due(ctx: Context, org_id: int) -> list[str]:
    """Nudge every stage whose view is not empty; gives their names."""
    due = []
    async with ctx.db.tenant(org_id) as db:
        for stage in journey.STAGES:
            if stage.due and await scalar(db, text(f"select exists (select 1 from {stage.due})")):  # noqa: S608 names of our own views
                await jobs.nudge(db, stage.task, org_id, stage.queue)
                due.append(stage.name)
    return due


async def run_timetable(ctx: Context, org_id: int, slots: Sequence[journey.Slot] = journey.TIMETABLE) -> list[str]:
    """Run what the timetable has for this instant and what was missed; gives the jobs that ran."""
    async with ctx.db.tenant(org_id) as db:
        org = await one(db, SQL["org"], org_id=org_id)
    if org is None:
        return []
    ran = []
    for slot in slots:
        due = latest_slot(slot, clock.now(), ZoneInfo(org["timezone"]))
        if due >= org["created_at"] and clock.now() - due <= LATEST and await _run_slot(ctx, org_id, slot, due):
            ran.append(slot.job)
    return ran


def latest_slot(slot: journey.Slot, at: datetime, zone: ZoneInfo) -> datetime:
    """The newest instant at or before `at` for which the slot stands in the timetable. Pure; DST as zoneinfo tells."""
    day = at.astimezone(zone).date()
    for back in range(32):
        candidate = day - timedelta(days=back)
        if slot.weekdays_only and candidate.weekday() >= 5:
            continue
        if slot.day_of_month is not None and candidate.day != slot.day_of_month:
            continue
        instant = datetime.combine(candidate, slot.at, zone)
        if instant <= at:
            return instant.astimezone(at.tzinfo)
    raise ValueError(f"the timetable slot {slot.job} never comes up")


def next_slot(slot: journey.Slot, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after `after` for which the slot stands in the timetable."""
    day = after.astimezone(zone).date()
    for ahead in range(33):
        candidate = day + timedelta(days=ahead)
        if slot.weekdays_only and candidate.weekday() >= 5:
            continue
        if slot.day_of_month is not None and candidate.day != slot.day_of_month:
            continue
        instant = datetime.combine(candidate, slot.at, zone)
        if instant > after:
            return instant.astimezone(after.tzinfo)
    raise ValueError(f"the timetable slot {slot.job} never comes up")


async def _run_slot(ctx: Context, org_id: int, slot: journey.Slot, due: datetime) -> bool:
    """Run one slot under its advisory lock. The lock goes with its process, so a slot whose worker died runs again."""
    async with ctx.db.autocommit() as lock:
        if not await scalar(lock, SQL["try_lock"], key=f"{org_id}:{slot.job}"):
            return False
        try:
            async with ctx.db.tenant(org_id) as db:
                known = await one(db, SQL["slot_state"], job=slot.job, slot=due)
                if known and (
                    known["state"] == "done"
                    or (known["state"] == "failed" and clock.now() - known["started_at"] < RETRY_FAILED_AFTER)
                ):
                    return False
                await execute(db, SQL["slot_starts"], org_id=org_id, job=slot.job, slot=due)
            return await _run_and_note(ctx, org_id, slot, due)
        finally:
            await scalar(lock, SQL["unlock"], key=f"{org_id}:{slot.job}")


async def _run_and_note(ctx: Context, org_id: int, slot: journey.Slot, due: datetime) -> bool:
    try:
        result = await resolve(slot.run)(ctx, org_id, due)
    except Exception as error:  # the failure is kept and raises an alert; the other slots still run
        log.exception("timetable job failed", job=slot.job, org_id=org_id)
        async with ctx.db.tenant(org_id) as db:
            await execute(
                db,
                SQL["slot_ends"],
                job=slot.job,
                slot=due,
                state="failed",
                result="{}",
                error=reason_of(error)[:500],
            )
        return False
    async with ctx.db.tenant(org_id) as db:
        await execute(
            db, SQL["slot_ends"], job=slot.job, slot=due, state="done", result=json.dumps(result or {}), error=None
        )
    return True


async def make_partitions(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    """Month partitions ahead of time, for the tables that have them."""
    async with ctx.db.owner() as db:
        return {
            table: int(await scalar(db, SQL["ensure_partitions"], table=table))
            for table in ("pipeline_events", "contact_decisions", "message_log")
        }


async def _guarded(ctx: Context, org_id: int, name: str) -> None:
    try:
        await resolve(name)(ctx, org_id)
    except Exception:  # one chore must not stop the others, nor the timetable
        log.exception("chore failed", chore=name)
