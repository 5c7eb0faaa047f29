"""The pump that makes leads: whoever holds a slot of a company is a lead of the company's playbook."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.sqlfile import load
from penstock.playbook import Playbook

SQL: Final = load(__package__, "leads.sql")
STAGE: Final = "intake.leads"
BATCH: Final = 1000


async def pump(ctx: Context, org_id: int) -> int:
    """Make leads until no holder of a slot is without one; gives how many slots were dealt with.

    A company of no known playbook, where there are several about companies, waits in the DLQ.
    """
    done = 0
    while batch := await _batch(ctx, org_id):
        done += batch
    return done


async def _batch(ctx: Context, org_id: int) -> int:
    about_companies = [name for name, one in ctx.playbooks.items() if one.subject == "company"]
    only = about_companies[0] if len(about_companies) == 1 else None
    async with ctx.db.tenant(org_id) as db:
        claimed = await rows(db, SQL["claim"], only_playbook=only, limit=BATCH)
        homeless = [row for row in claimed if not _fits(ctx.playbooks, row["playbook"])]
        for row in homeless:
            error = f"no playbook about companies is named {row['playbook']!r}" if row["playbook"] else "no playbook"
            await dlq.put(db, org_id, stage=STAGE, item=str(row["id"]), payload={"slot_id": row["id"]}, error=error)
        slots = [row for row in claimed if row not in homeless]
        if slots:
            await _open(db, org_id, slots)
        return len(claimed)


def _fits(playbooks: Mapping[str, Playbook], name: str | None) -> bool:
    return name is not None and name in playbooks and playbooks[name].subject == "company"


async def _open(db: AsyncConnection, org_id: int, slots: Sequence[RowMapping]) -> None:
    fields = {"slots": "id", "playbooks": "playbook", "companies": "company_id", "contacts": "contact_id"}
    columns = {plural: [row[name] for row in slots] for plural, name in fields.items()}
    made = await rows(db, SQL["open_leads"], org_id=org_id, **columns)
    await execute(db, SQL["link"], slots=columns["slots"], playbooks=columns["playbooks"])
    await dlq.clear(db, org_id, stage=STAGE, items=[str(slot) for slot in columns["slots"]])
    await journey.announce(db, org_id, [journey.Event("lead_opened", row["id"], "intake") for row in made])
