"""What tests share that is no fixture: the cast, the instant, databases."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

import penstock
from penstock import assembly, onboarding
from penstock.core.context import Context
from penstock.core.db import scalar
from penstock.core.settings import Net, Settings, Vendors
from penstock.schema import migrate

MASTER_KEY = "5eed" * 16
MEMORY_BYTES = 6 << 30  # what the test servers may grow to, with much to spare
START = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)  # a Monday, 09:00 in Los Angeles, noon in New York
BROKER_ID = UUID("b0000000-0000-4000-8000-000000000001")
ORG = onboarding.OrgProfile(
    slug="acme",
    name="Acme Home Equity",
    legal_name="Acme Home Equity LLC",
    postal_address="1 Main Street, Tampa, FL 33602",
    support_email="help@acme.example",
    support_phone="+18135550199",
    from_domain="mail.acme.example",
    public_url="http://127.0.0.1:8080",
    alert_email="ops@acme.example",
)
BROKER = onboarding.BrokerProfile(
    name="Bea Broker",
    email="bea@acme.example",
    company="Acme",
    phone="+18135550198",
    timezone="America/New_York",
    calendar_username="bea",
    calendar_event_slug="equity-call",
    calendar_event_type_id=7,
)
NUMBERS = [("+18135550100", "FL", "pn-fl"), ("+12155550100", "PA", "pn-pa")]


async def onboard(settings: Settings, database_url: str) -> None:
    """Make org 1 (Acme) with its broker Bea and her numbers."""
    async with assembly.context(settings, database_url) as ctx:
        await onboarding.ensure_org(ctx, 1, ORG)
        await onboarding.add_broker(ctx, 1, BROKER, broker_id=BROKER_ID)
        await onboarding.add_numbers(ctx, 1, BROKER_ID, NUMBERS)


def with_vendors(ctx: Context, **changed: Any) -> Context:
    """The same Context with some settings of its vendors changed."""
    vendors = ctx.settings.vendors.model_copy(update=changed)
    return replace(ctx, settings=ctx.settings.model_copy(update={"vendors": vendors}))


def with_net(ctx: Context, **changed: Any) -> Context:
    """The same Context with another way out."""
    net = ctx.settings.net.model_copy(update=changed)
    return replace(ctx, settings=ctx.settings.model_copy(update={"net": net}))


def several_lines(ctx: Context) -> Context:
    """The same Context with as many batches at once as an installation has: how they are cut is then by chance."""
    return with_vendors(with_net(ctx, concurrency=Net().concurrency), concurrency=Vendors().concurrency)


async def until_it_waits(db: AsyncConnection, other: asyncio.Task[Any]) -> None:
    """Until another transaction waits for what this one holds, or is through."""
    waited_for = text("select exists (select 1 from pg_locks where pg_backend_pid() = any(pg_blocking_pids(pid)))")
    while not other.done() and not await scalar(db, waited_for):
        pass


def shared_data() -> Path:
    """The folder of real data, or a loud skip."""
    folder = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}: set PENSTOCK_SHARED to run this test")
    return folder


def scratch() -> Path:
    """Where the data of a test server goes: memory, where there is enough of it and programs may run from it.

    A database is a thousand files, and ext4 is slow to make files where many were removed a moment ago: a clone takes
    half a second there and 20 ms in memory.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        state = os.statvfs(memory)
        if state.f_bavail * state.f_frsize > MEMORY_BYTES and not state.f_flag & os.ST_NOEXEC:
            return memory
    return Path(tempfile.gettempdir())


def admin(server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)


def clone_database(server_url: str, template: str, name: str) -> None:
    """Copy a database. In memory, copying its files takes a fifth of the time of writing them through the log."""
    admin(server_url, f"create database {name} template {template} strategy file_copy")


def database_named(server_url: str, name: str) -> str:
    """The connection string of another database on the same server."""
    return (
        psycopg.conninfo.make_conninfo(server_url, dbname=name)
        if "://" not in server_url
        else _with_path(server_url, name)
    )


def _with_path(url: str, name: str) -> str:
    scheme, rest = url.split("://", 1)
    host, _, tail = rest.partition("/")
    _, mark, query = tail.partition("?")
    return f"{scheme}://{host}/{name}{mark}{query}"


def hash_of_schema() -> int:
    """Changes when any migration or face changes."""
    return _hash(migrate.HERE.rglob("*.sql"))


def hash_of_onboarding() -> int:
    """Changes when the schema changes, or anything that decides what `onboard` writes."""
    package = Path(penstock.__file__).parent
    said = repr((ORG, BROKER, BROKER_ID, NUMBERS, START, MASTER_KEY))
    written_by = [*package.glob("onboarding.*"), *package.glob("playbook.py"), *package.glob("playbooks/**/*.py")]
    return _hash([*migrate.HERE.rglob("*.sql"), package / "core/sealing.py", *written_by], said)


def _hash(files: Iterable[Path], said: str = "") -> int:
    digest = hashlib.sha256(said.encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:8], "big")


@contextmanager
def fresh_database(server_url: str, template_database: str) -> Iterator[str]:
    """Connection string of a migrated, empty database for the length of a block."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    clone_database(server_url, template_database, name)
    try:
        yield database_named(server_url, name)
    finally:
        admin(server_url, f"drop database if exists {name} with (force)")
