"""A tenant made in passing becomes a real one; a real one is never overwritten."""

from __future__ import annotations

import dataclasses
from typing import Literal

from sqlalchemy import text

from ground import ORG
from penstock import demo, onboarding
from penstock.cli.doctor import Finding, tenants
from penstock.core.context import Context
from penstock.core.db import execute, scalar


async def test_an_org_without_an_address_takes_the_first_real_profile_and_no_second(bare_ctx: Context) -> None:
    bare = dataclasses.replace(ORG, slug="local", postal_address="")
    other = dataclasses.replace(ORG, slug="other", legal_name="Other LLC")
    assert await onboarding.ensure_org(bare_ctx, 1, bare)
    assert await onboarding.ensure_org(bare_ctx, 1, ORG), "it became this one"
    assert not await onboarding.ensure_org(bare_ctx, 1, other)
    async with bare_ctx.db.owner() as db:
        assert await scalar(db, text("select slug || '|' || legal_name from app.orgs")) == "acme|Acme Home Equity LLC"


async def test_a_town_moves_no_pages_of_a_real_org_and_its_made_up_one_gives_way_to_a_real_one(
    bare_ctx: Context,
) -> None:
    where = text("select slug || ' ' || public_url from app.orgs")
    show = demo.showcase_of(bare_ctx, "equity")
    real = dataclasses.replace(ORG, public_url="https://acme.example", alert_secret="s-1")
    for base in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        await demo.open_shop(bare_ctx, base, show)
        async with bare_ctx.db.owner() as db:
            assert await scalar(db, where) == f"summit {base}"
            assert await tenants(db, reaches_people=True) == made_up("fail")
            assert await tenants(db, reaches_people=False) == made_up("note")
    assert await onboarding.ensure_org(bare_ctx, 1, real)
    await demo.open_shop(bare_ctx, "http://127.0.0.1:3", show)
    async with bare_ctx.db.owner() as db:
        assert await scalar(db, where) == "acme https://acme.example"
        assert await scalar(db, text("select alert_secret_sealed is not null from app.orgs"))
        assert (await tenants(db, reaches_people=True)).state == "ok"


def made_up(state: Literal["fail", "note"]) -> Finding:
    fix = "run: penstock org add with your own name and address; they take the place of the made-up ones"
    return Finding("tenant", state, "summit has the town's made-up name and address", fix)


async def test_a_playbook_that_came_later_is_set_up_and_what_was_taken_away_stays_away(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        before = await scalar(db, text("select count(*) from app.price_tiers"))
        await execute(db, text("delete from app.sequence_nodes"))
        for table in ("campaigns", "price_tiers", "spend_caps"):
            await execute(db, text(f"delete from app.{table} where playbook = 'roofing'"))
        await execute(db, text("delete from app.price_tiers where playbook = 'equity' and from_count = 11"))
    await onboarding.ensure_playbooks(ctx, 1)
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.campaigns where playbook = 'roofing'")) == 1
        assert await scalar(db, text("select string_agg(node_type, ' ' order by id) from app.sequence_nodes")) == (
            "START EMAIL WAIT EMAIL WAIT EMAIL WAIT EMAIL END"
        )
        assert await scalar(db, text("select count(*) from app.price_tiers")) == before - 1
