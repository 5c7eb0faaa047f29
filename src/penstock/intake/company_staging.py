"""Clean company records as the staging table of identity wants them: people as JSON, phones and emails sealed."""

import json
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final

from penstock import identity
from penstock.core.sealing import Sealer
from penstock.intake.records import Record

_AS_STAGED: Final = itemgetter(*identity.STAGED_COMPANY)


def company_values(row: Record, sealer: Sealer, org_id: int) -> tuple[Any, ...]:
    """The values of `identity.STAGED_COMPANY` for a record of `company_records`."""
    values = row.values
    people = [identity.staged_person(_sealed(one, sealer, org_id)) for one in values["people"]]
    values["row_number"], values["people"] = row.row_number, json.dumps(people) if people else None
    if values["main_phone"]:
        values["main_phone"] = sealer.seal(org_id, values["main_phone"])
    staged: tuple[Any, ...] = _AS_STAGED(values)
    return staged


def _sealed(one: identity.Person, sealer: Sealer, org_id: int) -> identity.Person:
    if one.email is None and one.phone is None:
        return one
    email, phone = (value and sealer.seal(org_id, value) for value in (one.email, one.phone))
    return replace(one, email=email, phone=phone)
