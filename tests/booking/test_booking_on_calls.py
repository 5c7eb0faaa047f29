"""Booking while the person is on the line, in the town's calendar."""

import asyncio
import re
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from factories import make_contactable
from ground import BROKER_ID
from penstock import booking
from penstock.core.context import Context
from penstock.core.db import rows

START = "2026-12-02T15:00:00Z"


async def make(ctx: Context) -> UUID:
    return await make_contactable(ctx, broker_id=BROKER_ID, email="ada@home.example")


async def appointments(ctx: Context) -> list[Any]:
    async with ctx.db.tenant(1) as db:
        return list(await rows(db, text("select * from app.appointments")))


async def test_a_slot_that_was_offered_can_be_booked(town_ctx: Context) -> None:
    lead_id = await make(town_ctx)
    offered = await booking.offer_slots(town_ctx, 1, lead_id)
    start = re.findall(r"\(([^)]+)\)", offered.text)[0]
    said = await booking.book_for_call(town_ctx, 1, lead_id, start=start)
    assert not said.failed
    assert said.text.startswith("Booked for ")
    (appointment,) = await appointments(town_ctx)
    assert appointment["starts_at"] == datetime.fromisoformat(start)
    assert appointment["broker_id"] == BROKER_ID


async def test_asked_again_or_at_once_it_books_once(town_ctx: Context, town: Any) -> None:
    lead_id = await make(town_ctx)
    said = await asyncio.gather(*(booking.book_for_call(town_ctx, 1, lead_id, start=START) for _ in range(3)))
    again = await booking.book_for_call(town_ctx, 1, lead_id, start="2026-12-03T15:00:00Z")
    assert not any(each.failed for each in said)
    assert "Wednesday, December 2 at 10:00 AM EST" in again.text
    assert len(await appointments(town_ctx)) == 1
    truth = httpx.get(f"{town.http_url}/truth").json()
    assert truth["bookings"]["created"] == 1


async def test_a_taken_slot_is_answered_with_the_nearest_free_ones(town_ctx: Context) -> None:
    first, second = await make(town_ctx), await make_contactable(town_ctx, broker_id=BROKER_ID)
    await booking.book_for_call(town_ctx, 1, first, start=START)
    said = await booking.book_for_call(town_ctx, 1, second, start=START)
    assert said.failed
    assert "just taken" in said.text
    assert "10:30 AM" in said.text or "9:30 AM" in said.text
    assert len(await appointments(town_ctx)) == 1


async def test_a_calendar_that_is_away_is_said_so_and_books_nothing(town_ctx: Context, town: Any) -> None:
    lead_id = await make(town_ctx)
    httpx.put(f"{town.http_url}/town/faults", json={"calcom": {"rate_429": 1.0}}).raise_for_status()
    said = await booking.book_for_call(town_ctx, 1, lead_id, start=START)
    assert said.failed
    assert "cannot reach the calendar" in said.text
    assert await appointments(town_ctx) == []


async def test_what_is_no_time_is_not_booked(town_ctx: Context) -> None:
    lead_id = await make(town_ctx)
    for start in ("tomorrow", None, "2020-01-01T10:00:00Z"):
        assert (await booking.book_for_call(town_ctx, 1, lead_id, start=start)).failed


async def test_the_links_of_leads_lead_to_their_brokers_page(town_ctx: Context, town: Any) -> None:
    lead_id, nobodys = await make(town_ctx), await make_contactable(town_ctx)
    async with town_ctx.db.tenant(1) as db:
        links = await booking.links_for(town_ctx, db, [lead_id, nobodys])
    assert list(links) == [lead_id]
    assert httpx.get(links[lead_id]).status_code == 200
