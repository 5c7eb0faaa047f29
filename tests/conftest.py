"""Fixtures: a real PostgreSQL, a migrated database of its own for each test, a Context, a town.

The server is the embedded one, shared by all test processes of a run, unless PENSTOCK_TEST_DATABASE_URL names another
(a superuser on any database of a server from version 15 up).
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from ground import BROKER, BROKER_ID, MASTER_KEY, ORG, START, database_named, fresh_database, hash_of_schema
from penstock import assembly, onboarding
from penstock.core import clock, embedded
from penstock.core.context import Context
from penstock.core.settings import Settings
from penstock.schema import migrate


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Connection string of the server's maintenance database."""
    if url := os.environ.get("PENSTOCK_TEST_DATABASE_URL"):
        yield url
        return
    home = Path(os.environ.get("PENSTOCK_TEST_HOME", Path(tempfile.gettempdir()) / f"penstock-tests-{os.geteuid()}"))
    with embedded.embedded_server(home) as server:
        yield server.url("postgres")


@pytest.fixture(scope="session")
def template_database(server_url: str) -> str:
    """A migrated database to clone; made once for each state of the schema, whichever process comes first."""
    name = "penstock_template_" + str(abs(hash_of_schema()))[:12]
    lock = Path(tempfile.gettempdir()) / f"{name}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with psycopg.connect(server_url, autocommit=True) as connection:
            known = connection.execute("select datistemplate from pg_database where datname = %s", [name]).fetchone()
            if known is None or not known[0]:
                connection.execute(f"drop database if exists {name} with (force)")
                connection.execute(f"create database {name}")
                migrate.upgrade(database_named(server_url, name))
                connection.execute(f"alter database {name} with is_template true")
    return name


@pytest.fixture
def database(server_url: str, template_database: str) -> Iterator[str]:
    """Connection string of a migrated, empty database of this test alone."""
    with fresh_database(server_url, template_database) as url:
        yield url


@pytest.fixture
def held_clock() -> Iterator[datetime]:
    """The clock stands at START."""
    with clock.held_at(START):
        yield START


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a demo installation without vendors."""
    return Settings(environment="demo", home=tmp_path, master_key=SecretStr(MASTER_KEY))


@pytest.fixture
async def bare_ctx(database: str, settings: Settings, held_clock: datetime) -> AsyncIterator[Context]:
    """A Context on an empty database: no org yet."""
    async with assembly.context(settings, database) as ctx:
        yield ctx


@pytest.fixture
async def ctx(bare_ctx: Context) -> Context:
    """A Context with org 1 (Acme) and its broker Bea."""
    await onboarding.ensure_org(bare_ctx, 1, ORG)
    await onboarding.add_broker(bare_ctx, 1, BROKER, broker_id=BROKER_ID)
    await onboarding.add_numbers(
        bare_ctx, 1, BROKER_ID, [("+18135550100", "FL", "pn-fl"), ("+12155550100", "PA", "pn-pa")]
    )
    return bare_ctx


@pytest.fixture
async def db(ctx: Context) -> AsyncIterator[AsyncConnection]:
    """A service transaction of org 1; commits at the end of the test, into a database that is thrown away."""
    async with ctx.db.tenant(1) as connection:
        yield connection


@pytest.fixture
def town(held_clock: datetime) -> Iterator[Any]:
    """A running town with seed 7, its clock at START."""
    import httpx

    from penstock.town.server import start_town

    with start_town(seed=7) as running:
        httpx.put(f"{running.http_url}/town/clock", json={"now": START.isoformat()}).raise_for_status()
        yield running


@pytest.fixture
async def town_ctx(database: str, settings: Settings, town: Any) -> AsyncIterator[Context]:
    """A Context whose vendors are the town: org 1, broker Bea, her numbers."""
    pointed = assembly.pointed_at_town(settings, town.http_url, town.smtp_host, town.smtp_port)
    async with assembly.context(pointed, database) as made:
        await onboarding.ensure_org(made, 1, ORG)
        await onboarding.add_broker(made, 1, BROKER, broker_id=BROKER_ID)
        await onboarding.add_numbers(
            made, 1, BROKER_ID, [("+18135550100", "FL", "pn-fl"), ("+12155550100", "PA", "pn-pa")]
        )
        yield made
