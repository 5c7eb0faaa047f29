"""Steps of a sequence that a person does: a LinkedIn note, a call.

The engine prepares the words and asks the gate, a person does it, and the gate is asked again at that moment
(`worklist.done`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import compliance, journey
from penstock.compliance import Decision, Intent, Request
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import InvalidInput
from penstock.core.sqlfile import load
from penstock.outreach.letters import script
from penstock.outreach.post import links_of
from penstock.outreach.refusals import again_at, hold, zone
from penstock.outreach.rules import CONTENT, WAITS, working_hour
from penstock.outreach.sequences import advance, step_of

SQL = load(__package__)
TASKS = load(__package__, "handwork.sql")
GATE = {"linkedin": "linkedin", "phone": "voice_live"}
"""The gate's word for what a person does: a call by a person is a live call."""

NOWHERE = ("no phone", "no profile")


@dataclass(frozen=True)
class Words:
    """What is to be sent or said, where, and what the lint found in it."""

    subject: str
    text: str
    lint: frozenset[str]
    contact_point_id: int | None  # the phone; a profile has none


async def prepare(ctx: Context, db: AsyncConnection, org_id: int, due: Sequence[RowMapping]) -> None:
    """Turn due steps into open tasks and move their sequences on; what cannot be done is passed over, and says why."""
    if not due:
        return
    written = await _write(ctx, db, org_id, due)
    asked = [row for row in due if isinstance(written[row["enrollment_id"]], Words)]
    requests = [
        request_for(org_id, row["lead_id"], row["campaign_id"], step_of(ctx, row).channel, words)
        for row in asked
        if isinstance(words := written[row["enrollment_id"]], Words)
    ]
    decisions = await compliance.decide_many(ctx, db, org_id, requests) if requests else []
    decided = {row["enrollment_id"]: decision for row, decision in zip(asked, decisions, strict=True)}
    timezone = str(await _org_zone(db, org_id))
    for row in due:
        words, decision = written[row["enrollment_id"]], decided.get(row["enrollment_id"])
        if isinstance(words, Words) and decision is not None:
            await _settle(ctx, db, org_id, row, words, decision, timezone)
        elif words in NOWHERE:
            await _pass_over(ctx, db, org_id, row, str(words), timezone)
        else:
            await hold(db, org_id, row["enrollment_id"], row["current_step"] + 1, str(words))


def request_for(org_id: int, lead_id: Any, campaign_id: int | None, channel: str, words: Words) -> Request:
    """The question to the gate about a step that a person does."""
    intent = Intent(channel=GATE[channel], seller_id=org_id, campaign_id=campaign_id, lint=words.lint)
    return Request(lead_id, words.contact_point_id, intent)


async def _write(ctx: Context, db: AsyncConnection, org_id: int, due: Sequence[RowMapping]) -> dict[int, Words | str]:
    """By enrollment: the words of the step, or why there are none."""
    leads = [row["lead_id"] for row in due]
    found = await rows(
        db, SQL["addressees"], org_id=org_id, lead_ids=leads, point_ids=[row["contact_point_id"] for row in due]
    )
    addressees = {row["lead_id"]: dict(row) for row in found}
    reach = {row["lead_id"]: row for row in await rows(db, TASKS["reach"], org_id=org_id, lead_ids=leads)}
    written: dict[int, Words | str] = {}
    for row in due:
        lead_id, by_phone = row["lead_id"], step_of(ctx, row).channel == "phone"
        phone = reach[lead_id]["phone"] if by_phone else None
        if by_phone and phone is None:
            written[row["enrollment_id"]] = "no phone"
        elif not by_phone and not reach[lead_id]["has_profile"]:
            written[row["enrollment_id"]] = "no profile"
        else:
            written[row["enrollment_id"]] = await _words(ctx, db, org_id, row, addressees[lead_id], phone)
    return written


async def _words(
    ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping, addressee: Mapping[str, Any], phone: int | None
) -> Words | str:
    try:
        subject, text, lint = script(
            ctx.playbooks[row["playbook"]],
            addressee,
            template=step_of(ctx, row).template,
            persona_name=row["persona"],
            links=await links_of(ctx, db, org_id, addressee),
        )
    except InvalidInput as error:
        return str(error)
    return Words(subject, text, lint, phone)


async def _settle(
    ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping, words: Words, decision: Decision, timezone: str
) -> None:
    """A task now or for when the gate opens; otherwise wait, hold, or pass over, as the reasons have it."""
    step = row["current_step"] + 1
    if wrong := CONTENT.intersection(decision.reasons):
        await hold(db, org_id, row["enrollment_id"], step, ", ".join(sorted(wrong)))
    elif decision.allowed or decision.next_permitted_at is not None:
        where = zone(decision) if decision.zones else timezone
        due_at = working_hour(decision.next_permitted_at or clock.now(), where)
        if await advance(ctx, db, org_id, row, where):
            await _open(ctx, db, org_id, row, words, due_at)
    elif WAITS.intersection(decision.reasons):
        await execute(
            db,
            SQL["postpone"],
            org_id=org_id,
            ids=[row["enrollment_id"]],
            steps=[row["current_step"]],
            ats=[again_at(decision)],
        )
    else:
        await _pass_over(ctx, db, org_id, row, decision.reason, zone(decision) if decision.zones else timezone)


async def _open(
    ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping, words: Words, due_at: datetime
) -> None:
    step, channel = row["current_step"] + 1, step_of(ctx, row).channel
    made = await rows(
        db,
        TASKS["open"],
        org_id=org_id,
        lead_id=row["lead_id"],
        contact_id=row["contact_id"],
        enrollment_id=row["enrollment_id"],
        campaign_id=row["campaign_id"],
        step=step,
        channel=channel,
        subject=words.subject,
        body_sealed=ctx.sealer.seal(org_id, words.text),
        due_at=due_at,
    )
    details = {"channel": channel, "step": step, "due": due_at.isoformat()}
    await journey.announce(
        db,
        org_id,
        [journey.Event("task_opened", row["lead_id"], "outreach", {"task": task["id"], **details}) for task in made],
    )


async def _pass_over(
    ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping, reason: str, timezone: str
) -> None:
    """The sequence goes on without this step."""
    if await advance(ctx, db, org_id, row, timezone):
        details = {"channel": step_of(ctx, row).channel, "reason": reason, "step": row["current_step"] + 1}
        denied = journey.Event("contact_denied", row["lead_id"], stage="outreach", details=details)
        await journey.announce(db, org_id, [denied])


async def _org_zone(db: AsyncConnection, org_id: int) -> Any:
    found = await rows(db, TASKS["org_zone"], org_id=org_id)
    return found[0]["timezone"]
