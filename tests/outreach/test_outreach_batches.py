"""Steps are planned and authorised many at once; what fails so is done again, each step by itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import CapturingLogger

from factories import make_contactable
from mailhouse import Mailhouse
from penstock import compliance
from penstock.core.context import Context
from penstock.core.db import execute, rows
from penstock.core.errors import NotConfigured
from penstock.outreach import post, tasks
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump

STOPPED = "update app.enrollments set state = 'stopped', ended_at = app.now() where lead_id = :id"


async def sql(ctx: Context, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(row) for row in await rows(db, text(statement), **params)]


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def test_a_fault_of_the_whole_house_is_no_steps_fault(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [await make_contactable(sender, last_name=f"No{n}", email=f"no{n}@home.example") for n in range(3)]
    await feed(sender, 1)

    async def misconfigured(*_: Any, **__: Any) -> Any:
        raise NotConfigured("the master key is another one")

    for broken in (compliance, post):
        said = CapturingLogger()
        with monkeypatch.context() as past:
            past.setattr(tasks, "log", said)
            past.setattr(broken, "decide_many" if broken is compliance else "authorise", misconfigured)
            with pytest.raises(NotConfigured):
                await pump(sender, 1)
        assert [(call.args, call.kwargs) for call in said.calls] == [
            (("batch_failed",), {"steps": 3, "error": "NotConfigured"})
        ]
        assert await sql(sender, "select 1 from app.dlq") == []
    await pump(sender, 1)
    assert len(house.arrived) == len(leads)


async def test_a_step_that_moved_on_while_its_batch_failed_is_not_redone(
    sender: Context, house: Mailhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [await make_contactable(sender, last_name=f"No{n}", email=f"no{n}@home.example") for n in range(3)]
    await feed(sender, 1)
    decide_many, asked = compliance.decide_many, []

    async def once(ctx: Context, db: Any, org_id: int, requests: Any) -> Any:
        asked.append([request.lead_id for request in requests])
        if len(asked) == 1:
            await change(sender, STOPPED, id=leads[1])
            raise RuntimeError("strange")
        return await decide_many(ctx, db, org_id, requests)

    monkeypatch.setattr(compliance, "decide_many", once)
    await pump(sender, 1)
    assert len(asked[0]) == 3 and {lead for one in asked[1:3] for lead in one} == {leads[0], leads[2]}
    assert {recipient for _, recipient, _ in house.arrived} == {"no0@home.example", "no2@home.example"}
    assert await sql(sender, "select 1 from app.dlq") == []
