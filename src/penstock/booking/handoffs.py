"""A lead handed to the person who closes it, once per cause: with what was said and what is known of the company.

The notes are written for the reader of a mail. They hold names and words of people, and are kept sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import one, rows, scalar
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load

SQL = load(__package__, "handoffs.sql")
RECENT = timedelta(days=90)
"""How far back signals of the company are told."""
SAID = 2000
"""Characters of what was said that are handed on."""


@dataclass(frozen=True)
class Handoff:
    """What was handed over: `notes` in the clear, `about_company` the part of them that no mail of a place has."""

    id: int
    notes: str
    about_company: str


async def hand_off(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    cause: str,
    kind: str,
    said: str = "",
    lead_id: UUID | None = None,
    company_id: int | None = None,
    contact_id: int | None = None,
    broker_id: UUID | None = None,
) -> Handoff | None:
    """Hand a lead over in the caller's transaction; None where this cause did it already.

    `cause` makes it one hand-off (`reply:12`, `appointment:…`), `kind` is what happened in a word, `said` the person's
    own words or the appointment. Without a lead (a booking typed by hand) company and person are what is known. It goes
    to `broker_id`, else to the lead's coordinator. The caller tells the broker, in the one notice about what happened.
    """
    about = await one(db, SQL["about"], org_id=org_id, lead_id=lead_id)
    company = about["company_id"] if about is not None else company_id
    of_company = await _about_company(db, org_id, company)
    notes = "\n\n".join(part for part in (said.strip()[:SAID], of_company) if part)
    made = await scalar(
        db,
        SQL["hand_off"],
        org_id=org_id,
        lead_id=lead_id,
        company_id=company,
        contact_id=about["contact_id"] if about is not None else contact_id,
        broker_id=broker_id or (about["assigned_broker_id"] if about is not None else None),
        cause=cause,
        notes=ctx.sealer.seal(org_id, notes),
    )
    if made is None:
        return None
    if lead_id is not None:
        event = journey.Event("handoff_made", lead_id, stage="booking", details={"handoff": made, "cause": kind})
        await journey.announce(db, org_id, [event])
    return Handoff(made, notes, of_company)


async def give_to(ctx: Context, db: AsyncConnection, org_id: int, *, cause: str, broker_id: UUID) -> Handoff | None:
    """Give what was handed to nobody to a broker; None where there is no such hand-off. The caller tells them."""
    given = await one(db, SQL["give_to"], org_id=org_id, cause=cause, broker_id=broker_id)
    if given is None:
        return None
    notes = ctx.sealer.open(org_id, await scalar(db, SQL["notes"], id=given["id"]) or "")
    return Handoff(given["id"], notes, await _about_company(db, org_id, given["company_id"]))


async def _about_company(db: AsyncConnection, org_id: int, company_id: int | None) -> str:
    """The company in a few lines: who holds which office, the colour of their address, what was seen of it lately."""
    company = await one(db, SQL["company"], org_id=org_id, company_id=company_id)
    if company is None:
        return ""
    slots = await rows(db, SQL["slots"], org_id=org_id, company_id=company_id)
    since = clock.now() - RECENT
    seen = await rows(db, SQL["signals"], org_id=org_id, company_id=company_id, since=since)
    return "\n".join([_company_line(company), *(_slot_line(slot) for slot in slots), *_signal_lines(seen)])


def _company_line(company: RowMapping) -> str:
    facts = [
        f"{company['employees']} people" if company["employees"] is not None else "",
        f"renews on {_day(company['next_renewal_date'])}" if company["next_renewal_date"] is not None else "",
        ", ".join(part for part in (company["city"], company["state"]) if part),
    ]
    return "; ".join([company["name"], *(fact for fact in facts if fact)])


def _day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _slot_line(slot: RowMapping) -> str:
    if slot["contact_id"] is None:
        return f"{slot['role_code']}: vacant"
    title = f", {slot['title']}" if slot["title"] else ""
    return f"{slot['role_code']}: {slot['full_name'] or 'unknown'}{title} (email {slot['colour'] or 'unknown'})"


def _signal_lines(seen: Sequence[RowMapping]) -> list[str]:
    if not seen:
        return []
    return ["Seen lately:", *(f"- {row['created_at']:%Y-%m-%d} {row['reason'].replace('_', ' ')}" for row in seen)]


# -- looking -----------------------------------------------------------------------------------------------------------


async def listing(
    db: AsyncConnection, *, lead_id: UUID | None = None, company_id: int | None = None, limit: int = 200
) -> list[RowMapping]:
    """The hand-offs that the transaction may see, newest first; without their notes."""
    return await rows(db, SQL["listing"], id=None, lead_id=lead_id, company_id=company_id, limit=limit)


async def show(ctx: Context, db: AsyncConnection, org_id: int, handoff_id: int) -> dict[str, Any]:
    """One hand-off with its notes in the clear. Raises NotFound."""
    found = await one(db, SQL["listing"], id=handoff_id, lead_id=None, company_id=None, limit=1)
    if found is None:
        raise NotFound(f"there is no hand-off {handoff_id}", fix="penstock handoff list shows them")
    sealed = await scalar(db, SQL["notes"], id=handoff_id)
    return {**found, "notes": ctx.sealer.open(org_id, sealed or "")}
