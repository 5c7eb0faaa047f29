"""Fixtures: a real PostgreSQL, a migrated database of its own for each test, a Context, a town.

The server is the embedded one, shared by all test processes of a run, unless PENSTOCK_TEST_DATABASE_URL names another
(a superuser on any database of a server from version 15 up).
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import hypothesis
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from ground import (
    MASTER_KEY,
    START,
    admin,
    clone_database,
    database_named,
    fresh_database,
    hash_of_onboarding,
    hash_of_schema,
    onboard,
    scratch,
)
from mailhouse import Mailhouse, mailhouse
from penstock import assembly
from penstock.core import clock, embedded
from penstock.core.context import Context
from penstock.core.settings import Net, Settings, Vendors
from penstock.schema import migrate
from penstock.town.server import Town
from townhouse import Townhouse

hypothesis.settings.register_profile("unhurried", hypothesis.settings.default, deadline=None)  # no test is timed
hypothesis.settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay to the end: no use in looking through them for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Connection string of the server's maintenance database."""
    if url := os.environ.get("PENSTOCK_TEST_DATABASE_URL"):
        yield url
        return
    home = Path(os.environ.get("PENSTOCK_TEST_HOME", scratch() / f"penstock-tests-{os.geteuid()}"))
    with embedded.embedded_server(home) as server:
        url = server.url("postgres")
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):  # nothing here lives for long
            admin(url, f"alter system set {setting} = off")
        admin(url, "select pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def template_database(server_url: str) -> str:
    """A migrated database to clone."""

    def make(name: str) -> None:
        admin(server_url, f"create database {name}")
        migrate.upgrade(database_named(server_url, name))

    return _made_once(server_url, f"penstock_template_{hash_of_schema():020}", make)


@pytest.fixture(scope="session")
def template_with_org(server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database to clone in which org 1 (Acme) has its broker Bea and her numbers, all since START."""

    def make(name: str) -> None:
        clone_database(server_url, template_database, name)
        with clock.held_at(START):
            asyncio.run(onboard(_settings(tmp_path_factory.mktemp("home")), database_named(server_url, name)))

    return _made_once(server_url, f"penstock_org_{hash_of_onboarding():020}", make)


def _made_once(server_url: str, name: str, make: Callable[[str], None]) -> str:
    """The name of a template database, made by whichever process comes first."""
    with (Path(tempfile.gettempdir()) / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with psycopg.connect(server_url, autocommit=True) as connection:
            known = connection.execute("select datistemplate from pg_database where datname = %s", [name]).fetchone()
        if known is None or not known[0]:
            admin(server_url, f"drop database if exists {name} with (force)")
            make(name)
            admin(server_url, f"alter database {name} with is_template true")
            _drop_unused(server_url)
    return name


def _drop_unused(server_url: str) -> None:
    """Drop the templates that no run has asked for in a day: of schemas that were changed since."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        known = connection.execute("select datname from pg_database where datistemplate and datname like 'penstock%'")
        for (name,) in known.fetchall():
            lock = Path(tempfile.gettempdir()) / f"{name}.lock"
            if not lock.exists() or time.time() - lock.stat().st_mtime > 86_400:
                connection.execute(f"alter database {name} with is_template false")
                connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(request: pytest.FixtureRequest, server_url: str) -> Iterator[str]:
    """Connection string of a migrated database of this test alone; org 1 is in it if the test has a Context of it."""
    with_org = not {"ctx", "town_ctx"}.isdisjoint(request.fixturenames)
    template = request.getfixturevalue("template_with_org" if with_org else "template_database")
    with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
def held_clock() -> Iterator[datetime]:
    """The clock stands at START."""
    with clock.held_at(START):
        yield START


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a demo installation without vendors."""
    return _settings(tmp_path)


def _settings(home: Path) -> Settings:
    """A demo's, with one batch at a time: what happens first, and how often, is then the same in every run.

    Where several lines are what a test is about, it asks for them (`several_lines`).
    """
    return Settings(
        environment="demo",
        home=home,
        master_key=SecretStr(MASTER_KEY),
        vendors=Vendors(concurrency=1),
        net=Net(concurrency=1),
    )


@pytest.fixture
async def bare_ctx(database: str, settings: Settings, held_clock: datetime) -> AsyncIterator[Context]:
    """A Context on an empty database: no org yet."""
    async with assembly.context(settings, database) as ctx:
        yield ctx


@pytest.fixture
async def ctx(database: str, settings: Settings, held_clock: datetime) -> AsyncIterator[Context]:
    """A Context with org 1 (Acme) and its broker Bea."""
    async with assembly.context(settings, database) as ctx:
        yield ctx


@pytest.fixture
async def db(ctx: Context) -> AsyncIterator[AsyncConnection]:
    """A service transaction of org 1; commits at the end of the test, into a database that is thrown away."""
    async with ctx.db.tenant(1) as connection:
        yield connection


@pytest.fixture(scope="session")
def townhouse() -> Iterator[Townhouse]:
    """Where the towns of this process come from."""
    house = Townhouse()
    yield house
    house.close()


@pytest.fixture
def town(townhouse: Townhouse, held_clock: datetime) -> Iterator[Town]:
    """A running town with seed 7, its clock at START."""
    with townhouse.town(seed=7) as running:
        httpx.put(f"{running.http_url}/town/clock", json={"now": START.isoformat()}).raise_for_status()
        yield running


@pytest.fixture
async def town_ctx(database: str, settings: Settings, town: Town) -> AsyncIterator[Context]:
    """A Context whose vendors are the town: org 1, broker Bea, her numbers."""
    pointed = assembly.pointed_at_town(settings, town.http_url, town.smtp_host, town.smtp_port)
    async with assembly.context(pointed, database) as made:
        yield made


@pytest.fixture
async def house(ctx: Context) -> AsyncIterator[Mailhouse]:
    """A mail server; the Context that sends through it is its `ctx`."""
    async with mailhouse(ctx) as (_, running):
        yield running
