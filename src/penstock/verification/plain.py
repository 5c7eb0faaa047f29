"""Plain values that somebody wrote by hand through a face are sealed here, within a minute."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import execute, rows

_PLAIN = text("select id, contact_id, kind, value from app.contact_points where value !~ '^s[0-9]+\\.' order by id limit 1000 for update skip locked")
_TWIN = text(
    """
    with twin as (delete from app.contact_points p using app.contact_points keep
                   where p.id = cast(:id as bigint) and keep.org_id = p.org_id and keep.contact_id = p.contact_id and keep.kind = p.kind and keep.value = :value
                  returning keep.id as keep_id, p.score, p.verified, p.verified_at)
    update app.contact_points k set score = greatest(k.score, twin.score), verified = k.verified or twin.verified, verified_at = coalesce(k.verified_at, twin.verified_at)
      from twin where k.id = twin.keep_id
    """
)
_SEAL = text("update app.contact_points set value = :value, is_invalid = is_invalid or cast(:invalid as boolean) where id = cast(:id as bigint)")


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
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if phonenumbers.is_possible_number(number) else None


async def seal_plain_values(ctx: Context, org_id: int) -> int:
    """Seal what is plain; one that turns out to be there already is united with its twin. Gives how many."""
    async with ctx.db.tenant(org_id) as db:
        plain = await rows(db, _PLAIN)
        for point in plain:
            cleaned = clean(point["kind"], point["value"])
            sealed = ctx.sealer.seal(org_id, cleaned or point["value"])
            if not await execute(db, _TWIN, id=point["id"], value=sealed):
                await execute(db, _SEAL, id=point["id"], value=sealed, invalid=cleaned is None)
    return len(plain)
