"""Stored scores in words, with the reasons behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import NEIGHBOURS, TOP_CONTRACTORS, Rows
from penstock.contagion.load import EPOCH, SQL, day_number
from penstock.contagion.reasons import Reason, Teller, Verdict
from penstock.contagion.rules import rules_of
from penstock.contagion.score import FACTS, SCORES, unknown_facts
from penstock.contagion.store import OF_NEIGHBOURS, OF_SCORES
from penstock.core.context import Context
from penstock.core.db import one, rows
from penstock.playbook import Playbook


async def verdicts(
    db: AsyncConnection, playbook: Playbook, org_id: int, property_ids: Sequence[int]
) -> dict[int, Verdict]:
    """The verdict on each of these places that has a score, told as of the day of the last full pass."""
    rules = rules_of(playbook)
    run = await one(db, SQL["run"], playbook=rules.playbook)
    found = await rows(db, SQL["verdict_rows"], org_id=org_id, playbook=rules.playbook, ids=list(property_ids))
    if run is None or not found:
        return {}
    codes = {row[f"contractor_{n + 1}"] for row in found for n in range(TOP_CONTRACTORS)}
    names = {row["id"]: row["name"] for row in await rows(db, SQL["contractor_names"], ids=sorted(codes))}
    teller = Teller(rules.words, rules.reach, rules.weights, day_number(run["scored_on"]), names)
    return {row["property_id"]: _told(teller, row, names) for row in found}


async def reasons(ctx: Context, org_id: int, playbook: str, property_id: int | None) -> list[Reason]:
    """Why a place has its score, most telling first; none for one that has none.

    Read with all that is known. So whoever asks must see the place, and have been seen to.
    """
    book = ctx.playbooks.get(playbook)
    if book is None or book.territory is None or property_id is None:
        return []
    async with ctx.db.tenant(org_id) as db:
        told = await verdicts(db, book, org_id, [property_id])
    return list(told[property_id].reasons) if told else []


def _told(teller: Teller, row: RowMapping, names: Mapping[int, str]) -> Verdict:
    told = teller.verdict(_felt(row)[0], _scored(row)[0], _facts(row)[0])
    busiest = (names.get(row[f"contractor_{n + 1}"]) for n in range(TOP_CONTRACTORS))
    return replace(
        told,
        scoring_version=row["scoring_version"],
        scored_on=row["scored_on"],
        nearest_permit_address=row["nearest_address"],
        nearest_permit_date=row["nearest_date"],
        neighbor_contractor_names=tuple(name for name in busiest if name),
    )


def _felt(row: RowMapping) -> Rows:
    made = np.zeros(1, dtype=NEIGHBOURS)
    made["id"] = row["property_id"]
    for column, name in OF_NEIGHBOURS.items():
        made[name] = row[column]
    made["since"] = (row["since"] - EPOCH).days
    made["contractors"] = [[row[f"contractor_{n + 1}"] or -1 for n in range(TOP_CONTRACTORS)]]
    return made


def _scored(row: RowMapping) -> Rows:
    made = np.zeros(1, dtype=SCORES)
    made["id"] = row["property_id"]
    for column, name in OF_SCORES.items():
        made[name] = row[column]
    return made


def _facts(row: RowMapping) -> Rows:
    made = unknown_facts(1)
    assert made.dtype == FACTS
    for name in ("damage", "life_left_years", "equity_percent"):
        made[name] = row[name]
    for name, value in (("liens", row["has_liens"]), ("refinanced", row["refinanced"])):
        made[name] = -1 if value is None else value
    return made
