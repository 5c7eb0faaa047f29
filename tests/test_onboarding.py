"""A tenant made in passing becomes a real one; a real one is never overwritten."""

from __future__ import annotations

import dataclasses

from sqlalchemy import text

from ground import ORG
from penstock import onboarding
from penstock.core.context import Context
from penstock.core.db import scalar


async def test_an_org_without_an_address_takes_the_first_real_profile_and_no_second(bare_ctx: Context) -> None:
    bare = dataclasses.replace(ORG, slug="local", postal_address="")
    other = dataclasses.replace(ORG, slug="other", legal_name="Other LLC")
    assert await onboarding.ensure_org(bare_ctx, 1, bare)
    assert not await onboarding.ensure_org(bare_ctx, 1, ORG)
    assert not await onboarding.ensure_org(bare_ctx, 1, other)
    async with bare_ctx.db.owner() as db:
        assert await scalar(db, text("select slug || '|' || legal_name from app.orgs")) == "acme|Acme Home Equity LLC"
