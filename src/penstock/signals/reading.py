"""Unread facts become slots that changed hands and signals, a batch in one transaction."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import identity, journey
from penstock.core import dlq
from penstock.core.db import execute, rows
from penstock.core.errors import Conflict, reason_of
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.identity import FoundPerson, profile_key
from penstock.signals.books import Books
from penstock.signals.evidence import KINDS, NEWS, Fact, Person
from penstock.signals.hearsay import is_ours, names_of
from penstock.signals.names import same_person
from penstock.signals.officers import Change
from penstock.signals.plan import Company, Move, Plan, Seat, plan
from penstock.signals.rules import OFFICER_CHANGE, Told

SQL = load(__package__)
STAGE = "signals"
BATCH = 500
RING_OF_LOCKS = frozenset({"40P01", "40001"})
_SEALED = re.compile(r"s[0-9]+\.")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of officers with whom it is about."""

    company: Company
    change: Change
    contact_id: int | None


async def read_batch(db: AsyncConnection, sealer: Sealer, org_id: int, books: Books) -> int:
    """Read a batch of facts in the caller's transaction; gives how many."""
    await execute(db, SQL["one_at_a_time"], org_id=org_id)
    claimed = await rows(db, SQL["claim_facts"], org_id=org_id, limit=BATCH)
    if not claimed:
        return 0
    companies = await _companies(db, org_id, claimed)
    failed: dict[int, str] = {}
    told = await _settle_all(db, sealer, org_id, companies, failed)
    await _put_aside(db, org_id, claimed, companies, failed)
    readable = [fact for fact in claimed if fact["company_id"] not in failed]
    raised = await _raised(db, org_id, books, companies, readable, told)
    count = await execute(db, SQL["raise"], org_id=org_id, raised=json.dumps(raised)) if raised else 0
    await execute(db, SQL["mark_read"], org_id=org_id, ids=[fact["id"] for fact in readable])
    await dlq.clear(db, org_id, stage=STAGE, items=[f"fact:{fact['id']}" for fact in readable])
    if count:
        await journey.wake(db, org_id, {"signal_raised"})
    return len(claimed)


async def _companies(db: AsyncConnection, org_id: int, claimed: Sequence[RowMapping]) -> dict[int, Company]:
    """The living companies of the claimed facts; with their offices, where a fact is about those."""
    ids = sorted({fact["company_id"] for fact in claimed})
    found = await rows(db, SQL["companies"], org_id=org_id, ids=ids)
    companies = {row["id"]: Company(row["id"], row["playbook"]) for row in found}
    about_offices = sorted({fact["company_id"] for fact in claimed if fact["kind"] in KINDS} & companies.keys())
    if not about_offices:
        return companies
    names = {row["id"]: names_of(row["name"], row["domain"]) for row in found}
    unread = {fact["id"] for fact in claimed}
    for row in await rows(db, SQL["officer_facts"], org_id=org_id, ids=about_offices, kinds=list(KINDS)):
        company, fact = companies[row["company_id"]], _fact(row)
        if fact.kind in NEWS and not is_ours(fact.value, names[company.id], fact.found_at.year):
            continue
        company.facts.append(fact)
        if row["id"] in unread or row["read_at"] is None:
            company.unread.add(row["id"])
    for row in await rows(db, SQL["slots"], org_id=org_id, ids=about_offices):
        holder = _person(row) if row["contact_id"] is not None else None
        companies[row["company_id"]].seats.append(Seat(row["role"], holder, row["at"], row["untouched"]))
    for row in await rows(db, SQL["colleagues"], org_id=org_id, ids=about_offices):
        companies[row["company_id"]].colleagues.append(_person(row))
    return companies


def _fact(row: RowMapping) -> Fact:
    value = dict(row["value"]) if isinstance(row["value"], dict) else {}
    value["profile_url"] = _profile(value.get("profile_url"))
    return Fact(
        row["id"], row["kind"], row["key"], value, row["found_at"], row["seen_at"],
        row["page_id"], row["contact_id"], row["source"], row["source_url"], row["page_read_before"],
    )  # fmt: skip


def _person(row: RowMapping) -> Person:
    return Person(row["name"] or "", row.get("title"), _profile(row["profile_url"]), row["contact_id"])


def _profile(url: object) -> str | None:
    """A profile page in normal form; what is none counts for nothing."""
    try:
        return profile_key(url) if isinstance(url, str) else None
    except ValueError:
        return None


async def _settle_all(
    db: AsyncConnection, sealer: Sealer, org_id: int, companies: dict[int, Company], failed: dict[int, str]
) -> list[Changed]:
    """Bring all slots to where the facts have them; a company that cannot be settled is left as it was, alone, and why
    is noted in `failed`."""
    with_facts = [company for company in companies.values() if company.facts]
    with suppress(Exception):  # whoever is to blame is found below
        async with db.begin_nested():
            return await _settle(db, sealer, org_id, with_facts)
    told: list[Changed] = []
    for company in with_facts:
        try:
            async with db.begin_nested():
                told += await _settle(db, sealer, org_id, [company])
        except Exception as error:
            if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in RING_OF_LOCKS:
                raise  # nobody's fault: the whole batch is taken anew
            failed[company.id] = reason_of(error)
            log.warning("company not settled", company_id=company.id, error=failed[company.id])
    return told


async def _put_aside(
    db: AsyncConnection,
    org_id: int,
    claimed: Sequence[RowMapping],
    companies: dict[int, Company],
    failed: dict[int, str],
) -> None:
    """All that is new of a company that cannot be settled waits in the DLQ; also what is none of its officers' news."""
    for company_id, reason in failed.items():
        new = companies[company_id].unread.union(fact["id"] for fact in claimed if fact["company_id"] == company_id)
        for fact_id in sorted(new):
            payload = {"company_id": company_id}
            await dlq.put(db, org_id, stage=STAGE, item=f"fact:{fact_id}", payload=payload, error=reason)


async def _settle(db: AsyncConnection, sealer: Sealer, org_id: int, companies: Sequence[Company]) -> list[Changed]:
    plans = [plan(company) for company in companies]
    notes = [note for made in plans for note in made.notes]
    if notes:
        await execute(db, SQL["note_slots"], org_id=org_id, notes=json.dumps(notes))
    contacts = await _contacts(db, org_id, plans)
    for made in plans:
        await _move(db, org_id, made, contacts)
    await _mark_leavers(db, sealer, org_id, plans)
    return [
        Changed(made.company, change, _contact_of(made, change, contacts)) for made in plans for change in made.changes
    ]


Contacts = dict[tuple[int, str], int]
"""Contact ids of who takes a slot, by company and role."""


async def _contacts(db: AsyncConnection, org_id: int, plans: Sequence[Plan]) -> Contacts:
    """Make contacts of who takes a slot, and let who holds one know what the pages tell of them."""
    people: list[FoundPerson] = []
    takers: list[tuple[int, str] | None] = []
    for made in plans:
        for move in made.moves:
            if move.after is not None:
                people.append(_found(made.company, move.after.person, move.after.by.fact, move.role))
                takers.append((made.company.id, move.role))
        for holder, fact in made.present:
            people.append(_found(made.company, holder, fact, None))
            takers.append(None)
    ids = await identity.found_people(db, org_id, people)
    return {taker: contact_id for taker, contact_id in zip(takers, ids, strict=True) if taker is not None}


def _found(company: Company, person: Person, fact: Fact, role: str | None) -> FoundPerson:
    """The person under the name we know them by already, so that "Bob" and "Robert" become one contact."""
    known = company.colleague(person)
    email = fact.value.get("email")
    return FoundPerson(
        company_id=company.id,
        name=known.name if known else person.name,
        source=fact.source,
        title=fact.value.get("title") or person.title,
        slot=next((seat.role for seat in company.seats if seat.role == role), None),
        profile_url=f"https://{url}" if (url := fact.value.get("profile_url")) else None,
        email=email if isinstance(email, str) and _SEALED.match(email) else None,
    )


async def _move(db: AsyncConnection, org_id: int, made: Plan, contacts: Contacts) -> None:
    held = {seat.role: seat.holder.contact_id if seat.holder else None for seat in made.company.seats}
    # Who goes goes first: a person holds one slot of a company.
    for move in sorted(made.moves, key=lambda move: move.after is not None):
        taker = contacts[made.company.id, move.role] if move.after else None
        before = await identity.assign_slot(
            db, org_id, made.company.id, move.role, taker, reason=move.reason, at=move.at
        )
        if before != held[move.role]:
            raise Conflict(f"the {move.role} slot of company {made.company.id} changed hands meanwhile")
        held = {role: None if holder == taker else holder for role, holder in held.items()}
        held[move.role] = taker


async def _mark_leavers(db: AsyncConnection, sealer: Sealer, org_id: int, plans: Sequence[Plan]) -> None:
    leavers = [
        (move.before.contact_id, made.company.id, move.at.isoformat())
        for made in plans
        for move in made.moves
        if move.before is not None
    ]
    leavers += [(holder.contact_id, made.company.id, at.isoformat()) for made in plans for holder, at in made.put_out]
    if leavers:
        contact_ids, company_ids, ats = zip(*leavers, strict=True)
        said: dict[str, Any] = {"org_id": org_id, "contact_ids": [*contact_ids], "company_ids": [*company_ids]}
        await execute(db, SQL["people_left"], **said, ats=[*ats])
        mailboxes = await rows(db, SQL["mailboxes_of_leavers"], **said)
        lost = [box["id"] for box in mailboxes if _goes_with_the_company(_domain(sealer, org_id, box["value"]), box)]
        if lost:
            await execute(db, SQL["retire_emails"], org_id=org_id, ids=lost)


def _goes_with_the_company(domain: str | None, box: RowMapping) -> bool:
    """Whether somebody who left one of their companies lost this mailbox with it.

    It is at the domain of that company; or nobody knows that domain, and it is at none of the others'.
    """
    if box["left_domain"] is None:
        return domain not in box["domains"]
    return domain == box["left_domain"] and domain not in box["domains"]


def _domain(sealer: Sealer, org_id: int, value: str) -> str | None:
    try:
        return identity.email_domain(sealer.open(org_id, value))
    except ValueError:  # its key is lost: nobody can write to it
        return None


def _contact_of(made: Plan, change: Change, contacts: Contacts) -> int | None:
    if change.change == "took":
        move = _move_of(made, change)
        if move and move.after and move.after.person.is_(change.person):
            return contacts[made.company.id, change.slot]
    known = made.company.colleague(change.person) or next(
        (seat.holder for seat in made.company.seats if change.person.is_(seat.holder)), None
    )
    return known.contact_id if known else None


def _move_of(made: Plan, change: Change) -> Move | None:
    return next((move for move in made.moves if move.role == change.slot), None)


async def _raised(
    db: AsyncConnection,
    org_id: int,
    books: Books,
    companies: dict[int, Company],
    facts: Iterable[RowMapping],
    told: Sequence[Changed],
) -> list[dict[str, Any]]:
    """The signals of these facts and changes, in the order of the facts, those told of before left out."""
    found: list[dict[str, Any]] = []
    for fact in facts:
        company = companies.get(fact["company_id"])
        if company is None or not isinstance(fact["value"], dict):
            continue
        rules = books.of(company.playbook)
        asked = Told(fact["kind"], fact["key"], fact["value"], fact["found_at"], fact["page_read_before"])
        for signal in rules.raised_by(asked):
            found.append(_line(company, fact["contact_id"], signal.reason, signal.cause, signal.payload))
    known = await _told_before(db, org_id, books, [one.company for one in told])
    for one in told:
        value = one.change.as_value()
        key = f"{value['slot']}:{value['change']}:{value['who']}"
        asked = Told(OFFICER_CHANGE, key, value, one.change.by.fact.found_at)
        for signal in books.of(one.company.playbook).raised_by(asked):
            before = known.get((one.company.id, signal.reason), [])
            if _times(before, one.change) < one.change.turn:
                found.append(_line(one.company, one.contact_id, signal.reason, signal.cause, signal.payload))
    return [{"n": n, **line} for n, line in enumerate(found)]


def _line(company: Company, contact_id: int | None, reason: str, cause: str, payload: Any) -> dict[str, Any]:
    return {"company_id": company.id, "contact_id": contact_id, "reason": reason, "cause": cause, "payload": payload}


async def _told_before(
    db: AsyncConnection, org_id: int, books: Books, companies: Sequence[Company]
) -> dict[tuple[int, str], list[dict[str, Any]]]:
    reasons = {
        reason
        for rules in books.rules.values()
        for reason, rule in rules.by_reason.items()
        if rule.fact == OFFICER_CHANGE
    }
    ids = sorted({company.id for company in companies})
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    if ids and reasons:
        for row in await rows(db, SQL["told"], org_id=org_id, ids=ids, reasons=sorted(reasons)):
            found.setdefault((row["company_id"], row["reason"]), []).append(row["payload"])
    return found


def _times(payloads: Iterable[dict[str, Any]], change: Change) -> int:
    """How often the same change was told of, the person's name however spelt."""
    return sum(
        payload.get("slot") == change.slot
        and payload.get("change") == change.change
        and same_person(str(payload.get("person") or ""), change.person.name)
        for payload in payloads
    )
