"""What people write through the faces is sealed by the next sweep, and reads the same afterwards."""

from __future__ import annotations

from sqlalchemy import text

from factories import make_company, make_person
from penstock import sweep
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.outreach.plain import seal_plain_texts


async def test_messages_and_notes_written_by_hand_are_sealed_once(ctx: Context) -> None:
    company = await make_company(ctx)
    contact, lead = await make_person(ctx, company)
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into marketing.message_log (contact_id, direction, channel, subject, body)"
                " values (:c, 'inbound', 'other', 'met at the fair', 'She asked for a call in March.')"
            ),
            c=contact,
        )
        await execute(
            db,
            text("insert into marketing.ac_handoff (company_id, contact_id, notes) values (:k, :c, 'Wants a call.')"),
            k=company, c=contact,
        )  # fmt: skip
    assert await seal_plain_texts(ctx, 1) == 2
    assert await seal_plain_texts(ctx, 1) == 0
    async with ctx.db.tenant(1) as db:
        (message,) = await rows(db, text("select lead_id, body_sealed from app.message_log"))
        (note,) = await rows(db, text("select notes from app.handoffs"))
    assert message["lead_id"] == lead
    assert ctx.sealer.open(1, message["body_sealed"]) == "She asked for a call in March." != message["body_sealed"]
    assert ctx.sealer.open(1, note["notes"]) == "Wants a call." != note["notes"]


def test_it_is_a_chore_of_every_minute() -> None:
    assert "penstock.outreach.plain:seal_plain_texts" in sweep.CHORES
