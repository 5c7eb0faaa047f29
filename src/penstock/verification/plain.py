"""Plain values that somebody wrote by hand through a face are sealed here, within a minute."""

from __future__ import annotations

import re

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import RowMapping

from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.sqlfile import load

SQL = load(__package__)
SEALED = re.compile(r"s[0-9]+\.")


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
            invalid = cleaned is None
            forms = ctx.sealer.forms(org_id, cleaned or point["value"])
            twin = await scalar(db, SQL["seal_twin"], id=point["id"], value=sealed, values=forms)
            if twin is None:
                await execute(db, SQL["seal_point"], id=point["id"], value=sealed, invalid=invalid)
                continue
            both = {"id": point["id"], "keep_id": twin}
            for query in ("seal_follow", "seal_follow_sequences"):
                await execute(db, SQL[query], **both)
            rewritten = point["steps"] > 0 and set(_forms_of(ctx, org_id, point)) <= set(forms)
            await execute(db, SQL["seal_unite_with_twin"], **both, rewritten=rewritten, invalid=invalid)
    return len(plain)


def _forms_of(ctx: Context, org_id: int, point: RowMapping) -> list[str]:
    """What a plain address was written over, sealed; what is gone is none of its forms."""
    over = point["written_over"]
    sealed = [v if SEALED.match(v) else ctx.sealer.seal(org_id, clean(point["kind"], v) or v) for v in over]
    return sealed + [""] * (point["steps"] - len(over))
