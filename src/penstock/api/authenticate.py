"""Turns the credentials of a request into a Principal, and holds known callers to their rate."""

from datetime import timedelta
from typing import Final

import structlog
from fastapi import Request

from penstock.api import auth
from penstock.api.limits import RateLimiter
from penstock.api.middleware import address, route_template
from penstock.core import clock
from penstock.core.access import Principal
from penstock.core.context import Context
from penstock.core.db import execute, one
from penstock.core.errors import NotSignedIn, TooMany
from penstock.core.sqlfile import load

SQL = load(__package__)
log = structlog.get_logger(__name__)
_NOTE_USE_EVERY: Final = timedelta(minutes=1)  # a write for each request would make every read a write


def token_secret(ctx: Context) -> bytes:
    """The key that signs bearer tokens."""
    return ctx.sealer.secret("bearer token")


class Authenticator:
    """Checks bearer tokens and API keys. One per application, because it counts."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    async def __call__(self, request: Request, ctx: Context, credentials: str | None) -> Principal:
        """The principal. Raises NotSignedIn without valid credentials, TooMany above the rate."""
        try:
            who = await self._principal(ctx, credentials)
        except auth.BadCredentials as error:
            log.warning("credentials refused", reason=str(error), route=route_template(request.scope))
            # Guessing is counted by address: a guesser can change the credentials but not easily the address.
            self._count(f"ip:{address(request.scope)}")
            raise NotSignedIn(
                fix="send 'Authorization: Bearer …' with a token or an API key that is valid now"
            ) from error
        self._count(who.actor)
        return who

    async def _principal(self, ctx: Context, credentials: str | None) -> Principal:
        if not credentials:
            raise auth.BadCredentials("none")
        if credentials.startswith("pk_"):
            return await key_principal(ctx, credentials)
        claims = auth.read_token(token_secret(ctx), credentials)
        scopes = auth.ROLE_SCOPES.get(claims.role, frozenset())
        return Principal(org_id=claims.org_id, scopes=scopes, role=claims.role, user_id=claims.user_id)

    def _count(self, caller: str) -> None:
        if wait := self._limiter.wait_s(caller):
            raise TooMany("Too many requests in a minute.", fix=f"wait {wait} s", retry_after_s=wait)


async def key_principal(ctx: Context, text: str) -> Principal:
    """The principal of an API key. Raises BadCredentials for one that is unknown, wrong or revoked."""
    prefix, presented = auth.split_key(text)
    async with ctx.db.owner() as db:  # the key says which org it is of, so it is looked up before there is one
        key = await one(db, SQL["key_by_prefix"], prefix=prefix)
        if key is None or not auth.key_matches(presented, key["secret_hash"]):
            raise auth.BadCredentials("unknown key")
        if key["last_used_at"] is None or clock.now() - key["last_used_at"] > _NOTE_USE_EVERY:
            await execute(db, SQL["key_used"], id=key["id"])
    return Principal(org_id=key["org_id"], scopes=frozenset(key["scopes"]), role="key", key_prefix=prefix)
