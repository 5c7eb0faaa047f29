"""POST /v1/token: an address and a password become a bearer token."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from penstock.api import auth
from penstock.api.accounts import audit
from penstock.api.authenticate import token_secret
from penstock.api.limits import RateLimiter
from penstock.core.access import Caller, allow
from penstock.core.db import execute, one
from penstock.core.edge import Ctx
from penstock.core.errors import NotSignedIn, TooMany
from penstock.core.sqlfile import load

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1", tags=["sign-in"])
SQL = load(__package__)
TRIES_PER_MINUTE = 10  # for one account, from wherever they come


class SignIn(BaseModel):
    """What a person types."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ana@broker.example", "password": "long pass phrase"}]}
    )
    email: str = Field(max_length=320)
    password: SecretStr = Field(max_length=1000)


class Token(BaseModel):
    """A bearer token and how long it lasts."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the name of a scheme
    expires_in: int = Field(description="seconds")
    org_id: int
    user_id: UUID
    user_role: str
    name: str


class Me(BaseModel):
    """Who the credentials stand for."""

    org_id: int
    role: str
    user_id: UUID | None
    scopes: list[str]


@router.post("/token")
async def sign_in(body: SignIn, request: Request, ctx: Ctx) -> Token:
    """Sign in. The answer to a wrong password and to an unknown address is the same, and takes as long."""
    tries: RateLimiter = request.app.state.sign_in_limiter
    if wait := tries.wait_s(hashlib.sha256(body.email.lower().encode()).hexdigest()):
        raise TooMany("Too many tries for this account.", fix=f"wait {wait} s", retry_after_s=wait)
    async with ctx.db.owner() as db:
        user = await one(db, SQL["user_for_sign_in"], email=body.email)
    known = user["password_hash"] if user and user["is_active"] else None
    if not await asyncio.to_thread(auth.password_matches, body.password.get_secret_value(), known) or user is None:
        log.warning("sign-in refused", known_user=user is not None)
        if user is not None:
            async with ctx.db.tenant(user["org_id"]) as db:
                await audit(db, user["org_id"], actor="anonymous", action="sign_in_refused", kind="user", id=user["id"])
        raise NotSignedIn("The address or the password is wrong.")
    async with ctx.db.tenant(user["org_id"]) as db:
        await execute(db, SQL["signed_in"], id=user["id"])
        await audit(db, user["org_id"], actor=str(user["id"]), action="signed_in", kind="user", id=user["id"])
    lifetime = timedelta(minutes=ctx.settings.api.token_minutes)
    token = auth.issue_token(
        token_secret(ctx), org_id=user["org_id"], user_id=user["id"], role=user["user_role"], lifetime=lifetime
    )
    return Token(
        access_token=token,
        expires_in=int(lifetime.total_seconds()),
        org_id=user["org_id"],
        user_id=user["id"],
        user_role=user["user_role"],
        name=user["name"],
    )


@router.get("/me")
async def me(caller: Annotated[Caller, allow("leads:read")]) -> Me:
    """Who the token or key stands for and what it may do."""
    who = caller.who
    return Me(org_id=who.org_id, role=who.role, user_id=who.user_id, scopes=sorted(who.scopes))
