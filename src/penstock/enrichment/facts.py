"""What a batch of answers becomes: contact points, property facts, flags, a moved lead. Set-based, one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load
from penstock.enrichment import ledger, rules
from penstock.enrichment.ledger import Claim
from penstock.enrichment.step import STAGE, Step
from penstock.identity import merge_properties
from penstock.providers.contacts import Found, Subject

SQL = load(__package__)
NOTHING = Found(matched=False)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """A lead whose step is over. `raw`: the vendor's reply, None where none will come; `how` says why in one word."""

    lead: RowMapping
    subject: Subject
    claim: Claim
    raw: Mapping[str, Any] | None
    how: str
    cost_cents: float


@dataclass(frozen=True, slots=True)
class Read:
    """An answer in our words, with what we take of it."""

    answered: Answered
    found: Found
    taken: rules.Taken

    @property
    def lead_id(self) -> str:
        """The lead, as JSON has it."""
        return str(self.answered.lead["lead_id"])


async def write(ctx: Context, db: AsyncConnection, step: Step, answers: Sequence[Answered], *, duration_ms: int) -> int:
    """Write the facts of `answers`, close their calls, move the leads on, announce it; gives how many moved or failed.

    An answer that cannot be read goes to the DLQ alone: it is stored, so reading it again later costs nothing.
    """
    read, broken = _read_all(step, answers)
    for item, error in broken:
        lead_id = str(item.lead["lead_id"])
        payload = {"vendor": step.terms.vendor, "call_id": item.claim.call_id}
        await dlq.put(db, step.org_id, stage=STAGE, item=lead_id, payload=payload, error=error)
    ours = await _step_done(db, step, read)
    if ours:
        await _write_facts(ctx, db, step, ours)
        await dlq.clear(db, step.org_id, stage=STAGE, items=[item.lead_id for item in ours])
        await journey.announce(db, step.org_id, [_event(step, item, duration_ms) for item in ours])
    await ledger.close(db, step.org_id, [item.answered.claim for item in read])
    return len(ours) + len(broken)


def _read_all(step: Step, answers: Sequence[Answered]) -> tuple[list[Read], list[tuple[Answered, str]]]:
    read: list[Read] = []
    broken: list[tuple[Answered, str]] = []
    for item in answers:
        try:
            found = step.finder.read(item.raw) if item.raw is not None else NOTHING
        except Exception as error:  # one strange record must not hold its batch
            log.exception("vendor_answer_unreadable", vendor=step.terms.vendor, call_id=item.claim.call_id)
            broken.append((item, f"the answer cannot be read ({type(error).__name__})"))
        else:
            read.append(Read(item, found, rules.take(item.subject, found)))
    return read, broken


async def _step_done(db: AsyncConnection, step: Step, read: Sequence[Read]) -> list[Read]:
    """Move the leads on; gives those that nobody else had moved before."""
    if not read:
        return []
    ids = [item.lead_id for item in read]
    moved = await rows(db, SQL["step_done"], org_id=step.org_id, step=step.index, lead_ids=ids)
    mine = {str(row["id"]) for row in moved}
    return [item for item in read if item.lead_id in mine]


async def _write_facts(ctx: Context, db: AsyncConnection, step: Step, read: Sequence[Read]) -> None:
    source = step.source
    facts = json.dumps([_facts(item) for item in read if item.found.matched])
    points = json.dumps(_points(ctx, step.org_id, read))
    where = {"org_id": step.org_id}
    await execute(db, SQL["make_contacts"], **where, facts=facts, source=source)
    await execute(db, SQL["merge_points"], **where, points=points, source=source)
    await execute(db, SQL["mark_people"], **where, facts=facts)
    await execute(db, SQL["suppress_litigators"], **where, facts=facts, actor=f"{STAGE}:{source}")
    await execute(db, SQL["fill_properties"], **where, facts=facts)
    await execute(db, SQL["set_maks"], **where, facts=facts)
    for pair in await rows(db, SQL["same_places"], **where, facts=facts):
        await merge_properties(db, step.org_id, keep=pair["keep"], gone=pair["gone"], reason="mak")


def _facts(item: Read) -> dict[str, Any]:
    """One row for the fact queries. The flags and the age are the person's, so only the owner's own count."""
    found, is_owner = item.found, item.taken.owner is not rules.Owner.OTHER
    return {
        **{name: found.facts.get(name) for name in ("owner_occupied", "estimated_value", "estimated_equity")},
        **{name: found.facts.get(name) for name in ("latitude", "longitude")},
        "lead_id": item.lead_id,
        "property_id": item.answered.lead["property_id"],
        "first_name": found.first_name or None,
        "last_name": found.last_name or None,
        "mak": found.mak,
        "litigator": rules.is_litigator(found, item.taken),
        "deceased": found.deceased and is_owner,
        "age": rules.age(found.facts.get("born"), clock.now()) if is_owner else None,
    }


def _points(ctx: Context, org_id: int, read: Sequence[Read]) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    for item in read:
        call = {"lead_id": item.lead_id, "call_id": item.answered.claim.call_id}
        for phone in item.taken.phones:
            sealed = ctx.sealer.seal(org_id, phone.number)
            about = {"score": phone.score, "line_type": phone.line_type, "dnc": phone.dnc}
            points.append({"n": len(points), **call, "kind": "phone", "value": sealed, **about})
        for email in item.taken.emails:
            sealed = ctx.sealer.seal(org_id, email.address)
            points.append({"n": len(points), **call, "kind": "email", "value": sealed, "score": email.score})
    return points


def _event(step: Step, item: Read, duration_ms: int) -> journey.Event:
    details = {
        "vendor": step.terms.vendor,
        "operation": step.terms.operation,
        "how": item.answered.how,
        "found": item.found.matched,
        "owner": item.taken.owner.value,
        "phones": len(item.taken.phones),
        "emails": len(item.taken.emails),
        "cost_cents": item.answered.cost_cents,
    }
    return journey.Event("lead_enriched", item.lead_id, STAGE, details, duration_ms=duration_ms)
