"""Campaigns, tasks and hand-offs on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from factories import make_company, make_person
from ground import BROKER, BROKER_ID, MASTER_KEY, ORG
from penstock import assembly, booking, onboarding
from penstock.cli import app
from penstock.core.db import scalar
from penstock.core.settings import Settings

NOTE = text(
    "insert into app.tasks (lead_id, contact_id, channel, subject, body_sealed, due_at)"
    " values (:lead, :contact, :channel, 'A note to Jane', :words, app.now()) returning id"
)


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on an installation with one company: a CFO with a profile, a task and a hand-off."""
    for name, value in {
        "DATABASE_URL": database, "PENSTOCK_HOME": str(tmp_path), "PENSTOCK_SETTINGS": str(tmp_path / "none"),
        "PENSTOCK_MASTER_KEY": MASTER_KEY, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
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
        # Renews within four months whatever the day is, for the commands ask the real clock.
        company = await make_company(ctx, name="Palm & Sons Inc", renewal_month=1, renewal_notice_window_days=400)
        contact, lead = await make_person(ctx, company, first_name="Jane", last_name="Roe", profile="li/jane")
        async with ctx.db.tenant(1) as db:
            for channel, words in (("linkedin", "Hello Jane"), ("phone", "Say hello")):
                sealed = ctx.sealer.seal(1, words)
                await scalar(db, NOTE, lead=lead, contact=contact, channel=channel, words=sealed)
            await booking.hand_off(ctx, db, 1, lead_id=lead, cause="reply:1", kind="positive", said="Let us talk.")


def test_a_campaign_is_rehearsed_made_shown_paused_and_emptied(penstock: Any) -> None:
    rehearsed = json.loads(penstock("campaign", "create", "--playbook", "renewals", "--dry-run", "--json").stdout)
    assert (rehearsed["campaign_id"], rehearsed["added"], rehearsed["by_role"]) == (None, 1, {"CFO": 1})
    made = penstock("campaign", "create", "--playbook", "renewals", "--name", "Spring", "--targets", "cfo, hr").stdout
    assert "campaign Spring" in made and "took in 1 people at 1 companies" in made
    (row,) = [row for row in json.loads(penstock("campaign", "list", "--json").stdout) if row["name"] == "Spring"]
    number = str(row["id"])
    assert row["targets"] == ["CFO", "HR"] and row["people"] == 1
    shown = penstock("campaign", "show", number).stdout
    assert "Jane Roe" in shown and "waits: the next morning" in shown and "green only" in shown
    assert "is paused" in penstock("campaign", "pause", number).stdout
    assert "goes on" in penstock("campaign", "resume", number).stdout
    (member,) = json.loads(penstock("campaign", "show", number, "--json").stdout)["members"]
    contact = str(member["contact_id"])
    assert "1 of 1" in penstock("campaign", "remove", number, contact).stdout
    assert "1 of 1" in penstock("campaign", "add", number, contact).stdout
    assert (
        "there is a campaign 'Spring'"
        in penstock("campaign", "create", "--playbook", "renewals", "--name", "Spring", expect=1).stderr
    )
    penstock("campaign", "create", "--playbook", "equity", expect=2)
    penstock("campaign", "create", "--playbook", "renewals", "--targets", "CTO", expect=2)
    penstock("campaign", "show", "999", expect=2)


def test_tasks_are_listed_shown_done_once_and_skipped(penstock: Any) -> None:
    note, call = json.loads(penstock("task", "list", "--json").stdout)
    assert (note["channel"], call["channel"], note["company"]) == ("linkedin", "phone", "Palm & Sons Inc")
    shown = penstock("task", "show", str(note["id"])).stdout
    assert "Hello Jane" in shown
    decided = json.loads(penstock("task", "show", str(note["id"]), "--json").stdout)["decision"]
    if decided["verdict"] == "ALLOW":  # at night in Florida the gate says no, and the command says so
        assert "is done" in penstock("task", "done", str(note["id"])).stdout
        penstock("task", "done", str(note["id"]), expect=1)
    else:
        assert "TIME_QUIET_HOURS" in penstock("task", "done", str(note["id"]), expect=3).stderr
    refused = penstock("task", "done", str(call["id"]), expect=3)  # no phone is known
    assert "the gate says no (SYS_INPUT" in refused.stderr
    assert "is skipped" in penstock("task", "skip", str(call["id"]), "--reason", "no number").stdout
    (closed,) = json.loads(penstock("task", "list", "--state", "skipped", "--json").stdout)
    assert (closed["reason"], closed["closed_by"]) == ("no number", "cli")
    penstock("task", "show", "999", expect=2)


def test_values_that_mean_nothing_are_refused_with_the_choices(penstock: Any) -> None:
    assert "done, skipped" in penstock("task", "list", "--state", "bogus", expect=2).stderr
    assert "phone" in penstock("task", "list", "--channel", "fax", expect=2).stderr
    assert "no campaign 777" in penstock("task", "list", "--campaign", "777", expect=2).stderr
    penstock("task", "show", "9" * 22, expect=2)
    penstock("campaign", "create", "--playbook", "renewals", "--name", "", expect=2)
    penstock("campaign", "create", "--playbook", "renewals", "--targets", "", expect=2)
    nobody = penstock("campaign", "create", "--playbook", "renewals", "--name", "None", "--targets", "HR", expect=3)
    assert "nobody joins" in nobody.stderr
    made = penstock(
        "campaign", "create", "--playbook", "renewals", "--name", "N", "--targets", "HR", "--empty", "--json"
    )
    number = str(json.loads(made.stdout)["campaign_id"])
    for what in ("add", "remove"):
        assert "the id 888, 999" in penstock("campaign", what, number, "999", "1", "888", expect=2).stderr


def test_hand_offs_are_listed_and_shown(penstock: Any) -> None:
    (row,) = json.loads(penstock("handoff", "list", "--json").stdout)
    assert (row["person"], row["company"], row["cause"]) == ("Jane Roe", "Palm & Sons Inc", "reply:1")
    shown = penstock("handoff", "show", str(row["id"])).stdout
    assert "Let us talk." in shown and "CFO: Jane Roe" in shown
    assert "Jane Roe" in penstock("handoff", "list").stdout


def test_explain_names_company_and_slots(penstock: Any) -> None:
    (row,) = json.loads(penstock("handoff", "list", "--json").stdout)
    told = penstock("explain", row["lead_id"][:8]).stdout
    assert "CFO of Palm & Sons Inc; CEO vacant, CFO green, HR vacant" in told and "took a slot" in told
    assert "Companies" in penstock("status").stdout
