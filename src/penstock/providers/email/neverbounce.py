"""NeverBounce v4.2: one address per call; its errors come with HTTP 200. Charged per address, whatever the result."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.checks import Report, one_by_one

VENDOR = "neverbounce"
PATH = "/v4.2/single/check"
BATCH_SIZE = 20
AT_ONCE = 5
WORK_S = 30  # what the vendor may take for an address
RESULTS = ("valid", "invalid", "disposable", "catchall", "unknown")  # by number, 0 to 4
PERMANENT = frozenset({"auth_failure", "bad_referrer"})  # the key or where it may be used from: a person has to act
LATER = frozenset({"temp_unavail", "throttle_triggered"})
THROTTLED_S = 10.0


class NeverBounce:
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
    """The call about one address. What the vendor knows from earlier checks may count."""
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url(PATH),
        headers={"Accept": "application/json"},
        query={
            "key": account.key,
            "email": address,
            "address_info": "0",
            "credits_info": "0",
            "timeout": str(WORK_S),
            "request_meta_data[leverage_historical_data]": "1",
        },
        timeout_s=max(account.timeout_s, WORK_S + 10.0),
    )


def parse_answer(body: object) -> Reply:
    """The reply, or the error that hides in HTTP 200."""
    if not isinstance(body, Mapping):
        raise ProviderUnclear("neverbounce answered with something that is no result")
    status = str(body.get("status") or "")
    if status in PERMANENT:
        raise ProviderRefused(f"neverbounce answered {status}")
    if status in LATER:
        raise ProviderBusy(f"neverbounce answered {status}", retry_after_s=THROTTLED_S)
    if status == "general_failure" and "credit" in str(body.get("message") or "").lower():
        raise ProviderRefused("neverbounce has no credits left")
    if status == "success" and _result(body):
        return Reply(raw=body, billable=True)
    return Reply(raw=body, billable=False, failed=True)


def read_answer(body: Mapping[str, Any]) -> Report:
    """One address in our words: the result, and what a flag or a suggested correction makes of a valid one."""
    result = _result(body)
    given = body.get("flags")
    flags = {str(flag) for flag in given} if isinstance(given, list) else set()
    if result == "valid":
        if "spamtrap_network" in flags:
            return Report(codes=("valid:spamtrap_network",))
        if "role_account" in flags:
            return Report(codes=("valid:role_account",))
        if str(body.get("suggested_correction") or "").strip():
            return Report(codes=("valid:did_you_mean",))
    return Report(codes=(result or "unknown",))


def _result(body: Mapping[str, Any]) -> str:
    """The result as a word, also where it came as a number; empty where there is none that we know."""
    given = body.get("result")
    if isinstance(given, int) and not isinstance(given, bool):
        return RESULTS[given] if 0 <= given < len(RESULTS) else ""
    word = str(given or "").strip().lower()
    if word.isdecimal():
        return RESULTS[int(word)] if int(word) < len(RESULTS) else ""
    return word if word in RESULTS else ""
