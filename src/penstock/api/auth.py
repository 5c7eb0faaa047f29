"""Credentials: passwords, bearer tokens, API keys, and what each may do. Pure functions, no database."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import jwt
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError

from penstock.core import clock
from penstock.core.access import SCOPES

# What a signed-in person may ask for. Which rows they then see, row-level security decides, not we.
ROLE_SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "broker": frozenset({"leads:read", "leads:write", "events:read"}),
    "operator": frozenset({"leads:read", "leads:write", "uploads:write", "events:read"}),
    "auditor": frozenset({"leads:read", "events:read"}),
    "admin": frozenset(SCOPES),
}

_ALGORITHM: Final = "HS256"
_PASSWORDS: Final = PasswordHash.recommended()  # argon2id with the library's current parameters


class BadCredentials(Exception):
    """The token or key is missing, malformed, forged, expired or revoked. Says no more than that, on purpose."""


# --- passwords --------------------------------------------------------------------------------------------------------


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _PASSWORDS.hash(password)


def password_matches(password: str, stored: str | None) -> bool:
    """Whether `password` is the stored one. Takes as long for an unknown user (`stored` None) as for a known one."""
    if stored is None:
        _PASSWORDS.verify(password, _nobodys_hash())
        return False
    try:
        return _PASSWORDS.verify(password, stored)
    except PwdlibError:  # a hash of a kind we do not read: nobody signs in with it
        return False


@cache
def _nobodys_hash() -> str:
    return _PASSWORDS.hash(secrets.token_urlsafe(16))


# --- bearer tokens ----------------------------------------------------------------------------------------------------


def issue_token(secret: bytes, *, org_id: int, user_id: UUID, role: str, lifetime: timedelta) -> str:
    """A signed JWT (HS256): `sub` is the user, `role` the database role, `user_role` the user's."""
    now = clock.now()
    claims = {
        "sub": str(user_id),
        "org_id": org_id,
        "role": "authenticated",
        "user_role": role,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


@dataclass(frozen=True)
class TokenClaims:
    """What a valid token says. Every request looks the user up again, so that a changed role takes effect at once."""

    org_id: int
    user_id: UUID
    role: str


def read_token(secret: bytes, token: str) -> TokenClaims:
    """The claims of a token of ours. Raises BadCredentials when it is not, or no longer, valid.

    Expiry is checked here and not by the library, which reads the wall clock where ours may be held or simulated.
    """
    try:
        options: Any = {"verify_exp": False, "verify_iat": False, "require": ["sub", "org_id", "user_role", "exp"]}
        claims = jwt.decode(token, secret, algorithms=[_ALGORITHM], options=options)
        if clock.now().timestamp() >= float(claims["exp"]):
            raise BadCredentials("expired")
        return TokenClaims(
            org_id=int(claims["org_id"]), user_id=UUID(str(claims["sub"])), role=str(claims["user_role"])
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise BadCredentials("not a token of this server") from error


# --- API keys ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewKey:
    """A key at the only moment its text exists: `text` goes to the user, the rest to the database."""

    text: str
    prefix: str
    secret_sha256: str


def new_key() -> NewKey:
    """A fresh key `pk_<prefix>_<secret>`: 8 hex characters to find it by, 256 random bits to prove it with.

    A fast hash is enough for the stored form, because nobody can guess 256 random bits.
    """
    prefix, secret = secrets.token_hex(4), secrets.token_hex(32)
    return NewKey(text=f"pk_{prefix}_{secret}", prefix=prefix, secret_sha256=_sha256(secret))


def split_key(text: str) -> tuple[str, str]:
    """(prefix, SHA-256 of the secret) of a presented key. Raises BadCredentials when it does not have a key's shape."""
    kind, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    if kind != "pk" or not prefix or not secret:
        raise BadCredentials("not a key")
    return prefix, _sha256(secret)


def key_matches(presented_sha256: str, stored_sha256: str) -> bool:
    """Whether two secret hashes are equal, in constant time."""
    return hmac.compare_digest(presented_sha256, stored_sha256)


def check_scopes(scopes: list[str]) -> list[str]:
    """The scopes, sorted and unique. Raises ValueError naming the ones that do not exist."""
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ValueError(f"unknown scope {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    return sorted(set(scopes))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
