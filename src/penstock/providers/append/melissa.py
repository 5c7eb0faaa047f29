"""Melissa Personator Consumer: address to MAK, owner check, cheap phone and email.

Wire facts: Melissa Cloud API OpenAPI specification (personator-consumer), result-code pages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.http import Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.contacts import (
    Found,
    FoundEmail,
    FoundPhone,
    LineType,
    OwnerCheck,
    Subject,
    e164,
    email_address,
)
from penstock.providers.melissa_codes import BATCH_SIZE, VENDOR, codes, records_in_order, text

PATH = "/v3/WEB/ContactVerify/doContactVerify"
COLUMNS = (
    "GrpAddressDetails,GrpParsedAddress,GrpGeocode,GrpNameDetails,GrpDemographicBasic,"
    "MoveDate,OwnRent,EstimatedHomeValue"
)
LINE_TYPES = {"PS07": LineType.MOBILE, "PS08": LineType.LANDLINE, "PS09": LineType.VOIP}


class Melissa:
    """Personator over the shared client."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, subjects: Sequence[Subject]) -> list[Reply]:
        """One reply per subject, in order; Melissa charges per record, matched or not."""
        body = await ask_json(self._client, build_request(self._account, subjects))
        return parse_answer(body, len(subjects))

    def read(self, raw: Mapping[str, Any]) -> Found:
        """What one stored record says."""
        return read_record(raw)


def build_request(account: Account, subjects: Sequence[Subject]) -> Request:
    """The batch call. The licence key travels in the body: Melissa knows no authorisation header."""
    return Request(
        vendor=VENDOR,
        method="POST",
        url=account.url(PATH),
        headers={"Accept": "application/json"},
        json={
            "CustomerID": account.key,
            "Actions": "Check,Verify,Append",
            "Columns": COLUMNS,
            "Options": "Append:Blank;AdvancedAddressCorrection:On;CentricHint:Address",
            "Records": [_record(number, subject) for number, subject in enumerate(subjects, 1)],
        },
        timeout_s=account.timeout_s,
    )


def _record(number: int, subject: Subject) -> dict[str, str]:
    return {
        "RecordID": str(number),
        "FirstName": subject.first_name,
        "LastName": subject.last_name,
        "FullName": subject.full_name,
        "AddressLine1": subject.line1,
        "AddressLine2": subject.unit,
        "City": subject.city,
        "State": subject.state,
        "PostalCode": subject.postal_code,
        "Country": "US",
    }


def parse_answer(body: object, count: int) -> list[Reply]:
    """The replies for `count` subjects, in the order asked. Raises the errors hidden inside HTTP 200."""
    return [Reply(raw=record, billable=True) for record in records_in_order(body, count)]


def read_record(record: Mapping[str, Any]) -> Found:
    """One Personator record in our words."""
    said = codes(record)
    address_is_real = any(code.startswith("AS") and code not in ("AS09", "AS12") for code in said)
    mak = text(record, "MelissaAddressKey")
    return Found(
        matched=address_is_real,
        first_name=text(record, "NameFirst") or text(record, "NameFull").split(" ")[0],
        last_name=text(record, "NameLast") or text(record, "NameFull").rpartition(" ")[2],
        owner=_owner(said),
        phones=_phones(record, said),
        emails=_emails(record, said),
        mak=mak if len(mak) == 10 and mak.isdecimal() else None,
        deceased="DD01" in said,
        codes=said,
        facts=_facts(record),
    )


def _owner(said: Sequence[str]) -> OwnerCheck:
    """The Verify codes as one word; VR01 ties person and address together, VS codes say what did not fit."""
    if "AS12" in said or "VS01" in said:
        return OwnerCheck.MOVED
    if "VR01" in said:
        return OwnerCheck.CONFIRMED
    if "VS12" in said:
        return OwnerCheck.HOUSEHOLD
    if "VS13" in said or "VS00" in said:
        return OwnerCheck.DIFFERENT
    return OwnerCheck.UNKNOWN


def _phones(record: Mapping[str, Any], said: Sequence[str]) -> tuple[FoundPhone, ...]:
    number = e164(text(record, "PhoneNumber"))
    if number is None or any(code.startswith("PE") for code in said):
        return ()
    line = next((LINE_TYPES[code] for code in said if code in LINE_TYPES), None)
    return (FoundPhone(number=number, line_type=line, belongs=_belongs("VR02", said)),)


def _emails(record: Mapping[str, Any], said: Sequence[str]) -> tuple[FoundEmail, ...]:
    # ES01 here means syntax and domain only, so a found address is never more than a candidate for the real check.
    address = email_address(text(record, "EmailAddress"))
    if address is None or any(code.startswith("EE") for code in said):
        return ()
    return (FoundEmail(address=address, belongs=_belongs("VR03", said)),)


def _belongs(code: str, said: Sequence[str]) -> bool | None:
    """Whether person and point go together; without any Verify code nothing was compared."""
    return code in said if any(other.startswith(("VR", "VS")) for other in said) else None


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    names = {"latitude": "Latitude", "longitude": "Longitude", "estimated_value": "EstimatedHomeValue"}
    for ours, theirs in names.items():
        if (number := _number(text(record, theirs))) is not None:
            facts[ours] = number
    if own_rent := text(record, "OwnRent"):
        facts["owner_occupied"] = own_rent.endswith("Owner")
    if len(born := text(record, "DateOfBirth")) >= 6 and born[:6].isdecimal():
        facts["born"] = born[:6]
    if base := text(record, "MelissaAddressKeyBase"):
        facts["mak_base"] = base
    return facts


def _number(value: str) -> float | None:
    try:
        return float(value.replace("$", "").replace(",", "")) if value else None
    except ValueError:
        return None
