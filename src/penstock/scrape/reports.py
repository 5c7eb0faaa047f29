"""Reports of runs that a vendor sends: what a run brought is kept also where whoever waited for it is gone.

The run is read again when its report comes, before any transaction; what was kept already is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import enrichment as bank
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.errors import ProviderBusy
from penstock.core.receipts import BATCH, Done, drain
from penstock.core.sqlfile import load
from penstock.enrichment import Claim, Outcome
from penstock.providers import Reply
from penstock.providers.pages.apify import Apify, parse_items
from penstock.providers.pages.words import PageRefused
from penstock.scrape import closing
from penstock.scrape.desks import Desk, desks, request_for
from penstock.scrape.room import ReadingRoom
from penstock.scrape.visits import open_page

SQL = load(__package__)


async def pump(ctx: Context, org_id: int, room: ReadingRoom) -> int:
    """Act on every report that waits; gives how many."""
    async with ctx.db.tenant(org_id) as db:
        waiting = await rows(db, SQL["reports_due"], org_id=org_id, limit=BATCH)
    if not waiting:
        return 0
    ends: dict[int, str | Exception] = {}
    for receipt in waiting:
        try:
            report = json.loads(ctx.sealer.open(org_id, receipt["payload_sealed"]))
            ends[receipt["receipt_id"]] = await _take_in(ctx, org_id, room, report)
        except Exception as error:  # the receipt waits in the DLQ, alone
            ends[receipt["receipt_id"]] = error

    async def act(db: AsyncConnection, receipt: RowMapping) -> Done:
        end = ends.get(receipt["id"], ProviderBusy("it came while others were read"))
        if isinstance(end, Exception):
            raise end
        return Done(end)

    due = SQL["reports_due"].bindparams(org_id=org_id)
    return await drain(ctx, org_id, stage=closing.STAGE, due=due, act=act, prefix="receipt:")


async def _take_in(ctx: Context, org_id: int, room: ReadingRoom, report: Mapping[str, Any]) -> str:
    """Keep what a run brought for pages that have no answer yet; the outcome in a word."""
    at_work = list(desks(ctx, org_id))
    only = at_work[0].only if at_work else ""
    async with ctx.db.tenant(org_id) as db:
        if await scalar(db, SQL["being_read"], org_id=org_id, ids=report["about"]):
            raise ProviderBusy("whoever started the run is waiting for it", retry_after_s=600.0)
        pages = await rows(
            db, SQL["claim_unanswered"], org_id=org_id, ids=report["about"], lease_id=str(ctx.worker_id), only=only
        )
    if not pages:
        return "known"
    kept = 0
    try:
        for desk in at_work:
            mine = [p for p in pages if p["url_type"] in desk.url_types and p["playbook"] == desk.playbook.name]
            if mine and isinstance(desk.source, Apify):
                run = await desk.source.run(report["run_id"])
                items = await desk.source.items(run)
                replies = parse_items(items, [page["url"] for page in mine], complete=False)
                kept += await _keep(ctx, desk, room, mine, replies)
    finally:
        for page in pages:  # those that are closed have no lease any more
            await closing.give_back(ctx, org_id, page)
    return f"kept {kept}"


async def _keep(
    ctx: Context, desk: Desk, room: ReadingRoom, pages: Sequence[RowMapping], replies: Sequence[Reply]
) -> int:
    """The late answers go to the ledger, then onto the pages; those that the ledger does not hold open are left."""
    there = [(page, reply) for page, reply in zip(pages, replies, strict=True) if not reply.failed]
    async with ctx.db.tenant(desk.org_id) as db:
        requests = [request_for(desk.playbook.name, desk.terms, page["url"]) for page, _ in there]
        claims = await bank.reserve(ctx, db, desk.org_id, requests)
        open_ones = [
            (page, claim, reply)
            for (page, reply), claim in zip(there, claims, strict=True)
            if claim.outcome in (Outcome.IN_DOUBT, Outcome.RESERVED)
        ]
        await bank.answer(ctx, db, desk.org_id, [(claim, reply) for _, claim, reply in open_ones])
    for page, claim, reply in open_ones:
        await _keep_one(ctx, desk, room, page, claim, reply)
    return len(open_ones)


async def _keep_one(ctx: Context, desk: Desk, room: ReadingRoom, page: RowMapping, claim: Claim, reply: Reply) -> None:
    try:
        made = await open_page(desk.source, room, reply, kind="home")
    except PageRefused as refused:
        await closing.refuse(ctx, desk.org_id, page, refused, claim)
    else:
        await closing.keep(ctx, desk.org_id, page, made, claim)
