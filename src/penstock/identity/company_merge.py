"""The merge of companies: staged rows become companies, the pages watched of them, people and slots, set-based.

`open_companies`, COPY into `companies_in` (columns STAGED_COMPANY), then `merge_companies`; all in one transaction of
the caller.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core.db import copy_in, driver, execute, many, one, rows
from penstock.core.sqlfile import load
from penstock.core.states import state_code
from penstock.identity.companies import company_keys
from penstock.identity.key_cascade import COMPANY, PlacedRow, RowKeys, Thing, place_all
from penstock.identity.people import merge_people, open_people
from penstock.identity.slots import fill_slots

SQL: Final = load(__package__, "companies.sql")

STAGED_COMPANY: Final = (
    *("row_number", "name", "ein", "domain", "linkedin_key", "name_key", "other_name_key"),
    *("address_line1", "address_line2", "city", "state", "postal_code", "country", "main_phone"),
    *("employees", "revenue", "industry", "facts", "renewal_month", "renewal_notice_window_days"),
    *("website_url", "linkedin_url", "news_url", "people"),
)
_KEYS: Final = ("ein", "domain", "linkedin_key", "name_key", "other_name_key")
_BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class MergedCompanies:
    """What became of the staged rows: the first three add up to their number. Then what they made."""

    inserted: int
    updated: int
    duplicate_in_file: int
    companies: int  # new
    people: int  # new
    slots_filled: int
    said_for_two: int  # names put to a second slot of one company, in vain


async def open_companies(db: AsyncConnection) -> None:
    """Make the empty staging table `companies_in`, gone with the transaction."""
    for name in ("drop_companies", "open_companies", "open_placed_companies", "open_claimed_companies"):
        await execute(db, SQL[name])


async def merge_companies(
    db: AsyncConnection, org_id: int, *, upload_id: UUID | None, source: str, playbook: str
) -> MergedCompanies:
    """Merge what stands in `companies_in`; leaves `company_outcomes` (each row's company, person and outcome).

    Merges of one org wait for each other. Raises IntegrityError where a key was written by hand meanwhile: try again.
    """
    known: dict[str, object] = {"org_id": org_id, "upload_id": upload_id, "source": source, "playbook": playbook}
    await execute(db, SQL["one_at_a_time"], org_id=org_id)
    await make_keys(db)
    await execute(db, SQL["more_memory"])
    await execute(db, SQL["analyze_companies"])
    await _place(db)
    for name in ("fold_repeated", "make_seen", "analyze_seen", "insert_companies", "update_companies", "see_companies"):
        await _run(db, name, known)
    await _run(db, "watch_pages", known)
    await open_people(db)
    await _run(db, "stage_people", known)
    await merge_people(db, org_id, seen_there=False)
    slots = await fill_slots(db, org_id, upload_id)
    await execute(db, SQL["drop_outcomes"])
    await execute(db, SQL["make_outcomes"])
    if upload_id is not None:
        await _run(db, "write_outcomes", known)
    counted = await one(db, SQL["counts"])
    assert counted is not None
    merged = MergedCompanies(**counted, slots_filled=slots.filled, said_for_two=slots.said_for_two)
    details = {"companies": merged.companies, "people": merged.people, "slots": merged.slots_filled}
    event = journey.Event("companies_merged", None, "identity", details, upload_id=upload_id)
    await journey.announce(db, org_id, [event])
    return merged


async def outcomes(db: AsyncConnection) -> dict[int, tuple[str, int, int | None]]:
    """After `merge_companies`: (outcome, company, person) of each row."""
    found = await rows(db, SQL["outcomes"])
    return {row["row_number"]: (row["outcome"], row["company_id"], row["contact_id"]) for row in found}


async def make_keys(db: AsyncConnection) -> int:
    """Make the keys of companies that were written by hand; gives how many."""
    made = 0
    while batch := await rows(db, SQL["without_keys"], limit=_BATCH):
        lines = []
        for row in batch:
            state = state_code(row["state"] or "") or row["state"]
            keys = company_keys(row["name"], state=state, website=row["website"], linkedin=row["linkedin"])
            name, other = (*keys.names, None, None)[:2]
            line = {"id": row["id"], "domain": keys.domain or row["domain"], "name_key": name, "other_name_key": other}
            lines.append({**line, "linkedin": keys.linkedin or row["linkedin_key"]})
        await many(db, SQL["set_keys"], lines)
        made += len(batch)
    return made


async def _run(db: AsyncConnection, name: str, known: dict[str, object]) -> None:
    statement = SQL[name]
    await execute(db, statement, **{key: known[key] for key in statement._bindparams})


async def _place(db: AsyncConnection) -> None:
    """Decide by the cascade which company each row is, and bring the answer back as tables."""
    known = [(row["id"], _keys(*(row[name] for name in _KEYS))) for row in await rows(db, SQL["known_companies"])]
    lines: list[tuple[int, RowKeys]] = []
    async with (await driver(db)).cursor("company_keys") as cursor:
        await cursor.execute(str(SQL["company_keys"]))
        while batch := await cursor.fetchmany(_BATCH):
            lines.extend((row[0], _keys(*row[1:])) for row in batch)
    placed, things = place_all(COMPANY, known, lines)
    await copy_in(db, "placed_companies", ["row_number", "place", "outcome", "first_row"], _placed(placed))
    columns = ("place", "first_row", "is_new", "company_id", "ein", "domain", "linkedin_key")
    await copy_in(db, "claimed_companies", [*columns, "name_key", "other_name_key"], _claimed(things))
    await execute(db, SQL["analyze_placed"])
    await execute(db, SQL["analyze_claimed"])


def _keys(ein: str | None, domain: str | None, linkedin: str | None, name: str | None, other: str | None) -> RowKeys:
    single = ((key,) if key is not None else () for key in (ein, domain, linkedin))
    return (*single, tuple(key for key in (name, other) if key is not None))


def _placed(placed: list[PlacedRow]) -> Iterator[tuple[object, ...]]:
    return ((one.row_number, one.place, one.outcome, one.first_row) for one in placed)


def _claimed(things: list[Thing]) -> Iterator[tuple[object, ...]]:
    for thing in things:
        *single, names = thing.keys
        keys = (*(key[0] if key else None for key in single), *(*names, None, None)[:2])
        yield thing.number, thing.first_row, thing.known_id is None, thing.known_id, *keys
