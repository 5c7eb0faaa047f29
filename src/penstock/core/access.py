"""Who is asking, and what a route gives them: `caller: Annotated[Caller, allow("leads:read")]`.

The application says how credentials are checked (`app.state.authenticate`); any stage's endpoint says what it asks for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import one
from penstock.core.edge import Ctx
from penstock.core.errors import NotAllowed, NotSignedIn

SCOPES: Final = ("leads:read", "leads:write", "uploads:write", "events:read", "admin")


@dataclass(frozen=True)
class Principal:
    """A signed-in user or an API key of one org, and the scopes that hold for this request."""

    org_id: int
    scopes: frozenset[str]
    role: str  # admin, operator, auditor, broker; "key" for an API key
    user_id: UUID | None = None
    key_prefix: str | None = None

    @property
    def actor(self) -> str:
        """How audit rows name the asker: the user's id (policies compare it with auth.uid()), or the key's prefix."""
        return str(self.user_id) if self.user_id else f"key:{self.key_prefix}"

    def may(self, scope: str) -> bool:
        """Whether this request may use `scope`; `admin` includes every other."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True)
class Caller:
    """Who asks, and a transaction that sees exactly what they may see. It commits before the answer."""

    who: Principal
    db: AsyncConnection
    ctx: Context

    @property
    def org_id(self) -> int:
        """The tenant of the request."""
        return self.who.org_id


Authenticate = Callable[[Request, Context, str | None], Awaitable[Principal]]
_bearer = HTTPBearer(auto_error=False, description="A token of `POST /v1/token`, or an API key `pk_…`.")
_ME = text("select user_role, is_active from app.users where id = auth.uid()")


async def who_asks(
    request: Request, ctx: Ctx, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The principal behind the request's credentials. Raises NotSignedIn or TooMany."""
    authenticate: Authenticate = request.app.state.authenticate
    return await authenticate(request, ctx, given.credentials if given else None)


def allow(scope: str, *, as_service: bool = False) -> Any:
    """A dependency that lets in whoever may use `scope` and gives them a Caller.

    Users run as `authenticated`, held to their rows by the policies; keys as `service_role` of their org. `as_service`
    is for routes whose scope is the whole permission (user administration) and whose tables nobody else may write.
    """

    async def enter(ctx: Ctx, who: Annotated[Principal, Depends(who_asks)]) -> AsyncIterator[Caller]:
        if not who.may(scope):
            raise NotAllowed(f"This needs the scope {scope}.", fix="ask an admin for it, or use a key that has it")
        if who.user_id is None:
            async with ctx.db.tenant(who.org_id) as db:
                yield Caller(who, db, ctx)
            return
        async with ctx.db.tenant(who.org_id, role="authenticated", sub=str(who.user_id), user_role=who.role) as db:
            me = await one(db, _ME)
            if me is None or not me["is_active"] or me["user_role"] != who.role:
                raise NotSignedIn("This account was closed or changed since the token was given.", fix="sign in again")
            if not as_service:
                yield Caller(who, db, ctx)
                return
        async with ctx.db.tenant(who.org_id) as db:
            yield Caller(who, db, ctx)

    return Depends(enter, scope="function")
