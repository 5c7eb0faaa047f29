"""The firm that a report speaks for: a customer's own name, licence and logo."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import execute, one
from penstock.core.errors import Conflict, InvalidInput
from penstock.core.sqlfile import load
from penstock.identity import plain_name
from penstock.providers.contacts import e164
from penstock.reports import logo as logos
from penstock.reports import sample

SQL = load(__package__)
LONGEST = 80  # letters of a name, so that a page keeps its shape
_STATE = re.compile(r"^[A-Z]{2}$")


@dataclass(frozen=True, slots=True)
class Firm:
    """What a customer says of its firm; None keeps what is known."""

    name: str | None = None
    license_number: str | None = None
    license_state: str | None = None
    phone: str | None = None
    website: str | None = None
    logo: bytes | None = None


async def set_firm(db: AsyncConnection, org_id: int, broker_id: UUID, firm: Firm) -> RowMapping:
    """Write down a customer's own firm; gives the row of `own_firm`. Raises InvalidInput, Conflict.

    A firm of that name that is known from permits becomes the customer's, with the permits it did.
    """
    given = checked(firm)
    await execute(db, SQL["lock_firms"], org_id=org_id)
    before = await one(db, SQL["own_firm"], broker_id=broker_id)
    name = given["name"] or (before["name"] if before else None)
    if name is None:
        raise InvalidInput("The firm has no name yet", fix="give its name")
    key = plain_name(name)
    holder = await one(db, SQL["holder_of_name"], name_key=key)
    if holder is not None and holder["broker_id"] not in (None, broker_id):
        raise Conflict("Another customer has a firm of this name.")
    picture = await _logo(db, before, given)
    kept = {**(dict(before) if before else {}), **{k: v for k, v in given.items() if v is not None}, "name": name}
    await execute(db, SQL["let_go"], broker_id=broker_id, id=holder["id"] if holder else None)
    fields = ("name", "license_number", "license_state", "phone", "website")
    await execute(
        db, SQL["keep_firm"], org_id=org_id, broker_id=broker_id, name_key=key, logo=picture[0], logo_type=picture[1],
        **{field: kept.get(field) for field in fields},
    )  # fmt: skip
    row = await one(db, SQL["own_firm"], broker_id=broker_id)
    assert row is not None
    return row


def checked(firm: Firm) -> dict[str, Any]:
    """The values as they are kept. Raises InvalidInput naming the field."""
    name = " ".join(firm.name.split()) if firm.name is not None else None
    if name is not None and not 2 <= len(name) <= LONGEST:
        raise InvalidInput(f"The name has {len(name)} letters", fix=f"give 2 to {LONGEST}")
    state = firm.license_state.upper() if firm.license_state is not None else None
    if state is not None and not _STATE.match(state):
        raise InvalidInput(f"license state {state!r} is no state", fix="give two letters, such as TX")
    number = " ".join(firm.license_number.split()) if firm.license_number is not None else None
    if number is not None and not 1 <= len(number) <= 40:
        raise InvalidInput("The licence number is empty or too long", fix="give 1 to 40 letters")
    return {
        "name": name,
        "license_number": number,
        "license_state": state,
        "phone": _phone(firm.phone),
        "website": _website(firm.website),
        "logo": firm.logo,
        "logo_type": logos.check(firm.logo) if firm.logo is not None else None,
    }


async def _logo(
    db: AsyncConnection, before: RowMapping | None, given: dict[str, Any]
) -> tuple[bytes | None, str | None]:
    """The new logo, proven on a sample page; else the one that is there."""
    if given["logo"] is not None:
        sample.prove(given["logo"], given["logo_type"])
        return given["logo"], given["logo_type"]
    known = await one(db, SQL["logo_of"], id=before["id"]) if before else None
    return (bytes(known["logo"]), known["logo_type"]) if known and known["logo"] is not None else (None, None)


def _phone(typed: str | None) -> str | None:
    if typed is None:
        return None
    number = e164(typed)
    if number is None:
        raise InvalidInput("The phone is no number of the United States", fix="give it with its area code")
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


def _website(typed: str | None) -> str | None:
    """A site's name as one reads it: host and path, without the scheme."""
    if typed is None:
        return None
    parts = urlsplit(typed if "//" in typed else f"//{typed}")
    host = parts.hostname or ""
    if (
        parts.scheme not in ("", "http", "https")
        or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host)
        or parts.username
    ):
        raise InvalidInput(f"{typed[:60]!r} is no website", fix="give it as harborroofing.example")
    return (host.removeprefix("www.") + parts.path.rstrip("/"))[:LONGEST]
