"""Passwords, tokens and keys do what they say, and nothing else passes for one."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from penstock.api import auth
from penstock.core import clock
from penstock.core.access import SCOPES, Principal

SECRET = b"a-test-secret-that-is-long-enough-for-hs256"
HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_password_matches_its_own_hash_and_no_other() -> None:
    stored = auth.hash_password("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert auth.password_matches("correct horse battery", stored)
    assert not auth.password_matches("correct horse batterz", stored)
    assert not auth.password_matches("correct horse battery", None)
    assert not auth.password_matches("correct horse battery", "not-a-hash")


def test_a_token_says_who_signed_in_until_it_expires() -> None:
    user = uuid4()
    with clock.held_at(NOON):
        token = auth.issue_token(SECRET, org_id=7, user_id=user, role="broker", lifetime=HOUR)
        assert auth.read_token(SECRET, token) == auth.TokenClaims(org_id=7, user_id=user, role="broker")
    with clock.held_at(NOON + HOUR - timedelta(seconds=1)):
        assert auth.read_token(SECRET, token).user_id == user
    with clock.held_at(NOON + HOUR), pytest.raises(auth.BadCredentials):
        auth.read_token(SECRET, token)


def forged() -> list[str]:
    claims = {"sub": str(uuid4()), "org_id": 1, "user_role": "admin", "exp": NOON + timedelta(hours=1)}
    good = jwt.encode(claims, SECRET, algorithm="HS256")
    head, body, signature = good.split(".")
    return [
        "",
        "x.y.z",
        jwt.encode(claims, b"another-secret-that-is-long-enough-too-for-it", algorithm="HS256"),
        jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims | {"sub": "nobody"}, SECRET, algorithm="HS256"),
        jwt.encode(claims | {"org_id": "all"}, SECRET, algorithm="HS256"),
        jwt.encode({k: v for k, v in claims.items() if k != "exp"}, SECRET, algorithm="HS256"),
        f"{head}.{body}.{signature[:-4]}AAAA",
    ]


@pytest.mark.parametrize("token", forged())
def test_a_token_of_another_make_is_refused(token: str) -> None:
    with clock.held_at(NOON), pytest.raises(auth.BadCredentials):
        auth.read_token(SECRET, token)


def test_a_key_is_found_by_its_prefix_and_proven_by_its_secret() -> None:
    key = auth.new_key()
    prefix, presented = auth.split_key(key.text)
    assert prefix == key.prefix
    assert auth.key_matches(presented, key.secret_sha256)
    assert key.text.count("_") == 2 and key.secret_sha256 not in key.text
    assert not auth.key_matches(auth.split_key(auth.new_key().text)[1], key.secret_sha256)


@pytest.mark.parametrize("text", ["", "pk_", "pk_abc", "pk_abc_", "sk_abc_def", "pk__def"])
def test_what_has_not_a_keys_shape_is_refused(text: str) -> None:
    with pytest.raises(auth.BadCredentials):
        auth.split_key(text)


def test_scopes_are_known_words_and_admin_includes_all() -> None:
    assert auth.check_scopes(["uploads:write", "leads:read", "leads:read"]) == ["leads:read", "uploads:write"]
    with pytest.raises(ValueError, match="leads:delete"):
        auth.check_scopes(["leads:delete"])
    admin = Principal(org_id=1, scopes=auth.ROLE_SCOPES["admin"], role="admin")
    broker = Principal(org_id=1, scopes=auth.ROLE_SCOPES["broker"], role="broker")
    assert all(admin.may(scope) for scope in SCOPES)
    assert broker.may("leads:read") and not broker.may("admin") and not broker.may("uploads:write")
