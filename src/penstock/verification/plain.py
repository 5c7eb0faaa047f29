"""Plain values that somebody wrote by hand through a face are sealed here, within a minute."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load

SQL = load(__package__)


def clean(kind: str, value: str) -> str | None:
    """An email in lower case, or a US phone in E.164; None if it is neither."""
    if kind == "email":
        try:
            return validate_email(value.strip(), check_deliverability=False).normalized.lower()
        except EmailNotValidError:
            return None
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return None
    return (
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.is_possible_number(number)
        else None
    )


async def seal_plain_values(ctx: Context, org_id: int) -> int:
    """Seal what is plain; one that turns out to be there already is united with its twin. Gives how many."""
    async with ctx.db.tenant(org_id) as db:
        plain = await rows(db, SQL["seal_plain_points"])
        for point in plain:
            cleaned = clean(point["kind"], point["value"])
            sealed = ctx.sealer.seal(org_id, cleaned or point["value"])
            if not await execute(db, SQL["seal_unite_with_twin"], id=point["id"], value=sealed):
                await execute(db, SQL["seal_point"], id=point["id"], value=sealed, invalid=cleaned is None)
    return len(plain)
