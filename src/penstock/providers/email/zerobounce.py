"""ZeroBounce v2: a mailbox-level check in batches, with status and sub-status. Charged per address but `unknown`."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.core.errors import ProviderRefused
from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.checks import Report

VENDOR = "zerobounce"
PATH = "/v2/validatebatch"
BATCH_SIZE = 100
WORK_S = 60  # what the vendor may take for a batch; addresses not done by then come back as unknown, free of charge
# Sub-statuses that change what a status means for us. Any other only explains the status.
TELLING = frozenset(
    {
        *("valid:role_based", "valid:role_based_accept_all", "valid:role_based_catch_all", "valid:possible_typo"),
        *("valid:alias_address", "valid:accept_all", "valid:mailbox_quota_exceeded", "invalid:mailbox_quota_exceeded"),
        *("unknown:mailbox_quota_exceeded", "do_not_mail:role_based", "do_not_mail:role_based_catch_all"),
        "do_not_mail:role_based_accept_all",
    }
)


class ZeroBounce:
    """Batch validation over the shared client."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def fetch(self, values: Sequence[str]) -> list[Reply]:
        """One reply per address, in order."""
        return parse_answer(await ask_json(self._client, build_request(self._account, values)), values)

    def read(self, raw: Mapping[str, Any]) -> Report:
        """What one stored result says."""
        return read_result(raw)


def build_request(account: Account, addresses: Sequence[str]) -> Request:
    """The batch call. The key goes in the body."""
    return Request(
        vendor=VENDOR,
        method="POST",
        url=account.url(PATH),
        headers={"Accept": "application/json"},
        json={
            "api_key": account.key,
            "email_batch": [{"email_address": address, "ip_address": ""} for address in addresses],
            "timeout": WORK_S,
        },
        timeout_s=max(account.timeout_s, WORK_S + 15.0),
    )


def parse_answer(body: object, addresses: Sequence[str]) -> list[Reply]:
    """The replies for `addresses`, in the order asked. Trouble with the key or the credits is told in HTTP 200 too."""
    if not isinstance(body, Mapping):
        raise ProviderUnclear("zerobounce answered with something that is no batch")
    results = {_text(item, "address").lower(): item for item in _list(body, "email_batch")}
    errors = {_text(item, "email_address").lower(): item for item in _list(body, "errors")}
    if not results and (body.get("error") or "all" in errors):
        raise ProviderRefused("zerobounce refuses the batch: its key or its credits")
    return [_reply(results.get(address.lower()), address.lower() in errors) for address in addresses]


def _reply(result: Mapping[str, Any] | None, failed: bool) -> Reply:
    if result is None:
        if failed:
            return Reply(raw={}, billable=False, failed=True)
        return Reply(raw={}, billable=False, error=ProviderUnclear("zerobounce left an address out"))
    return Reply(raw=result, billable=_text(result, "status").lower() not in ("", "unknown"))


def read_result(result: Mapping[str, Any]) -> Report:
    """One address in our words. A bare `message` means that the vendor still waits for a greylisting server."""
    status, sub = _text(result, "status").lower(), _text(result, "sub_status").lower()
    if not status:
        return Report(codes=("pending",))
    told = f"{status}:{sub}"
    if told in TELLING:
        return Report(codes=(told,))
    if status == "valid" and _text(result, "did_you_mean"):
        return Report(codes=("valid:did_you_mean",))
    return Report(codes=(status, sub) if sub else (status,))


def _list(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = body.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name) or "").strip()
