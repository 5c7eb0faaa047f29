"""The timetable: a missed slot runs late once, never twice; and the chores of a minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from factories import make_lead
from ground import START
from penstock import sweep
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.journey import Slot
from penstock.verification.plain import clean, seal_plain_values

LA = ZoneInfo("America/Los_Angeles")
FEED = Slot("feed", time(6, 0), "test_sweep:note_run", weekdays_only=True)
_ran: list[datetime] = []


async def note_run(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    _ran.append(slot)
    return {"fed": 1}


async def fail(ctx: Context, org_id: int, slot: datetime) -> dict[str, int]:
    raise RuntimeError("no row for ada@home.example")


def test_the_slot_of_a_morning_is_six_local_time() -> None:
    assert sweep.latest_slot(FEED, datetime(2026, 11, 30, 14, 30, tzinfo=UTC), LA) == datetime(
        2026, 11, 30, 14, 0, tzinfo=UTC
    )
    assert sweep.latest_slot(FEED, datetime(2026, 11, 30, 13, 59, tzinfo=UTC), LA) == datetime(
        2026, 11, 27, 14, 0, tzinfo=UTC
    )  # Friday before


@given(
    at=st.datetimes(
        datetime(2026, 1, 1),  # noqa: DTZ001 hypothesis takes naive bounds and adds the zone
        datetime(2028, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    zone=st.sampled_from(["America/Los_Angeles", "America/New_York", "Pacific/Auckland"]),
    weekdays=st.booleans(),
    hour=st.integers(0, 23),
    minute=st.sampled_from([0, 30]),
    dom=st.none() | st.integers(1, 28),
)
def test_the_latest_slot_is_not_in_the_future_and_the_next_is_not_in_the_past(
    at: datetime, zone: str, weekdays: bool, hour: int, minute: int, dom: int | None
) -> None:
    if dom is not None:
        weekdays = False
    slot = Slot("x", time(hour, minute), "", weekdays_only=weekdays, day_of_month=dom)
    before, after = sweep.latest_slot(slot, at, ZoneInfo(zone)), sweep.next_slot(slot, at, ZoneInfo(zone))
    assert before <= at < after
    assert sweep.latest_slot(slot, after, ZoneInfo(zone)) == after
    assert sweep.next_slot(slot, before, ZoneInfo(zone)) == after or before == at


async def test_a_missed_slot_runs_late_once_and_never_twice(ctx: Context) -> None:
    _ran.clear()
    with clock.held_at(START + timedelta(days=1)):  # Tuesday 09:00 in Los Angeles: the slot of 06:00 was missed
        for _ in range(3):
            await sweep.run_timetable(ctx, 1, [FEED])
    with clock.held_at(START + timedelta(days=1, hours=20)):
        await sweep.run_timetable(ctx, 1, [FEED])
    assert _ran == [datetime(2026, 12, 1, 14, 0, tzinfo=UTC)]


async def test_a_slot_before_the_org_existed_does_not_run(ctx: Context) -> None:
    _ran.clear()
    await sweep.run_timetable(ctx, 1, [FEED])  # the org was made at 09:00, after 06:00
    assert _ran == []


async def test_a_failed_slot_is_kept_and_tried_again_after_a_while(ctx: Context) -> None:
    broken = Slot("broken", time(6, 0), "test_sweep:fail")
    with clock.held_at(START + timedelta(days=1)):
        assert await sweep.run_timetable(ctx, 1, [broken]) == []
        async with ctx.db.tenant(1) as db:
            assert [dict(r) for r in await rows(db, text("select state, error from app.timetable_runs"))] == [
                {"state": "failed", "error": "RuntimeError"}  # its text may quote a person
            ]
    mended = Slot("broken", time(6, 0), "test_sweep:note_run")
    with clock.held_at(START + timedelta(days=1, minutes=5)):
        assert await sweep.run_timetable(ctx, 1, [mended]) == []
    with clock.held_at(START + timedelta(days=1, minutes=11)):
        assert await sweep.run_timetable(ctx, 1, [mended]) == ["broken"]


async def test_a_lost_nudge_is_made_good(ctx: Context) -> None:
    await make_lead(ctx)
    assert "scoring" in await sweep.nudge_due(ctx, 1)
    async with ctx.db.tenant(1) as db:
        assert (
            await scalar(db, text("select count(*) from public.procrastinate_jobs where task_name = 'pump.scoring'"))
            == 1
        )


async def test_a_plain_value_written_by_hand_is_sealed_once(ctx: Context) -> None:
    lead: Any = await make_lead(ctx, email="ada@home.example")
    async with ctx.db.tenant(1) as db:
        for value in ("ADA@home.example", "bob@home.example", "not an address"):
            await scalar(
                db,
                text("select api.merge_contact_point(cast(:id as uuid), 'email', :v, 'hand', 50, false)"),
                id=str(lead),
                v=value,
            )
    assert await seal_plain_values(ctx, 1) == 3
    async with ctx.db.tenant(1) as db:
        points = await rows(db, text("select value, is_invalid, verified from app.contact_points order by id"))
    assert [(ctx.sealer.open(1, p["value"]), p["is_invalid"], p["verified"]) for p in points] == [
        ("ada@home.example", False, True),
        ("bob@home.example", False, False),
        ("not an address", True, False),
    ]
    assert await seal_plain_values(ctx, 1) == 0


def test_phones_are_cleaned_to_e164() -> None:
    assert clean("phone", "(813) 555-0123") == "+18135550123"
    assert clean("phone", "12") is None
