"""BatchData property search: the properties of a city, a ZIP code or a box on the map. Charged per returned record.

Wire facts: BatchData developer documentation of /property/search. Which groups of a property arrive depends on the
token's datasets: every one may be missing. It knows boxes, no polygons.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import httpx

from penstock.core.http import ProviderUnclear, Request, ask_json
from penstock.providers import Account, Reply
from penstock.providers.batchdata_wire import flag, post, results
from penstock.providers.search.words import Area, FoundPlace, Page

PATH = "/api/v1/property/search"
PAGE_SIZE = 250  # 1,000 is the most; what a page costs is reserved before it is asked for
# What we read of a property. The rest, phones among it, is not kept: nobody asked for it.
GROUPS: Final = (
    *("_id", "ids", "address", "owner", "valuation", "building", "lot", "legal", "general", "intel"),
    *("openLien", "involuntaryLien", "quickLists"),
)
OWNER: Final = (
    *("fullName", "names", "mailingAddress", "ownerOccupied", "ownerStatusType"),
    *("litigator", "death", "mailingOptOut"),
)


class BatchData:
    """Property search over the shared client."""

    page_size = PAGE_SIZE

    def __init__(self, client: httpx.AsyncClient, account: Account) -> None:
        self._client, self._account = client, account

    async def count(self, area: Area) -> int:
        """How many there are: a page of none, which costs nothing."""
        body = await ask_json(self._client, build_request(self._account, area, 0, 0, repeatable=True))
        return int(parse_answer(body).raw["found"])

    async def fetch(self, area: Area, skip: int, take: int) -> Reply:
        """A page; each record in it is charged."""
        return parse_answer(await ask_json(self._client, build_request(self._account, area, skip, take)))

    def read(self, raw: Mapping[str, Any]) -> Page:
        """What a stored page says."""
        return Page(int(raw["found"]), tuple(read_property(found) for found in raw["properties"]))


def build_request(account: Account, area: Area, skip: int, take: int, *, repeatable: bool = False) -> Request:
    """The call for one page. Without a skip trace: people are looked up when their place becomes a lead."""
    body = {
        "searchCriteria": _criteria(area),
        "options": {"skip": skip, "take": take, "skipTrace": False, "dateFormat": "iso-date"},
    }
    return post(account, PATH, body, repeatable=repeatable)


def _criteria(area: Area) -> dict[str, Any]:
    if area.box is None:
        return {"query": area.postal_code or f"{area.city}, {area.state}"}
    north_west = {"latitude": area.box.north, "longitude": area.box.west}
    south_east = {"latitude": area.box.south, "longitude": area.box.east}
    return {"address": {"geoLocationBoundingBox": {"nwGeoPoint": north_west, "seGeoPoint": south_east}}}


def parse_answer(body: object) -> Reply:
    """The page as it is kept: {"found", "properties"}."""
    told = results(body)
    found, counts = told.get("properties"), (told.get("meta") or {}).get("results") or {}
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ProviderUnclear("batchdata did not answer a list of properties")
    total = counts.get("resultsFound")
    if not isinstance(total, int):
        raise ProviderUnclear("batchdata did not say how many properties there are")
    kept = [{group: one[group] for group in GROUPS if group in one} for one in found]
    for one in kept:
        if isinstance(one.get("owner"), Mapping):
            one["owner"] = {name: one["owner"][name] for name in OWNER if name in one["owner"]}
    return Reply({"found": total, "properties": kept}, billable=bool(found), records=len(found))


def read_property(raw: Mapping[str, Any]) -> FoundPlace:
    """One property in our words."""
    site, owner, value = _group(raw, "address"), _group(raw, "owner"), _group(raw, "valuation")
    building, lot, intel = _group(raw, "building"), _group(raw, "lot"), _group(raw, "intel")
    liens, mailing, ids = _group(raw, "openLien"), _group(owner, "mailingAddress"), _group(raw, "ids")
    names = [one for one in owner.get("names") or () if isinstance(one, Mapping)] or [{}]
    first, last = _text(names[0].get("first")), _text(names[0].get("last"))
    open_liens = _number(liens.get("totalOpenLienCount"))
    return FoundPlace(
        vendor_record_id=str(raw.get("_id") or site.get("hash") or ""),
        apn=_text(ids.get("apn")),
        address_line1=_text(site.get("streetNoUnit")) or _text(site.get("street")),
        address_line2=_text(site.get("unitNumber")),
        city=_text(site.get("city")),
        state=_text(site.get("state")),
        postal_code=_text(site.get("zip")),
        zip4=_text(site.get("zipPlus4")),
        county=_text(site.get("county")),
        lat=_number(site.get("latitude")),
        lng=_number(site.get("longitude")),
        land_use=_text(_group(raw, "general").get("propertyTypeDetail")),
        year_built=_whole(building.get("yearBuilt")),
        bedrooms=_number(building.get("bedroomCount")),
        bathrooms=_number(building.get("bathroomCount")),
        building_sqft=_whole(building.get("livingAreaSquareFeet")),
        lot_sqft=_whole(lot.get("lotSizeSquareFeet")),
        property_value=_number(value.get("estimatedValue")),
        estimated_equity=_number(value.get("equityCurrentEstimatedBalance")),
        mortgage_balance=_number(liens.get("totalOpenLienBalance")),
        last_sale_date=_day(intel.get("lastSoldDate")),
        last_sale_price=_number(intel.get("lastSoldPrice")),
        owner_first_name=first if first and last else None,
        owner_last_name=last if first and last else None,
        owner_name=None if first and last else _text(owner.get("fullName")) or last,
        owner_occupied=flag(owner, "ownerOccupied"),
        mailing_line1=_text(mailing.get("street")),
        mailing_city=_text(mailing.get("city")),
        mailing_state=_text(mailing.get("state")),
        mailing_postal_code=_text(mailing.get("zip")),
        subdivision=_text(_group(raw, "legal").get("subdivisionName")),
        roof_material=_text(building.get("roofCover")),
        has_mortgage=None if open_liens is None else open_liens > 0,
        has_liens=_liens(raw),
        litigator=flag(owner, "litigator"),
        deceased_owner=flag(_group(owner, "death"), "deceased"),
        do_not_mail=flag(owner, "mailingOptOut"),
    )


def _liens(raw: Mapping[str, Any]) -> bool | None:
    listed = _group(raw, "involuntaryLien").get("liens")
    return bool(listed) if isinstance(listed, list) else flag(_group(raw, "quickLists"), "involuntaryLien")


def _group(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    found = _number(value)
    return None if found is None else round(found)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
