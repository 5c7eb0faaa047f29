"""A tenant made in passing becomes a real one; a real one is never overwritten."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import text

from ground import ORG
from penstock import demo, onboarding
from penstock.cli.doctor import tenants
from penstock.core.context import Context
from penstock.core.db import execute, scalar
from penstock.core.errors import Conflict, NotConfigured
from penstock.worker import signed_in

WHERE = text("select slug || ' ' || public_url from app.orgs")


async def test_an_org_without_an_address_takes_the_first_real_profile_and_no_second(bare_ctx: Context) -> None:
    bare = dataclasses.replace(ORG, slug="local", postal_address="")
    other = dataclasses.replace(ORG, slug="other", legal_name="Other LLC")
    assert await onboarding.ensure_org(bare_ctx, 1, bare)
    assert await onboarding.ensure_org(bare_ctx, 1, ORG), "it became this one"
    assert not await onboarding.ensure_org(bare_ctx, 1, other)
    async with bare_ctx.db.owner() as db:
        assert await scalar(db, text("select slug || '|' || legal_name from app.orgs")) == "acme|Acme Home Equity LLC"


async def test_a_tenant_that_was_in_a_town_never_becomes_real_nor_reaches_people(bare_ctx: Context) -> None:
    show = demo.showcase_of(bare_ctx, "equity")
    in_town = within(bare_ctx, town_url="http://127.0.0.1:1")
    for base in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        await demo.open_shop(in_town, base, show)
        async with bare_ctx.db.owner() as db:
            assert await scalar(db, WHERE) == f"summit {base}"
    with pytest.raises(Conflict, match="invented"):
        await onboarding.ensure_org(bare_ctx, 1, ORG)
    await onboarding.keep_apart(bare_ctx)  # neither a town nor people
    live = within(bare_ctx, environment="production")
    with pytest.raises(Conflict, match="summit was in a town"):
        async with signed_in(live):
            raise AssertionError("a worker started")
    assert not await onboarding.is_real(bare_ctx)
    async with bare_ctx.db.owner() as db:
        assert (await tenants(db, reaches_people=True)).state == "fail"
        assert (await tenants(db, reaches_people=False)).state == "note"


async def test_a_tenant_with_a_profile_is_left_alone_by_demos_and_production_knows_no_town(ctx: Context) -> None:
    assert await onboarding.is_real(ctx)
    await onboarding.keep_apart(within(ctx, environment="production"))
    with pytest.raises(NotConfigured, match="production"):
        await onboarding.keep_apart(within(ctx, environment="production", town_url="http://127.0.0.1:1"))
    with pytest.raises(Conflict, match="real tenant"):
        await demo.run_demo(
            within(ctx, database_url=ctx.db.url).settings, demo.Request(rows=1, days=1), lambda *_: None
        )
    async with ctx.db.owner() as db:
        assert (await tenants(db, reaches_people=True)).state == "ok"
        assert await scalar(db, text("select rehearsed_at is null from app.orgs"))


def within(ctx: Context, **changed: Any) -> Context:
    """The same Context with other settings."""
    return dataclasses.replace(ctx, settings=ctx.settings.model_copy(update=changed))


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
