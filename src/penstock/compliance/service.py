"""Asks the gate for real leads, and reserves the attempts it allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.compliance import proof, ruleset
from penstock.compliance.facts import Attempt, Decision, Intent
from penstock.compliance.gate import may_contact
from penstock.compliance.snapshot import SQL, Request, Subject, gather, policy_of, seller
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attempt somebody wants to make. `reference` names the step (message, call) and can be reserved only once."""

    request: Request
    reference: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """The final decision on a wanted attempt, and the attempt it authorises; None when it was refused."""

    decision: Decision
    attempt_id: int | None


async def decide(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    lead_id: UUID | str,
    contact_point_id: int,
    intent: Intent,
    at: datetime | None = None,
) -> Decision:
    """What the gate says to one contact, for planning. It authorises nothing and is not kept: `reserve` does both."""
    return (await decide_many(ctx, db, org_id, [Request(lead_id, contact_point_id, intent)], at=at))[0]


async def decide_many(
    ctx: Context, db: AsyncConnection, org_id: int, requests: Sequence[Request], *, at: datetime | None = None
) -> list[Decision]:
    """What the gate says to each request, in order, for planning; six statements for any number of requests."""
    at = at or clock.now()
    return [_decide(subject, at) for subject in await gather(ctx, db, org_id, requests)]


async def lawful_sources(ctx: Context, db: AsyncConnection, org_id: int, playbook: str) -> list[str] | None:
    """The named sources whose addresses the gate would not refuse for their source, under the policy of a playbook and
    the org; None where the org lets unnamed sources pass too."""
    policy, allowed = policy_of(ctx, await seller(db, org_id), playbook), ruleset.load().limits.sources_allowed
    if policy.unnamed_source in allowed:
        return None
    return sorted(name for name, category in policy.sources.items() if category in allowed)


async def reserve(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    lead_id: UUID | str,
    contact_point_id: int,
    intent: Intent,
    reference: str,
    at: datetime | None = None,
) -> Reservation:
    """The final decision on one attempt; see `reserve_many`."""
    wanted = Wanted(Request(lead_id, contact_point_id, intent), reference)
    return (await reserve_many(ctx, db, org_id, [wanted], at=at))[0]


async def reserve_many(
    ctx: Context, db: AsyncConnection, org_id: int, wanted: Sequence[Wanted], *, at: datetime | None = None
) -> list[Reservation]:
    """Decide again, keep the decisions as proof, and reserve the attempts allowed, all in the caller's transaction.

    People are locked first, so of two workers who want the same person one is told FREQ_IN_FLIGHT. A step whose
    reference is taken is refused in the same way. Nothing may go to the wire before this transaction has committed
    and `last_look` has agreed.
    """
    at = at or clock.now()
    await proof.lock(db, org_id)
    leads = [str(each.request.lead_id) for each in wanted]
    contacts = [row["contact_id"] for row in await rows(db, SQL["contacts_of_leads"], org_id=org_id, lead_ids=leads)]
    await rows(db, SQL["lock_contacts"], org_id=org_id, contact_ids=contacts)
    subjects = await gather(ctx, db, org_id, [each.request for each in wanted])
    taken = await _taken(db, org_id, wanted)
    decided = _in_turn(subjects, wanted, taken, at)
    ids = await proof.keep(ctx, db, org_id, decided, at=at)
    made = []
    for each, (subject, decision), decision_id in zip(wanted, decided, ids, strict=True):
        attempt = await _insert(ctx, db, org_id, each, subject, decision_id, at) if decision.allowed else None
        made.append(Reservation(replace(decision, ledger_seq=decision_id), attempt))
    return made


async def complete(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    attempt_ids: Sequence[int],
    state: Literal["in_call", "done", "failed", "in_doubt"] = "done",
    at: datetime | None = None,
) -> int:
    """What became of attempts; gives how many were open. `failed`: certainly never left us, counts for nothing, may
    be reserved again.

    `in_doubt`: the worker died, it counts as made.
    """
    ids = list(attempt_ids)
    return await execute(db, SQL["move_attempts"], org_id=org_id, ids=ids, state=state, at=at or clock.now())


async def last_look(ctx: Context, org_id: int, attempt_ids: Sequence[int]) -> frozenset[int]:
    """The last act before the wire: of these attempts, those still authorised. Reads in a transaction of its own.

    An attempt drops out when its decision has run out, or when anything was suppressed after it was reserved.
    """
    async with ctx.db.tenant(org_id) as db:
        return frozenset(row["id"] for row in await rows(db, SQL["last_look"], org_id=org_id, ids=list(attempt_ids)))


def _decide(subject: Subject, at: datetime) -> Decision:
    return may_contact(subject.facts, at=at, intent=subject.request.intent, rules=ruleset.load(), policy=subject.policy)


async def _taken(db: AsyncConnection, org_id: int, wanted: Sequence[Wanted]) -> set[tuple[str, str]]:
    refs = [each.reference for each in wanted]
    return {
        (row["channel"], row["reference"]) for row in await rows(db, SQL["known_references"], org_id=org_id, refs=refs)
    }


def _in_turn(
    subjects: Sequence[Subject], wanted: Sequence[Wanted], taken: set[tuple[str, str]], at: datetime
) -> list[tuple[Subject, Decision]]:
    """Decide one after the other.

    Who was allowed a moment ago has an attempt in flight, and a taken step stays taken.
    """
    in_flight: set[int | None] = set()
    steps = set(taken)
    decided = []
    for each, subject in zip(wanted, subjects, strict=True):
        channel = each.request.intent.channel
        if subject.contact_id in in_flight or (channel, each.reference) in steps:
            attempts = (*subject.facts.attempts, Attempt(channel, at, None))
            subject = replace(subject, facts=replace(subject.facts, attempts=attempts))
        decision = _decide(subject, at)
        if decision.allowed:
            in_flight.add(subject.contact_id)
            steps.add((channel, each.reference))
        decided.append((subject, decision))
    return decided


async def _insert(
    ctx: Context, db: AsyncConnection, org_id: int, wanted: Wanted, subject: Subject, decision_id: int, at: datetime
) -> int:
    attempt = await scalar(
        db,
        SQL["insert_attempt"],
        org_id=org_id,
        contact_id=subject.contact_id,
        lead_id=str(wanted.request.lead_id),
        contact_point_id=wanted.request.contact_point_id,
        value=subject.value,
        channel=wanted.request.intent.channel,
        purpose=wanted.request.intent.purpose,
        at=at,
        worker_id=str(ctx.worker_id),
        decision_id=decision_id,
        reference=wanted.reference,
    )
    return int(attempt)
