"""What tests share that is no fixture: the cast, the instant, databases."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from penstock import onboarding
from penstock.schema import migrate

MASTER_KEY = "5eed" * 16
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


def shared_data() -> Path:
    """The folder of real data, or a loud skip."""
    folder = Path(os.environ.get("PENSTOCK_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}: set PENSTOCK_SHARED to run this test")
    return folder


def admin(server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)


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
    digest = hashlib.sha256()
    for file in sorted(migrate.HERE.rglob("*.sql")):
        digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:8], "big")


@contextmanager
def fresh_database(server_url: str, template_database: str) -> Iterator[str]:
    """Connection string of a migrated, empty database for the length of a block."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    admin(server_url, f"create database {name} template {template_database}")
    try:
        yield database_named(server_url, name)
    finally:
        admin(server_url, f"drop database if exists {name} with (force)")
