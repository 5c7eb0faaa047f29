"""Property search: the wire of BatchData read into our words, and the promises of every registered vendor."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers import Account
from penstock.providers.search import REGISTRY, Area, Box, FoundPlace, batchdata
from penstock.town.app import make_app
from penstock.town.state import new_state

AUSTIN = Area(city="Austin", state="TX")
PROPERTY: dict[str, Any] = {
    "_id": "hash1",
    "ids": {"apn": "18-29-12-0000", "fipsCode": "12057"},
    "address": {
        "street": "100 Example Ave # 4B",
        "streetNoUnit": "100 Example Ave",
        "unitNumber": "4B",
        "city": "Tampa",
        "county": "Hillsborough",
        "state": "FL",
        "zip": "33602",
        "latitude": 27.95,
        "longitude": -82.46,
    },
    "owner": {
        "fullName": "Ada Sample",
        "names": [{"first": "Ada", "last": "Sample"}],
        "ownerOccupied": False,
        "mailingAddress": {"street": "PO Box 10", "city": "Ocala", "state": "FL", "zip": "34470"},
        "phoneNumbers": [{"number": "8135550100"}],
        "litigator": False,
        "death": {"deceased": True},
    },
    "valuation": {"estimatedValue": 412000, "equityPercent": 52, "equityCurrentEstimatedBalance": 214000},
    "building": {"yearBuilt": 1978, "bedroomCount": 3, "bathroomCount": 2.5, "livingAreaSquareFeet": 1650},
    "lot": {"lotSizeSquareFeet": 7841},
    "intel": {"lastSoldDate": "2018-06-01", "lastSoldPrice": 240000},
    "openLien": {"totalOpenLienCount": 1, "totalOpenLienBalance": 198000},
    "involuntaryLien": {"liens": []},
    "demographics": {"age": 70},
}


def body(properties: list[Any], found: int = 1, code: int = 200) -> dict[str, Any]:
    meta = {"results": {"resultCount": len(properties), "resultsFound": found}}
    return {"status": {"code": code}, "results": {"properties": properties, "meta": meta}}


def test_a_property_is_read_into_our_words() -> None:
    reply = batchdata.parse_answer(body([PROPERTY], found=7))
    assert (reply.billable, reply.records) == (True, 1)
    page = batchdata.BatchData(httpx.AsyncClient(), Account("http://town", "k")).read(reply.raw)
    assert page.found == 7
    assert page.places == (
        FoundPlace(
            vendor_record_id="hash1", apn="18-29-12-0000", address_line1="100 Example Ave", address_line2="4B",
            city="Tampa", state="FL", postal_code="33602", county="Hillsborough", lat=27.95, lng=-82.46,
            year_built=1978, bedrooms=3, bathrooms=2.5, building_sqft=1650, lot_sqft=7841, property_value=412000,
            estimated_equity=214000, mortgage_balance=198000, last_sale_date=date(2018, 6, 1), last_sale_price=240000,
            owner_first_name="Ada", owner_last_name="Sample", owner_occupied=False, mailing_line1="PO Box 10",
            mailing_city="Ocala", mailing_state="FL", mailing_postal_code="34470", has_mortgage=True, has_liens=False,
            litigator=False, deceased_owner=True,
        ),
    )  # fmt: skip


def test_phones_and_what_nobody_reads_are_not_kept() -> None:
    (kept,) = batchdata.parse_answer(body([PROPERTY])).raw["properties"]
    assert "8135550100" not in str(kept)
    assert "demographics" not in kept


@pytest.mark.parametrize("group", [*batchdata.GROUPS, "names", "mailingAddress"])
def test_every_group_may_be_missing_or_empty(group: str) -> None:
    for value in (None, {}, [], "x"):
        owner = {**PROPERTY["owner"], group: value}
        found = batchdata.read_property({**PROPERTY, "owner": owner, group: value})
        assert isinstance(found.vendor_record_id, str)
    without = batchdata.read_property({key: value for key, value in PROPERTY.items() if key != group})
    assert isinstance(without, FoundPlace)


def test_an_owner_without_first_name_is_one_name() -> None:
    company = {"fullName": "Alder Holdings LLC", "names": [{"first": "", "last": "Alder Holdings LLC"}]}
    found = batchdata.read_property({**PROPERTY, "owner": company})
    assert (found.owner_name, found.owner_first_name, found.owner_last_name) == ("Alder Holdings LLC", None, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([], ProviderUnclear),
        ({"results": {"properties": {}}}, ProviderUnclear),
        ({"results": {"properties": [], "meta": {}}}, ProviderUnclear),
        ({"results": {"properties": ["x"], "meta": {"results": {"resultsFound": 1}}}}, ProviderUnclear),
        (body([], code=403), ProviderRefused),
        (body([], code=500), ProviderUnclear),
    ],
)
def test_what_is_no_page_is_told_apart(answer: object, error: type) -> None:
    with pytest.raises(error):
        batchdata.parse_answer(answer)


def test_areas_are_asked_for_in_the_vendors_words() -> None:
    account = Account("https://api.example", "k")

    def asked(area: Area) -> Any:
        return batchdata.build_request(account, area, 250, 100).json

    assert asked(AUSTIN)["searchCriteria"] == {"query": "Austin, TX"}
    assert asked(Area(postal_code="78701"))["searchCriteria"] == {"query": "78701"}
    box = asked(Area(box=Box(30.2, -97.8, 30.4, -97.7)))["searchCriteria"]["address"]["geoLocationBoundingBox"]
    assert box["nwGeoPoint"] == {"latitude": 30.4, "longitude": -97.8}
    assert box["seGeoPoint"] == {"latitude": 30.2, "longitude": -97.7}
    assert asked(AUSTIN)["options"]["skipTrace"] is False
    assert (asked(AUSTIN)["options"]["skip"], asked(AUSTIN)["options"]["take"]) == (250, 100)


@pytest.fixture
async def town() -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    state = new_state(7)
    state.clock.put(datetime(2026, 11, 30, 17, tzinfo=UTC))
    async with make_client(transport=httpx.ASGITransport(make_app(state))) as client:
        yield client, state


@pytest.mark.parametrize("vendor", REGISTRY)
async def test_a_search_counts_for_nothing_and_pays_for_what_came(town: Any, vendor: str) -> None:
    client, state = town
    finder = REGISTRY[vendor](client, Account(f"http://town/{vendor}", "a-key"))
    there = await finder.count(AUSTIN)
    assert vendor not in state.truth.grade()["billed"]
    first, second = await finder.fetch(AUSTIN, 0, 30), await finder.fetch(AUSTIN, 30, 20)
    last = await finder.fetch(AUSTIN, there - 5, 20)
    past = await finder.fetch(AUSTIN, there, 20)
    assert [reply.records for reply in (first, second, last, past)] == [30, 20, 5, 0]
    assert [reply.billable for reply in (first, past)] == [True, False]
    assert state.truth.grade()["billed"][vendor]["items"] == 55
    places = [*finder.read(first.raw).places, *finder.read(second.raw).places]
    assert len({place.vendor_record_id for place in places}) == 50
    assert all(place.lat and place.lng and place.address_line1 and place.postal_code for place in places)


@pytest.mark.parametrize("vendor", REGISTRY)
@pytest.mark.parametrize(("fault", "error"), [("rate_500", ProviderUnclear), ("rate_429", ProviderBusy)])
async def test_a_search_in_trouble_is_busy_or_unclear(town: Any, vendor: str, fault: str, error: type) -> None:
    client, state = town
    state.faults.configure({vendor: {fault: 1.0}})
    with pytest.raises(error) as caught:
        await REGISTRY[vendor](client, Account(f"http://town/{vendor}", "a-key")).fetch(AUSTIN, 0, 5)
    assert caught.value.reached is (error is ProviderUnclear)


@pytest.mark.parametrize("vendor", REGISTRY)
async def test_a_search_with_a_bad_key_is_refused_for_good(town: Any, vendor: str) -> None:
    client, _ = town
    with pytest.raises(ProviderRefused):
        await REGISTRY[vendor](client, Account(f"http://town/{vendor}", "forbidden")).fetch(AUSTIN, 0, 5)
