"""Buying a batch: claims that are reserved, one call to the vendor, and the booking of what came of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from penstock.core.context import Context
from penstock.core.errors import NotConfigured, ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear
from penstock.enrichment import circuits, ledger
from penstock.enrichment.ledger import Claim
from penstock.providers import Reply

log = structlog.get_logger(__name__)
PATIENCE_S = 2.0  # the longest wait for a rate limit inside a pump; anything longer is left to the next one


@dataclass(slots=True)
class Bought:
    """What a batch came to: every claim is in exactly one of the lists."""

    answered: list[tuple[Claim, Reply]] = field(default_factory=list)
    in_doubt: list[Claim] = field(default_factory=list)
    later: list[Claim] = field(default_factory=list)  # given back: nothing was bought, they are still due
    refused: list[tuple[Claim, str]] = field(default_factory=list)  # given back, and asking again now is no use


async def buy(
    ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], fetch: Callable[[], Awaitable[list[Reply]]]
) -> Bought:
    """Make the one call for reserved `claims` (`fetch` gives a reply per claim, in order) and book it, committed.

    Anything that is not caught here (a crash, a cancellation) leaves the claims reserved, in doubt after ten minutes.
    """
    try:
        replies = await fetch()
    except ProviderUnclear as error:
        return await _in_doubt(ctx, org_id, vendor, claims, error)
    except ProviderBusy as error:
        return await _give_back(ctx, org_id, vendor, claims, error)
    except (ProviderRefused, NotConfigured) as error:
        return await _refused(ctx, org_id, vendor, claims, error)
    async with ctx.db.tenant(org_id) as db:
        pairs = list(zip(claims, replies, strict=True))
        answered = [pair for pair in pairs if not pair[1].failed]
        failed = [claim for claim, reply in pairs if reply.failed]
        await ledger.answer(ctx, db, org_id, answered)
        if failed:
            await ledger.release(db, org_id, failed, error=f"{vendor} failed on this item")
        await circuits.succeeded(db, org_id, vendor)
    return Bought(answered=answered, refused=[(claim, f"{vendor} failed on this item") for claim in failed])


async def _in_doubt(ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: ProviderBusy) -> Bought:
    async with ctx.db.tenant(org_id) as db:
        await ledger.doubt(db, org_id, claims, error=str(error))
        await circuits.failed(db, org_id, vendor, error=str(error))
    log.warning("vendor_call_in_doubt", vendor=vendor, items=len(claims), error=str(error))
    return Bought(in_doubt=list(claims))


async def _give_back(ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: ProviderBusy) -> Bought:
    async with ctx.db.tenant(org_id) as db:
        await ledger.release(db, org_id, claims, error=str(error))
        await circuits.failed(db, org_id, vendor, error=str(error), retry_after_s=error.retry_after_s)
    return Bought(later=list(claims))


async def _refused(ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: Exception) -> Bought:
    async with ctx.db.tenant(org_id) as db:
        await ledger.release(db, org_id, claims, error=str(error))
        await circuits.failed(db, org_id, vendor, error=str(error))
    log.error("vendor_call_refused", vendor=vendor, items=len(claims), error=str(error))
    return Bought(refused=[(claim, str(error)) for claim in claims])
