"""Scores counted by cell of the map's grid, kept with each pass: what is drawn from far away.

A full pass counts all cells anew; a small one those that its places lie in. A place that moves is counted in the cell
it left until the next full pass, which is daily.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.contagion.arrays import Ints, Rows
from penstock.contagion.cells import PER_DEGREE, ROW
from penstock.contagion.score import Tier
from penstock.contagion.wire import copy_rows
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load

SQL = load(__package__, "map.sql")
CELL = np.dtype(
    [
        ("grid_cell", "<i8"), ("places", "<i4"), ("hot", "<i4"), ("warm", "<i4"), ("score_sum", "<i8"),
        ("best", "<i2"),
    ]
)  # fmt: skip


async def count_all(
    db: AsyncConnection, org_id: int, playbook: str, properties: Rows, totals: Ints, tiers: Ints
) -> None:
    """Count every cell from all places of a pass (PROPERTY) with their total scores and tiers."""
    await execute(db, SQL["stage_cells"])
    await execute(db, SQL["empty_cells"])
    await copy_rows(db, "map_cell_changes", counted(properties, totals, tiers))
    await execute(db, SQL["drop_all_cells"], org_id=org_id, playbook=playbook)
    await execute(db, SQL["take_cells"], org_id=org_id, playbook=playbook)


async def count_around(db: AsyncConnection, org_id: int, playbook: str, ids: list[int]) -> None:
    """Count the cells of these places from the scores that now stand there."""
    cells = [row["grid_cell"] for row in await rows(db, SQL["cells_of"], org_id=org_id, ids=ids)]
    await execute(db, SQL["drop_cells"], org_id=org_id, playbook=playbook, cells=cells)
    await execute(db, SQL["count_cells"], org_id=org_id, playbook=playbook, cells=cells)


def counted(properties: Rows, totals: Ints, tiers: Ints) -> Rows:
    """CELL rows, by cell."""
    cells, position = np.unique(grid_cell(properties), return_inverse=True)
    made = np.zeros(len(cells), dtype=CELL)
    made["grid_cell"] = cells
    made["places"] = np.bincount(position, minlength=len(cells))
    made["hot"] = np.bincount(position[tiers == Tier.HOT], minlength=len(cells))
    made["warm"] = np.bincount(position[tiers == Tier.WARM], minlength=len(cells))
    made["score_sum"] = np.rint(np.bincount(position, weights=totals, minlength=len(cells)))
    np.maximum.at(made["best"], position, totals.astype(np.int16))
    return made


def grid_cell(properties: Rows) -> Ints:
    """What `app.grid_cell` gives of each place."""
    row, column = (np.floor((properties[name] + half) * PER_DEGREE) for name, half in (("lat", 90), ("lng", 180)))
    cells: Ints = row.astype(np.int64) * ROW + column.astype(np.int64)
    return cells
