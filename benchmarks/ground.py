"""The databases of one run: migrated once, cloned as wanted, all dropped at the end."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from pydantic import SecretStr

from benchmarks import county
from penstock import assembly, intake, onboarding
from penstock.core.context import Context
from penstock.core.settings import Logging, Settings
from penstock.schema import migrate

ORG_ID = 1
PLAYBOOK = "equity"
_VACUUM = """
vacuum (analyze) app.properties, app.property_seen, app.property_vendor_ids, app.contacts, app.contact_points,
  app.leads, app.upload_rows, app.pipeline_events, app.enrollments, app.suppressions
"""
_ORG = onboarding.OrgProfile(
    slug="benchmark",
    name="Benchmark",
    legal_name="Benchmark LLC",
    postal_address="1 Main Street, Tampa, FL 33602",
    support_email="help@benchmark.example",
    support_phone="+18135550199",
    from_domain="mail.benchmark.example",
    public_url="http://127.0.0.1:8080",
)


class Ground:
    """Where measurements stand. `server_url` reaches the maintenance database as a superuser."""

    def __init__(self, server_url: str, folder: Path, template: str | None = None) -> None:
        self._server_url = server_url
        self._template = template
        self._made: list[str] = []
        self._filled: str | None = None
        self.folder = folder
        self.settings = Settings(
            environment="demo", home=folder, master_key=SecretStr(secrets.token_hex(32)), logging=Logging(level="ERROR")
        )

    def server_version(self) -> str:
        with psycopg.connect(self._server_url) as connection:
            return str(connection.info.parameter_status("server_version"))

    def url(self, database: str) -> str:
        return urlsplit(self._server_url)._replace(path=f"/{database}").geturl()

    def new_database(self) -> str:
        """The name of a freshly migrated, empty database."""
        if self._template is None:
            self._template = self._create(None)
            migrate.upgrade(self.url(self._template))
        return self._create(self._template)

    def drop(self, database: str) -> None:
        """Drop a database of this run, whoever is connected."""
        self._admin(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
        self._made.remove(database)

    def drop_all(self) -> None:
        for database in list(self._made):
            self.drop(database)

    @contextmanager
    def owner(self, database: str) -> Iterator[psycopg.Connection]:
        """A connection as the server's superuser, past row-level security; each statement commits."""
        options = "-c search_path=api,app,public -c timezone=UTC -c jit=off"
        with psycopg.connect(self.url(database), autocommit=True, options=options) as connection:
            yield connection

    def settle(self, database: str) -> None:
        """Statistics fresh, dirty pages written: what is timed next pays for nothing that came before."""
        with self.owner(database) as db:
            db.execute(_VACUUM)
            db.execute("checkpoint")

    @asynccontextmanager
    async def context(self, database: str) -> AsyncIterator[Context]:
        """A Context on a database, with the org and one broker in it."""
        async with assembly.context(self.settings, self.url(database)) as ctx:
            if await onboarding.ensure_org(ctx, ORG_ID, _ORG):
                await onboarding.add_broker(ctx, ORG_ID, broker(1))
            yield ctx

    async def filled(self, rows: int) -> str:
        """A database that holds the imported county; made once, then shared by the measurements that follow."""
        if self._filled is None:
            file = self.folder / "county.csv"
            county.write(file, rows)
            self._filled = self.new_database()
            async with self.context(self._filled) as ctx:
                await intake.import_file(ctx, ORG_ID, path=file, playbook=PLAYBOOK, source=county.SOURCE)
            self.settle(self._filled)
        return self._filled

    def _create(self, template: str | None) -> str:
        name = f"penstock_bench_{secrets.token_hex(6)}"
        made = sql.SQL("create database {} template {}")
        self._admin(made.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        self._made.append(name)
        return name

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def ground(server_url: str, *, template: str | None = None) -> Iterator[Ground]:
    """A Ground for the length of a block. `template` names a migrated database to clone instead of migrating one."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        made = Ground(server_url, Path(folder), template)
        try:
            yield made
        finally:
            made.drop_all()


def broker(number: int, *, daily_cap: int = 250) -> onboarding.BrokerProfile:
    """A broker who takes leads."""
    return onboarding.BrokerProfile(
        name=f"Broker {number}", email=f"broker{number}@benchmark.example", daily_cap=daily_cap
    )
