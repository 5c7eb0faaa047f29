"""The pump of the waterfall: claim leads at a step, buy, keep the answers, write the facts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import NotConfigured
from penstock.core.sqlfile import load
from penstock.enrichment import circuits, ledger, questions
from penstock.enrichment.facts import Answered, write
from penstock.enrichment.ledger import CallRequest, Claim, Outcome
from penstock.enrichment.purchase import PATIENCE_S, Bought, buy
from penstock.enrichment.step import STAGE, Step
from penstock.playbook import Playbook, WaterfallStep
from penstock.providers import Reply, requests_per_s
from penstock.providers.contacts import Subject

SQL = load(__package__)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A claimed lead and the question about it."""

    lead: RowMapping
    subject: Subject
    claim: Claim


async def recover(ctx: Context, org_id: int) -> int:
    """Put the calls in doubt whose worker died, of this stage and of verification; gives how many."""
    async with ctx.db.tenant(org_id) as db:
        return await ledger.doubt_abandoned(db, org_id)


async def pump(ctx: Context, org_id: int) -> int:
    """Do every step of every waterfall that may be done now; gives how many leads moved on."""
    await recover(ctx, org_id)
    moved = 0
    for playbook in ctx.playbooks.values():
        for index, terms in enumerate(playbook.waterfall):
            moved += await _pass_over(ctx, org_id, playbook, index, terms)
            moved += await _do_step(ctx, org_id, playbook, index, terms)
        moved += await _finish(ctx, org_id, playbook)
    return moved


async def _pass_over(ctx: Context, org_id: int, playbook: Playbook, index: int, terms: WaterfallStep) -> int:
    """Move leads on that need not, or cannot, be asked about."""
    where = {"org_id": org_id, "playbook": playbook.name, "step": index}
    async with ctx.db.tenant(org_id) as db:
        passed = 0
        if terms.when == "still_missing":
            passed = await execute(db, SQL["pass_contactable"], **where)
        unaskable = await rows(db, SQL[questions.OF[terms.capability].pass_over], **where)
        events = [_skipped(row["id"], terms, row["why"]) for row in unaskable]
        await journey.announce(db, org_id, events)
    return passed + len(unaskable)


def _skipped(lead_id: object, terms: WaterfallStep, why: str) -> journey.Event:
    details = {"vendor": terms.vendor, "found": False, "cost_cents": 0, "skipped": why}
    return journey.Event("lead_enriched", str(lead_id), STAGE, details)


async def _do_step(ctx: Context, org_id: int, playbook: Playbook, index: int, terms: WaterfallStep) -> int:
    """Buy a step for all leads that stand at it, several batches at a time."""
    try:
        finder = questions.connect(ctx, org_id, playbook, terms)
    except NotConfigured as missing:
        log.warning("vendor_not_connected", vendor=terms.vendor, fix=missing.fix)  # the leads wait
        return 0
    step = Step(org_id, playbook, index, terms, finder)
    async with asyncio.TaskGroup() as group:
        lines = [group.create_task(_drain(ctx, step)) for _ in range(ctx.settings.vendors.concurrency)]
    return sum(line.result() for line in lines)


async def _drain(ctx: Context, step: Step) -> int:
    """Batch after batch until nothing is left, or nothing moves (circuit open, cap reached, others at work)."""
    moved = 0
    while done := await _do_batch(ctx, step):
        moved += done
    return moved


async def _do_batch(ctx: Context, step: Step) -> int:
    """One batch; gives how many leads left the view."""
    asked, wait_s = await _claim(ctx, step)
    while wait_s:
        if wait_s > PATIENCE_S:
            return 0
        await asyncio.sleep(wait_s)
        asked, wait_s = await _claim(ctx, step)
    if not asked:
        return 0
    began = clock.stopwatch()
    bought = await _buy(ctx, step, [item for item in asked if item.claim.outcome is Outcome.RESERVED])
    answers = _readable(asked, bought)
    duration_ms = round((clock.stopwatch() - began) * 1000)
    refused = {claim.call_id: reason for claim, reason in bought.refused}

    async def keep(db: AsyncConnection) -> int:
        moved = await write(ctx, db, step, answers, duration_ms=duration_ms)
        for item in asked:
            if (reason := refused.get(item.claim.call_id)) is not None:
                lead_id, payload = str(item.lead["lead_id"]), {"vendor": step.terms.vendor, "step": step.index}
                await dlq.put(db, step.org_id, stage=STAGE, item=lead_id, payload=payload, error=reason)
        return moved

    # Two batches may bring the same address key for two rows at once: the second looks again, and merges the twin.
    return await ctx.db.again(step.org_id, keep) + len(refused)


async def _claim(ctx: Context, step: Step) -> tuple[list[Asked], float]:
    """A batch of leads with the ledger's word on each, committed; or the seconds to wait before asking again."""
    where = {"org_id": step.org_id, "playbook": step.playbook.name, "step": step.index, "limit": step.finder.batch_size}
    vendor, question = step.terms.vendor, questions.OF[step.terms.capability]
    rate = requests_per_s(ctx.settings, vendor)
    async with ctx.db.tenant(step.org_id) as db:
        leads = await rows(db, SQL[question.claim], **where)
        if not leads:
            return [], 0.0
        if wait_s := await circuits.admit(db, step.org_id, vendor, requests_per_s=rate):
            return [], wait_s
        subjects = [question.subject(lead) for lead in leads]
        keys = [question.key(lead, subject) for lead, subject in zip(leads, subjects, strict=True)]
        requests = [_request(step, lead, key) for lead, key in zip(leads, keys, strict=True)]
        claims = await ledger.reserve(ctx, db, step.org_id, requests)
    return [Asked(*found) for found in zip(leads, subjects, claims, strict=True)], 0.0


def _request(step: Step, lead: RowMapping, key: str) -> CallRequest:
    return CallRequest(
        vendor=step.terms.vendor,
        operation=step.terms.operation,
        request_key=key,
        price_cents=step.terms.price_cents,
        fresh_days=step.terms.fresh_days,
        stage="enrichment",
        lead_id=lead["lead_id"],
        contact_id=lead["contact_id"],
        playbook=step.playbook.name,
    )


async def _buy(ctx: Context, step: Step, asked: Sequence[Asked]) -> Bought:
    if not asked:
        return Bought()
    subjects = [item.subject for item in asked]
    claims = [item.claim for item in asked]

    async def fetch() -> list[Reply]:
        return await step.finder.fetch(subjects)

    return await buy(ctx, step.org_id, step.terms.vendor, claims, fetch)


def _readable(asked: Sequence[Asked], bought: Bought) -> list[Answered]:
    """The leads that can move on: with an answer of now or of before, or without one where none will come."""
    fresh = {claim.call_id: reply for claim, reply in bought.answered}
    doubtful = {claim.call_id for claim in bought.in_doubt}
    answers = []
    for item in asked:
        claim = item.claim
        if claim.outcome is Outcome.RESERVED and claim.call_id in fresh:
            reply = fresh[claim.call_id]
            cost = claim.request.price_cents if reply.billable else 0
            answers.append(Answered(item.lead, item.subject, claim, reply.raw, "bought", float(cost)))
        elif claim.outcome is Outcome.ANSWERED:
            answers.append(Answered(item.lead, item.subject, claim, claim.answer, "known", 0.0))
        elif claim.outcome is Outcome.IN_DOUBT or claim.call_id in doubtful:
            answers.append(Answered(item.lead, item.subject, claim, None, "in_doubt", 0.0))
        elif claim.outcome in (Outcome.OVER_LEAD_CAP, Outcome.REFUSED):
            answers.append(Answered(item.lead, item.subject, claim, None, claim.outcome.value, 0.0))
    return answers


async def _finish(ctx: Context, org_id: int, playbook: Playbook) -> int:
    """Close the waterfall of leads that have walked all its steps."""
    async with ctx.db.tenant(org_id) as db:
        done = await rows(db, SQL["finish"], org_id=org_id, playbook=playbook.name, steps=len(playbook.waterfall))
        events = [
            journey.Event(
                "lead_waterfall_exhausted",
                row["id"],
                STAGE,
                {"contactable": row["contactable"]},
            )
            for row in done
        ]
        await journey.announce(db, org_id, events)
    return len(done)
