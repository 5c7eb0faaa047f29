"""A tenant made in passing becomes a real one; a real one is never overwritten."""

from __future__ import annotations

import dataclasses

from sqlalchemy import text

from ground import ORG
from penstock import onboarding
from penstock.core.context import Context
from penstock.core.db import execute, scalar


async def test_an_org_without_an_address_takes_the_first_real_profile_and_no_second(bare_ctx: Context) -> None:
    bare = dataclasses.replace(ORG, slug="local", postal_address="")
    other = dataclasses.replace(ORG, slug="other", legal_name="Other LLC")
    assert await onboarding.ensure_org(bare_ctx, 1, bare)
    assert not await onboarding.ensure_org(bare_ctx, 1, ORG)
    assert not await onboarding.ensure_org(bare_ctx, 1, other)
    async with bare_ctx.db.owner() as db:
        assert await scalar(db, text("select slug || '|' || legal_name from app.orgs")) == "acme|Acme Home Equity LLC"


async def test_a_playbook_that_came_later_is_set_up_and_what_was_taken_away_stays_away(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        before = await scalar(db, text("select count(*) from app.price_tiers"))
        await execute(db, text("delete from app.sequence_nodes"))
        await execute(db, text("delete from app.campaigns where playbook = 'roofing'"))
        await execute(db, text("delete from app.price_tiers where playbook = 'equity' and from_count = 11"))
    await onboarding.ensure_playbooks(ctx, 1)
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.campaigns where playbook = 'roofing'")) == 1
        assert await scalar(db, text("select string_agg(node_type, ' ' order by id) from app.sequence_nodes")) == (
            "START EMAIL WAIT EMAIL WAIT EMAIL WAIT EMAIL END"
        )
        assert await scalar(db, text("select count(*) from app.price_tiers")) == before - 1
