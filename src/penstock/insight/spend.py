"""Money: what was bought for a lead, and what a period cost, by stage and vendor. Read from the ledger."""

from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import rows
from penstock.core.sqlfile import load

SQL = load(__package__)


async def of_lead(db: AsyncConnection, lead_id: UUID) -> list[RowMapping]:
    """What was bought for a lead: stage, vendor, operation, calls, found, cents (US cents); dearest first."""
    return await rows(db, SQL["lead_spend"], lead_id=lead_id)
