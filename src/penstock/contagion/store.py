"""Scores as the database keeps them: compared with what is there, and only what differs is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import Flags, Ints, Rows
from penstock.contagion.load import SQL
from penstock.contagion.wire import copy_out, copy_rows
from penstock.core.db import execute

# A row of app.property_scores without what is the same for all rows of a pass.
SCORE = np.dtype(
    [
        ("property_id", "<i8"), ("property_version", "<i4"), ("contagion_score", "<i2"), ("age_match_score", "<i2"),
        ("financial_score", "<i2"), ("visual_score", "<i2"), ("total_urgency_score", "<i2"), ("tier", "<i2"),
        ("confidence", "<i2"), ("action", "<i2"), ("known", "<i2"), ("fresh", "?"), ("permits_within_100ft", "<i4"),
        ("permits_within_500ft", "<i4"), ("permits_within_quarter_mile", "<i4"), ("same_subdivision_permits", "<i4"),
        ("nearest_permit_ft", "<f8"), ("nearest_permit_id", "<i8"), ("since", "<i4"), ("pressure", "<f8"),
        ("replaced_year", "<f8"), ("contractor_count", "<i4"), ("contractor_1", "<i4"), ("contractor_2", "<i4"),
        ("contractor_3", "<i4"), ("subdivision_year", "<f8"), ("installed_year", "<i2"), ("by_permit", "?"),
        ("roof_age_years", "<i2"), ("age_difference_years", "<i2"), ("matches_neighbor_age", "?"), ("damage", "<f8"),
        ("life_left_years", "<f8"), ("cluster_id", "<i8"),
    ]
)  # fmt: skip
_SAME_NAMED = ("known", "fresh", "tier", "confidence", "action")
OF_SCORES = {
    "contagion_score": "contagion", "age_match_score": "age_match", "financial_score": "financial",
    "visual_score": "visual", "total_urgency_score": "total", "roof_age_years": "age_years",
    "age_difference_years": "age_difference", "matches_neighbor_age": "matches", **{n: n for n in _SAME_NAMED},
}  # fmt: skip
OF_NEIGHBOURS = {
    "permits_within_100ft": "near", "permits_within_500ft": "block", "permits_within_quarter_mile": "area",
    "same_subdivision_permits": "same_subdivision", "nearest_permit_ft": "nearest_ft", "pressure": "pressure",
    "replaced_year": "replaced_year", "contractor_count": "contractor_count", "subdivision_year": "subdivision_year",
    "installed_year": "installed_year", "by_permit": "by_permit",
}  # fmt: skip
POSTGRES_EPOCH = 10_957  # 2000-01-01 in days since 1970-01-01


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is the same for all rows of a pass."""

    org_id: int
    playbook: str
    scored_on: date
    version: str


def stored_form(felt: Rows, scored: Rows, facts: Rows, versions: Ints, nearest: Ints, clusters: Ints) -> Rows:
    """SCORE rows of NEIGHBOURS, SCORES and FACTS. `nearest`: id of that permit, 0: none; `clusters`: ids, -1: none."""
    made = np.zeros(len(felt), dtype=SCORE)
    made["property_id"], made["property_version"] = felt["id"], versions
    for column, name in OF_SCORES.items():
        made[column] = scored[name]
    for column, name in OF_NEIGHBOURS.items():
        made[column] = felt[name]
    made["nearest_permit_id"] = nearest
    made["since"] = felt["since"] - POSTGRES_EPOCH
    for n in range(3):
        made[f"contractor_{n + 1}"] = np.maximum(felt["contractors"][:, n], 0)
    made["damage"], made["life_left_years"] = facts["damage"], facts["life_left_years"]
    made["cluster_id"] = np.maximum(clusters, 0)
    return made


async def between(db: AsyncConnection, playbook: str, after: int, upto: int) -> Rows:
    """Stored SCORE rows of the places with after < id <= upto, by id."""
    return await _stored(db, playbook, "and s.property_id > :after and s.property_id <= :upto", after=after, upto=upto)


async def of(db: AsyncConnection, playbook: str, ids: list[int]) -> Rows:
    """Stored SCORE rows of these places, by id."""
    return await _stored(db, playbook, "and s.property_id = any(cast(:ids as bigint[]))", ids=ids)


async def _stored(db: AsyncConnection, playbook: str, condition: str, **params: object) -> Rows:
    statement = text(SQL["stored"].text.replace("/* which */", f"{condition} order by s.property_id"))
    return await copy_out(db, statement, SCORE, playbook=playbook, **params)


async def write(db: AsyncConnection, stamp: Stamp, fresh: Rows, there: Rows, *, all_anew: bool = False) -> int:
    """Make the stored rows `there` (by id) into `fresh`; gives how many differed. What is the same is not touched."""
    known = np.isin(fresh["property_id"], there["property_id"], assume_unique=True)
    before = there[np.searchsorted(there["property_id"], fresh["property_id"][known])]
    changed = np.ones(len(fresh), dtype=bool)
    if not all_anew:
        changed[known] = differ(fresh[known], before)
    gone = there["property_id"][~np.isin(there["property_id"], fresh["property_id"], assume_unique=True)]
    await _stage_and(db, "change_scores", stamp, fresh[known & changed])
    await _stage_and(db, "take_scores", stamp, fresh[~known])
    if len(gone):
        await execute(db, SQL["drop_scores"], playbook=stamp.playbook, ids=gone.tolist())
    return int(changed.sum()) + len(gone)


async def _stage_and(db: AsyncConnection, statement: str, stamp: Stamp, fresh: Rows) -> None:
    if len(fresh):
        await execute(db, SQL["empty_stage"])
        await copy_rows(db, "score_changes", fresh)
        await execute(
            db, SQL[statement], org_id=stamp.org_id, playbook=stamp.playbook, scored_on=stamp.scored_on,
            version=stamp.version,
        )  # fmt: skip


async def touch_leads(db: AsyncConnection, playbook: str, ids: list[int] | None = None) -> None:
    """Make leads due for scoring whose place (of these, or any) has another score than they have."""
    await execute(db, SQL["touch_leads"], playbook=playbook, ids=ids)


def differ(one: Rows, other: Rows) -> Flags:
    """Which rows of two arrays of one type differ in a bit."""
    apart = np.zeros(len(one), dtype=bool)
    for name in one.dtype.names or ():
        kind = f"<u{one.dtype[name].itemsize}"
        apart |= np.ascontiguousarray(one[name]).view(kind) != np.ascontiguousarray(other[name]).view(kind)
    return apart
