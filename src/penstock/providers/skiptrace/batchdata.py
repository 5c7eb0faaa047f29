"""BatchData skip trace, version 1: the owner of an address with phones, emails and warning flags.

Wire facts: BatchData developer documentation of /property/skip-trace. Charged per match.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.http import Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.batchdata_wire import BATCH_SIZE, failed, flag, items, line_type, post, score
from penstock.providers.contacts import Found, FoundEmail, FoundPhone, OwnerCheck, Subject, e164, email_address

PATH = "/api/v1/property/skip-trace"


class BatchData:
    """Skip trace over the shared client."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, subjects: Sequence[Subject]) -> list[Reply]:
        """One reply per subject, in order; only matches are charged."""
        body = await ask_json(self._client, build_request(self._account, subjects))
        return parse_answer(body, len(subjects))

    def read(self, raw: Mapping[str, Any]) -> Found:
        """What one stored person says."""
        return read_person(raw)


def build_request(account: Account, subjects: Sequence[Subject]) -> Request:
    """The batch call. Litigators' numbers are asked for on purpose: by default the vendor drops them without a word,
    and then another vendor's copy of the same number would look clean."""
    return post(
        account,
        PATH,
        {
            "requests": [_item(number, subject) for number, subject in enumerate(subjects, 1)],
            "options": {"includeTCPABlacklistedPhones": True, "showRequests": False, "dateFormat": "iso-date"},
        },
    )


def _item(number: int, subject: Subject) -> dict[str, Any]:
    item: dict[str, Any] = {
        "requestId": str(number),
        "propertyAddress": {
            "street": _street(subject),
            "city": subject.city,
            "state": subject.state,
            "zip": subject.postal_code[:5],
        },
    }
    if subject.last_name:
        item["name"] = {"first": subject.first_name, "last": subject.last_name}
    return item


def _street(subject: Subject) -> str:
    """The street with its unit: v1 has no field for it, and a bare "4B" needs the sign to be read as a unit."""
    if not subject.unit:
        return subject.line1
    return f"{subject.line1} {subject.unit if ' ' in subject.unit else '# ' + subject.unit.lstrip('#')}"


def parse_answer(body: object, count: int) -> list[Reply]:
    """The replies for `count` subjects, in the order asked."""
    return [Reply(person, _matched(person), failed(person)) for person in items(body, "persons", count)]


def _matched(person: Mapping[str, Any]) -> bool:
    return bool((person.get("meta") or {}).get("matched")) and not failed(person)


def read_person(person: Mapping[str, Any]) -> Found:
    """One person in our words. The match is on the address: whether it is the owner we asked for is left open."""
    if not _matched(person):
        return Found(matched=False, codes=("error" if failed(person) else "no-match",))
    name = person.get("name") or {}
    emails = (email_address(item.get("email")) for item in person.get("emails") or [])
    return Found(
        matched=True,
        first_name=str(name.get("first") or "").strip(),
        last_name=str(name.get("last") or "").strip(),
        owner=OwnerCheck.UNKNOWN,
        phones=tuple(phone for item in person.get("phoneNumbers") or [] if (phone := _phone(item))),
        emails=tuple(FoundEmail(address=address) for address in dict.fromkeys(emails) if address),
        litigator=bool(person.get("litigator")) or bool((person.get("dnc") or {}).get("tcpa")),
        deceased=bool((person.get("death") or {}).get("deceased")),
        codes=("match",),
        facts=_facts(person.get("property") or {}),
    )


def _phone(item: Mapping[str, Any]) -> FoundPhone | None:
    number = e164(item.get("number"))
    if number is None:
        return None
    return FoundPhone(
        number=number,
        line_type=line_type(item),
        score=score(item),
        dnc=flag(item, "dnc"),
        tcpa=flag(item, "tcpa"),
    )


def _facts(place: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(equity := place.get("equity"), int | float) and not isinstance(equity, bool):
        facts["estimated_equity"] = float(equity)
    if (absentee := flag(place, "absenteeOwner")) is not None:
        facts["owner_occupied"] = not absentee
    if (vacant := flag(place, "vacant")) is not None:
        facts["vacant"] = vacant
    return facts
