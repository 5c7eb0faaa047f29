"""The diary of one lead: events, decisions, purchases, messages, calls, appointments and bills on one line of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import rows
from penstock.core.errors import InvalidInput, NotFound
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.journey import BY_NAME

SQL = load(__package__)


@dataclass(frozen=True)
class Line:
    """One thing that happened. `cents` is what it cost (billing: brought in); `folder` holds the code that did it."""

    at: datetime
    stage: str
    what: str
    detail: str
    cents: Decimal | None
    folder: str


async def of_lead(db: AsyncConnection, lead_id: UUID) -> list[Line]:
    """The diary of a lead, oldest first; as much of it as the transaction may see. No personal data in it."""
    return [
        Line(row["at"], row["stage"], row["what"], in_words(row["detail"]), row["cents"], folder(row["stage"]))
        for row in await rows(db, SQL["diary"], lead_id=lead_id)
    ]


def folder(stage: str) -> str:
    """Where the code of a stage stands."""
    return BY_NAME[stage].folder if stage in BY_NAME else "src/penstock/"


def in_words(detail: Mapping[str, Any]) -> str:
    """An object as `key value` pairs; empty values left out."""
    return ", ".join(f"{key} {_value(value)}" for key, value in detail.items() if value not in (None, "", [], {}))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, Mapping):
        return f"({in_words(value)})"
    return str(value)


async def find_lead(db: AsyncConnection, sealer: Sealer, org_id: int, asked: str) -> UUID:
    """The one lead that `asked` means: its id, the start of its id (4 characters or more), a phone or an email.

    Raises NotFound for none, InvalidInput for several (and lists them).
    """
    start = asked.lower() if len(asked) >= 4 and set(asked.lower()) <= set("0123456789abcdef-") else "none"
    sealed = [form for plain in {asked, asked.lower()} for form in sealer.forms(org_id, plain)]
    found = [row["id"] for row in await rows(db, SQL["find_lead"], start=start, sealed=sealed)]
    if not found:
        raise NotFound(
            f"No lead is meant by {asked!r}.", fix="give a lead id, the start of one, a phone as +1… or an email"
        )
    if len(found) > 1:
        raise InvalidInput(f"{asked!r} may mean {len(found)} leads: {', '.join(map(str, found))}")
    lead: UUID = found[0]
    return lead
