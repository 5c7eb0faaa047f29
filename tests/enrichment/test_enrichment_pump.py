"""The waterfall against the running town: what is bought and written, and what happens when vendors or workers fail."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from factories import make_lead
from ground import several_lines, with_vendors
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.enrichment import facts, tasks
from penstock.town.server import Town

STREETS = [f"{number} Heron Ave" for number in range(100, 130)]


async def billed(town: Town) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{town.http_url}/truth")).json()


async def faults(town: Town, **rates: dict[str, float]) -> None:
    async with httpx.AsyncClient() as client:
        (await client.put(f"{town.http_url}/town/faults", json=rates)).raise_for_status()


async def value(ctx: Context, sql: str) -> Any:
    async with ctx.db.tenant(1) as db:
        return await scalar(db, text(sql))


async def change(ctx: Context, sql: str) -> None:
    async with ctx.db.owner() as db:
        await execute(db, text(sql))


async def leads(ctx: Context, count: int = 30) -> None:
    for street in STREETS[:count]:
        await make_lead(ctx, address=street, first_name="Ada", last_name="Sample")


async def checked_and_scored(ctx: Context) -> None:
    """Stand in for the two stages between the steps: every point is dead, every lead scored low."""
    await change(ctx, "update app.contact_points set verified_at = app.now(), status = 'red'")
    await change(ctx, "update app.leads set scored_at = greatest(app.now(), facts_changed_at), quality_score = 20")


async def conserved(ctx: Context, count: int = 30) -> None:
    """Every lead is somewhere: its waterfall over, due, waiting for a check, or on hold."""
    assert await value(ctx, "select count(*) from app.leads where merged_into is null") == count
    lost = await value(
        ctx,
        "select count(*) from app.leads l where l.waterfall_exhausted_at is null and l.merged_into is null "
        "and not exists (select 1 from app.enrichment_due d where d.lead_id = l.id) "
        "and not exists (select 1 from app.on_hold h where h.stage = 'enrichment' and h.item = cast(l.id as text)) "
        "and not exists (select 1 from app.scoring_due s where s.lead_id = l.id)",
    )
    assert lost == 0


async def test_a_step_buys_for_every_lead_once_and_each_fact_names_its_call(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx)
    assert await tasks.pump(town_ctx, 1) == 30
    truth = await billed(town)
    assert (truth["billed"]["melissa"]["items"], truth["paid_twice"]) == (30, 0)
    assert await value(town_ctx, "select sum(cost_cents) from app.vendor_calls where status = 'applied'") == 150
    points = await value(town_ctx, "select count(*) from app.contact_points")
    assert points > 0
    assert await value(town_ctx, "select count(*) from app.contact_points where vendor_call_id is null") == 0
    assert await value(town_ctx, "select count(*) from app.properties where mak is not null") >= 25
    assert await value(town_ctx, "select count(*) from app.pipeline_events where event_type = 'lead_enriched'") == 30
    assert await value(town_ctx, "select count(*) from app.leads where waterfall_step = 1 and scored_at is null") == 30


async def test_no_contact_value_is_ever_stored_in_the_clear(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 10)
    await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, "select count(*) from app.contact_points where value !~ '^s1[.]'") == 0


async def test_the_second_step_waits_until_the_first_was_checked_and_scored(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx)
    await tasks.pump(town_ctx, 1)
    assert await tasks.pump(town_ctx, 1) == 0
    await checked_and_scored(town_ctx)
    assert await tasks.pump(town_ctx, 1) == 30
    truth = await billed(town)
    assert 0 < truth["billed"]["batchdata"]["items"] <= 30
    cost = await value(town_ctx, "select sum(cost_cents) from app.vendor_calls where vendor = 'batchdata'")
    assert cost == truth["billed"]["batchdata"]["cents"] == 15 * truth["billed"]["batchdata"]["items"]


async def test_a_contactable_lead_costs_no_second_step_and_its_waterfall_ends(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 5)
    await tasks.pump(town_ctx, 1)
    await checked_and_scored(town_ctx)
    await change(town_ctx, "update app.leads set quality_score = 80")
    await tasks.pump(town_ctx, 1)
    assert "batchdata" not in (await billed(town))["billed"]
    assert await value(town_ctx, "select count(*) from app.leads where waterfall_exhausted_at is not null") == 5
    event = (
        "select count(*) from app.pipeline_events "
        "where event_type = 'lead_waterfall_exhausted' and details ->> 'contactable' = 'true'"
    )
    assert await value(town_ctx, event) == 5


async def test_a_walked_waterfall_ends_only_after_its_last_points_were_checked(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx)
    for _ in range(2):
        await tasks.pump(town_ctx, 1)
        assert await value(town_ctx, "select count(*) from app.leads where waterfall_exhausted_at is not null") == 0
        await checked_and_scored(town_ctx)
    await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, "select count(*) from app.leads where waterfall_exhausted_at is not null") == 30
    await conserved(town_ctx)


async def test_pumps_at_once_buy_nothing_twice(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx)
    moved = await asyncio.gather(*(tasks.pump(several_lines(town_ctx), 1) for _ in range(3)))
    assert sum(moved) == 30
    truth = await billed(town)
    assert (truth["billed"]["melissa"]["items"], truth["paid_twice"]) == (30, 0)
    assert await value(town_ctx, "select count(*) from app.pipeline_events where event_type = 'lead_enriched'") == 30


async def test_pumps_at_once_end_a_waterfall_once(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 10)
    await change(town_ctx, "update app.leads set waterfall_step = 2, scored_at = facts_changed_at")
    await asyncio.gather(*(tasks.pump(several_lines(town_ctx), 1) for _ in range(4)))
    ended = "select count(*) from app.pipeline_events where event_type = 'lead_waterfall_exhausted'"
    assert await value(town_ctx, ended) == 10


async def test_a_crash_between_answer_and_facts_loses_nothing_and_pays_once(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leads(town_ctx)

    async def die(*_: Any, **__: Any) -> int:
        raise SystemError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "write", die)
        with pytest.raises(ExceptionGroup):
            await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, "select count(*) from app.vendor_calls where status = 'answered'") == 30
    assert await tasks.pump(town_ctx, 1) == 30
    assert (await billed(town))["billed"]["melissa"]["items"] == 30
    assert await value(town_ctx, "select count(*) from app.contact_points") > 0


async def test_a_worker_that_dies_before_the_answer_leaves_doubt_and_the_leads_go_on(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leads(town_ctx)

    async def die(*_: Any, **__: Any) -> None:
        raise SystemError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "buy", die)
        with pytest.raises(ExceptionGroup):
            await tasks.pump(town_ctx, 1)
    assert await tasks.pump(town_ctx, 1) == 0
    with clock.held_at(clock.now() + timedelta(minutes=11)):
        assert await tasks.recover(town_ctx, 1) == 30
        assert await tasks.pump(town_ctx, 1) == 30
    assert await value(town_ctx, "select count(*) from app.vendor_calls where status = 'settled'") == 30
    assert await value(town_ctx, "select sum(cost_cents) from app.vendor_calls") == 150
    assert "melissa" not in (await billed(town))["billed"]
    await conserved(town_ctx)


@pytest.mark.parametrize(
    ("fault", "state"),
    [("rate_500", "settled"), ("reset", "settled"), ("timeout", "settled"), ("rate_429", "released")],
)
async def test_no_fault_of_a_vendor_loses_a_lead_or_pays_twice(
    town_ctx: Context, town: Town, fault: str, state: str
) -> None:
    await leads(town_ctx)
    hasty = town_ctx.settings.vendors.melissa.model_copy(update={"timeout_s": 0.5})
    hurried = with_vendors(town_ctx, melissa=hasty)
    await faults(town, melissa={fault: 1.0})
    await tasks.pump(hurried, 1)
    assert await value(town_ctx, f"select count(*) from app.vendor_calls where status = '{state}'") == 30
    await conserved(town_ctx)
    await faults(town)
    with clock.held_at(clock.now() + timedelta(hours=1)):
        await tasks.pump(town_ctx, 1)
        assert await value(town_ctx, "select count(*) from app.leads where waterfall_step = 1") == 30
    assert (await billed(town))["paid_twice"] == 0


async def test_an_open_circuit_keeps_the_vendor_alone_and_opens_again_later(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 3)
    later = clock.now() + timedelta(minutes=5)
    await change(
        town_ctx,
        "insert into app.vendor_circuits (org_id, vendor, failures, open_until) "
        f"values (1, 'melissa', 5, timestamptz '{later.isoformat()}')",
    )
    assert await tasks.pump(town_ctx, 1) == 0
    assert await value(town_ctx, "select count(*) from app.vendor_calls") == 0
    with clock.held_at(later):
        assert await tasks.pump(town_ctx, 1) == 3
    assert await value(town_ctx, "select failures from app.vendor_circuits") == 0


async def test_a_daily_cap_makes_leads_wait_and_tomorrow_lets_them_on(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 10)
    await change(town_ctx, "insert into app.spend_caps (org_id, scope, cap_cents) values (1, 'org_day', 20)")
    assert await tasks.pump(town_ctx, 1) == 4
    assert (await billed(town))["billed"]["melissa"]["cents"] == 20
    await conserved(town_ctx, 10)
    with clock.held_at(clock.now() + timedelta(days=1)):
        assert await tasks.pump(town_ctx, 1) == 4


async def test_a_refused_batch_goes_to_the_dlq_and_costs_nothing(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 3)
    await change(town_ctx, "update app.leads set waterfall_step = 1, scored_at = facts_changed_at")
    forbidden = town_ctx.settings.vendors.batchdata.model_copy(update={"key": SecretStr("forbidden")})
    refused = with_vendors(town_ctx, batchdata=forbidden)
    await tasks.pump(refused, 1)
    assert await value(town_ctx, "select count(*) from app.dlq where stage = 'enrichment' and error like '%403%'") == 3
    assert await value(town_ctx, "select sum(cost_cents) from app.vendor_calls") == 0
    await conserved(town_ctx, 3)
    with clock.held_at(clock.now() + timedelta(minutes=5)):
        assert await tasks.pump(town_ctx, 1) == 3
    assert await value(town_ctx, "select count(*) from app.dlq") == 0


async def test_an_unreadable_answer_goes_to_the_dlq_alone(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from penstock.providers.append import melissa

    await leads(town_ctx, 3)
    honest = melissa.read_record
    seen: list[int] = []

    def stumbles(record: Any) -> Any:
        seen.append(1)
        if len(seen) == 1:
            raise KeyError("Results")
        return honest(record)

    monkeypatch.setattr(melissa, "read_record", stumbles)
    assert await tasks.pump(town_ctx, 1) == 3
    assert await value(town_ctx, "select count(*) from app.dlq where stage = 'enrichment'") == 1
    assert await value(town_ctx, "select count(*) from app.leads where waterfall_step = 1") == 2
    with clock.held_at(clock.now() + timedelta(minutes=5)):
        assert await tasks.pump(town_ctx, 1) == 1
    assert (await billed(town))["billed"]["melissa"]["items"] == 3


async def test_a_company_owner_is_not_asked_about(town_ctx: Context, town: Town) -> None:
    await leads(town_ctx, 2)
    await change(town_ctx, "update app.contacts set kind = 'company', company = 'Sample LLC'")
    assert await tasks.pump(town_ctx, 1) == 2
    assert (await billed(town))["billed"] == {}
    skipped = "select distinct details ->> 'skipped' from app.pipeline_events where event_type = 'lead_enriched'"
    assert await value(town_ctx, skipped) == "the owner is a company"


async def test_a_litigators_number_suppresses_the_person_for_good(
    town_ctx: Context, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leads(town_ctx, 1)
    monkeypatch.setattr(facts.rules, "is_litigator", lambda found, taken: True)
    await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, "select is_litigator from app.contacts") is True
    assert await value(town_ctx, "select reason from app.suppressions where kind = 'contact'") == "SUPP_LEGAL"


async def test_a_mak_that_another_row_has_makes_the_two_one_place(town_ctx: Context, town: Town) -> None:
    await make_lead(town_ctx, address="100 Heron Avenue", last_name="Sample")
    await make_lead(town_ctx, address="100 Heron Ave", city="Ybor City", last_name="Sample")
    async with town_ctx.db.tenant(1) as db:
        before = await rows(db, text("select id from app.properties"))
    assert len(before) == 2
    await tasks.pump(town_ctx, 1)
    assert await value(town_ctx, "select count(*) from app.properties where merged_into is null") == 1
    assert await value(town_ctx, "select count(*) from app.leads where merged_into is null") == 1
