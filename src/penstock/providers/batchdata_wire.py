"""What all BatchData endpoints share: bearer token, the status object inside the body, the list under `results`."""

from collections.abc import Mapping
from typing import Any

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, Request
from penstock.providers import Account
from penstock.providers.contacts import LineType

VENDOR = "batchdata"
BATCH_SIZE = 100
LINE_TYPES = {
    "mobile": LineType.MOBILE,
    "land line": LineType.LANDLINE,
    "landline": LineType.LANDLINE,
    "voip": LineType.VOIP,
}


def post(account: Account, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Request:
    """A call to `path`, version included: v1 and v3 are separate permissions of a token."""
    return Request(
        vendor=VENDOR,
        method="POST",
        url=account.url(path),
        headers=account.bearer(),
        json=body,
        timeout_s=account.timeout_s,
        repeatable=repeatable,
    )


def results(body: object) -> Mapping[str, Any]:
    """What stands under `results` of a good answer."""
    if not isinstance(body, Mapping):
        raise ProviderUnclear("batchdata answered with something that is not an object")
    code = (body.get("status") or {}).get("code", 200)
    if code == 429:
        raise ProviderBusy("batchdata is over its rate limit", retry_after_s=60.0)
    if isinstance(code, int) and 400 <= code < 500:
        raise ProviderRefused(f"batchdata refused the call: {code}")
    found = body.get("results") or {}
    if code != 200 or not isinstance(found, Mapping):
        raise ProviderUnclear("batchdata answered without results")
    return found


def items(body: object, name: str, count: int) -> list[Mapping[str, Any]]:
    """The `count` items under results.<name>. BatchData answers in the order asked and names no item."""
    found = results(body).get(name)
    if not isinstance(found, list) or len(found) != count:
        raise ProviderUnclear(f"batchdata did not answer {count} items of {name}")
    return found


def flag(item: Mapping[str, Any], name: str) -> bool | None:
    """True or false as the vendor said; None where it said nothing."""
    value = item.get(name)
    return value if isinstance(value, bool) else None


def failed(item: Mapping[str, Any]) -> bool:
    """The vendor had trouble with this item; it is not charged."""
    return bool((item.get("meta") or {}).get("error"))


def score(item: Mapping[str, Any]) -> int | None:
    """The vendor's confidence, 0-100."""
    value = item.get("score")
    return max(0, min(100, round(value))) if isinstance(value, int | float) else None


def line_type(item: Mapping[str, Any]) -> LineType | None:
    """The kind of line; words we do not know give None."""
    return LINE_TYPES.get(str(item.get("type") or "").strip().lower())
