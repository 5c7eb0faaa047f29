"""Which stage of a sale may follow which: the same wherever it is set, and as the reference says."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factories import make_lead
from ground import BROKER_ID
from penstock import sales
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import Conflict, InvalidInput
from penstock.sales.service import STAGES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sales.md"
TABLE = text("select from_status, to_status from app.status_transitions where machine = 'sales_stage'")
SET = "update {} set sales_stage = :stage, status_reason = coalesce(:reason, status_reason) where id = :id"
BEA: dict[str, Any] = {"role": "authenticated", "sub": str(BROKER_ID), "user_role": "broker"}


def documented() -> set[tuple[str, str]]:
    """Every change that the reference's table allows."""
    table = PAGE.read_text("utf-8").split("| from | may go to |")[1].split("\n\n")[0]
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    assert {was for was, _ in lines} == set(STAGES)
    return {(was, becomes) for was, rest in lines for becomes in re.findall(r"`(\w+)`", rest)}


async def test_the_reference_lists_the_changes_that_the_database_lets_through(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        listed = {(row["from_status"], row["to_status"]) for row in await rows(db, TABLE)}
    assert listed == documented()


async def test_every_change_is_made_or_refused_alike_by_the_room_and_by_sql(ctx: Context) -> None:
    allowed = documented()
    for was, becomes in product(STAGES, STAGES):
        if was == becomes:
            continue
        by_room, by_sql = [await make_lead(ctx, sales_stage=was, broker_id=BROKER_ID) for _ in range(2)]
        outcomes = []
        try:
            async with ctx.db.tenant(1) as db:
                await sales.move_stage(db, 1, by_room, becomes, actor="me", reason="because")
            outcomes.append(True)
        except Conflict:
            outcomes.append(False)
        try:
            async with ctx.db.tenant(1, **BEA) as db:
                await execute(db, text(SET.format("app.leads")), id=by_sql, stage=becomes, reason="because")
            outcomes.append(True)
        except DBAPIError as error:
            assert getattr(error.orig, "sqlstate", "") == "PS001"
            outcomes.append(False)
        assert outcomes == [(was, becomes) in allowed] * 2, (was, becomes)


@pytest.mark.parametrize(("face", "who"), [("app.leads", BEA), ("app.leads", {}), ("api.leads", {})])
async def test_who_writes_sql_is_refused_with_what_may_follow(ctx: Context, face: str, who: dict[str, Any]) -> None:
    lead = await make_lead(ctx, broker_id=BROKER_ID)
    with pytest.raises(DBAPIError) as refused:
        async with ctx.db.tenant(1, **who) as db:
            await execute(db, text(SET.format(face)), id=lead, stage="won", reason=None)
    diag = refused.value.orig.diag  # type: ignore[union-attr]
    assert diag.message_primary == "sales_stage may not go from new to won"
    assert diag.message_hint == "from new: appointment_scheduled, contacted, interested, lost, replied"


async def test_a_lost_sale_is_taken_up_again_only_with_a_reason(ctx: Context) -> None:
    lead = await make_lead(ctx, broker_id=BROKER_ID, sales_stage="interested")
    async with ctx.db.tenant(1) as db:
        await sales.move_stage(db, 1, lead, "lost", actor="me", reason="sold")
    for reason in (None, "", "   "):
        with pytest.raises(InvalidInput, match="reason"):
            async with ctx.db.tenant(1) as db:
                await sales.move_stage(db, 1, lead, "interested", actor="me", reason=reason)
    for reason in (None, " ", "sold"):
        with pytest.raises(DBAPIError, match="a lost sale is taken up again with a reason"):
            async with ctx.db.tenant(1, **BEA) as db:
                await execute(db, text(SET.format("app.leads")), id=lead, stage="interested", reason=reason)
    async with ctx.db.tenant(1) as db:
        await sales.move_stage(db, 1, lead, "interested", actor="me", reason="the buyer left")
        row = await one(db, text("select sales_stage, status_reason from app.leads where id = :id"), id=lead)
    assert row is not None and (row["sales_stage"], row["status_reason"]) == ("interested", "the buyer left")


async def test_what_is_set_already_is_told_as_no_change(ctx: Context) -> None:
    lead = await make_lead(ctx, sales_stage="lost")
    async with ctx.db.tenant(1) as db:
        assert await sales.move_stage(db, 1, lead, "CLOSED_LOST", actor="me") == ("lost", "lost")
        assert await rows(db, text("select 1 from app.pipeline_events where event_type = 'stage_changed'")) == []
