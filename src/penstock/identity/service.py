"""The merge: staged rows become properties, contacts and leads, in a dozen statements whatever their number.

`open_staging`, COPY into `incoming` (columns `STAGED`), then `merge_staged`; all in one transaction of the caller.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.db import copy_in, driver, execute, one, rows
from penstock.core.sqlfile import load
from penstock.identity.cascade import Cascade, Keys, Known, Placed

SQL: Final = load(__package__, "merge.sql")

# The columns of the staging table, in the order in which rows are copied.
STAGED: Final = (
    *(
        "row_number",
        "mak",
        "apn_raw",
        "state",
        "county",
        "address_line1",
        "address_line2",
        "city",
        "postal_code",
        "zip4",
    ),
    *("numbered", "lat", "lng", "land_use", "year_built", "bedrooms", "bathrooms", "building_sqft", "lot_sqft"),
    *("property_value", "estimated_equity", "mortgage_balance", "last_sale_date", "last_sale_price", "owner_occupied"),
    *("owner_first_name", "owner_last_name", "owner_full_name", "owner_company", "age"),
    *("mailing_line1", "mailing_line2", "mailing_city", "mailing_state", "mailing_postal_code"),
    *("do_not_mail", "litigator", "deceased_owner", "vendor_record_id", "vendor_list_id", "points", "note"),
    *("subdivision", "roof_material", "roof_sqft", "has_mortgage", "has_liens", "recent_refinance", "recent_heloc"),
)

_BEFORE_PLACING: Final = ("analyze_staging", "make_keys", "analyze_keys")
_PEOPLE: Final = (
    *("fold_repeated", "make_subdivisions", "make_seen", "analyze_seen"),
    *("make_owners", "analyze_owners", "merge_owners", "make_touched", "analyze_touched"),
)
_PROPERTIES: Final = ("insert_properties", "update_properties", "see_properties", "name_properties")
_POINTS: Final = ("make_points", "analyze_points")
_AS_LEADS: Final = (
    *("insert_leads", "update_leads", *_POINTS),
    *("make_nameless_owners", "know_contacts", "merge_points", "suppress_litigators"),
)
_AS_PLACES: Final = (
    *("update_leads", "own_places", *_POINTS),
    *("make_nameless_owners_of_places", "know_owners", "merge_points", "suppress_litigators"),
)
_BOOKS: Final = ("write_outcomes", "write_diary")


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the staged rows: the first three add up to their number. Then what they made."""

    inserted: int
    updated: int
    duplicate_in_file: int
    leads: int  # new; of places that were known before, too


async def open_staging(db: AsyncConnection) -> None:
    """Make the empty staging table `incoming`, gone with the transaction."""
    await execute(db, SQL["open_staging"])


async def merge_staged(
    db: AsyncConnection,
    org_id: int,
    *,
    upload_id: UUID,
    source: str,
    playbook: str,
    actor: str,
    makes_leads: bool = True,
    located_by: str = "source",
    progress: Callable[[str], None] = lambda phase: None,
) -> Merged:
    """Merge what stands in `incoming`; writes outcomes, diary and nudges too. `progress` hears the phases.

    Without `makes_leads` a place that is no lead stays none: its owner is noted on it, and nothing is written into the
    diary for it. `located_by`: who gave the coordinates.
    Merges of one org wait for each other. Raises IntegrityError where another writer took a key meanwhile: try again.
    """
    known: dict[str, object] = {
        "org_id": org_id,
        "source": source,
        "upload_id": upload_id,
        "playbook": playbook,
        "actor": actor,
    }
    known |= {"makes_leads": makes_leads, "located_by": located_by}
    await execute(db, SQL["one_at_a_time"], org_id=org_id)
    await execute(db, SQL["more_memory"])
    progress("keys")
    await _run(db, _BEFORE_PLACING, known)
    await _place(db, source)
    progress("people")
    await _run(db, _PEOPLE, known)
    progress("properties")
    await _run(db, _PROPERTIES, known)
    await _run(db, _AS_LEADS if makes_leads else _AS_PLACES, known)
    progress("diary")
    await _run(db, _BOOKS, known)
    await journey.wake(db, org_id, {"dedupe_success", "lead_updated"} if makes_leads else {"lead_updated"})
    counted = await one(db, SQL["counts"])
    assert counted is not None
    return Merged(counted["inserted"], counted["updated"], counted["duplicate_in_file"], counted["leads"])


async def _run(db: AsyncConnection, names: tuple[str, ...], known: Mapping[str, object]) -> None:
    for name in names:
        statement = SQL[name]
        await execute(db, statement, **{key: known[key] for key in statement._bindparams})


async def _place(db: AsyncConnection, source: str) -> None:
    """Decide by the cascade which place each row is, and bring the answer back as the tables `placed` and `claimed`."""
    names: defaultdict[int, list[str]] = defaultdict(list)
    for row in await rows(db, SQL["known_names"], source=source):
        names[row["property_id"]].append(row["vendor_record_id"])
    cascade = Cascade(
        Known(row["id"], row["mak"], row["apn_key"], row["addr_hash"], tuple(names.get(row["id"], ())))
        for row in await rows(db, SQL["known_places"], source=source)
    )
    placed: list[Placed] = []
    async with (await driver(db)).cursor("keys") as cursor:
        await cursor.execute("select row_number, mak, apn_key, addr_hash, vendor from keyed order by row_number")
        while batch := await cursor.fetchmany(20_000):
            placed.extend(cascade.place(Keys(*row)) for row in batch)
    await execute(db, SQL["open_places"])
    await execute(db, SQL["open_claimed"])
    await copy_in(
        db,
        "placed",
        ["row_number", "place", "outcome", "first_row"],
        ((one.row_number, one.place, one.outcome, one.first_row) for one in placed),
    )
    await copy_in(
        db,
        "claimed",
        ["place", "first_row", "is_new", "property_id", "mak", "apn_key", "addr_hash"],
        _claimed(cascade, placed),
    )
    await execute(db, SQL["analyze_placed"])
    await execute(db, SQL["analyze_claimed"])


def _claimed(cascade: Cascade, placed: list[Placed]) -> Iterator[tuple[object, ...]]:
    first = {one.place: one.first_row for one in placed}
    for claim in cascade.claims():
        new = claim.property_id is None
        yield claim.place, first[claim.place], new, claim.property_id, claim.mak, claim.apn, claim.addr_hash
