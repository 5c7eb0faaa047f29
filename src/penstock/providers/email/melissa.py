"""Melissa Global Email: a mailbox-level check with ES (status) and EE (error) codes. Charged per address."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.http import Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.checks import Report
from penstock.providers.melissa_codes import BATCH_SIZE, VENDOR, codes, records_in_order, text

PATH = "/v4/WEB/GlobalEmail/doGlobalEmail"


class Melissa:
    """Global Email over the shared client."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, values: Sequence[str]) -> list[Reply]:
        """One reply per address, in order."""
        return parse_answer(await ask_json(self._client, build_request(self._account, values)), len(values))

    def read(self, raw: Mapping[str, Any]) -> Report:
        """What one stored record says."""
        return read_record(raw)


def build_request(account: Account, addresses: Sequence[str]) -> Request:
    """The batch call. Options are joined by commas here, by semicolons in Personator."""
    return Request(
        vendor=VENDOR,
        method="POST",
        url=account.url(PATH),
        headers={"Accept": "application/json"},
        json={
            "CustomerID": account.key,
            "Options": "VerifyMailbox:Premium,TimeToWait:25,DomainCorrection:off,WhoIsLookup:off",
            "Records": [{"RecordID": str(number), "Email": email} for number, email in enumerate(addresses, 1)],
        },
        timeout_s=max(account.timeout_s, 60.0),  # the vendor itself may wait 25 s for a mail server
    )


def parse_answer(body: object, count: int) -> list[Reply]:
    """The replies for `count` addresses, in the order asked."""
    return [Reply(raw=record, billable=True) for record in records_in_order(body, count)]


def read_record(record: Mapping[str, Any]) -> Report:
    """One address in our words."""
    confidence = text(record, "DeliverabilityConfidenceScore")
    return Report(codes=codes(record), score=int(confidence) if confidence.isdecimal() else None)
