"""How the reading of a page ends: its facts kept, refused for this period, or put off. One transaction each."""

from __future__ import annotations

import json

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import enrichment as bank
from penstock import journey
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import ProviderBusy, reason_of
from penstock.core.sqlfile import load
from penstock.enrichment import Claim
from penstock.providers.pages.words import PageRefused
from penstock.scrape.facts import Watched, facts_of
from penstock.scrape.visits import Visit

SQL = load(__package__)
STAGE = "scrape"
GIVE_UP_AFTER = 5  # troubles in a row: then the page is left alone for the rest of its period
log = structlog.get_logger(__name__)


async def keep(ctx: Context, org_id: int, page: RowMapping, made: Visit, claim: Claim | None = None) -> bool:
    """Write what a visit brought and close the page; False where another has done so meanwhile."""
    watched = _watched(page)
    unchanged = made.page.not_modified or made.content_hash() == page["content_hash"]
    kept = facts_of(made, watched, lambda email: ctx.sealer.seal(org_id, email))
    async with ctx.db.tenant(org_id) as db:
        outcome = "unchanged" if unchanged else "read"
        if not await _close(ctx, db, org_id, page, outcome, made=made, claim=claim):
            return False
        counts = {"new": 0, "seen": 0}
        if unchanged:
            await execute(db, SQL["see_again"], org_id=org_id, page_id=watched.page_id, since=page["last_checked_at"])
        else:
            found = (
                await one(db, SQL["keep_facts"], org_id=org_id, facts=json.dumps(kept.facts)) if kept.facts else None
            )
            counts = dict(found) if found else counts
            await execute(db, SQL["miss_people"], org_id=org_id, page_id=watched.page_id, lists=kept.lists)
        await _tell(db, org_id, page, outcome, **counts, left_out=made.left_out)
    return True


async def refuse(ctx: Context, org_id: int, page: RowMapping, refused: PageRefused, claim: Claim | None = None) -> None:
    """It cannot be read: asked again when its period is over."""
    async with ctx.db.tenant(org_id) as db:
        error = f"{refused.reason}: {refused}"
        if await _close(ctx, db, org_id, page, "refused", error=error, claim=claim):
            await _tell(db, org_id, page, "refused", reason=refused.reason)


async def in_doubt(ctx: Context, org_id: int, page: RowMapping, claim: Claim) -> None:
    """It may have been paid for without an answer: not asked again in this period."""
    async with ctx.db.tenant(org_id) as db:
        error = f"in_doubt: {claim.request.vendor} may have read it, the answer is lost"
        if await _close(ctx, db, org_id, page, "in_doubt", error=error, claim=claim):
            await _tell(db, org_id, page, "in_doubt")


async def postpone(ctx: Context, org_id: int, page: RowMapping, error: Exception) -> None:
    """A passing trouble: later, by the DLQ; after GIVE_UP_AFTER in a row not before its period is over.

    The text of an unexpected error may quote the page: its type is kept instead.
    """
    reason = reason_of(error)
    wait_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
    async with ctx.db.tenant(org_id) as db:
        if page["failures"] + 1 >= GIVE_UP_AFTER:
            if await _close(ctx, db, org_id, page, "given_up", error=reason):
                await _tell(db, org_id, page, "given_up")
            return
        if await _give_back(ctx, db, org_id, page, failed=1, error=reason):
            payload = {"url_type": page["url_type"]}
            item = str(page["page_id"])
            await dlq.put(db, org_id, stage=STAGE, item=item, payload=payload, error=reason, retry_in_s=wait_s)


async def give_back(ctx: Context, org_id: int, page: RowMapping) -> None:
    """Not read, and nobody's fault: due again."""
    async with ctx.db.tenant(org_id) as db:
        await _give_back(ctx, db, org_id, page)


async def _give_back(
    ctx: Context, db: AsyncConnection, org_id: int, page: RowMapping, *, failed: int = 0, error: str | None = None
) -> int:
    ids, lease_id = [page["page_id"]], str(ctx.worker_id)
    return await execute(
        db,
        SQL["give_back"],
        org_id=org_id,
        ids=ids,
        lease_id=lease_id,
        failed=failed,
        error=error[:500] if error else None,
    )


async def _close(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    page: RowMapping,
    outcome: str,
    *,
    error: str | None = None,
    made: Visit | None = None,
    claim: Claim | None = None,
) -> bool:
    got = made.page if made else None
    changed = made is not None and not made.page.not_modified
    closed = await scalar(
        db,
        SQL["close_page"],
        org_id=org_id,
        page_id=page["page_id"],
        lease_id=str(ctx.worker_id),
        outcome=outcome,
        error=error[:500] if error else None,
        etag=(got.etag or page["etag"] if got.not_modified else got.etag) if got else page["etag"],
        last_modified=(got.last_modified or page["last_modified"] if got.not_modified else got.last_modified)
        if got
        else page["last_modified"],
        content_hash=made.content_hash() if made and changed else None,
    )
    if closed is None:
        log.warning("page_taken_over", page_id=page["page_id"])
        return False
    if claim is not None:
        await bank.close(db, org_id, [claim])
    await dlq.clear(db, org_id, stage=STAGE, items=[str(page["page_id"])])
    return True


async def _tell(db: AsyncConnection, org_id: int, page: RowMapping, outcome: str, **more: object) -> None:
    details = {"page_id": page["page_id"], "company_id": page["company_id"], "url_type": page["url_type"]}
    event = journey.Event("page_read", None, STAGE, {**details, "outcome": outcome, **more})
    await journey.announce(db, org_id, [event])


def _watched(page: RowMapping) -> Watched:
    return Watched(
        page["page_id"],
        page["url_type"],
        page["company_id"],
        page["companies"] or [],
        page["contact_id"],
        page["full_name"],
    )
