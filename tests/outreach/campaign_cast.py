"""What tests of campaigns ask and change, and a sequence that nobody answered."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import execute, rows

ALL = {"playbook": "renewals", "name": "Spring"}


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    """Rows of org 1."""
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    """Change rows of org 1."""
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def written_to(ctx: Context) -> set[uuid.UUID]:
    """Leads that are or were in a sequence."""
    return {row["lead_id"] for row in await sql(ctx, "select lead_id from app.enrollments")}


async def finish(ctx: Context, lead: uuid.UUID) -> None:
    """The whole sequence went out, and nobody answered."""
    await change(
        ctx,
        "update app.enrollments set state = 'finished', current_step = 6, next_execution_at = null,"
        " ended_at = app.now() where lead_id = :id",
        id=lead,
    )
