"""An email written through people.contact: it is the primary one, gray after a change and as it was after none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from factories import make_company, make_person
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.verification import plain
from penstock.verification.plain import clean, seal_plain_values

SAM, SUE = "sam.same@q.example", "sue@q.example"


async def change(ctx: Context, statement: str, **params: Any) -> int:
    async with ctx.db.tenant(1) as db:
        return await execute(db, text(statement), **params)


async def contact(ctx: Context, email: str | None, name: str = "Same") -> int:
    async with ctx.db.tenant(1) as db:
        made = "insert into people.contact (full_name, email, title) values (:name, :email, 'CFO') returning contact_id"
        return int(await scalar(db, text(made), name=name, email=email))


async def write(ctx: Context, who: int, email: str | None) -> None:
    assert (
        await change(ctx, "update people.contact set email = :email where contact_id = :id", email=email, id=who) == 1
    )


async def call_green(ctx: Context, who: int) -> None:
    told = "update people.contact_verification set email_status = 'green', email_checked_at = app.now(),"
    assert await change(ctx, f"{told} email_confidence = 97 where contact_id = :id", id=who) == 1


async def shown(ctx: Context, who: int) -> tuple[str | None, str | None]:
    """Email and colour as the faces show them."""
    async with ctx.db.tenant(1) as db:
        asked = "select c.email, v.email_status from people.contact c left join people.contact_verification v"
        row = await one(db, text(f"{asked} using (contact_id) where c.contact_id = :id"), id=who)
        held = await rows(db, text("select 1 from app.contact_points where contact_id = :id and is_primary"), id=who)
    assert row is not None and len(held) == (row["email"] is not None)
    return (ctx.sealer.open(1, row["email"]) if row["email"] else None), row["email_status"]


async def test_an_email_that_begins_as_sealed_values_do_is_sealed_too(ctx: Context) -> None:
    who = await contact(ctx, "s1.smith@q.example")
    await write(ctx, who, "s22.smith@q.example")
    assert await seal_plain_values(ctx, 1) > 0
    async with ctx.db.tenant(1) as db:
        kept = await rows(db, text("select value from app.contact_points where contact_id = :id"), id=who)
    assert {ctx.sealer.open(1, row["value"]) for row in kept} == {"s1.smith@q.example", "s22.smith@q.example"}
    assert all("@" not in row["value"] for row in kept)
    assert await shown(ctx, who) == ("s22.smith@q.example", "gray")


@pytest.mark.parametrize("again", [SAM, "Sam.Same@Q.example", f"  {SAM} "])
async def test_the_same_email_written_again_stays_primary_and_keeps_its_colour(ctx: Context, again: str) -> None:
    who = await contact(ctx, SAM)
    await seal_plain_values(ctx, 1)
    await call_green(ctx, who)
    await write(ctx, who, again)
    await seal_plain_values(ctx, 1)
    assert await shown(ctx, who) == (SAM, "green")
    async with ctx.db.tenant(1) as db:
        points = await rows(db, text("select is_invalid, replaced_at, verified, score from app.contact_points"))
    assert [tuple(point.values()) for point in points] == [(False, None, True, 97)]


@pytest.mark.parametrize("sweep_between", [True, False])
async def test_an_email_that_came_back_from_another_is_gray(ctx: Context, sweep_between: bool) -> None:
    who = await contact(ctx, SAM)
    await seal_plain_values(ctx, 1)
    await call_green(ctx, who)
    await write(ctx, who, SUE)
    if sweep_between:
        await seal_plain_values(ctx, 1)
        assert await shown(ctx, who) == (SUE, "gray")
    await write(ctx, who, SAM)
    await seal_plain_values(ctx, 1)
    assert await shown(ctx, who) == (SAM, "gray")
    async with ctx.db.tenant(1) as db:
        left = await rows(db, text("select is_primary, is_invalid, replaced_at is null from app.contact_points"))
    assert sorted(tuple(row.values()) for row in left) == [(False, True, False), (True, False, True)]


async def test_what_is_said_of_a_rewritten_email_before_the_sweep_counts(ctx: Context) -> None:
    who = await contact(ctx, SAM)
    await seal_plain_values(ctx, 1)
    await write(ctx, who, "SAM.same@q.example")
    await call_green(ctx, who)
    await seal_plain_values(ctx, 1)
    assert await shown(ctx, who) == (SAM, "green")


async def test_a_replaced_email_comes_back_neither_by_a_merge_nor_by_a_vendor(ctx: Context) -> None:
    who, lead = await make_person(ctx, await make_company(ctx), email=SAM)
    await write(ctx, who, SUE)
    await seal_plain_values(ctx, 1)
    async with ctx.db.tenant(1) as db:
        again = "select api.merge_contact_point(cast(:lead as uuid), 'email', :value, 'vendor', 99, true)"
        await scalar(db, text(again), lead=str(lead), value=ctx.sealer.seal(1, SAM))
    assert await shown(ctx, who) == (SUE, "gray")
    async with ctx.db.tenant(1) as db:
        usable = await rows(db, text("select value from app.contact_points where not is_invalid"))
    assert [ctx.sealer.open(1, row["value"]) for row in usable] == [SUE]


SPELLINGS = st.sampled_from([SAM, "SAM.same@q.example", " Sam.Same@q.example", SUE, "Sue@Q.example", "new@q.example"])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 1), st.one_of(SPELLINGS, st.none())),
        st.tuples(st.just("green"), st.integers(0, 1), st.none()),
        st.tuples(st.just("sweep"), st.just(0), st.none()),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
async def test_whatever_is_written_the_last_one_is_primary_and_gray_after_a_real_change(
    ctx: Context, acts: list[tuple[str, int, str | None]]
) -> None:
    people = [await contact(ctx, SAM, name) for name in ("One", "Two")]
    expected: list[tuple[str | None, str | None]] = [(SAM, "gray"), (SAM, "gray")]
    for act, n, email in acts:
        if act == "write":
            await write(ctx, people[n], email)
            meant = clean("email", email) if email else None
            if meant != expected[n][0]:
                expected[n] = (meant, "gray" if meant else None)
            continue
        await seal_plain_values(ctx, 1)
        if act == "green" and expected[n][0]:
            await call_green(ctx, people[n])
            expected[n] = (expected[n][0], "green")
    await seal_plain_values(ctx, 1)
    assert [await shown(ctx, who) for who in people] == expected
    assert await seal_plain_values(ctx, 1) == 0


async def test_writers_and_sweeps_at_once_leave_one_primary_and_lose_nothing(ctx: Context) -> None:
    who = await contact(ctx, SAM)
    for n in range(5):
        emails = [f"Sam.Same@{n % 2}.example", f"sam.same@{n % 2}.example"]
        sweeps = [seal_plain_values(ctx, 1) for _ in range(3)]
        await asyncio.gather(*sweeps, *(write(ctx, who, email) for email in emails))
        await seal_plain_values(ctx, 1)
        assert (await shown(ctx, who))[0] == emails[1]


async def test_a_sweep_that_dies_half_way_leaves_everything_as_it_was(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await contact(ctx, SAM)
    await seal_plain_values(ctx, 1)
    await call_green(ctx, who)
    await write(ctx, who, SAM.upper())
    real = plain.execute

    async def die(db: Any, statement: Any, **params: Any) -> int:
        if "rewritten" in params:
            raise InterruptedError
        return await real(db, statement, **params)

    with monkeypatch.context() as dying:
        dying.setattr(plain, "execute", die)
        with pytest.raises(InterruptedError):
            await seal_plain_values(ctx, 1)
    await seal_plain_values(ctx, 1)
    assert await shown(ctx, who) == (SAM, "green")
