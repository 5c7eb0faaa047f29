"""Calls and bookings as their models show them: what was told, and nothing that a call never used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from factories import make_contactable, make_lead
from ground import BROKER_ID, START
from penstock.booking.service import Slot, record_booking
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.voice.configurations import configure

CALL = text(
    "insert into app.calls (org_id, lead_id, contact_id, contact_point_id, number_id, attempt_no, state, outcome)"
    " select 1, l.id, l.contact_id, p.id, n.id, 1, 'ended', 'voicemail'"
    "   from app.leads l join app.contact_points p on p.contact_id = l.contact_id and p.kind = 'phone'"
    "   cross join lateral (select min(id) as id from app.phone_numbers) n where l.id = cast(:lead as uuid)"
)
BOOKINGS = text("select lead_id, confirmation_sent from territory.voice_bookings order by window_start")


async def book(ctx: Context, lead: UUID, day: int) -> None:
    start = START + timedelta(days=day)
    async with ctx.db.tenant(1) as db:
        await record_booking(ctx, db, 1, lead, Slot(str(uuid4()), start, start + timedelta(hours=1), "A look", None))


async def confirmed(ctx: Context, **who: Any) -> list[bool]:
    async with ctx.db.tenant(1, **who) as db:
        return [row["confirmation_sent"] for row in await rows(db, BOOKINGS)]


async def test_a_booking_is_confirmed_once_the_word_of_it_has_gone_out(ctx: Context) -> None:
    first, second = [await make_contactable(ctx, broker_id=BROKER_ID) for _ in range(2)]
    for day, lead in enumerate((first, second), start=1):
        await book(ctx, lead, day)
    assert await confirmed(ctx) == [False, False]
    sent = text(
        "update app.notifications set state = 'sent', sent_at = app.now()"
        " where kind = 'appointment_booked' and channel = 'mail' and lead_id = cast(:lead as uuid)"
    )
    async with ctx.db.tenant(1) as db:
        assert await execute(db, sent, lead=first) > 0
    bea = {"role": "authenticated", "sub": str(BROKER_ID), "user_role": "broker"}
    assert await confirmed(ctx) == await confirmed(ctx, **bea) == [True, False]
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.appointments set status = 'cancelled' where lead_id = :lead"), lead=first)
    await book(ctx, first, 3)
    assert await confirmed(ctx) == [True, False, False], "the word of one appointment confirms no other"


async def test_what_a_broker_is_told_stays_sealed_and_others_are_not_shown_it(ctx: Context) -> None:
    await book(ctx, await make_contactable(ctx, broker_id=BROKER_ID), 1)
    await book(ctx, await make_lead(ctx), 2)
    async with ctx.db.tenant(1, role="authenticated", sub=str(BROKER_ID), user_role="broker") as db:
        closed = (
            "select has_column_privilege('app.notifications', c, 'select') as may from unnest(cast(:c as text[])) c"
        )
        sealed = ["target_sealed", "secret_sealed", "payload_sealed", "last_error"]
        assert not any(row["may"] for row in await rows(db, text(closed), c=sealed))
        assert await confirmed(ctx, role="authenticated", sub=str(uuid4()), user_role="broker") == []


async def test_a_past_call_is_not_dressed_in_todays_settings(ctx: Context) -> None:
    """The vendor's assistant speaks as it is set up there; the settings of a customer are no record of a call."""
    lead = await make_contactable(ctx, broker_id=BROKER_ID)
    async with ctx.db.tenant(1) as db:
        await execute(db, CALL, lead=lead)
        changes = {"llm_model": "gpt-9", "default_voice_id": "nova", "system_prompt_template": "Sing."}
        await configure(db, 1, "voice_configurations", BROKER_ID, changes, actor="test")
        for view in ("voice_calls", "ai_calls"):
            shown = await one(
                db, text(f"select ai_voice_id, ai_instructions, asr_model, tts_model, llm_model from territory.{view}")
            )
            assert shown is not None and set(shown.values()) == {None}
