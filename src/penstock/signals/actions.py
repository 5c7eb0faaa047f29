"""What follows from a signal, by the name that its rule gives. Each runs in the transaction that closes the signal.

`none` and `rescore` are done for any number of signals in one statement: take_in_bulk in queries.sql.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import outreach
from penstock.core.db import execute, rows, scalar
from penstock.core.sqlfile import load

SQL = load(__package__)

Act = Callable[[AsyncConnection, int, RowMapping], Awaitable[str]]
"""Acts on a signal (id, company_id, contact_id, reason, payload); gives what came of it, in a few words."""


async def let_go(db: AsyncConnection, org_id: int, signal: RowMapping) -> str:
    """Who holds no slot of the company any more is written to no longer; who is back in one is in line again.

    Asked of the slots, not of the signal, so a signal that is acted on late or out of order does no harm.
    """
    contact_id = signal["contact_id"]
    await execute(db, SQL["rescore"], org_id=org_id, company_id=signal["company_id"])
    if contact_id is None:
        return "nobody we know"
    who = {"org_id": org_id, "company_id": signal["company_id"], "contact_id": contact_id}
    in_office = bool(await scalar(db, SQL["in_office"], **who))
    leads = [row["id"] for row in await rows(db, SQL["their_leads"], **who)]
    if in_office:
        reopened = [await execute(db, SQL["reopen_lead"], org_id=org_id, lead_id=lead_id) for lead_id in leads]
        return "in line again" if any(reopened) else "in office"
    stopped = [await outreach.stop_sequence(db, org_id, lead_id, "left the company") for lead_id in leads]
    closed = [await execute(db, SQL["close_lead"], org_id=org_id, lead_id=lead_id) for lead_id in leads]
    if any(stopped):
        return "sequence stopped"
    return "lead closed" if any(closed) else "nothing was under way"


SINGLY: Mapping[str, Act] = {"let_go": let_go}
