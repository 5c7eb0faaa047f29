"""Plain texts that somebody wrote by hand through a face (messages, hand-off notes) are sealed within a minute."""

from __future__ import annotations

from penstock.core.context import Context
from penstock.core.db import many, rows
from penstock.core.sqlfile import load

SQL = load(__package__, "plain.sql")
BATCH = 1000


async def seal_plain_texts(ctx: Context, org_id: int) -> int:
    """Seal what is plain; gives how many texts."""
    total = 0
    for found, change in (("plain_messages", "seal_message"), ("plain_notes", "seal_note")):
        while True:
            async with ctx.db.tenant(org_id) as db:
                plain = await rows(db, SQL[found], limit=BATCH)
                sealed = [{**row, "text": ctx.sealer.seal(org_id, row["text"])} for row in plain]
                await many(db, SQL[change], sealed)
            total += len(plain)
            if len(plain) < BATCH:
                break
    return total
