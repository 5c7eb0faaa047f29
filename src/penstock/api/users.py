"""/v1/users and /v1/keys: administration, for those with the scope admin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import RowMapping

from penstock.api import accounts
from penstock.core.access import Caller, allow
from penstock.core.db import rows

router = APIRouter(prefix="/v1", tags=["administration"])
Admin = Annotated[Caller, allow("admin", as_service=True)]
UserRole = Literal["admin", "operator", "auditor", "broker"]


class User(BaseModel):
    """Somebody who signs in."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    email: str
    name: str
    user_role: UserRole
    is_active: bool
    created_at: datetime
    last_signed_in_at: datetime | None


class NewUser(BaseModel):
    """A user to make. `broker_id` goes with the role broker, and only with it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": "ana@broker.example", "name": "Ana", "password": "long pass phrase", "user_role": "operator"}
            ]
        }
    )
    email: str = Field(max_length=320)
    name: str = Field(min_length=1, max_length=200)
    password: SecretStr = Field(max_length=1000)
    user_role: UserRole
    broker_id: UUID | None = None


class UserChanges(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"is_active": False}]})
    name: str | None = Field(default=None, min_length=1, max_length=200)
    user_role: UserRole | None = None
    is_active: bool | None = None
    password: SecretStr | None = Field(default=None, max_length=1000)


class Key(BaseModel):
    """An API key, without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    allow_v1: bool
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(BaseModel):
    """A key to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "nightly import", "scopes": ["uploads:write"]}]})
    name: str = Field(min_length=1, max_length=200)
    scopes: list[str] = Field(min_length=1, description="leads:read, leads:write, uploads:write, events:read, admin")
    allow_v1: bool = Field(default=False, description="Accept the old signature that covers the body only.")


class MadeKey(BaseModel):
    """A new key. Keep `key` and `signing_secret`: they are not shown again."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    key: str
    signing_secret: str


@router.get("/users")
async def list_users(caller: Admin) -> list[User]:
    """All users of the org."""
    return [User(**row) for row in await rows(caller.db, accounts.SQL["users"], id=None)]


@router.post("/users", status_code=status.HTTP_201_CREATED)
async def add_user(body: NewUser, caller: Admin) -> User:
    """Make a user."""
    fields = body.model_dump() | {"password": body.password.get_secret_value()}
    made = await accounts.add_user(caller.db, caller.org_id, actor=caller.who.actor, **fields)
    return User(**await accounts.user(caller.db, made))


@router.get("/users/{user_id}")
async def show_user(user_id: UUID, caller: Admin) -> User:
    """One user."""
    return User(**await accounts.user(caller.db, user_id))


@router.patch("/users/{user_id}")
async def change_user(user_id: UUID, body: UserChanges, caller: Admin) -> User:
    """Change a user. Closing an account or changing its role voids its tokens at once."""
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    if body.password:
        changes["password"] = body.password.get_secret_value()
    row = await accounts.change_user(caller.db, caller.org_id, user_id, changes, actor=caller.who.actor)
    return User(**row)


@router.get("/keys")
async def list_keys(caller: Admin) -> list[Key]:
    """All API keys of the org, revoked ones included."""
    found: Sequence[RowMapping] = await accounts.keys(caller.db)
    return [Key(**row) for row in found]


@router.post("/keys", status_code=status.HTTP_201_CREATED)
async def add_key(body: NewKey, caller: Admin) -> MadeKey:
    """Make an API key."""
    made = await accounts.add_key(caller.ctx, caller.db, caller.org_id, actor=caller.who.actor, **body.model_dump())
    return MadeKey.model_validate(made)


@router.delete("/keys/{key_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_key(key_id: UUID, caller: Admin) -> None:
    """Revoke an API key."""
    await accounts.revoke_key(caller.db, caller.org_id, key_id, actor=caller.who.actor)
