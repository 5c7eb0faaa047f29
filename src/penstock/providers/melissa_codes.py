"""What all Melissa services share: an error inside HTTP 200, result codes in a comma list, one space for empty."""

from collections.abc import Mapping
from typing import Any

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear

VENDOR = "melissa"
BATCH_SIZE = 100
# The licence, its plan or its credits: a person has to act. GE03/GE07/SP01/GE23 would be our own bug: also permanent.
PERMANENT = {
    *("GE01", "GE02", "GE03", "GE04", "GE05", "GE06", "GE07", "GE08", "GE09", "GE10", "GE11", "GE12", "GE13", "GE14"),
    *("GE15", "GE20", "GE21", "GE22", "GE23", "GE24", "GE26", "GE27", "GE29", "SP01"),
}


def text(record: Mapping[str, Any], name: str) -> str:
    """The value of a field without the single space that Melissa writes for nothing."""
    return str(record.get(name) or "").strip()


def codes(record: Mapping[str, Any], name: str = "Results") -> tuple[str, ...]:
    """The result codes of a record, in the vendor's order."""
    return tuple(code for code in (part.strip() for part in text(record, name).split(",")) if code)


def records_in_order(body: object, count: int) -> list[Mapping[str, Any]]:
    """The `count` records of an answer, put back into the order asked by RecordID ("1" first).

    Melissa answers HTTP 200 even for a bad licence; the truth stands in TransmissionResults (GW codes only warn).
    """
    if not isinstance(body, Mapping):
        raise ProviderUnclear("melissa answered with something that is not an object")
    whole = codes(body, "TransmissionResults")
    if "SE01" in whole:
        raise ProviderBusy("melissa had an internal error (SE01)", retry_after_s=60.0)
    if refused := PERMANENT.intersection(whole):
        raise ProviderRefused(f"melissa refused the call: {', '.join(sorted(refused))}")
    by_id = {text(record, "RecordID"): record for record in body.get("Records") or []}
    try:
        return [by_id[str(number)] for number in range(1, count + 1)]
    except KeyError as error:
        raise ProviderUnclear(f"melissa answered {len(by_id)} of {count} records") from error
