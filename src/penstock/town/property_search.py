"""BatchData's property search: which houses criteria mean, in one lasting order, and how the vendor writes one.

It knows the houses of the cities with portals. Criteria that it does not know are an error, as with the real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.town import houses, places
from penstock.town.dice import Dice
from penstock.town.people import World
from penstock.town.permits import City, House
from penstock.town.wire import text

TAKE_AT_MOST: Final = 1000
CRITERIA: Final = frozenset(("query", "address"))


class BadSearch(Exception):
    """What is wrong with the criteria, by their dotted name."""


def matching(criteria: Mapping[str, Any], cities: Iterable[City]) -> list[House]:
    """The houses that the criteria mean. Raises BadSearch."""
    if unknown := set(criteria) - CRITERIA:
        raise BadSearch(f"searchCriteria.{min(unknown)} is not known here")
    query, address = text(criteria.get("query")), criteria.get("address") or {}
    box = address.get("geoLocationBoundingBox") if isinstance(address, dict) else None
    if not query and not isinstance(box, dict):
        raise BadSearch("searchCriteria must name a query or an address.geoLocationBoundingBox")
    found = [house for city in cities if _means(query, city) for house in houses.houses(city)]
    if re.fullmatch(r"\d{5}", query):
        found = [house for house in found if house.zip_code.code == query]
    return [house for house in found if _inside(house, box)] if isinstance(box, dict) else found


def _means(query: str, city: City) -> bool:
    """A query is a ZIP code, or "City, ST"; none means everywhere."""
    return not query or query.isdecimal() or places.squeeze(query) == places.squeeze(f"{city.name} {city.state}")


def _inside(house: House, box: Mapping[str, Any]) -> bool:
    try:
        north_west, south_east = box["nwGeoPoint"], box["seGeoPoint"]
        north, west = float(north_west["latitude"]), float(north_west["longitude"])
        south, east = float(south_east["latitude"]), float(south_east["longitude"])
    except (KeyError, TypeError, ValueError):
        raise BadSearch("searchCriteria.address.geoLocationBoundingBox needs nwGeoPoint and seGeoPoint") from None
    return south <= house.lat <= north and west <= house.lng <= east


def page(sent: Mapping[str, Any]) -> tuple[int, int]:
    """(skip, take) of a request. Raises BadSearch."""
    options = sent.get("options") or {}
    skip, take = options.get("skip", 0), options.get("take", 50)
    for name, value, most in (("skip", skip, None), ("take", take, TAKE_AT_MOST)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (most is not None and value > most):
            raise BadSearch(f"options.{name} must be a whole number{f' up to {most}' if most else ''}")
    return skip, take


def record_id(dice: Dice, house: House) -> str:
    """The vendor's own id of a house."""
    return dice.token("batchdata", "property", house.parcel, house.line)


def record(dice: Dice, world: World, house: House) -> dict[str, Any]:
    """A house as the vendor writes it."""
    home, known = houses.household(world, house), houses.details(dice, world, house)
    owner, code = home.owner_of_record, home.zip_code
    name = {"first": owner.first, "middle": "", "last": owner.last, "full": owner.name}
    street, own_id = places.pretty(home.address.street), record_id(dice, house)
    site = {"street": street, "city": code.city.title(), "state": code.state, "zip": code.code}
    away = {**site, "street": f"PO Box {dice.between(1, 9999, 'box', house.line)}"}
    owed = home.value - home.equity if known["mortgaged"] else 0
    return {
        "_id": own_id,
        "ids": {"apn": house.parcel, "addressHash": own_id},
        "address": {
            **site,
            "houseNumber": str(house.number),
            "streetNoUnit": street,
            "unitType": "",
            "unitNumber": "",
            "county": code.county,
            "zipPlus4": home.plus4,
            "latitude": house.lat,
            "longitude": house.lng,
            "hash": own_id,
            "addressValidity": "Valid",
            "geoStatus": "Rooftop",
        },
        "owner": {
            "fullName": owner.name,
            "names": [name],
            "mailingAddress": site if home.owner_occupied else away,
            "ownerOccupied": home.owner_occupied,
            "ownerStatusType": "Individual",
        },
        "valuation": {
            "estimatedValue": home.value,
            "equityPercent": round(100 * home.equity / home.value),
            "equityCurrentEstimatedBalance": home.equity,
        },
        "building": {
            "yearBuilt": house.year_built,
            "livingAreaSquareFeet": known["living_sqft"],
            "roofCover": known["roof_material"].title(),
        },
        "legal": {"subdivisionName": houses.subdivision(house)},
        "general": {"propertyTypeCategory": "Residential", "propertyTypeDetail": "Single Family", "vacant": False},
        "openLien": {"totalOpenLienCount": int(known["mortgaged"]), "totalOpenLienBalance": owed},
        "involuntaryLien": {"liens": [{"lienType": "Mechanic"}] if known["lien"] else []},
        "quickLists": {"absenteeOwner": not home.owner_occupied, "freeAndClear": not known["mortgaged"]},
        "meta": {"requestId": ""},
    }
