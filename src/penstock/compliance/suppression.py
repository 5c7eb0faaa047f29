"""Who must not be contacted any more: written by identifier and by person, in force when the transaction commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.compliance.ruleset import CHANNELS
from penstock.compliance.snapshot import PERSON_WIDE, SQL, lock_people
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import InvalidInput

# What the person asked for, and so what the diary calls an opt-out.
OWN_WISH = frozenset({"SUPP_OPT_OUT", "SUPP_INTERNAL_DNC", "SUPP_PRIVACY"})
# Bars that a human lifts after reading: they hold contact back and end nothing.
HELD_FOR_REVIEW = frozenset({"SUPP_VULNERABLE", "SUPP_PENDING_REVIEW"})
REASONS = PERSON_WIDE | {"SUPP_WRONG_PARTY", "SUPP_HARD_BOUNCE", "SUPP_PROTECTED_LINE"}


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What a suppression did.

    `new` is false when it was in force already; `leads` are those of the people it is about.
    """

    new: bool
    leads: tuple[UUID, ...]


async def suppress(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    reason: str,
    method: str,
    actor: str,
    email: str | None = None,
    phone: str | None = None,
    contact_point_id: int | None = None,
    contact_id: int | None = None,
    lead_id: UUID | str | None = None,
    channels: Sequence[str] = CHANNELS,
    raw: str | None = None,
    at: datetime | None = None,
) -> Suppressed:
    """Bar identifiers (plain email, E.164 phone, contact point), a person (contact or lead), or both; no lead is
    needed.

    A reason that is about the person bars all their identifiers, stops their sequences and moves their leads, also
    those of other contacts who hold the identifier. A second call for the same thing changes nothing. Raises
    InvalidInput.
    """
    if reason not in REASONS or not channels or set(channels) - set(CHANNELS):
        raise InvalidInput(f"{reason} on {list(channels)} is not a suppression")
    at = at or clock.now()
    named = await _named(ctx, db, org_id, email, phone, contact_point_id)
    people = await _people(ctx, db, org_id, named, contact_id, lead_id)
    if not people and not named:
        raise InvalidInput("a suppression names a person or an identifier")
    leads = tuple(row["id"] for row in await rows(db, SQL["leads_of"], org_id=org_id, contact_ids=people))
    await lock_people(db, org_id, leads=leads, contacts=people)
    bars = await _bars(ctx, db, org_id, reason, named, people)
    scope: dict[str, Any] = {"org_id": org_id, "reason": reason, "channels": sorted(channels), "bars": json.dumps(bars)}
    if await scalar(db, SQL["covered"], contact_ids=people, **scope):
        return Suppressed(False, ())
    raw_sealed = ctx.sealer.seal(org_id, raw) if raw else None
    for statement in ("bar_values", "bar_contacts"):
        await execute(db, SQL[statement], method=method, raw_sealed=raw_sealed, actor=actor, at=at, **scope)
    if reason in PERSON_WIDE - HELD_FOR_REVIEW:
        await _end_outreach(db, org_id, reason, method, channels, leads, at)
    await _tell(db, org_id, reason, method, actor, channels, people, leads if reason in PERSON_WIDE else (), at)
    return Suppressed(True, leads)


async def _named(
    ctx: Context, db: AsyncConnection, org_id: int, email: str | None, phone: str | None, contact_point_id: int | None
) -> set[tuple[str, str]]:
    """(kind, plain value) of each identifier meant."""
    named = {("email", email.strip().lower())} if email else set()
    if phone:
        named.add(("phone", phone))
    if contact_point_id is not None:
        point = await one(db, SQL["point"], org_id=org_id, id=contact_point_id)
        if point is not None:
            named.add((point["kind"], ctx.sealer.open(org_id, point["value"])))
    return named


async def _people(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    named: set[tuple[str, str]],
    contact_id: int | None,
    lead_id: UUID | str | None,
) -> list[int]:
    """The contacts meant: the one named, the lead's, and all who hold one of the identifiers."""
    found = {contact_id} if contact_id is not None else set()
    if lead_id is not None:
        ids = [str(lead_id)]
        found |= {row["contact_id"] for row in await rows(db, SQL["contacts_of_leads"], org_id=org_id, lead_ids=ids)}
    for kind, plain in named:
        sealed = [*ctx.sealer.forms(org_id, plain), plain]
        held = await rows(db, SQL["holders"], org_id=org_id, kind=kind, sealed=sealed)
        found |= {row["contact_id"] for row in held}
    return sorted(found)


async def _bars(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    reason: str,
    named: set[tuple[str, str]],
    people: Sequence[int],
) -> list[dict[str, Any]]:
    """The rows to write: the identifiers, and for a reason about the person the person and every identifier they
    have.
    """
    values = {(kind, ctx.sealer.seal(org_id, plain)) for kind, plain in named}
    bars: list[dict[str, Any]] = []
    if reason in PERSON_WIDE:
        for point in await rows(db, SQL["points_of"], org_id=org_id, contact_ids=list(people)):
            values.add((point["kind"], ctx.sealer.seal(org_id, ctx.sealer.open(org_id, point["value"]))))
        bars = [{"kind": "contact", "value": None, "contact_id": person} for person in people]
    return [*bars, *({"kind": kind, "value": value, "contact_id": None} for kind, value in sorted(values))]


async def _end_outreach(
    db: AsyncConnection,
    org_id: int,
    reason: str,
    method: str,
    channels: Sequence[str],
    leads: Sequence[UUID],
    at: datetime,
) -> None:
    """Stop what runs for these leads.

    A bar on an identifier alone, or until somebody has read, leaves it to its stage.
    """
    ids = [str(lead) for lead in leads]
    if "email" in channels:
        status = "unsubscribed" if reason == "SUPP_OPT_OUT" else "do_not_contact"
        await execute(db, SQL["move_leads"], org_id=org_id, lead_ids=ids, status=status, reason=reason)
        await execute(db, SQL["stop_enrollments"], org_id=org_id, lead_ids=ids, reason=reason, at=at)
    if "voice_ai" in channels:
        await execute(db, SQL["withdraw_consent"], org_id=org_id, lead_ids=ids, reason=reason, method=method, at=at)


async def _tell(
    db: AsyncConnection,
    org_id: int,
    reason: str,
    method: str,
    actor: str,
    channels: Sequence[str],
    people: Sequence[int],
    leads: Sequence[UUID],
    at: datetime,
) -> None:
    details = {"reason": reason, "method": method, "channels": sorted(channels)}
    named = ",".join(str(person) for person in people) or None
    await execute(
        db,
        SQL["audit"],
        org_id=org_id,
        at=at,
        actor=actor,
        action="suppressed",
        object_type="contact",
        object_id=named,
        details=json.dumps(details),
    )
    event = "opted_out" if reason in OWN_WISH else "contact_denied"
    await journey.announce(
        db, org_id, [journey.Event(event, lead, stage="compliance", details=details) for lead in leads]
    )
