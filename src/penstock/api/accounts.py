"""Who may use Penstock: making, changing and closing users and API keys. Used by the API and by the command line."""

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.api import auth
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sqlfile import load

SQL = load(__package__)
ROLES: Final = ("admin", "operator", "auditor", "broker")
SHORTEST_PASSWORD: Final = 12  # NIST SP 800-63B asks for length, not for character classes


async def audit(
    db: AsyncConnection, org_id: int, *, actor: str, action: str, kind: str, id: object, **details: Any
) -> None:
    """Write one row of `app.audit_logs`. `details` hold no personal data."""
    text = json.dumps(details, default=str)
    await execute(
        db, SQL["audit"], org_id=org_id, actor=actor, action=action, object_type=kind, object_id=str(id), details=text
    )


async def user(db: AsyncConnection, user_id: UUID) -> RowMapping:
    """One user, without the hash. Raises NotFound."""
    found = await one(db, SQL["users"], id=user_id)
    if found is None:
        raise NotFound("There is no such user.")
    return found


async def add_user(
    db: AsyncConnection,
    org_id: int,
    *,
    email: str,
    name: str,
    password: str,
    user_role: str,
    broker_id: UUID | None,
    actor: str,
) -> UUID:
    """Make a user and give the id; a broker's user takes the broker's id, because policies compare the two.

    Raises InvalidInput for a bad address, role or password, Conflict when the address or broker already signs in.
    """
    check_role(user_role, broker_id)
    if broker_id is not None and await one(db, SQL["brokers"], id=broker_id) is None:
        raise InvalidInput("There is no such broker.", fix="GET /v1/brokers lists them", field="broker_id")
    values = {
        "email": check_email(email),
        "password_hash": await hash_password(password),
        "name": name,
        "user_role": user_role,
    }
    made: UUID = await scalar(db, SQL["add_user"], org_id=org_id, id=broker_id, **values)
    await audit(db, org_id, actor=actor, action="created", kind="user", id=made, user_role=user_role)
    return made


async def change_user(
    db: AsyncConnection, org_id: int, user_id: UUID, changes: Mapping[str, Any], *, actor: str
) -> RowMapping:
    """Change `name`, `user_role`, `is_active` or `password` of a user; gives the user as it is then.

    Raises NotFound, InvalidInput, and Conflict when nobody would be left to administer the org.
    """
    before = await user(db, user_id)
    role = changes.get("user_role") or before["user_role"]
    if role == "broker" and await one(db, SQL["brokers"], id=user_id) is None:
        raise InvalidInput("Only the user of a broker can have the role broker.", field="user_role")
    check_role(role, user_id if role == "broker" else None)
    password = changes.get("password")
    await execute(
        db,
        SQL["change_user"],
        id=user_id,
        name=changes.get("name"),
        user_role=changes.get("user_role"),
        is_active=changes.get("is_active"),
        password_hash=await hash_password(password) if password else None,
    )
    if before["user_role"] == "admin" and not await scalar(db, SQL["active_admins"]):
        raise Conflict("This is the last admin.", fix="make another user admin first")
    await audit(db, org_id, actor=actor, action="changed", kind="user", id=user_id, fields=sorted(changes))
    return await user(db, user_id)


def check_role(user_role: str, broker_id: UUID | None) -> None:
    """Raises InvalidInput unless the role exists, and a broker's user names its broker and nobody else does."""
    if user_role not in ROLES:
        raise InvalidInput(f"There is no role {user_role}.", fix=f"use one of {', '.join(ROLES)}", field="user_role")
    if (user_role == "broker") != (broker_id is not None):
        raise InvalidInput("A user with the role broker names a broker, and only such a user does.", field="broker_id")


def check_email(email: str) -> str:
    """The address in lower case. Raises InvalidInput when it cannot be one."""
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise InvalidInput("This is not an email address.", field="email") from error


async def hash_password(password: str) -> str:
    """The hash to store, made in a thread: it is slow on purpose. Raises InvalidInput for a short password."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput(f"A password needs at least {SHORTEST_PASSWORD} characters.", field="password")
    return await asyncio.to_thread(auth.hash_password, password)


@dataclass(frozen=True)
class MadeKey:
    """A new API key. `key` and `signing_secret` can be read here and never again."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    key: str
    signing_secret: str


async def add_key(
    ctx: Context, db: AsyncConnection, org_id: int, *, name: str, scopes: Sequence[str], allow_v1: bool, actor: str
) -> MadeKey:
    """Make an API key and the secret it signs uploads with. Raises InvalidInput for an unknown scope."""
    try:
        checked = auth.check_scopes(list(scopes))
    except ValueError as error:
        raise InvalidInput(str(error), field="scopes") from error
    key, signing_secret = auth.new_key(), new_signing_secret()
    made: UUID = await scalar(
        db,
        SQL["add_key"],
        org_id=org_id,
        name=name,
        prefix=key.prefix,
        secret_hash=key.secret_sha256,
        signing_secret_sealed=ctx.sealer.seal(org_id, signing_secret),
        scopes=checked,
        allow_v1=allow_v1,
    )
    await audit(db, org_id, actor=actor, action="created", kind="api_key", id=made, scopes=checked)
    return MadeKey(made, name, key.prefix, checked, key.text, signing_secret)


async def revoke_key(db: AsyncConnection, org_id: int, key_id: UUID, *, actor: str) -> None:
    """Stop accepting a key, from commit on. Raises NotFound."""
    if not await execute(db, SQL["revoke_key"], id=key_id):
        raise NotFound("There is no such key.")
    await audit(db, org_id, actor=actor, action="revoked", kind="api_key", id=key_id)


async def keys(db: AsyncConnection) -> list[RowMapping]:
    """The org's keys, without their secrets."""
    return await rows(db, SQL["keys"])


def new_signing_secret() -> str:
    """256 random bits as Standard Webhooks writes a secret: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
