"""Files of places: the same books as for leads, owners instead of leads, coordinates that can be right."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ground import shared_data
from penstock import identity
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.errors import InvalidInput
from penstock.intake import coordinates
from penstock.intake.search import areas_of
from penstock.intake.service import UploadReport, import_file
from penstock.providers.search import Area, Box

PLACES = "roofing"
HEADER = [
    *("Address", "City", "State", "Zip", "County", "Parcel", "Owner First Name", "Owner Last Name", "Mailing Address"),
    *("Mailing Zip", "Latitude", "Longitude", "Subdivision", "Roof Type", "Roof Sqft", "Has Mortgage", "Liens"),
    *("Recent Refinance", "Recent HELOC", "Year Built", "Phone 1", "Email 1"),
]


def row(number: int = 1, **values: Any) -> dict[str, Any]:
    """A house on Alder Street in Austin."""
    place = {"Address": f"{number} Alder St", "City": "Austin", "State": "TX", "Zip": "78701", "County": "Travis"}
    owner = {"Parcel": f"0101-{number:03}", "Owner First Name": "Ada", "Owner Last Name": f"Sample{number}"}
    return {**place, **owner, "Latitude": 30.27 + number / 10_000, "Longitude": -97.74, "Year Built": 1998, **values}


async def take(ctx: Context, found: list[dict[str, Any]], playbook: str = PLACES) -> UploadReport:
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER)
    writer.writeheader()
    writer.writerows(found)
    return await import_file(ctx, 1, stream=io.BytesIO(out.getvalue().encode()), name="list.csv", playbook=playbook)


async def ask(ctx: Context, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    async with ctx.db.tenant(1) as db:
        return [tuple(found.values()) for found in await rows(db, text(sql), **values)]


async def test_rows_become_places_with_owners_and_no_leads(ctx: Context) -> None:
    bad = row(9, Address="", Parcel="")
    report = await take(ctx, [row(1), row(2), row(1), bad, row(3, **{"Owner First Name": "", "Owner Last Name": ""})])
    assert (report.rows_read, report.inserted, report.duplicate_in_file, report.rejected) == (5, 3, 1, 1)
    assert await ask(ctx, "select count(*), count(owner_contact_id) from app.properties") == [(3, 2)]
    assert await ask(ctx, "select count(*) from app.leads") == [(0,)]
    (event,) = await ask(ctx, "select event_type, lead_id, upload_id, details from app.pipeline_events")
    assert event[:3] == ("places_received", None, report.upload_id)
    assert event[3] == {"read": 5, "inserted": 3, "updated": 0, "duplicate_in_file": 1, "rejected": 1}
    assert await ask(ctx, "select count(*) from app.upload_rows") == [(4,)]
    assert await ask(ctx, "select makes_leads from app.uploads") == [(False,)]
    again = await take(ctx, [row(1), row(2)])
    assert (again.inserted, again.updated) == (0, 2)
    assert await ask(ctx, "select count(*), max(version) from app.properties") == [(3, 1)], "nothing new was said"


async def test_another_owner_is_noted_and_another_spelling_is_not(ctx: Context) -> None:
    await take(ctx, [row(1), row(2), row(3)])
    before = dict(await ask(ctx, "select address_line1, owner_contact_id from app.properties"))
    sold = row(1, **{"Owner First Name": "Eve", "Owner Last Name": "Buyer"})
    respelt = row(2, **{"Owner First Name": "A."})
    await take(ctx, [sold, respelt, row(3)])
    after = dict(await ask(ctx, "select address_line1, owner_contact_id from app.properties"))
    assert [before[line] == after[line] for line in ("1 Alder St", "2 Alder St", "3 Alder St")] == [False, True, True]
    (named,) = await ask(ctx, "select full_name from app.contacts where id = :id", id=after["1 Alder St"])
    assert named == ("Eve Buyer",)


async def test_phones_and_emails_go_to_the_owner_named_or_not(ctx: Context) -> None:
    nameless = {"Owner First Name": "", "Owner Last Name": ""}
    await take(ctx, [row(1, **{"Phone 1": "(512) 226-0100"}), row(2, **nameless, **{"Email 1": "eve@example.com"})])
    found = await ask(
        ctx,
        "select p.address_line1, c.last_name, k.kind from app.properties p "
        "join app.contacts c on c.id = p.owner_contact_id "
        "join app.contact_points k on k.contact_id = c.id order by p.id",
    )
    assert found == [("1 Alder St", "Sample1", "phone"), ("2 Alder St", None, "email")]
    await take(ctx, [row(1, **{"Owner First Name": "A.", "Phone 1": "(512) 226-0101"})])
    assert await ask(ctx, "select count(*) from app.contact_points k join app.properties p on p.owner_contact_id = k.contact_id where p.address_line1 = '1 Alder St'") == [(2,)]  # fmt: skip # noqa: E501


async def test_a_place_that_is_a_lead_already_is_seen_again_as_one(ctx: Context) -> None:
    await take(ctx, [row(1)])
    async with ctx.db.tenant(1) as db:
        await db.execute(
            text(
                "insert into app.leads (org_id, playbook, property_id, contact_id, source, last_seen_at) "
                "select org_id, :playbook, id, owner_contact_id, 'file', '2020-01-01' from app.properties"
            ),
            {"playbook": PLACES},
        )
    await take(ctx, [row(1, **{"Owner First Name": "Eve", "Owner Last Name": "Buyer", "Year Built": 1999}), row(2)])
    (lead,) = await ask(
        ctx,
        "select l.last_seen_at > '2026-01-01', l.contact_id = p.owner_contact_id, c.last_name from app.leads l "
        "join app.properties p on p.id = l.property_id join app.contacts c on c.id = l.contact_id",
    )
    assert lead == (True, True, "Buyer")
    told = await ask(ctx, "select event_type from app.pipeline_events where lead_id is not null")
    assert told == [("lead_updated",)]


async def test_the_same_list_for_another_playbook_makes_leads_of_the_same_places(ctx: Context) -> None:
    await take(ctx, [row(1), row(2)])
    report = await take(ctx, [row(1), row(2)], playbook="equity")
    assert (report.inserted, report.updated) == (0, 2)
    found = await ask(
        ctx,
        "select count(*), bool_and(l.contact_id = p.owner_contact_id) from app.leads l "
        "join app.properties p on p.id = l.property_id",
    )
    assert found == [(2, True)]


async def test_facts_of_roof_and_title_come_in_and_change_the_version(ctx: Context) -> None:
    told = {"Subdivision": "LOT 12 BLK C Oak Hill Ph 2", "Roof Type": "Shingle", "Roof Sqft": "2,400"}
    title = {"Has Mortgage": 1, "Liens": "N", "Recent Refinance": "Yes", "Recent HELOC": ""}
    report = await take(ctx, [row(1, **told, **title), row(2, Subdivision="OAK  HILL"), row(3)])
    assert not report.warnings
    facts = "roof_material, roof_sqft, has_mortgage, has_liens, recent_refinance, recent_heloc"
    assert (await ask(ctx, f"select {facts} from app.properties order by id"))[0] == (
        "Shingle", 2400, True, False, True, None,
    )  # fmt: skip
    assert await ask(ctx, "select state, city, name from app.subdivisions") == [("TX", "AUSTIN", "OAK HILL")]
    assert await ask(ctx, "select count(subdivision_id), count(distinct subdivision_id) from app.properties") == [
        (2, 1)
    ]
    await take(ctx, [row(1, Liens="2"), row(3, **{"Roof Type": "Metal"})])
    assert await ask(ctx, "select has_liens, has_mortgage, version, roof_material from app.properties order by id") == [
        (True, True, 2, "Shingle"), (None, None, 1, None), (None, None, 1, "Metal"),
    ]  # fmt: skip


async def test_of_two_places_made_one_the_kept_has_roof_title_and_owner_until_they_part(ctx: Context) -> None:
    bare = row(1, **{"Owner First Name": "", "Owner Last Name": "", "Latitude": "", "Longitude": ""})
    await take(ctx, [bare, row(2, Subdivision="OAK HILL", **{"Roof Type": "Slate", "Roof Sqft": 900, "Liens": "Y"})])
    facts = "subdivision_id, roof_material, roof_sqft, has_liens, owner_contact_id, lat, located_by"
    (keep, *empty), (gone, *full) = await ask(ctx, f"select id, {facts} from app.properties order by row_number")
    async with ctx.db.tenant(1) as db:
        merge_id = await identity.merge_properties(db, 1, keep=keep, gone=gone, reason="test")
    assert (await ask(ctx, f"select {facts} from app.properties where id = :id", id=keep)) == [tuple(full)]
    async with ctx.db.tenant(1) as db:
        await identity.undo_merge(db, 1, merge_id)
    assert (await ask(ctx, f"select {facts} from app.properties where id = :id", id=keep)) == [tuple(empty)]


async def test_the_houses_let_by_companies_in_nashville_become_places_with_owners(ctx: Context) -> None:
    file = shared_data() / "data" / "property" / "nashville_corporate_holdings.csv.gz"
    report = await import_file(ctx, 1, path=file, playbook=PLACES)
    assert (report.map_name, report.rows_read) == ("nashville_corporate_holdings", 4895)
    assert report.inserted + report.updated + report.duplicate_in_file + report.rejected == 4895
    assert report.rejected < 60, "only what has no house number"
    found = "select count(*), count(lat), count(owner_contact_id), count(distinct state) from app.properties"
    assert await ask(ctx, found) == [(report.inserted, report.inserted, report.inserted, 1)]
    assert report.warnings == {}


async def test_a_row_stands_without_coordinates_that_cannot_be_right(ctx: Context) -> None:
    swapped = row(2, Latitude=-97.74, Longitude=30.27)
    report = await take(ctx, [row(1), swapped, row(3, Latitude=0, Longitude=0), row(4, Latitude=41.8, Longitude=-87.6)])
    assert (report.inserted, report.rejected) == (4, 0)
    assert await ask(ctx, "select lat is null, lng is null from app.properties order by id") == [
        (False, False), (True, True), (True, True), (True, True),
    ]  # fmt: skip
    notes = await ask(ctx, "select row_number, note from app.upload_rows order by row_number")
    assert [note and note.partition(";")[0] for _, note in notes] == [
        None,
        "lat stands where lng belongs, and lng where lat belongs",
        "lat and lng are 0, 0: the sea off Ghana",
        "lat and lng are outside of the state",
    ]
    assert all("; " in note for _, note in notes if note), "each says what to do"
    assert sum(report.warnings.values()) == 3


@pytest.mark.parametrize(
    ("lat", "lng", "state", "said"),
    [
        ("30.27", "-97.74", "TX", None),
        ("30.27", "-97.74", None, None),
        ("52.9", "173.2", "AK", None),  # beyond the date line
        ("", "", "TX", None),
        ("30.27", "", "TX", "lng is missing"),
        ("north", "-97.74", "TX", "lat is not a coordinate"),
        ("nan", "-97.74", "TX", "lat is outside of -90 to 90"),
        ("30.27", "-997.74", "TX", "lng is outside of -180 to 180"),
        ("48.85", "2.35", None, "lat and lng are outside of the United States"),
        ("-97.74", "30.27", "TX", "lat stands where lng belongs"),
        ("42.88", "-78.87", "NY", None),
        ("43.65", "-79.38", "NY", "lat and lng are outside of the United States"),  # Toronto
    ],
)
def test_coordinates_are_held_against_the_state(lat: str, lng: str, state: str | None, said: str | None) -> None:
    found = coordinates.read(lat, lng, state)
    assert (found.refusal is None) == (said is None)
    assert said is None or str(found.refusal).startswith(said)
    assert (found.lat is None) == (found.lng is None) == (said is not None or not lat)


@settings(max_examples=60)
@given(st.text(max_size=12), st.text(max_size=12), st.sampled_from(["TX", "AK", "GU", None]))
def test_any_two_cells_are_a_point_or_are_refused(lat: str, lng: str, state: str | None) -> None:
    found = coordinates.read(lat, lng, state)
    assert (found.lat is None) == (found.lng is None)
    assert found.refusal is None or found.lat is None


@pytest.mark.parametrize(
    ("given_area", "wanted"),
    [
        ({"city": "Austin", "state": "TX"}, [Area(city="Austin", state="TX")]),
        ({"postal_code": "78701"}, [Area(postal_code="78701")]),
        (
            {"type": "Polygon", "coordinates": [[[-97.8, 30.2], [-97.7, 30.2], [-97.75, 30.4], [-97.8, 30.2]]]},
            [Area(box=Box(30.2, -97.8, 30.4, -97.7))],
        ),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [
                    [[[-122.34, 47.6], [-122.33, 47.6], [-122.33, 47.61], [-122.34, 47.6]]],
                    [[[-80.2, 25.77], [-80.19, 25.77], [-80.19, 25.78], [-80.2, 25.77]]],
                ],
            },
            [Area(box=Box(25.77, -80.2, 25.78, -80.19)), Area(box=Box(47.6, -122.34, 47.61, -122.33))],
        ),
    ],
)
def test_an_area_is_told_to_the_vendor_in_its_words_part_by_part(
    given_area: dict[str, Any], wanted: list[Area]
) -> None:
    assert areas_of(given_area) == wanted
    assert [area.key for area in areas_of(given_area)] == [area.key for area in wanted]


MANY: dict[str, Any] = {
    "type": "MultiPolygon",
    "coordinates": [[[[n, n], [n + 0.1, n], [n + 0.1, n + 0.1], [n, n]]] for n in range(101)],
}


@pytest.mark.parametrize("given_area", [{}, {"city": "Austin"}, {"type": "Polygon", "coordinates": []}, MANY])
def test_what_is_no_area_is_refused(given_area: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        areas_of(given_area)
