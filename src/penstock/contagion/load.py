"""Places and permits out of the database, as the arrays of the numeric pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import PERMIT, PROPERTY, Ints, Rows
from penstock.contagion.field import one_per_project
from penstock.contagion.rules import Rules, rules_of
from penstock.contagion.score import unknown_facts
from penstock.contagion.wire import copy_out
from penstock.core.db import rows
from penstock.core.errors import InvalidInput
from penstock.core.sqlfile import load as load_queries
from penstock.core.towns import spellings
from penstock.playbook import Playbook

SQL = load_queries(__package__)
BLOCK = 65_536  # rows a COPY brings
FAR_APART = 30.0  # points between two models' views of one picture, beyond which they do not agree
EPOCH = date(1970, 1, 1)
FIRST_DAY = date(1950, 1, 1)  # older than any permit whose work still counts
Progress = Callable[[str, int], None]  # what is being done, how many places are done

# As the database has them, in the order of the queries.
_PLACE = np.dtype(
    [
        ("id", "<i8"), ("version", "<i4"), ("lat", "<f8"), ("lng", "<f8"), ("year_built", "<i2"),
        ("subdivision", "<i4"), ("value_cents", "<i8"), ("equity_percent", "<f8"), ("liens", "<i2"),
        ("refinanced", "<i2"), ("covered", "?"),
    ]
)  # fmt: skip
_PERMIT = np.dtype(
    [
        ("id", "<i8"), ("lat", "<f8"), ("lng", "<f8"), ("day", "<i4"), ("contractor", "<i4"), ("subdivision", "<i4"),
        ("value_cents", "<i8"), ("owner", "<i8"),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """Places by id: what is measured, what is known of their title and pictures, and the version of these facts."""

    properties: Rows  # PROPERTY; subdivisions are the ids of app.subdivisions
    facts: Rows  # FACTS
    versions: Ints


@dataclass(frozen=True, slots=True)
class Permits:
    """Permits by id, and the id of the place that each is about; -1: of none that is known."""

    permits: Rows  # PERMIT; subdivisions and contractors are the ids of their tables
    owner: Ints


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that a pass reads of an org, and the names behind the codes."""

    properties: Rows  # PROPERTY, by id
    facts: Rows  # FACTS, of the same places
    permits: Rows  # PERMIT, by id
    own: Ints  # position of the property that each permit is about; -1
    contractors: Mapping[int, str]
    subdivisions: Mapping[int, str]


async def load(db: AsyncConnection, org_id: int, playbook: Playbook, *, as_of: date) -> Loaded:
    """Every place with coordinates, and the permits of the playbook's works up to a day, one of each project."""
    rules = rules_of(playbook)
    filed = await all_permits(db, rules, as_of)
    places = await all_places(db, await cities(db, org_id))
    permits, own = of_projects(filed, positions(filed.owner, places.properties))
    return Loaded(
        places.properties,
        places.facts,
        permits.permits,
        own,
        {row["id"]: row["name"] for row in await rows(db, SQL["contractor_names"], ids=None)},
        {row["id"]: row["name"] for row in await rows(db, SQL["subdivision_names"])},
    )


async def cities(db: AsyncConnection, org_id: int) -> list[str]:
    """The towns of which permits of any kind are on record, "STATE CITY" in each spelling that a place may have."""
    found = await rows(db, SQL["cities"], org_id=org_id)
    return sorted({f"{row['state']} {name}" for row in found for name in (row["city"], *spellings(row["city"]))})


def silent(step: str, done: int) -> None:
    """Progress that nobody watches."""


async def all_places(db: AsyncConnection, covered: Sequence[str], progress: Progress = silent) -> Places:
    """All places with coordinates that were not merged into others."""
    statement, found = _which(SQL["places"], "and p.id > :after order by p.id limit :limit"), list[Rows]()
    while not found or len(found[-1]) == BLOCK:
        after = int(found[-1]["id"][-1]) if found else -1
        found.append(await copy_out(db, statement, _PLACE, cities=list(covered), after=after, limit=BLOCK))
        progress("reading places", sum(map(len, found)))
    return _places(np.concatenate(found), await _roofs(db, None))


async def some_places(db: AsyncConnection, covered: Sequence[str], ids: Sequence[int]) -> Places:
    """Those of these places that have coordinates and were not merged."""
    statement = _which(SQL["places"], "and p.id = any(cast(:ids as bigint[])) order by p.id")
    found = await copy_out(db, statement, _PLACE, cities=list(covered), ids=list(ids))
    return _places(found, await _roofs(db, ids))


async def all_permits(db: AsyncConnection, rules: Rules, as_of: date) -> Permits:
    """All permits with coordinates of the works that count, up to a day."""
    statement, found = _which(SQL["permits"], "and p.id > :after order by p.id limit :limit"), list[Rows]()
    while not found or len(found[-1]) == BLOCK:
        after = int(found[-1]["id"][-1]) if found else -1
        found.append(
            await copy_out(db, statement, _PERMIT, works=list(rules.works), as_of=as_of, after=after, limit=BLOCK)
        )
    return _permits(np.concatenate(found))


async def some_permits(db: AsyncConnection, rules: Rules, as_of: date, ids: Sequence[int]) -> Permits:
    """Those of these permits that have coordinates, count, and are of the day or before."""
    statement = _which(SQL["permits"], "and p.id = any(cast(:ids as bigint[])) order by p.id")
    return _permits(await copy_out(db, statement, _PERMIT, works=list(rules.works), as_of=as_of, ids=list(ids)))


def of_projects(filed: Permits, own: Ints) -> tuple[Permits, Ints]:
    """Of each project the permit that began it, and `own` of these."""
    first = one_per_project(filed.permits, own)
    return Permits(filed.permits[first], filed.owner[first]), own[first]


def positions(ids: Ints, properties: Rows) -> Ints:
    """Where each id stands among properties in order of their ids; -1: it does not."""
    if not len(properties):
        return np.full(len(ids), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(properties["id"], ids), len(properties) - 1)
    return np.where(properties["id"][at] == ids, at, -1).astype(np.int64)


def check_past(day: date, today: date) -> None:
    """Raises InvalidInput for a day of which nothing can be on record."""
    if not FIRST_DAY <= day <= today:
        raise InvalidInput(f"{day} is not between {FIRST_DAY:%Y} and today", fix="give a past day, as 2024-01-01")


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def _which(statement: TextClause, condition: str) -> TextClause:
    """The query for some of its rows (a condition of ours, nobody's input)."""
    return text(statement.text.replace("/* which */", condition))


def _places(found: Rows, roofs: Mapping[int, tuple[float, float, bool]]) -> Places:
    properties = np.zeros(len(found), dtype=PROPERTY)
    facts = unknown_facts(len(found))
    for made in (properties, facts):
        for name in set(made.dtype.names or ()) & set(_PLACE.names or ()):
            made[name] = found[name]
    seen = np.array(sorted(roofs), dtype=np.int64)
    for place, at in zip(seen.tolist(), positions(seen, properties).tolist(), strict=True):
        if at >= 0:
            facts["damage"][at], facts["life_left_years"][at], facts["disputed"][at] = roofs[place]
    return Places(properties, facts, found["version"].astype(np.int64))


def _permits(found: Rows) -> Permits:
    permits = np.zeros(len(found), dtype=PERMIT)
    for name in PERMIT.names or ():
        permits[name] = found[name]
    return Permits(permits, found["owner"].astype(np.int64))


async def _roofs(db: AsyncConnection, ids: Sequence[int] | None) -> dict[int, tuple[float, float, bool]]:
    """What live pictures say: damage, life left, whether the models disagree."""
    nan = float("nan")
    return {
        row["property_id"]: (
            nan if row["damage"] is None else row["damage"],
            nan if row["life_left_years"] is None else row["life_left_years"],
            row["disputed"],
        )
        for row in await rows(db, SQL["roofs"], ids=None if ids is None else list(ids), far_apart=FAR_APART)
    }
