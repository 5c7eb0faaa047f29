"""One question to one vendor through the ledger: bought at most once, and what came of it in one word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from penstock import enrichment as bank
from penstock.core.context import Context
from penstock.enrichment import CallRequest, Claim, Outcome
from penstock.providers import Reply, requests_per_s

LOST = "it was asked before and the answer was lost"
NEVER = {Outcome.IN_DOUBT: LOST, Outcome.REFUSED: "the vendor refuses this for good"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question came to.

    answered: `raw` is the reply. never: none will come, `reason` says why. refused: none came, asking again tomorrow
    may help. later: this one waits. stop: the vendor takes nothing now, for anybody (a cap, a break, a full rate).
    """

    state: Literal["answered", "never", "refused", "later", "stop"]
    claim: Claim | None = None
    raw: Mapping[str, Any] | None = None
    reason: str = ""

    @property
    def call_id(self) -> int | None:
        return self.claim.call_id if self.claim else None

    @property
    def claims(self) -> list[Claim]:
        """What is to be closed once the answer is written down."""
        return [self.claim] if self.claim and self.state in ("answered", "never") else []


async def ask(ctx: Context, org_id: int, request: CallRequest, fetch: Callable[[], Awaitable[Reply]]) -> Answer:
    """The answer that is there, or a new one. No transaction is open while the vendor is asked."""
    claim = await _reserve(ctx, org_id, request)
    if claim is None:
        return Answer("stop", reason=f"{request.vendor} takes no requests now")
    if claim.outcome is Outcome.ANSWERED:
        return Answer("answered", claim, claim.answer)
    if claim.outcome in NEVER:
        return Answer("never", claim, reason=NEVER[claim.outcome])
    if claim.outcome is Outcome.OVER_LEAD_CAP:
        return Answer("refused", reason="this lead has cost enough")
    if claim.outcome is Outcome.OVER_DAY_CAP:
        return Answer("stop", reason=f"the day's cap for {request.vendor} is reached")
    if claim.outcome is Outcome.IN_FLIGHT:
        return Answer("later", reason=f"{request.vendor} is being asked the same already")

    async def fetch_one() -> list[Reply]:
        return [await fetch()]

    bought = await bank.buy(ctx, org_id, request.vendor, [claim], fetch_one)
    if bought.answered:
        return Answer("answered", claim, bought.answered[0][1].raw)
    if bought.in_doubt:
        return Answer("never", claim, reason=LOST)
    if bought.refused:
        return Answer("refused", claim, reason=bought.refused[0][1])
    return Answer("later", claim, reason=f"{request.vendor} is busy")


async def _reserve(ctx: Context, org_id: int, request: CallRequest) -> Claim | None:
    """The ledger's word, committed; None where the vendor's circuit is open or its rate is used up for long."""
    rate = requests_per_s(ctx.settings, request.vendor)
    while True:
        async with ctx.db.tenant(org_id) as db:
            wait_s = await bank.admit(db, org_id, request.vendor, requests_per_s=rate)
            if not wait_s:
                return (await bank.reserve(ctx, db, org_id, [request]))[0]
        if wait_s > bank.PATIENCE_S:
            return None
        await asyncio.sleep(wait_s)
