"""The application in process, and the cast: Bea and Carl are brokers, Ada admin, Otto operator, Audrey auditor of Acme;
Mallory is the admin of another tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from factories import make_contactable
from ground import BROKER_ID, ORG
from penstock import onboarding
from penstock.api import accounts, auth
from penstock.api.app import create_app
from penstock.api.authenticate import token_secret
from penstock.core.context import Context
from penstock.core.db import execute
from penstock.core.settings import Api

CARL_ID = UUID("c0000000-0000-4000-8000-000000000001")
PASSWORD = "correct horse battery staple"
HASH = auth.hash_password(PASSWORD)
ADD_USER = text(
    "insert into app.users (org_id, id, email, password_hash, name, user_role) "
    "values (cast(:org as int), cast(:id as uuid), :email, :hash, :name, :role)"
)


@dataclass
class Cast:
    """Who plays, what credentials they hold, and whose lead is whose."""

    credentials: dict[str, str] = field(default_factory=dict)
    users: dict[str, UUID] = field(default_factory=dict)
    leads: dict[str, UUID] = field(default_factory=dict)

    def headers(self, actor: str) -> dict[str, str]:
        given = self.credentials.get(actor)
        return {"Authorization": f"Bearer {given}"} if given else {}


async def add_user(ctx: Context, cast: Cast, name: str, role: str, user_id: UUID, org_id: int = 1) -> None:
    async with ctx.db.tenant(org_id) as db:
        email = f"{name.lower()}@acme.example"
        await execute(db, ADD_USER, org=org_id, id=user_id, email=email, hash=HASH, name=name, role=role)
    cast.users[name] = user_id
    cast.credentials[name] = auth.issue_token(
        token_secret(ctx), org_id=org_id, user_id=user_id, role=role, lifetime=timedelta(hours=1)
    )


@pytest.fixture
async def cast(ctx: Context) -> Cast:
    """Two tenants with their people, keys and leads."""
    cast = Cast()
    other = onboarding.OrgProfile(**{**vars(ORG), "slug": "other", "name": "Other", "legal_name": "Other LLC"})
    await onboarding.ensure_org(ctx, 2, other)
    await onboarding.add_broker(
        ctx, 1, onboarding.BrokerProfile(name="Carl Closer", email="carl@acme.example"), broker_id=CARL_ID
    )
    people = [("Ada", "admin"), ("Otto", "operator"), ("Audrey", "auditor"), ("Bea", "broker"), ("Carl", "broker")]
    ids = {"Bea": BROKER_ID, "Carl": CARL_ID}
    for n, (name, role) in enumerate(people):
        await add_user(ctx, cast, name, role, ids.get(name, UUID(int=0xA000 + n)))
    await add_user(ctx, cast, "Mallory", "admin", UUID(int=0xB000), org_id=2)
    async with ctx.db.tenant(1) as db:
        for name, scopes in {"reader": ["leads:read"], "writer": ["leads:write"], "root": ["admin"]}.items():
            made = await accounts.add_key(ctx, db, 1, name=name, scopes=scopes, allow_v1=False, actor="test")
            cast.credentials[f"key:{name}"] = made.key
        gone = await accounts.add_key(ctx, db, 1, name="gone", scopes=["admin"], allow_v1=False, actor="test")
        await accounts.revoke_key(db, 1, gone.id, actor="test")
    cast.credentials["key:revoked"] = gone.key
    cast.leads["Bea's"] = await make_contactable(ctx, broker_id=BROKER_ID, email="ada.sample@home.example")
    cast.leads["Carl's"] = await make_contactable(ctx, broker_id=CARL_ID)
    cast.leads["nobody's"] = await make_contactable(ctx)
    cast.leads["Other's"] = await make_contactable(ctx, org_id=2)
    return cast


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in process, that may ask for every route of a table in one go."""
    unhurried = ctx.settings.model_copy(update={"api": Api(requests_per_minute=10_000)})
    app = create_app(replace(ctx, settings=unhurried))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        yield client
