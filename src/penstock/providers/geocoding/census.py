"""The US Census geocoder: free, no key, up to 10,000 addresses a batch; one line at a time where the batch found none.

Habits: x is the longitude. The batch answers CSV without a header in an order of its own, and a match's coordinates are
one cell, "lon,lat". No match is HTTP 200.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from penstock.core.errors import InvalidInput
from penstock.core.http import ProviderUnclear, Request, ask, ask_json
from penstock.providers import Account
from penstock.providers.geocoding.words import Located, Outcome, Place

VENDOR = "census"
BASE_URL = "https://geocoding.geo.census.gov"
BATCH_SIZE = 10_000
BATCH_S = 600.0  # a full batch takes minutes
BENCHMARK, VINTAGE = "Public_AR_Current", "Current_Current"
ONE_BY_ONE = 200  # at most so many of a batch are asked again by their one line
SAME_PLACE = 0.0002  # degrees, about 70 feet: matches nearer together than this are one place told twice

_BOUNDARY: Final = "penstock-addresses"
_OUTCOMES: Final[Mapping[str, Outcome]] = {"match": "match", "no_match": "no_match", "tie": "tie"}


class Census:
    """The geocoder over the shared client. The account has no key."""

    batch_size = BATCH_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def locate(self, places: Sequence[Place]) -> list[Located]:
        """One answer per place, in order. What the batch cannot place is asked again as one line, up to ONE_BY_ONE."""
        if not places:
            return []
        answer = await ask(self._client, build_batch(self._account, places))
        found = parse_batch(answer.text, len(places))
        again = [at for at, located in enumerate(found) if located.outcome in ("no_match", "tie")]
        for at in again[:ONE_BY_ONE]:
            single = parse_single(await ask_json(self._client, build_single(self._account, places[at])))
            if single.outcome == "match":
                found[at] = single
        return found


def build_batch(account: Account, places: Sequence[Place]) -> Request:
    """The batch call: a CSV of (position, street, city, state, ZIP) in a multipart form."""
    if len(places) > BATCH_SIZE:
        raise InvalidInput(f"{len(places):,} addresses are more than a batch of {BATCH_SIZE:,}")
    sheet = io.StringIO()
    lines = csv.writer(sheet, lineterminator="\n")
    lines.writerows((at, *map(_cell, (p.street, p.city, p.state, p.zip))) for at, p in enumerate(places))
    form = httpx.Request(
        "POST",
        account.url("/geocoder/geographies/addressbatch"),
        headers={"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
        data={"benchmark": BENCHMARK, "vintage": VINTAGE},
        files={"addressFile": ("addresses.csv", sheet.getvalue().encode(), "text/csv")},
    )
    return Request(
        vendor=VENDOR,
        method="POST",
        url=str(form.url),
        headers={"Content-Type": form.headers["Content-Type"]},
        content=form.read(),
        timeout_s=max(account.timeout_s, BATCH_S),
        repeatable=True,
    )


def parse_batch(text: str, count: int) -> list[Located]:
    """The answers in the order asked. Raises ProviderUnclear where the body is no batch (a web page, for one)."""
    if text.lstrip()[:1] == "<":
        raise ProviderUnclear("census answered with a web page")
    found = [Located(outcome="unanswered")] * count
    for cells in csv.reader(io.StringIO(text)):
        if len(cells) >= 3 and cells[0].isdecimal() and int(cells[0]) < count:
            found[int(cells[0])] = _of_batch(cells)
    return found


def _of_batch(cells: list[str]) -> Located:
    """One line: id, address asked, outcome, exactness, address found, "lon,lat", line, side, state, county, …"""
    outcome = _OUTCOMES.get(cells[2].strip().casefold(), "unanswered")
    if outcome != "match":
        return Located(outcome=outcome)
    if len(cells) < 6:
        return Located(outcome="unanswered")
    lng, _, lat = cells[5].partition(",")
    county = cells[8].strip().zfill(2) + cells[9].strip().zfill(3) if len(cells) >= 10 and cells[9].strip() else None
    return _match(lat, lng, cells[4], county, exact=cells[3].strip().casefold() == "exact")


def build_single(account: Account, place: Place) -> Request:
    """The call for one address as one line."""
    query = {"address": place.one_line, "benchmark": BENCHMARK, "vintage": VINTAGE, "format": "json"}
    return Request(
        vendor=VENDOR,
        method="GET",
        url=account.url("/geocoder/geographies/onelineaddress"),
        query=query,
        timeout_s=account.timeout_s,
        repeatable=True,
    )


def parse_single(body: object) -> Located:
    """The answer to one line. Several matches at one place are a match; at several places, a tie."""
    result = body.get("result") if isinstance(body, Mapping) else None
    matches = result.get("addressMatches") if isinstance(result, Mapping) else None
    if not isinstance(matches, list):
        raise ProviderUnclear("census answered with something that is no geocoding result")
    found = [located for match in matches if (located := _of_single(match)).outcome == "match"]
    if not found:
        return Located(outcome="no_match")
    if any(_apart(found[0], other) for other in found[1:]):
        return Located(outcome="tie")
    return found[0]


def _of_single(match: Any) -> Located:
    if not isinstance(match, Mapping) or not isinstance(match.get("coordinates"), Mapping):
        return Located(outcome="unanswered")
    at = match["coordinates"]
    geographies = match.get("geographies")
    counties = geographies.get("Counties") if isinstance(geographies, Mapping) else None
    county = str(counties[0].get("GEOID") or "") or None if isinstance(counties, list) and counties else None
    return _match(at.get("y"), at.get("x"), str(match.get("matchedAddress", "")), county, exact=False)


def _match(lat: Any, lng: Any, address: str, county: str | None, *, exact: bool) -> Located:
    try:
        return Located("match", exact, address.strip(), float(lat), float(lng), county)
    except (TypeError, ValueError):
        return Located(outcome="unanswered")


def _apart(one: Located, other: Located) -> bool:
    assert one.lat is not None and one.lng is not None and other.lat is not None and other.lng is not None
    return abs(one.lat - other.lat) > SAME_PLACE or abs(one.lng - other.lng) > SAME_PLACE


def _cell(text: str) -> str:
    """A cell on one line: the batch reads line by line."""
    return " ".join(text.split())
