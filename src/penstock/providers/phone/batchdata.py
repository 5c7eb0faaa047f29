"""BatchData phone verification: alive, line type, do-not-call and litigator flags. Charged per number."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.http import Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.batchdata_wire import BATCH_SIZE, failed, flag, items, line_type, post, score
from penstock.providers.checks import Report

PATH = "/api/v1/phone/verification"


class BatchData:
    """Phone verification over the shared client."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, values: Sequence[str]) -> list[Reply]:
        """One reply per E.164 number, in order."""
        return parse_answer(await ask_json(self._client, build_request(self._account, values)), len(values))

    def read(self, raw: Mapping[str, Any]) -> Report:
        """What one stored item says."""
        return read_item(raw)


def build_request(account: Account, numbers: Sequence[str]) -> Request:
    """The batch call: an array of plain strings of ten digits (objects are answered with 400)."""
    return post(account, PATH, {"requests": [number.removeprefix("+1") for number in numbers]})


def parse_answer(body: object, count: int) -> list[Reply]:
    """The replies for `count` numbers, in the order asked. An item the vendor failed on is not charged."""
    return [Reply(item, not failed(item), failed(item)) for item in items(body, "phoneNumbers", count)]


def read_item(item: Mapping[str, Any]) -> Report:
    """One number in our words. BatchData has flags, no codes; the codes here name those flags for the code map."""
    return Report(
        codes=(_code(item),),
        line_type=line_type(item),
        carrier=str(item.get("carrier") or "").strip() or None,
        dnc=flag(item, "dnc"),
        tcpa=flag(item, "tcpa"),
        score=score(item),
    )


def _code(item: Mapping[str, Any]) -> str:
    if failed(item):
        return "error"
    if item.get("notFound") is True:
        return "not_found"
    reachable = flag(item, "reachable")
    if reachable is None:
        return "untested"
    return "reachable" if reachable else "unreachable"
