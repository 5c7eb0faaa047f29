"""Permit joined to property: surer keys first, and never where there is a doubt."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.geometry import FOOT
from penstock.permits.matching import NEAR_FT, Match, Place, Properties, parcel_key, street_of

LAT, LNG = 36.16, -86.78
DEGREE_FT = 364_000  # of latitude, roughly


def place(id: int = 1, *, north_ft: float | None = None, **facts: Any) -> Place:
    """A place; `north_ft` puts it that far north of the reference point."""
    at = {} if north_ft is None else {"lat": LAT + north_ft / DEGREE_FT, "lng": LNG}
    return Place(id, **(at | facts))


def joined(permit: Place, *properties: Place) -> Match:
    return Properties(properties).match([permit])[0]


HOUSE = place(7, parcel="TN/DAVIDSON/1", addr_hash="h7", street="100 OAK ST", north_ft=0)


def test_the_parcel_comes_first() -> None:
    found = joined(place(1, parcel="TN/DAVIDSON/1", street="102 ELM ST"), HOUSE, place(8, addr_hash="h8"))
    assert (found.property_id, found.how) == (7, "parcel")


def test_the_address_comes_next() -> None:
    found = joined(place(1, addr_hash="h7", street="100 OAK ST"), HOUSE)
    assert (found.property_id, found.how) == (7, "address")


def test_the_nearest_of_its_street_comes_last() -> None:
    found = joined(place(1, street="100 OAK ST", north_ft=30), HOUSE)
    assert (found.property_id, found.how) == (7, "nearest")
    assert found.distance_ft == pytest.approx(30, abs=0.2)


def test_flats_on_one_lot_are_told_apart_by_their_address() -> None:
    flats = [place(n, parcel="TN/DAVIDSON/1", addr_hash=f"h{n}") for n in (1, 2, 3)]
    permit = place(9, parcel="TN/DAVIDSON/1", addr_hash="h2", street="100 OAK ST")
    assert joined(permit, *flats).property_id == 2
    assert joined(permit._replace(addr_hash=None), *flats).reason.startswith("its parcel holds 3 properties")


@pytest.mark.parametrize(
    ("permit", "properties", "reason"),
    [
        (
            place(1, parcel="TN/DAVIDSON/1", addr_hash="h8", street="1 A ST"),
            [HOUSE, place(8, addr_hash="h8")],
            "two prop",
        ),
        (place(1, parcel="TN/DAVIDSON/2", addr_hash="h7", street="100 OAK ST"), [HOUSE], "another parcel"),
        (
            place(1, addr_hash="x", street="5 A ST"),
            [place(2, addr_hash="x"), place(3, addr_hash="x")],
            "2 properties have",
        ),
        (place(1, street="100 OAK ST"), [HOUSE], "no coordinates"),
        (place(1, north_ft=0), [HOUSE], "names no street"),
        (place(1, street="100 ELM ST", north_ft=1), [HOUSE], "no property of its street within 50 ft"),
        (place(1, street="100 OAK ST", north_ft=51), [HOUSE], "no property of its street within 50 ft"),
        (place(1, street="104 OAK ST", north_ft=40), [HOUSE], "another house number"),
        (place(1, parcel="TN/DAVIDSON/2", street="100 OAK ST", north_ft=1), [HOUSE], "no property of its street"),
        (
            place(1, street="OAK ST", north_ft=20),
            [place(2, street="100 OAK ST", north_ft=0), place(3, street="104 OAK ST", north_ft=45)],
            "about as near",
        ),
    ],
)
def test_a_doubt_leaves_the_permit_out_and_is_told(permit: Place, properties: list[Place], reason: str) -> None:
    found = joined(permit, *properties)
    assert (found.property_id, found.how) == (None, None)
    assert reason in found.reason


def test_an_address_without_a_number_is_no_address() -> None:
    """Sixty permits of one land development stand at "0 Brick Rd", and so may one property."""
    lot = place(2, addr_hash="h", street="0 BRICK RD")
    assert joined(place(1, addr_hash="h", street="0 BRICK RD"), lot).property_id is None


def test_the_same_number_wins_over_the_nearer_neighbour() -> None:
    next_door = place(2, street="98 OAK ST", north_ft=10)
    right = place(3, street="100 OAK ST", north_ft=45)
    assert joined(place(1, street="100 OAK ST", north_ft=12), next_door, right).property_id == 3


def test_two_doors_of_one_building_may_have_two_numbers() -> None:
    assert joined(place(1, street="102 OAK ST", north_ft=9), HOUSE).property_id == 7


@pytest.mark.parametrize(
    ("line", "number", "street"),
    [
        ("100 N OAK ST", 100, "N OAK ST"),
        ("100-2 OAK ST", 100, "OAK ST"),
        ("100B OAK ST", 100, "OAK ST"),
        ("0 OAK ST", None, "OAK ST"),
        ("OAK ST", None, "OAK ST"),
        (None, None, None),
    ],
)
def test_a_line_is_number_and_street(line: str | None, number: int | None, street: str | None) -> None:
    assert street_of(line) == (number, street)


async def test_parcels_are_keyed_as_the_database_keys_them(db: AsyncConnection) -> None:
    for apn in ("104-12-0 246.00", "043060A01600CO", " 0001 ", "12/34", "---", ""):
        in_sql = (await db.execute(text("select api.clean_apn(cast(:apn as text))"), {"apn": apn})).scalar_one()
        assert parcel_key("TN", "DAVIDSON", apn) == (f"TN/DAVIDSON/{in_sql}" if in_sql else None)
    assert parcel_key("TN", None, "1") is None


async def test_streets_are_read_as_the_database_writes_them(db: AsyncConnection) -> None:
    for line, read in (("100 North Oak Street.", (100, "N OAK ST")), ("100-102 oak av", (100, "OAK AVE"))):
        written = (await db.execute(text("select api.normalize_street(cast(:l as text))"), {"l": line})).scalar_one()
        assert street_of(written) == read


# What always holds

maybe: Callable[..., Any] = lambda *options: st.none() | st.sampled_from(options)  # noqa: E731
some_place = st.builds(
    place,
    st.just(0),
    north_ft=st.none() | st.floats(0, 200),
    parcel=maybe("TN/DAVIDSON/1", "TN/DAVIDSON/2", "TN/DAVIDSON/3"),
    addr_hash=maybe("a", "b", "c"),
    street=maybe("100 OAK ST", "102 OAK ST", "OAK ST", "0 OAK ST", "7 ELM ST"),
)
some_places = st.lists(some_place, max_size=8).map(lambda found: [p._replace(id=n) for n, p in enumerate(found)])


@given(some_places, some_places, st.randoms(use_true_random=False))
def test_the_order_of_properties_and_permits_changes_nothing(
    permits: list[Place], properties: list[Place], chance: random.Random
) -> None:
    straight = {match.permit_id: match for match in Properties(properties).match(permits)}
    chance.shuffle(permits)
    chance.shuffle(properties)
    assert {match.permit_id: match for match in Properties(properties).match(permits)} == straight


@given(some_places, some_places)
def test_a_join_rests_on_a_key_that_both_have(permits: list[Place], properties: list[Place]) -> None:
    by_id = {one.id: one for one in properties}
    for permit, match in zip(permits, Properties(properties).match(permits), strict=True):
        assert match.permit_id == permit.id
        assert match.reason
        if match.property_id is None:
            assert match.how is None
            continue
        found = by_id[match.property_id]
        if match.how == "parcel":
            assert found.parcel == permit.parcel is not None
        elif match.how == "address":
            assert found.addr_hash == permit.addr_hash is not None
        else:
            assert street_of(found.street)[1] == street_of(permit.street)[1]
            assert permit.lat is not None and found.lat is not None and match.distance_ft is not None
            assert match.distance_ft <= NEAR_FT
            assert match.distance_ft == pytest.approx(abs(permit.lat - found.lat) * 111_000 / FOOT, rel=0.01, abs=0.01)


@given(some_places, some_places)
def test_no_key_of_a_join_names_another_property(permits: list[Place], properties: list[Place]) -> None:
    """Where the parcel or the address of a permit is that of one other property alone, the permit is left out."""
    for permit, match in zip(permits, Properties(properties).match(permits), strict=True):
        if match.property_id is None or (permit.street or "").startswith("0 "):
            continue
        for key, name in ((permit.parcel, "parcel"), (permit.addr_hash, "addr_hash")):
            owners = {one.id for one in properties if key is not None and getattr(one, name) == key}
            assert not owners or match.property_id in owners


@given(some_places, some_places)
def test_a_property_far_away_with_keys_of_its_own_changes_nothing(
    permits: list[Place], properties: list[Place]
) -> None:
    far = place(99, parcel="TN/DAVIDSON/99", addr_hash="far", street="100 OAK ST", north_ft=5000)
    assert Properties([*properties, far]).match(permits) == Properties(properties).match(permits)


@given(some_places, some_place)
def test_a_twin_of_the_property_takes_the_join_away_or_leaves_it_alone(properties: list[Place], permit: Place) -> None:
    """A second property with the same facts is a doubt: the permit never moves over to another one."""
    before = Properties(properties).match([permit])[0].property_id
    if before is None:
        return
    twin = next(one for one in properties if one.id == before)._replace(id=50)
    assert Properties([*properties, twin]).match([permit])[0].property_id is None
