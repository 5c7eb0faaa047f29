"""A login that is no superuser can do everything: own the database, make the roles its own, and become them."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from pydantic import SecretStr

from ground import MASTER_KEY, ORG, admin, database_named
from penstock import assembly, onboarding
from penstock.core.errors import NotConfigured
from penstock.core.settings import Settings
from penstock.schema import migrate

ROLES = ("anon", "authenticated", "service_role", "pipeline_writer")


def url_as(url: str, login: str) -> str:
    """The same database as another login (the test server trusts local ones)."""
    scheme, rest = url.split("://", 1)
    return f"{scheme}://{login}@{rest.partition('@')[2] or rest}"


async def test_an_owner_without_superuser_rights_upgrades_and_works(
    server_url: str, template_database: str, settings: Settings
) -> None:
    login = f"owner_{uuid.uuid4().hex[:10]}"
    database = f"t_{login}"
    admin(server_url, f"create role {login} login createrole")
    for role in ROLES:  # as from 16 on for roles of one's own making: to administer, not to become
        with psycopg.connect(server_url, autocommit=True) as connection:
            no_set = ", set false, inherit false" if connection.info.server_version >= 160000 else ""
            connection.execute(f"grant {role} to {login} with admin {'true' + no_set if no_set else 'option'}")
    admin(server_url, f"create database {database} owner {login}")
    url = url_as(database_named(server_url, database), login)
    try:
        assert migrate.upgrade(url).after == migrate.head()
        assert migrate.is_current(url)
        async with assembly.context(settings.model_copy(update={"master_key": SecretStr(MASTER_KEY)}), url) as ctx:
            assert await onboarding.ensure_org(ctx, 1, ORG)
            async with ctx.db.tenant(1) as db:
                assert (
                    await db.exec_driver_sql("select count(*) from app.campaigns")
                ).scalar() == 2  # one for each playbook of places
            async with ctx.db.tenant(2) as db:
                assert (await db.exec_driver_sql("select count(*) from app.campaigns")).scalar() == 0
    finally:
        admin(server_url, f"drop database if exists {database} with (force)")
        admin(server_url, f"drop owned by {login} cascade")
        admin(server_url, f"drop role {login}")


def test_a_login_that_may_not_is_told_what_it_needs(server_url: str, template_database: str) -> None:
    login = f"weak_{uuid.uuid4().hex[:10]}"
    admin(server_url, f"create role {login} login")
    admin(server_url, f"create database t_{login} owner {login}")
    try:
        with pytest.raises(NotConfigured, match="may not"):
            migrate.upgrade(url_as(database_named(server_url, f"t_{login}"), login))
    finally:
        admin(server_url, f"drop database if exists t_{login} with (force)")
        admin(server_url, f"drop role {login}")
