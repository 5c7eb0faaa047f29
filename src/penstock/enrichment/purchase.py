"""Buying a batch: claims that are reserved, one call to the vendor, and the booking of what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from penstock.core.context import Context
from penstock.core.errors import NotConfigured, ProviderBusy, ProviderError, reason_of
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

    def add(self, more: Bought) -> None:
        """Take over what another part of the batch came to."""
        self.answered += more.answered
        self.in_doubt += more.in_doubt
        self.later += more.later
        self.refused += more.refused


async def buy(
    ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], fetch: Callable[[], Awaitable[list[Reply]]]
) -> Bought:
    """Make the one call for reserved `claims` (`fetch` gives a reply per claim, in order) and book it, committed.

    What nobody foresaw may have cost money: in doubt at once. What is not caught here (a crash, a cancellation) leaves
    the claims reserved, in doubt after ten minutes.
    """
    try:
        pairs = list(zip(claims, await fetch(), strict=True))
    except (ProviderError, NotConfigured) as error:
        return await _went_wrong(ctx, org_id, vendor, claims, error)
    except Exception as error:
        log.exception("vendor_call_broken", vendor=vendor)
        return await _in_doubt(ctx, org_id, vendor, claims, error)
    bought = Bought()
    async with ctx.db.tenant(org_id) as db:
        bought.answered = [pair for pair in pairs if not pair[1].failed and pair[1].error is None]
        failed = [claim for claim, reply in pairs if reply.failed]
        await ledger.answer(ctx, db, org_id, bought.answered)
        if failed:
            await ledger.release(db, org_id, [claim.call_id for claim in failed], error=f"{vendor} failed on this item")
        await circuits.succeeded(db, org_id, vendor)
    bought.refused = [(claim, f"{vendor} failed on this item") for claim in failed]
    for claim, reply in pairs:
        if reply.error is not None:  # asked one by one, this one went wrong
            bought.add(await _went_wrong(ctx, org_id, vendor, [claim], reply.error))
    return bought


async def _went_wrong(
    ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: ProviderError | NotConfigured
) -> Bought:
    if isinstance(error, ProviderUnclear):
        return await _in_doubt(ctx, org_id, vendor, claims, error)
    if isinstance(error, ProviderBusy):
        return await _give_back(ctx, org_id, vendor, claims, error)
    return await _refused(ctx, org_id, vendor, claims, error)


async def _in_doubt(ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: Exception) -> Bought:
    said = reason_of(error)
    async with ctx.db.tenant(org_id) as db:
        await ledger.doubt(db, org_id, claims, error=said)
        await circuits.failed(db, org_id, vendor, error=said)
    log.warning("vendor_call_in_doubt", vendor=vendor, items=len(claims), error=said)
    return Bought(in_doubt=list(claims))


async def _give_back(ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: ProviderBusy) -> Bought:
    async with ctx.db.tenant(org_id) as db:
        await ledger.release(db, org_id, [claim.call_id for claim in claims], error=str(error))
        await circuits.failed(db, org_id, vendor, error=str(error), retry_after_s=error.retry_after_s)
    return Bought(later=list(claims))


async def _refused(ctx: Context, org_id: int, vendor: str, claims: Sequence[Claim], error: Exception) -> Bought:
    async with ctx.db.tenant(org_id) as db:
        await ledger.release(db, org_id, [claim.call_id for claim in claims], error=str(error))
        await circuits.failed(db, org_id, vendor, error=str(error))
    log.error("vendor_call_refused", vendor=vendor, items=len(claims), error=str(error))
    return Bought(refused=[(claim, str(error)) for claim in claims])
