"""Circuit breaker and rate limit, as several workers see them."""

from datetime import timedelta

from penstock.core import clock
from penstock.core.context import Context
from penstock.enrichment import circuits


async def admit(ctx: Context, rate: float = 5.0) -> float:
    async with ctx.db.tenant(1) as db:
        return await circuits.admit(db, 1, "acme", requests_per_s=rate)


async def fail(ctx: Context, times: int = 1, retry_after_s: float = 0.0) -> None:
    async with ctx.db.tenant(1) as db:
        for _ in range(times):
            await circuits.failed(db, 1, "acme", error="503", retry_after_s=retry_after_s)


async def test_a_vendor_nobody_has_called_may_be_called(ctx: Context) -> None:
    assert await admit(ctx) == 0


async def test_four_failures_are_bad_luck_and_the_fifth_opens_the_circuit(ctx: Context) -> None:
    await admit(ctx)
    await fail(ctx, 4)
    assert await admit(ctx) == 0
    await fail(ctx)
    assert 10 < await admit(ctx) <= 15


async def test_a_wait_that_the_vendor_names_is_kept_at_once(ctx: Context) -> None:
    await admit(ctx)
    await fail(ctx, retry_after_s=120)
    assert await admit(ctx) == 120
    with clock.held_at(clock.now() + timedelta(seconds=120)):
        assert await admit(ctx) == 0


async def test_after_a_break_one_tries_while_the_others_wait(ctx: Context) -> None:
    await admit(ctx)
    await fail(ctx, 5)
    with clock.held_at(clock.now() + timedelta(seconds=15)):
        assert await admit(ctx) == 0
        assert await admit(ctx) > 0
        async with ctx.db.tenant(1) as db:
            await circuits.succeeded(db, 1, "acme")
        assert await admit(ctx) == 0
        assert await admit(ctx) == 0


async def test_every_further_failure_doubles_the_break_up_to_a_quarter_of_an_hour(ctx: Context) -> None:
    await admit(ctx)
    await fail(ctx, 6)
    assert await admit(ctx) == 30
    await fail(ctx, 20)
    assert await admit(ctx) == 900


async def test_the_rate_lets_a_burst_through_and_then_asks_for_a_short_wait(ctx: Context) -> None:
    clock.release()  # a held clock refills nothing, so the limit holds in real time only
    waits = [await admit(ctx, rate=2.0) for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 0 < waits[2] <= 0.5


async def test_in_simulated_time_there_is_no_rate(ctx: Context) -> None:
    assert [await admit(ctx, rate=1.0) for _ in range(5)] == [0, 0, 0, 0, 0]
