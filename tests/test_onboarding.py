"""A tenant made in passing becomes a real one; a real one is never overwritten."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from ground import ORG
from penstock import demo, onboarding
from penstock.cli.doctor import tenants
from penstock.core.context import Context
from penstock.core.db import execute, scalar
from penstock.core.errors import Conflict, NotConfigured
from penstock.core.settings import Mail, MelissaVendor, Probe, Vendors, load_settings
from penstock.worker import signed_in

OUTSIDE = (
    {"vendors": Vendors(melissa=MelissaVendor(key=SecretStr("abc123")))},
    {"mail": Mail(smtp_host="smtp.acme.example")},
    {"probe": Probe(helo_name="probe.acme.example")},
    {"environment": "production"},
)
WHERE = text("select slug || ' ' || public_url from app.orgs")


async def test_an_org_without_an_address_takes_the_first_real_profile_and_no_second(bare_ctx: Context) -> None:
    bare = dataclasses.replace(ORG, slug="local", postal_address="")
    other = dataclasses.replace(ORG, slug="other", legal_name="Other LLC")
    assert await onboarding.ensure_org(bare_ctx, 1, bare)
    assert await onboarding.ensure_org(bare_ctx, 1, ORG), "it became this one"
    assert not await onboarding.ensure_org(bare_ctx, 1, other)
    async with bare_ctx.db.owner() as db:
        assert await scalar(db, text("select slug || '|' || legal_name from app.orgs")) == "acme|Acme Home Equity LLC"


async def test_a_database_that_was_in_a_town_never_reaches_people(bare_ctx: Context) -> None:
    show = demo.showcase_of(bare_ctx, "equity")
    in_town = within(bare_ctx, town_url="http://127.0.0.1:1")
    for base in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        await demo.open_shop(in_town, base, show)
        async with bare_ctx.db.owner() as db:
            assert await scalar(db, WHERE) == f"summit {base}"
    for org_id in (1, 2):
        with pytest.raises(Conflict, match="summit was in a town"):
            await onboarding.ensure_org(bare_ctx, org_id, ORG)
    await onboarding.keep_apart(bare_ctx)  # neither a town nor people
    for outside in OUTSIDE:
        with pytest.raises(Conflict, match="summit was in a town"):
            async with signed_in(within(bare_ctx, **outside)):
                raise AssertionError("a worker started")
    assert await onboarding.real_tenants(bare_ctx) == []
    async with bare_ctx.db.owner() as db:
        assert (await tenants(db, reaches_people=True)).state == "fail"
        assert (await tenants(db, reaches_people=False)).state == "note"


async def test_a_database_with_a_real_tenant_is_never_in_a_town(ctx: Context) -> None:
    in_town = within(ctx, town_url="http://127.0.0.1:1")
    assert await onboarding.real_tenants(ctx) == ["acme"]
    await onboarding.keep_apart(within(ctx, environment="production"))
    with pytest.raises(NotConfigured, match="production"):
        await onboarding.keep_apart(within(in_town, environment="production"))
    with pytest.raises(Conflict, match="acme is real"):
        await onboarding.keep_apart(in_town)
    with pytest.raises(Conflict, match="acme is real"):
        await onboarding.ensure_org(in_town, 2, demo.ORG)
    with pytest.raises(Conflict, match="is real"):
        await demo.run_demo(
            within(ctx, database_url=ctx.db.url).settings, demo.Request(rows=1, days=1), lambda *_: None
        )
    async with ctx.db.owner() as db:
        assert (await tenants(db, reaches_people=True)).state == "ok"
        assert await scalar(db, text("select rehearsed_at is null and live_at is not null from app.orgs"))


async def test_who_could_reach_people_once_is_real_without_a_profile_too(bare_ctx: Context) -> None:
    """A town may come up beside a worker that buys for real: the second to come is refused, whichever it is."""
    await onboarding.ensure_org(bare_ctx, 1, dataclasses.replace(ORG, postal_address=""))
    live, in_town = within(bare_ctx, **OUTSIDE[0]), within(bare_ctx, town_url="http://127.0.0.1:1")
    ended = await asyncio.gather(
        *(onboarding.keep_apart(one) for one in (live, in_town, live, in_town)), return_exceptions=True
    )
    assert (ended[0] is None, ended[1] is None) == (ended[2] is None, ended[3] is None)
    assert (ended[0] is None) != (ended[1] is None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENSTOCK_VENDORS__MELISSA__KEY", "abc123"),
        ("PENSTOCK_MAIL__SMTP_HOST", "smtp.acme.example"),
        ("PENSTOCK_PROBE__HELO_NAME", "probe.acme.example"),
    ],
)
def test_a_town_of_ones_own_stands_in_for_everybody_or_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv("PENSTOCK_SETTINGS", str(tmp_path / "none"))
    monkeypatch.setenv("PENSTOCK_TOWN_URL", "http://127.0.0.1:8090")
    assert load_settings().town_url
    monkeypatch.setenv(name, value)
    with pytest.raises(NotConfigured, match=name.rpartition("__")[0]):
        load_settings()


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
