"""MillionVerifier v3: one address per call. Charged per address, but not for catch_all and unknown."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.checks import Report, one_by_one

VENDOR = "millionverifier"
PATH = "/api/v3/"
BATCH_SIZE = 20
AT_ONCE = 5
WORK_S = 20  # what the vendor may take for an address (2 to 60)
RESULTS = {1: "ok", 2: "catch_all", 3: "unknown", 4: "error", 5: "disposable", 6: "invalid"}
FREE = frozenset({"catch_all", "unknown"})
PERMANENT = ("key", "credit", "block", "permission", "not allowed")  # in the words of `error`: a person has to act


class MillionVerifier:
    """Single checks, a few at once, over the shared client."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, values: Sequence[str]) -> list[Reply]:
        """One reply per address, in order."""
        return await one_by_one(values, self._ask, at_once=AT_ONCE)

    async def _ask(self, address: str) -> Reply:
        return parse_answer(await ask_json(self._client, build_request(self._account, address)))

    def read(self, raw: Mapping[str, Any]) -> Report:
        """What one stored answer says."""
        return read_answer(raw)


def build_request(account: Account, address: str) -> Request:
    """The call about one address."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(PATH),
        headers={"Accept": "application/json"},
        query={"api": account.key, "email": address, "timeout": str(WORK_S)},
        timeout_s=max(account.timeout_s, WORK_S + 10.0),
    )


def parse_answer(body: object) -> Reply:
    """The reply, or the error that hides in HTTP 200: its text is the only thing that tells a bad key from a hiccup."""
    if not isinstance(body, Mapping):
        raise ProviderUnclear("millionverifier answered with something that is no result")
    trouble = str(body.get("error") or "").strip().lower()
    if trouble:
        if any(word in trouble for word in PERMANENT):
            raise ProviderRefused("millionverifier refuses: its key, its credits or our address")
        raise ProviderBusy("millionverifier answered with an error of its own")
    result = _result(body)
    return Reply(raw=body, billable=bool(result) and result not in FREE, failed=not result)


def read_answer(body: Mapping[str, Any]) -> Report:
    """One address in our words: the result, and what quality, role or a suggestion make of an `ok`."""
    result = _result(body) or "unknown"
    if result == "ok":
        if body.get("role") is True:
            return Report(codes=("ok:role",))
        if str(body.get("didyoumean") or "").strip():
            return Report(codes=("ok:did_you_mean",))
        if str(body.get("quality") or "good").lower() not in ("good", ""):
            return Report(codes=("ok:risky",))
    return Report(codes=(result,))


def _result(body: Mapping[str, Any]) -> str:
    word = str(body.get("result") or "").strip().lower()
    if word in RESULTS.values():
        return word
    number = body.get("resultcode")
    return RESULTS.get(number, "") if isinstance(number, int) else ""
