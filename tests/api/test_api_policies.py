"""The same rules one floor below: in SQL, as broker, other broker, staff, other tenant, service and nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ground import BROKER_ID
from penstock.core.context import Context
from penstock.core.db import enter, rows

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]
CARL = "c0000000-0000-4000-8000-000000000001"
WHO: dict[str, dict[str, Any]] = {
    "Bea": {"org_id": 1, "role": "authenticated", "sub": str(BROKER_ID), "user_role": "broker"},
    "Carl": {"org_id": 1, "role": "authenticated", "sub": CARL, "user_role": "broker"},
    "Audrey": {
        "org_id": 1,
        "role": "authenticated",
        "sub": "00000000-0000-0000-0000-00000000a002",
        "user_role": "auditor",
    },
    "service": {"org_id": 1, "role": "service_role"},
    "Mallory": {
        "org_id": 2,
        "role": "authenticated",
        "sub": "00000000-0000-0000-0000-00000000b000",
        "user_role": "admin",
    },
    "other service": {"org_id": 2, "role": "service_role"},
}
SEES = {
    "Bea": {"Bea's"},
    "Carl": {"Carl's"},
    "Audrey": {"Bea's", "Carl's", "nobody's"},
    "service": {"Bea's", "Carl's", "nobody's"},
    "Mallory": {"Other's"},
    "other service": {"Other's"},
}


OF_LEAD = {
    "app.leads": "t.id",
    "api.leads": "t.id",
    "app.contacts": "(select l.id from app.leads l where l.contact_id = t.id)",
    "app.contact_points": "(select l.id from app.leads l where l.contact_id = t.contact_id)",
    "app.properties": "(select l.id from app.leads l where l.property_id = t.id)",
    "app.property_seen": "(select l.id from app.leads l where l.property_id = t.property_id)",
}
FORBIDDEN = (
    "update app.leads set consent = true",
    "update app.leads set campaign_status = 'active'",
    "update app.leads set assigned_broker_id = auth.uid()",
    "update app.contact_points set verified = true",
    "update app.brokers set daily_cap = 10000",
    "delete from app.leads",
    "insert into app.consents (org_id) values (1)",
    "insert into app.users (org_id, email, password_hash, name, user_role) values (1, 'x@x', 'x', 'x', 'admin')",
    "insert into app.audit_logs (org_id, actor, action, object_type) values (1, 'not me', 'accessed', 'lead')",
    "select password_hash from app.users",
    "select secret_hash from app.api_keys",
    "select * from api.mv_contactable_leads",
)


@pytest.mark.parametrize("who", SEES)
async def test_each_reads_the_rows_of_their_leads(ctx: Context, cast: Cast, who: str) -> None:
    async with ctx.db.tenant(**WHO[who]) as db:
        for table, lead in OF_LEAD.items():
            found = {row["id"] for row in await rows(db, text(f"select {lead} as id from {table} t"))}
            assert found == {cast.leads[whose] for whose in SEES[who]}, table


@pytest.mark.parametrize("who", ["Bea", "Audrey", "Mallory"])
async def test_nobody_signed_in_writes_or_reads_past_their_grant(ctx: Context, cast: Cast, who: str) -> None:
    for statement in FORBIDDEN:
        with pytest.raises(DBAPIError, match=r"permission denied|row-level security"):
            async with ctx.db.tenant(**WHO[who]) as db:
                await db.execute(text(statement))


async def test_a_broker_changes_only_their_own_leads(ctx: Context, cast: Cast) -> None:
    change = text("update app.leads set sales_stage = 'contacted' returning id")
    async with ctx.db.tenant(**WHO["Carl"]) as db:
        assert [row["id"] for row in await rows(db, change)] == [cast.leads["Carl's"]]
    async with ctx.db.tenant(**WHO["Audrey"]) as db:
        assert await rows(db, change) == [], "an auditor reads"


async def test_nobody_sees_nothing(ctx: Context, cast: Cast) -> None:
    for table in ("app.leads", "app.contacts", "app.contact_points", "app.users", "app.orgs", "app.api_keys"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with ctx.db.engine.begin() as db:
                await enter(db, 1, role="anon")
                await db.execute(text(f"select * from {table}"))


async def test_the_service_of_one_tenant_cannot_write_into_another(ctx: Context, cast: Cast) -> None:
    async with ctx.db.tenant(2) as db:
        assert await rows(db, text("update app.leads set lead_score = 1 where org_id = 1 returning id")) == []
    with pytest.raises(DBAPIError, match="row-level security"):
        async with ctx.db.tenant(2) as db:
            await db.execute(
                text("insert into app.audit_logs (org_id, actor, action, object_type) values (1, 'x', 'x', 'x')")
            )
