"""Scores what is due, a few statements for any number of leads."""

from __future__ import annotations

from sqlalchemy import TextClause, text

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.core.sqlfile import load
from penstock.playbook import Playbook

SQL = load(__package__)
BATCH = 20_000


async def pump(ctx: Context, org_id: int) -> int:
    """Score every lead that is due; gives how many."""
    total = 0
    for playbook in ctx.playbooks.values():
        while done := await _score_batch(ctx, org_id, playbook):
            total += done
    return total


async def _score_batch(ctx: Context, org_id: int, playbook: Playbook) -> int:
    began = clock.stopwatch()
    async with ctx.db.tenant(org_id) as db:
        claimed = [row["id"] for row in await rows(db, SQL["claim"], playbook=playbook.name, limit=BATCH)]
        if not claimed:
            return 0
        done = await scalar(
            db,
            _statement(playbook),
            org_id=org_id,
            lead_ids=claimed,
            duration_ms=round(1000 * (clock.stopwatch() - began) / len(claimed)),
        )
        await journey.wake(db, org_id, {"lead_scored", "lead_routed"})
    return int(done)


def _statement(playbook: Playbook) -> TextClause:
    """The scoring statement with the playbook's own promise and measure in it (files of ours, nobody's input)."""
    measure = playbook.quality_sql or SQL["quality"].text.rstrip().rstrip(";")
    score = SQL["score"].text.replace("/* promise */", playbook.lead_score_sql)
    return text(score.replace("/* quality */", measure))
