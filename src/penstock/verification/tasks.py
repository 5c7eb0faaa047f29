"""The pump of verification: claim points whose check is due, buy checks in batches, write what they say.

A kind of point is checked by a chain: the first check, and later ones that are asked where an earlier one left a colour
they wait for. Every check writes its verdict, and which check follows when.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import enrichment as bank
from penstock import journey
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load
from penstock.enrichment import Bought, CallRequest, Claim, Outcome
from penstock.providers import Reply, requests_per_s
from penstock.providers.checks import UNDECIDED, Meaning, Report, Verdict, judge, settle
from penstock.verification.chain import Chain, Desk
from penstock.verification.rules import Plan

SQL = load(__package__)
STAGE = "verification"
GUESSED = "email_pattern"  # source of an address that was made from a name and a domain
VERIFIED = {"email": "email_verified", "phone": "phone_verified"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A claimed point with its opened value and the ledger's word."""

    point: RowMapping
    value: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class Checked:
    """A point with the outcome of its check; a report that never came leaves it undecided."""

    point: RowMapping
    claim: Claim
    report: Report
    verdict: Verdict
    charged: bool


async def pump(ctx: Context, org_id: int) -> int:
    """Check every contact point that is due; gives how many were dealt with."""
    async with ctx.db.tenant(org_id) as db:
        await bank.doubt_abandoned(db, org_id)
        await execute(db, SQL["leave_idle"], org_id=org_id)
    done = 0
    for playbook in ctx.playbooks.values():
        for kind in dict.fromkeys(terms.kind for terms in playbook.checks):
            done += await _do_chain(ctx, Chain.of(ctx, org_id, playbook, kind))
    return done


async def _do_chain(ctx: Context, chain: Chain) -> int:
    """Every check of a chain in order, so that what one leaves to the next is done in the same run."""
    await _end_rounds(ctx, chain)
    done = 0
    for step in chain.connected:
        done += await _do_check(ctx, chain, step)
    return done


async def _end_rounds(ctx: Context, chain: Chain) -> None:
    """Close the rounds whose next check nobody makes: its vendor was disconnected, or the playbook dropped it."""
    served = [waiting for step in chain.connected for waiting in chain.stands_for(step)]
    async with ctx.db.tenant(chain.org_id) as db:
        left = await rows(db, SQL["left_behind"], **chain.where, only=chain.only, steps=served)
        plans = [
            {"point_id": point["contact_point_id"], **_as_row(chain.given_up(point, clock.now()))} for point in left
        ]
        if plans:
            await execute(db, SQL["end_round"], org_id=chain.org_id, plans=json.dumps(plans))


async def _do_check(ctx: Context, chain: Chain, step: int) -> int:
    terms, checker = chain.checks[step], chain.checkers[step]
    assert checker is not None
    async with ctx.db.tenant(chain.org_id) as db:
        known = await rows(db, SQL["code_map"], provider=terms.vendor, channel=terms.kind)
    code_map = {row["code"]: Meaning(row["is_verified"], row["status"], row["line_type"]) for row in known}
    desk = Desk(chain, step, checker, code_map)
    async with asyncio.TaskGroup() as group:
        lines = [group.create_task(_drain(ctx, desk)) for _ in range(ctx.settings.vendors.concurrency)]
    return sum(line.result() for line in lines)


async def _drain(ctx: Context, desk: Desk) -> int:
    """Batch after batch until nothing is left, or nothing moves (circuit open, cap reached, others at work)."""
    done = 0
    while moved := await _do_batch(ctx, desk):
        done += moved
    return done


async def _do_batch(ctx: Context, desk: Desk) -> int:
    """One batch; gives how many points left the view."""
    asked, unreadable, wait_s = await _claim(ctx, desk)
    while wait_s:
        if wait_s > bank.PATIENCE_S:
            return 0
        await asyncio.sleep(wait_s)
        asked, unreadable, wait_s = await _claim(ctx, desk)
    if not asked:
        return unreadable
    began = clock.stopwatch()
    bought = await _buy(ctx, desk, [item for item in asked if item.claim.outcome is Outcome.RESERVED])
    duration_ms = round((clock.stopwatch() - began) * 1000)
    checked, failed = _judge(desk, asked, bought)
    async with ctx.db.tenant(desk.org_id) as db:
        recorded = await _record(db, desk, checked, duration_ms)
        for item, error in failed:
            payload = {"vendor": desk.terms.vendor, "call_id": item.claim.call_id}
            point_id = str(item.point["contact_point_id"])
            await dlq.put(db, desk.org_id, stage=STAGE, item=point_id, payload=payload, error=error)
    return recorded + len(failed) + unreadable


async def _claim(ctx: Context, desk: Desk) -> tuple[list[Asked], int, float]:
    """A batch of points with the ledger's word on each, committed; how many could not be opened; seconds to wait."""
    vendor, org_id = desk.terms.vendor, desk.org_id
    async with ctx.db.tenant(org_id) as db:
        points = await _due(db, desk)
        if not points:
            return [], 0, 0.0
        if wait_s := await bank.admit(db, org_id, vendor, requests_per_s=requests_per_s(ctx.settings, vendor)):
            return [], 0, wait_s
        opened = [(point, _open(ctx, org_id, point["value"])) for point in points]
        lost = [point["contact_point_id"] for point, value in opened if value is None]
        set_aside = await execute(db, SQL["mark_invalid"], org_id=org_id, ids=lost) if lost else 0
        usable = [(point, value) for point, value in opened if value is not None]
        requests = [_request(desk, point, value) for point, value in usable]
        claims = await _reserve(ctx, db, desk, [point for point, _ in usable], requests)
    asked = [Asked(point, value, claim) for (point, value), claim in zip(usable, claims, strict=True)]
    return asked, set_aside, 0.0


async def _due(db: AsyncConnection, desk: Desk) -> Sequence[RowMapping]:
    """A batch for this check: what nobody has looked at before what is looked at again, and leads before others."""
    where, limit, steps = desk.chain.where, desk.checker.batch_size, desk.chain.stands_for(desk.step)
    unchecked = await rows(db, SQL["claim_unchecked"], **where, limit=limit) if 0 in steps else []
    found = unchecked or await rows(db, SQL["claim_again"], **where, steps=steps, limit=limit)
    if not found and desk.chain.playbook.subject == "company":
        found = await rows(db, SQL["claim_unled"], **where, only=desk.chain.only, steps=steps, limit=limit)
    return found


async def _reserve(
    ctx: Context, db: AsyncConnection, desk: Desk, points: Sequence[RowMapping], requests: Sequence[CallRequest]
) -> list[Claim]:
    """The ledger's word on each. An undecided answer that was free is no news to a point that has it: asked anew."""
    claims = await bank.reserve(ctx, db, desk.org_id, requests)
    stale = [
        number
        for number, (point, claim) in enumerate(zip(points, claims, strict=True))
        if point["gray_rounds"] and claim.answer is not None and not claim.charged and _is_gray(desk, claim.answer)
    ]
    anew = await bank.reserve(ctx, db, desk.org_id, [replace(requests[number], fresh_days=1) for number in stale])
    for number, claim in zip(stale, anew, strict=True):
        claims[number] = claim
    return claims


def _is_gray(desk: Desk, answer: Mapping[str, Any]) -> bool:
    try:
        return judge(desk.checker.read(answer).codes, desk.code_map).status == "gray"
    except Exception:  # unreadable: `_judge` says so
        return False


def _open(ctx: Context, org_id: int, sealed: str) -> str | None:
    try:
        return ctx.sealer.open(org_id, sealed)
    except ValueError:
        return None


def _request(desk: Desk, point: RowMapping, value: str) -> CallRequest:
    return CallRequest(
        vendor=desk.terms.vendor,
        operation=desk.terms.operation,
        request_key=value,
        price_cents=desk.terms.price_cents,
        fresh_days=desk.terms.fresh_days,
        stage="verification",
        lead_id=point["lead_id"],
        contact_id=point["contact_id"],
        contact_point_id=point["contact_point_id"],
        playbook=desk.chain.playbook.name,
    )


async def _buy(ctx: Context, desk: Desk, asked: Sequence[Asked]) -> Bought:
    if not asked:
        return Bought()
    values = [item.value for item in asked]

    async def fetch() -> list[Reply]:
        return await desk.checker.fetch(values)

    return await bank.buy(ctx, desk.org_id, desk.terms.vendor, [item.claim for item in asked], fetch)


def _judge(desk: Desk, asked: Sequence[Asked], bought: Bought) -> tuple[list[Checked], list[tuple[Asked, str]]]:
    """The points that are done, and those that failed with the reason. The others are still due."""
    fresh = {claim.call_id: reply for claim, reply in bought.answered}
    doubtful = {claim.call_id for claim in bought.in_doubt}
    refused = {claim.call_id: reason for claim, reason in bought.refused}
    checked: list[Checked] = []
    failed: list[tuple[Asked, str]] = []
    for item in asked:
        claim = item.claim
        reply = fresh.get(claim.call_id) if claim.outcome is Outcome.RESERVED else None
        raw = reply.raw if reply is not None else claim.answer
        if raw is not None:
            try:
                report = desk.checker.read(raw)
            except Exception as error:  # one strange record must not hold its batch
                log.exception("vendor_answer_unreadable", vendor=desk.terms.vendor, call_id=claim.call_id)
                failed.append((item, f"the answer cannot be read ({type(error).__name__})"))
            else:
                verdict = _settled(item.point, judge(report.codes, desk.code_map))
                charged = reply.billable if reply is not None else claim.charged
                checked.append(Checked(item.point, claim, report, verdict, charged))
        elif claim.call_id in refused and claim.outcome is Outcome.RESERVED:
            failed.append((item, refused[claim.call_id]))
        elif word := _never(claim, doubtful):
            verdict = _settled(item.point, UNDECIDED)
            checked.append(Checked(item.point, claim, Report(codes=(word,)), verdict, charged=True))
    return checked, failed


def _settled(point: RowMapping, verdict: Verdict) -> Verdict:
    earlier = Verdict(point["verified"], point["status"]) if point["check_step"] else None
    return settle(earlier, verdict, guessed=point["source"] == GUESSED)


def _never(claim: Claim, doubtful: set[int | None]) -> str | None:
    """Why no answer will come for this claim, as a code for the point; None if it may still come."""
    if claim.outcome is Outcome.IN_DOUBT or (claim.outcome is Outcome.RESERVED and claim.call_id in doubtful):
        return Outcome.IN_DOUBT.value
    return claim.outcome.value if claim.outcome in (Outcome.OVER_LEAD_CAP, Outcome.REFUSED) else None


async def _record(db: AsyncConnection, desk: Desk, checked: Sequence[Checked], duration_ms: int) -> int:
    """Write the checks onto the points, close the calls, wake the scoring of the leads; gives how many were written.

    A point that another worker has written from the same stored answer is left as it is.
    """
    if not checked:
        return 0
    org_id = desk.org_id
    written = await rows(db, SQL["record"], org_id=org_id, checks=json.dumps([_check(desk, item) for item in checked]))
    contacts = sorted({row["contact_id"] for row in written})
    await execute(db, SQL["show_living"], contact_ids=contacts)
    leads = await rows(db, SQL["touch_leads"], org_id=org_id, contact_ids=contacts)
    await _suppress_litigators(db, desk, checked)
    await bank.close(db, org_id, [item.claim for item in checked])
    await dlq.clear(db, org_id, stage=STAGE, items=[str(row["id"]) for row in written])
    await journey.announce(db, org_id, _events(desk, written, leads, duration_ms))
    return len(written)


def _check(desk: Desk, item: Checked) -> dict[str, Any]:
    line_type = item.report.line_type.value if item.report.line_type else item.verdict.line_type
    rounds, colour = item.point["gray_rounds"], item.verdict.status
    made = desk.chain.plan(desk.step, colour, at=clock.now(), gray_rounds=rounds, charged=item.charged)
    return {
        "point_id": item.point["contact_point_id"],
        "step": item.point["check_step"],
        "verified": item.verdict.verified,
        "status": colour,
        "codes": list(item.report.codes),
        "line_type": line_type,
        "dnc": item.report.dnc,
        **_as_row(made),
    }


def _as_row(made: Plan) -> dict[str, Any]:
    due_at = made.due_at.isoformat() if made.due_at else None
    return {"next_step": made.step, "due_at": due_at, "gray_rounds": made.gray_rounds}


async def _suppress_litigators(db: AsyncConnection, desk: Desk, checked: Sequence[Checked]) -> None:
    points = [item.point for item in checked if item.report.tcpa]
    if points:
        await execute(
            db,
            SQL["suppress_litigators"],
            org_id=desk.org_id,
            contact_ids=[point["contact_id"] for point in points],
            phones=[point["value"] for point in points],
            actor=f"{STAGE}:{desk.terms.vendor}",
        )


def _events(
    desk: Desk, written: Sequence[RowMapping], leads: Sequence[RowMapping], duration_ms: int
) -> list[journey.Event]:
    of_contact: dict[int, list[object]] = {}
    for lead in leads:
        of_contact.setdefault(lead["contact_id"], []).append(lead["id"])
    return [
        journey.Event(
            VERIFIED[point["kind"]] if point["verified"] else "contact_point_failed",
            str(lead_id),
            STAGE,
            {
                "contact_point_id": point["id"],
                "kind": point["kind"],
                "status": point["status"],
                "vendor": desk.terms.vendor,
            },
            duration_ms=duration_ms,
        )
        for point in written
        for lead_id in of_contact.get(point["contact_id"], [])
    ]
