"""Brokers report milestones over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID
from penstock.billing.endpoints import router
from penstock.core.access import Principal
from penstock.core.context import Context
from penstock.core.db import execute, scalar
from penstock.core.problems import install

OTHER_BROKER = UUID("b0000000-0000-4000-8000-000000000002")


@asynccontextmanager
async def signed_in(ctx: Context, user: UUID, role: str = "broker") -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests come from `user`: who that is is checked elsewhere, what they may see here."""

    async def authenticate(*_: Any) -> Principal:
        scopes = frozenset({"leads:read"} if role == "auditor" else {"leads:read", "leads:write"})
        return Principal(org_id=1, scopes=scopes, role=role, user_id=user)

    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                "insert into app.users (org_id, id, email, password_hash, name, user_role)"
                " values (1, :id, :email, 'x', 'somebody', :role) on conflict do nothing"
            ),
            id=user,
            email=f"{user}@acme.example",
            role=role,
        )
    app = FastAPI()
    app.include_router(router)
    app.state.ctx, app.state.authenticate = ctx, authenticate
    install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client


async def charged(ctx: Context) -> int:
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, text("select count(*) from app.billing_events")))


async def test_a_broker_reports_a_milestone_of_an_own_lead_once(ctx: Context) -> None:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID)
    async with signed_in(ctx, BROKER_ID) as broker:
        path, body = f"/v1/leads/{lead_id}/milestones", {"event": "application_submitted"}
        answers = [(await broker.post(path, json=body)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["recorded"] for answer in answers] == [True, False]
    assert await charged(ctx) == 1


@pytest.mark.parametrize(("user", "role", "status"), [(OTHER_BROKER, "broker", 404), (uuid4(), "auditor", 403)])
async def test_who_does_not_work_the_lead_is_refused(ctx: Context, user: UUID, role: str, status: int) -> None:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID)
    async with signed_in(ctx, user, role) as stranger:
        answer = await stranger.post(f"/v1/leads/{lead_id}/milestones", json={"event": "loan_funded"})
    assert answer.status_code == status
    assert await charged(ctx) == 0


async def test_an_unknown_milestone_is_a_problem(ctx: Context) -> None:
    lead_id = await make_lead(ctx, broker_id=BROKER_ID)
    async with signed_in(ctx, BROKER_ID) as broker:
        answer = await broker.post(f"/v1/leads/{lead_id}/milestones", json={"event": "appointment_set"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
