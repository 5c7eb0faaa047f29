"""The pump of scraping: lease pages that are due, read them, keep what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import enrichment as bank
from penstock.core import workers
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import PenstockError, ProviderBusy
from penstock.core.sqlfile import load
from penstock.enrichment import Claim, Outcome
from penstock.providers import Reply
from penstock.providers.pages.words import PageRefused, PageRequest
from penstock.scrape import closing, reports
from penstock.scrape.desks import Desk, desks, request_for
from penstock.scrape.links import Kind
from penstock.scrape.room import ReadingRoom
from penstock.scrape.visits import open_page, visit

SQL = load(__package__)
log = structlog.get_logger(__name__)


async def recover(ctx: Context, org_id: int) -> int:
    """Give back the pages that dead workers had leased; gives how many."""
    async with ctx.db.tenant(org_id) as db:
        dead = [str(worker) for worker in await workers.dead(db)]
        return await execute(db, SQL["give_back_of_dead"], org_id=org_id, dead=dead) if dead else 0


async def pump(ctx: Context, org_id: int) -> int:
    """Read every page that is due; gives how many were dealt with."""
    await recover(ctx, org_id)
    async with ctx.db.tenant(org_id) as db:
        await bank.doubt_abandoned(db, org_id)
    async with ReadingRoom() as room:
        done = await reports.pump(ctx, org_id, room)
        for desk in desks(ctx, org_id):
            done += await _do_desk(ctx, desk, room)
    return done


async def _do_desk(ctx: Context, desk: Desk, room: ReadingRoom) -> int:
    """All pages of a desk, in as many lines as may be under way at once."""
    paid = desk.terms.price_cents > 0
    count = ctx.settings.vendors.concurrency if paid else ctx.settings.net.concurrency
    async with asyncio.TaskGroup() as group:
        lines = [group.create_task(_drain(ctx, desk, room, paid)) for _ in range(count)]
    return sum(line.result() for line in lines)


async def _drain(ctx: Context, desk: Desk, room: ReadingRoom, paid: bool) -> int:
    """Batch after batch until nothing is left, or nothing moves (circuit open, cap reached, others at work)."""
    done = 0
    while moved := await (_do_paid(ctx, desk, room) if paid else _do_free(ctx, desk, room)):
        done += moved
    return done


async def _lease(ctx: Context, desk: Desk, db: AsyncConnection, limit: int) -> list[RowMapping]:
    """Pages leased to this worker, one type after the other: once committed nobody else reads them."""
    where = {
        "org_id": desk.org_id,
        "playbook": desk.playbook.name,
        "only": desk.only,
        "lease_id": str(ctx.worker_id),
    }
    found: list[RowMapping] = []
    await execute(db, SQL["walk"], sort="off")
    for url_type in desk.url_types:
        claim = SQL["claim_profiles" if url_type == "profile" else "claim_company_pages"]
        if len(found) < limit:
            found += await rows(db, claim, **where, url_type=url_type, limit=limit - len(found))
    await execute(db, SQL["walk"], sort="on")
    return found


async def _do_free(ctx: Context, desk: Desk, room: ReadingRoom) -> int:
    """A page that costs nothing; gives how many left the view."""
    async with ctx.db.tenant(desk.org_id) as db:
        claimed = await _lease(ctx, desk, db, desk.source.batch_size)
    for page in claimed:
        # A home page is always read whole: that it has not changed says nothing of the pages it leads to.
        whole_site = page["url_type"] == "website"
        request = PageRequest(page["url"], *((None, None) if whole_site else (page["etag"], page["last_modified"])))
        without: tuple[Kind, ...] = ("news",) if page["has_news_page"] else ()  # it is read as a page of its own
        try:
            made = await visit(desk.source, room, request, whole_site=whole_site, without=without)
        except PageRefused as refused:
            await closing.refuse(ctx, desk.org_id, page, refused)
        except ProviderBusy as busy:
            await closing.postpone(ctx, desk.org_id, page, busy)
        except Exception as error:
            log.exception("page_not_read", page_id=page["page_id"])
            await closing.postpone(ctx, desk.org_id, page, error)
        else:
            await closing.keep(ctx, desk.org_id, page, made)
    return len(claimed)


async def _do_paid(ctx: Context, desk: Desk, room: ReadingRoom) -> int:
    """A batch that a vendor reads: leased, reserved in the ledger, bought, kept; gives how many left the view."""
    claimed, claims, wait_s = await _reserve(ctx, desk)
    while wait_s:
        if wait_s > bank.PATIENCE_S:
            return 0
        await asyncio.sleep(wait_s)
        claimed, claims, wait_s = await _reserve(ctx, desk)
    if not claimed:
        return 0
    mine = [(page, claim) for page, claim in zip(claimed, claims, strict=True) if claim.outcome is Outcome.RESERVED]
    wanted = [PageRequest(page["url"], reference=str(page["page_id"])) for page, _ in mine]

    async def fetch() -> list[Reply]:
        return await desk.source.fetch(wanted)

    bought = (
        await bank.buy(ctx, desk.org_id, desk.terms.source, [claim for _, claim in mine], fetch)
        if mine
        else bank.Bought()
    )
    fresh = {claim.call_id: reply.raw for claim, reply in bought.answered}
    refused = {claim.call_id: reason for claim, reason in bought.refused}
    doubtful = {claim.call_id for claim in bought.in_doubt}
    moved = 0
    for page, claim in zip(claimed, claims, strict=True):
        raw = fresh.get(claim.call_id) if claim.outcome is Outcome.RESERVED else claim.answer
        if raw is not None:
            await _keep_paid(ctx, desk, room, page, claim, raw)
        elif claim.call_id in refused and claim.outcome is Outcome.RESERVED:
            await closing.postpone(ctx, desk.org_id, page, PenstockError(refused[claim.call_id]))
        elif claim.outcome in (Outcome.IN_DOUBT, Outcome.REFUSED) or claim.call_id in doubtful:
            await closing.in_doubt(ctx, desk.org_id, page, claim)
        else:  # over a cap, in flight elsewhere, or turned away: due again at once
            await closing.give_back(ctx, desk.org_id, page)
            continue
        moved += 1
    return moved


async def _reserve(ctx: Context, desk: Desk) -> tuple[list[RowMapping], Sequence[Claim], float]:
    """Pages with the ledger's word on each, leased and reserved in one transaction; or seconds to wait."""
    rate = getattr(ctx.settings.vendors, desk.terms.source).requests_per_s
    try:
        async with ctx.db.tenant(desk.org_id) as db:
            claimed = await _lease(ctx, desk, db, desk.source.batch_size)
            if not claimed:
                return [], [], 0.0
            if wait_s := await bank.admit(db, desk.org_id, desk.terms.source, requests_per_s=rate):
                raise _Later(wait_s)
            requests = [request_for(desk.playbook.name, desk.terms, page["url"]) for page in claimed]
            return claimed, await bank.reserve(ctx, db, desk.org_id, requests), 0.0
    except _Later as later:
        return [], [], later.wait_s


class _Later(Exception):
    """Undoes the lease: the vendor takes no request now."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s


async def _keep_paid(
    ctx: Context, desk: Desk, room: ReadingRoom, page: RowMapping, claim: Claim, raw: Mapping[str, Any]
) -> None:
    try:
        made = await open_page(desk.source, room, raw, kind="home")
    except PageRefused as refused:
        await closing.refuse(ctx, desk.org_id, page, refused, claim)
    except Exception as error:  # one strange record must not hold its batch
        log.exception("vendor_answer_unreadable", vendor=desk.terms.source, call_id=claim.call_id)
        await closing.postpone(ctx, desk.org_id, page, error)
    else:
        await closing.keep(ctx, desk.org_id, page, made, claim)
