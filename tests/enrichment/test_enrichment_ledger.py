"""The ledger: who may buy, what is remembered, what may be spent."""

import asyncio
import hashlib
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from factories import make_lead
from penstock.core import clock, workers
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.enrichment import ledger
from penstock.enrichment.ledger import CallRequest, Claim, Outcome
from penstock.providers import Reply


def question(key: str = "ada|100 example ave", **changes: Any) -> CallRequest:
    return CallRequest(
        **{
            "vendor": "acme",
            "operation": "trace",
            "request_key": key,
            "price_cents": Decimal(15),
            "fresh_days": 30,
            "stage": "enrichment",
            "playbook": "equity",
            **changes,
        }
    )


async def reserve(ctx: Context, *questions: CallRequest) -> list[Claim]:
    async with ctx.db.tenant(1) as db:
        return await ledger.reserve(ctx, db, 1, questions)


async def outcomes(ctx: Context, *questions: CallRequest) -> list[str]:
    return [claim.outcome.value for claim in await reserve(ctx, *questions)]


async def cap(ctx: Context, scope: str, cents: int, **columns: str) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into app.spend_caps (org_id, scope, vendor, playbook, cap_cents) "
                "values (1, :scope, :vendor, :playbook, :cents) "
                "on conflict (org_id, scope, vendor, playbook) do update set cap_cents = excluded.cap_cents"
            ),
            scope=scope,
            vendor=columns.get("vendor"),
            playbook=columns.get("playbook"),
            cents=cents,
        )


async def spent(ctx: Context, where: str = "true") -> Decimal:
    async with ctx.db.tenant(1) as db:
        return Decimal(
            await scalar(db, text(f"select coalesce(sum(cost_cents), 0) from app.vendor_calls where {where}"))
        )


async def test_the_first_to_ask_may_buy_and_the_second_waits(ctx: Context) -> None:
    assert await outcomes(ctx, question()) == ["reserved"]
    assert await outcomes(ctx, question()) == ["in_flight"]


async def test_of_the_same_question_twice_in_a_batch_one_buys(ctx: Context) -> None:
    assert await outcomes(ctx, question(), question("other"), question()) == ["reserved", "reserved", "in_flight"]


async def test_workers_that_ask_at_once_buy_once(ctx: Context) -> None:
    found = await asyncio.gather(*(outcomes(ctx, question(), question("b")) for _ in range(8)))
    assert sorted(word for pair in found for word in pair) == ["in_flight"] * 14 + ["reserved"] * 2


async def test_an_answer_is_given_again_without_paying(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        await ledger.answer(ctx, db, 1, [(claim, Reply({"phone": "+18135550100"}, billable=True))])
    (again,) = await reserve(ctx, question())
    assert (again.outcome, again.answer, again.call_id) == (Outcome.ANSWERED, {"phone": "+18135550100"}, claim.call_id)
    assert await spent(ctx) == 15


async def test_a_reply_that_is_not_charged_costs_nothing(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        await ledger.answer(ctx, db, 1, [(claim, Reply({}, billable=False))])
    assert await spent(ctx) == 0
    assert await outcomes(ctx, question()) == ["answered"]


async def test_the_database_never_holds_a_clear_answer_or_a_guessable_hash(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question("+18135550100"))
    async with ctx.db.tenant(1) as db:
        await ledger.answer(ctx, db, 1, [(claim, Reply({"phone": "+18135550100"}, billable=True))])
        row = await one(db, text("select request_hash, answer_sealed from app.vendor_calls"))
    assert row is not None
    assert "8135550100" not in row["answer_sealed"]
    assert row["request_hash"] != hashlib.sha256(b"+18135550100").hexdigest()


async def test_within_the_window_nothing_is_bought_again_and_after_it_is(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        await ledger.answer(ctx, db, 1, [(claim, Reply({}, billable=True))])
    begun = clock.now()
    with clock.held_at(begun + timedelta(days=29)):
        assert await outcomes(ctx, question()) == ["answered"]
    with clock.held_at(begun + timedelta(days=31)):
        assert await outcomes(ctx, question()) == ["reserved"]


async def test_a_released_reservation_costs_nothing_and_may_be_made_again(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        await ledger.release(db, 1, [claim.call_id], error="429")
    assert await spent(ctx) == 0
    (again,) = await reserve(ctx, question())
    assert (again.outcome, again.call_id) == (Outcome.RESERVED, claim.call_id)
    assert await spent(ctx) == 15


async def test_a_call_in_doubt_counts_as_spent_and_is_never_bought_again(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        await ledger.doubt(db, 1, [claim], error="timeout")
    assert await outcomes(ctx, question()) == ["in_doubt"]
    async with ctx.db.tenant(1) as db:
        await ledger.close(db, 1, [claim])
    assert await outcomes(ctx, question()) == ["in_doubt"]
    assert await spent(ctx, "status = 'settled'") == 15


async def test_a_late_answer_to_a_call_in_doubt_is_still_an_answer(ctx: Context) -> None:
    (claim,) = await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        await ledger.doubt(db, 1, [claim], error="slow")
        await ledger.answer(ctx, db, 1, [(claim, Reply({"a": 1}, billable=True))])
    assert await outcomes(ctx, question()) == ["answered"]


async def test_a_dead_workers_reservation_is_in_doubt_at_once_and_any_after_ten_minutes(ctx: Context) -> None:
    await workers.register(ctx)
    await reserve(ctx, question())
    async with ctx.db.tenant(1) as db:
        assert await ledger.doubt_abandoned(db, 1) == 0
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    await execute_one(ctx, f"update app.workers set pid = {int(ended.stdout)}")
    async with ctx.db.tenant(1) as db:
        assert await ledger.doubt_abandoned(db, 1) == 1
    await execute_one(ctx, "delete from app.workers")
    await reserve(ctx, question("b"))
    with clock.held_at(clock.now() + timedelta(minutes=11)):
        async with ctx.db.tenant(1) as db:
            assert await ledger.doubt_abandoned(db, 1) == 1
    assert await spent(ctx, "status = 'in_doubt'") == 30


async def execute_one(ctx: Context, sql: str) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(sql))


@pytest.mark.parametrize(
    ("scope", "columns"),
    [("org_day", {}), ("vendor_day", {"vendor": "acme"}), ("playbook_day", {"playbook": "equity"})],
)
async def test_a_daily_cap_lets_through_what_fits_and_opens_again_tomorrow(
    ctx: Context, scope: str, columns: dict[str, str]
) -> None:
    await cap(ctx, scope, 31, **columns)
    asked = [question(str(n)) for n in range(3)]
    assert await outcomes(ctx, *asked) == ["reserved", "reserved", "over_day_cap"]
    assert await outcomes(ctx, asked[2]) == ["over_day_cap"]
    with clock.held_at(clock.now() + timedelta(days=1)):
        assert await outcomes(ctx, asked[2]) == ["reserved"]


async def test_caps_of_others_do_not_count(ctx: Context) -> None:
    await cap(ctx, "vendor_day", 0, vendor="other")
    await cap(ctx, "playbook_day", 0, playbook="other")
    assert await outcomes(ctx, question()) == ["reserved"]


async def test_a_leads_cap_counts_its_whole_life(ctx: Context) -> None:
    await cap(ctx, "lead", 20)
    lead = await make_lead(ctx)
    assert await outcomes(ctx, question("a", lead_id=lead), question("b", lead_id=lead)) == [
        "reserved",
        "over_lead_cap",
    ]
    with clock.held_at(clock.now() + timedelta(days=40)):
        assert await outcomes(ctx, question("b", lead_id=lead), question("b2")) == ["over_lead_cap", "reserved"]


BATCH = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 40), st.sampled_from(["acme", "beta"])), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(BATCH, min_size=1, max_size=5),
    org_cap=st.integers(0, 120),
    vendor_cap=st.integers(0, 80),
    endings=st.lists(st.sampled_from(["answer", "release", "doubt", "leave"]), min_size=30, max_size=30),
)
async def test_no_interleaving_exceeds_a_cap_or_buys_a_question_twice(
    ctx: Context,
    batches: list[list[tuple[int, int, str]]],
    org_cap: int,
    vendor_cap: int,
    endings: list[str],
) -> None:
    await execute_one(ctx, "truncate app.vendor_calls cascade")
    await cap(ctx, "org_day", org_cap)
    await cap(ctx, "vendor_day", vendor_cap, vendor="acme")
    bought: list[tuple[str, str]] = []
    fates = iter(endings * 3)

    async def worker(batch: list[tuple[int, int, str]]) -> None:
        asked = [question(str(key), price_cents=Decimal(price), vendor=vendor) for key, price, vendor in batch]
        claims = [claim for claim in await reserve(ctx, *asked) if claim.outcome is Outcome.RESERVED]
        for claim in claims:
            fate = next(fates)
            async with ctx.db.tenant(1) as db:
                if fate == "answer":
                    await ledger.answer(ctx, db, 1, [(claim, Reply({}, billable=True))])
                elif fate == "release":
                    await ledger.release(db, 1, [claim.call_id], error="x")
                elif fate == "doubt":
                    await ledger.doubt(db, 1, [claim], error="x")
            if fate != "release":
                bought.append((claim.request.vendor, claim.request.request_key))

    await asyncio.gather(*(worker(batch) for batch in batches))
    assert len(bought) == len(set(bought))
    assert await spent(ctx) <= org_cap
    assert await spent(ctx, "vendor = 'acme'") <= vendor_cap
