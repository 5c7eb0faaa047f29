"""Who holds the three slots of a company.

Of two candidates the one with the better verified email holds it, then the one whose title names the role itself, then
the more recent one; the other stays a contact of the company. A person holds one slot of a company. The rows of a file
are all of one time, whatever their order: of two of them whoever holds the slot keeps it, else the name decides.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.db import copy_in, execute, one, rows, scalar
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load
from penstock.identity.companies import person_name_key
from penstock.identity.people import STAND_IN
from penstock.identity.titles import Slot, claim_of_title

SQL: Final = load(__package__, "slots.sql")
_COLOURS: Final = ("green", "yellow", "gray", "red", None)  # None: no email at all


class Candidate(NamedTuple):
    """Somebody who may hold a slot. `line` says how recent the claim is; None holds it already and is not named now.

    `holds`: holds it already; `name`: tells people apart whatever the order in which they came.
    """

    company_id: int
    role: str
    contact_id: int
    rank: int
    line: int | None
    email_status: str | None
    holds: bool = False
    name: str = ""


class Filled(NamedTuple):
    """What a run did: slots that changed hands or were filled, and names that were put to a second slot in vain."""

    filled: int
    said_for_two: int


def best(candidates: Sequence[Candidate], *, in_time: bool) -> Candidate:
    """Who of the candidates for a slot holds it. `in_time`: a later line is more recent; else all are of one time."""

    def order(one: Candidate) -> tuple[int, int, int, bool, str, int]:
        age = 1 if one.line is None else -one.line if in_time else 0
        return _COLOURS.index(one.email_status), one.rank, age, not one.holds, one.name, one.contact_id

    return min(candidates, key=order)


async def assign_slot(
    db: AsyncConnection, org_id: int, company_id: int, role: Slot, contact_id: int | None, *, reason: str, at: datetime
) -> int | None:
    """Give a slot to a contact, or empty it (None); gives who held it before. The diary keeps who, why and when.

    A contact who holds another slot of the company leaves that one. Raises NotFound where there is no such company.
    """
    slot = await one(db, SQL["slot"], company_id=company_id, role=role, contact_id=contact_id)
    if slot is None:
        raise NotFound(f"there is no company {company_id}")
    before: int | None = slot["contact_id"]
    if before == contact_id:
        return before
    if slot["other_role"]:
        await assign_slot(db, org_id, company_id, slot["other_role"], None, reason="moved", at=at)
    await execute(db, SQL["set_slot"], company_id=company_id, role=role, contact_id=contact_id)
    told = {"company_id": company_id, "role": role, "reason": reason, "at": at.isoformat()}
    events = []
    if before is not None:
        details = {**told, "contact_id": before}
        events.append(journey.Event("slot_vacated", slot["lead_id"], "identity", details))
    if contact_id is not None:
        events.append(journey.Event("slot_filled", None, "identity", {**told, "contact_id": contact_id}))
    await journey.announce(db, org_id, events)
    return before


async def fill_slots(db: AsyncConnection, org_id: int, upload_id: UUID | None) -> Filled:
    """Let the people that `people.merge_people` has just merged take the slots they are named for, set-based."""
    for name in (
        "by_the_engine",
        "drop_claims",
        "make_claims",
        "analyze_claims",
        "open_winners",
        "uncontested",
        "analyze_winners",
    ):
        await execute(db, SQL[name])
    candidates = [
        Candidate(
            r["company_id"], r["role"], r["contact_id"], _rank(r), r["n"], r["email_status"], r["holds"], _name(r)
        )
        for r in await rows(db, SQL["contested"])
    ]
    by_slot = groupby(candidates, key=attrgetter("company_id", "role"))
    in_time = upload_id is None  # records that came one by one: each line came after the one before
    winners = [best(list(group), in_time=in_time) for _, group in by_slot]
    await copy_in(
        db,
        "slot_winners",
        ["company_id", "role", "contact_id"],
        ((won.company_id, won.role, won.contact_id) for won in winners),
    )
    filled = Filled(await scalar(db, SQL["count_filled"]), await scalar(db, SQL["said_for_two"]))
    await execute(db, SQL["leave_slots"], org_id=org_id, upload_id=upload_id)
    await execute(db, SQL["take_slots"], org_id=org_id, upload_id=upload_id)
    if filled.filled:
        await journey.wake(db, org_id, {"slot_filled", "slot_vacated"})
    return filled


def _name(row: RowMapping) -> str:
    """The name, and what tells two of one name apart."""
    name = row["full_name"] or ""
    return "|".join((person_name_key(name) or name.casefold(), row["profile_key"] or "", row["email"] or ""))


def _rank(row: RowMapping) -> int:
    """The rank of the claim; of a holder who is not named now that of the title."""
    if row["rank"] is not None:
        return int(row["rank"])
    claim = claim_of_title(row["title"])
    return claim.rank if claim and claim.slot == row["role"] else STAND_IN
