"""The ledger is the lease: a paid call is first a row, and whoever inserts the row may make the call.

All functions work in the caller's transaction and never commit. Amounts are US cents.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import workers
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load
from penstock.providers import Reply

SQL = load(__package__, "ledger.sql")


class Outcome(StrEnum):
    """What a question to the ledger came to."""

    RESERVED = "reserved"  # the caller, and nobody else, may make the call
    ANSWERED = "answered"  # bought before: here is the answer
    IN_DOUBT = "in_doubt"  # perhaps bought before, the answer is lost: goes on as if the vendor had nothing
    IN_FLIGHT = "in_flight"  # somebody else is buying it now: come back later
    OVER_LEAD_CAP = "over_lead_cap"  # this lead has cost enough
    OVER_DAY_CAP = "over_day_cap"  # the org, the vendor or the playbook has cost enough today
    REFUSED = "refused"  # the vendor will never answer this


Stage = Literal["intake", "imagery", "scrape", "enrichment", "verification", "voice"]
"""The stages that buy. Each names itself in its requests: where money is told by stage, it stands there."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """Something to buy, for a stage. `request_key`: the normalised question, the same text for the same question.

    `price_cents` is what it costs at most: the price of `records` records, where a call buys several.
    """

    vendor: str
    operation: str
    request_key: str
    price_cents: Decimal
    fresh_days: int
    stage: Stage
    lead_id: UUID | None = None
    contact_id: int | None = None
    contact_point_id: int | None = None
    playbook: str | None = None
    area_scan_id: int | None = None
    records: int = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """The ledger's word on one CallRequest. `answer` is the raw stored reply where there is one, `charged` whether the
    vendor charged for it."""

    outcome: Outcome
    request: CallRequest
    call_id: int | None
    answer: Mapping[str, Any] | None = None
    charged: bool = False


async def reserve(ctx: Context, db: AsyncConnection, org_id: int, requests: Sequence[CallRequest]) -> list[Claim]:
    """One Claim per request, in order; caps, freshness and the reservation itself in one statement.

    Commit before calling anybody: only then does the row keep others away.
    """
    if not requests:
        return []
    await execute(db, SQL["lock"], org_id=org_id)
    asked = [_asked(ctx, org_id, number, request) for number, request in enumerate(requests)]
    found = await rows(db, SQL["reserve"], org_id=org_id, worker_id=str(ctx.worker_id), asked=json.dumps(asked))
    return [_claim(ctx, org_id, request, row) for request, row in zip(requests, found, strict=True)]


def _asked(ctx: Context, org_id: int, number: int, request: CallRequest) -> dict[str, Any]:
    # Hashed in sealed form: a plain hash of a phone number or an address can be guessed. All key versions count.
    forms = ctx.sealer.forms(org_id, request.request_key)
    return {
        "n": number,
        "vendor": request.vendor,
        "operation": request.operation,
        "hashes": [hashlib.sha256(form.encode()).hexdigest() for form in forms],
        "price": str(request.price_cents),
        "fresh_days": request.fresh_days,
        "stage": request.stage,
        "lead_id": str(request.lead_id) if request.lead_id else None,
        "contact_id": request.contact_id,
        "contact_point_id": request.contact_point_id,
        "playbook": request.playbook,
        "area_scan_id": request.area_scan_id,
    }


def _claim(ctx: Context, org_id: int, request: CallRequest, row: RowMapping) -> Claim:
    outcome, sealed = Outcome(row["outcome"]), row["answer_sealed"]
    stored = json.loads(ctx.sealer.open(org_id, sealed)) if sealed and outcome is Outcome.ANSWERED else None
    return Claim(outcome, request, row["call_id"], stored, charged=bool(row["found"]))


async def answer(ctx: Context, db: AsyncConnection, org_id: int, answers: Sequence[tuple[Claim, Reply]]) -> None:
    """Keep the vendor's replies, sealed, and what they really cost. Commit before using them."""
    if not answers:
        return
    await execute(
        db,
        SQL["answer"],
        org_id=org_id,
        ids=[claim.call_id for claim, _ in answers],
        answers=[ctx.sealer.seal(org_id, json.dumps(reply.raw)) for _, reply in answers],
        found=[reply.billable for _, reply in answers],
        costs=[_cost(claim.request, reply) for claim, reply in answers],
    )


def _cost(request: CallRequest, reply: Reply) -> Decimal:
    return request.price_cents * reply.records / request.records if reply.billable else Decimal(0)


async def release(db: AsyncConnection, org_id: int, call_ids: Sequence[int | None], *, error: str) -> None:
    """Give reservations back that certainly cost nothing."""
    await execute(db, SQL["release"], org_id=org_id, ids=list(call_ids), error=error[:500])


async def charge(db: AsyncConnection, org_id: int, call_id: int, *, cents: Decimal, found: bool) -> None:
    """Close a reservation of which the price was known only afterwards."""
    await execute(db, SQL["charge"], org_id=org_id, call_id=call_id, cents=cents, found=found)


async def doubt(db: AsyncConnection, org_id: int, claims: Sequence[Claim], *, error: str) -> None:
    """Mark reservations whose call may have been carried out without our knowing."""
    await execute(db, SQL["doubt"], org_id=org_id, ids=[claim.call_id for claim in claims], error=error[:500])


async def doubt_abandoned(db: AsyncConnection, org_id: int) -> int:
    """Mark the reservations of dead workers; gives how many."""
    gone = [str(worker) for worker in await workers.dead(db)]
    return await execute(db, SQL["doubt_abandoned"], org_id=org_id, dead=gone)


async def close(db: AsyncConnection, org_id: int, claims: Sequence[Claim]) -> None:
    """The stage has written what there was to write: answered calls are applied, those in doubt are settled."""
    ids = [claim.call_id for claim in claims if claim.call_id is not None]
    if ids:
        await execute(db, SQL["close"], org_id=org_id, ids=ids)
