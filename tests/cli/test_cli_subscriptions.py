"""Subscriptions and usage on the command line, with the town's Stripe behind them."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from ground import BROKER, BROKER_ID, MASTER_KEY, ORG
from penstock import assembly, billing, onboarding
from penstock.billing import subscriptions
from penstock.cli import app
from penstock.core import clock
from penstock.core.db import rows
from penstock.core.http import make_client
from penstock.core.settings import Settings
from penstock.town.app import make_app
from penstock.town.state import new_state

BEA = "bea@acme.example"


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on an installation whose broker has been given 26 leads, one of them for money."""
    for name, value in {
        "DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none"),
        "PENSTOCK_MASTER_KEY": MASTER_KEY, "COLUMNS": "200", "PENSTOCK_VENDORS__STRIPE__KEY": "sk_test_1",
        "PENSTOCK_VENDORS__STRIPE__BASE_URL": "http://town/stripe",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    town = new_state(7)
    town.clock.put(clock.now() - timedelta(minutes=1))
    transport = httpx.ASGITransport(make_app(town))
    monkeypatch.setattr(assembly, "make_client", lambda: make_client(transport=transport))
    asyncio.run(_furnish(database))
    runner = CliRunner()

    def run(*arguments: str, expect: int = 0) -> Any:
        result = runner.invoke(app, list(arguments))
        assert result.exit_code == expect, f"{result.exit_code}: {result.output} {result.exception!r}"
        return result

    return run


async def _furnish(database: str) -> None:
    async with assembly.context(Settings(environment="demo"), database) as ctx:
        await onboarding.ensure_org(ctx, 1, ORG)
        await onboarding.add_broker(ctx, 1, BROKER, broker_id=BROKER_ID)
        made = text(
            "insert into app.leads (org_id, playbook, assigned_broker_id, source, vendor_record_id)"
            " select 1, 'roofing', cast(:broker as uuid), 'test', 'r' || n from generate_series(1, 26) n returning id"
        )
        async with ctx.db.tenant(1) as db:
            leads = [row["id"] for row in await rows(db, made, broker=BROKER_ID)]
            book = ctx.playbooks["roofing"]
            await billing.record_leads(db, 1, broker_id=BROKER_ID, playbook=book, lead_ids=leads[:25])
            await subscriptions.set_by_hand(db, 1, BROKER_ID, tier="professional", actor="test")
            await billing.record_leads(db, 1, broker_id=BROKER_ID, playbook=book, lead_ids=leads[25:])


def said(penstock: Any, *arguments: str) -> Any:
    return json.loads(penstock(*arguments, "--json").stdout)


def test_what_a_month_came_to_and_a_lead_taken_back(penstock: Any, database: str) -> None:
    (used,) = said(penstock, "usage")["usage"]
    assert (used["broker"], used["metric"], used["quantity"], used["cost_usd"]) == (
        "Bea Broker",
        "leads_generated",
        26,
        25,
    )
    assert "leads_generated" in penstock("usage").stdout
    assert said(penstock, "usage", "--month", "2019-01")["usage"] == []
    for senseless in ("2026-13", "0000-01", "9999-12"):
        assert "2026-11" in penstock("usage", "--month", senseless, expect=2).stderr
    lead = asyncio.run(_charged_lead(database))
    assert said(penstock, "subscription", "credit", lead, "--reason", "wrong roof")["in_trial"] is False
    assert "already" in penstock("subscription", "credit", lead, "--reason", "wrong roof", expect=1).stderr
    assert said(penstock, "usage")["usage"][0]["cost_usd"] == 0
    assert said(penstock, "usage")["ledger"] == {"free": 25, "withdrawn": 1}
    assert said(penstock, "usage", "retry") == {"retried": 0}


async def _charged_lead(database: str) -> str:
    async with assembly.context(Settings(environment="demo"), database) as ctx, ctx.db.tenant(1) as db:
        (row,) = await rows(db, text("select lead_id from app.usage_events where not in_trial"))
        return str(row["lead_id"])


def test_a_customer_is_shown_limited_and_sent_to_the_payment_service(penstock: Any) -> None:
    (row,) = said(penstock, "subscription", "list")
    assert (row["email"], row["tier"], row["monthly_lead_count"]) == (BEA, "professional", 26)
    assert "may be given leads" in penstock("subscription", "show", BEA).stdout
    assert said(penstock, "subscription", "limit", BEA, "--leads", "26")["monthly_lead_cap"] == 26
    assert "limit of 26" in penstock("subscription", "show", str(BROKER_ID)).stdout
    assert said(penstock, "subscription", "limit", BEA, "--none")["monthly_lead_cap"] is None
    penstock("subscription", "limit", BEA, expect=2)
    assert "prices" in penstock("subscription", "--help").stdout
    assert [tag["agrees"] for tag in said(penstock, "subscription", "prices")] == [True, True]
    url = penstock("subscription", "subscribe", BEA, "--tier", "enterprise").stdout.strip()
    assert url.startswith("http://town/stripe/checkout/cs_test_")
    assert said(penstock, "subscription", "portal", BEA)["url"].startswith("http://town/stripe/portal/cus_")
    assert said(penstock, "usage", "reconcile", "--days", "3")["differences"] == []
    assert "cancelled" in penstock("subscription", "cancel", BEA).stdout
    assert "subscribe again" in penstock("subscription", "show", BEA).stdout
    assert said(penstock, "subscription", "subscribe", BEA, "--tier", "trial", "--by-hand")["tier"] == "trial"
    assert "subscription list" in penstock("subscription", "show", "nobody@acme.example", expect=2).stderr
