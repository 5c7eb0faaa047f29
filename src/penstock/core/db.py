"""The door to PostgreSQL. Tenancy enters here: role, claims and time are set for one transaction and gone with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Executable, RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from penstock.core import clock
from penstock.core.errors import NotConfigured

SEARCH_PATH = "api,app,public"
TRIES = 4
PASSING = frozenset({"40P01", "40001", "23505"})  # a ring of locks was broken, or a key was taken: look again
T = TypeVar("T")
_ENTER = text(
    "select set_config('role', :role, true), set_config('app.org_id', :org, true), "
    "set_config('request.jwt.claims', :claims, true), set_config('app.now', :now, true)"
)
_TIME = text("select set_config('app.now', :now, true)")


def sqlalchemy_url(url: str) -> str:
    """`postgresql://…` as SQLAlchemy wants it, on psycopg 3."""
    scheme, _, rest = url.partition("://")
    if scheme.split("+")[0] not in {"postgresql", "postgres"} or not rest:
        raise NotConfigured(
            "DATABASE_URL must start with postgresql://", fix="postgresql://login:password@host/database"
        )
    return "postgresql+psycopg://" + rest


def plain_url(url: str) -> str:
    """`postgresql://…` as libpq wants it."""
    return "postgresql://" + url.split("://", 1)[1]


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={
                "options": f"-c search_path={SEARCH_PATH} -c timezone=UTC -c jit=off",
                "application_name": "penstock",
            },
        )

    @asynccontextmanager
    async def tenant(
        self, org_id: int, *, role: str = "service_role", sub: str | None = None, **claims: Any
    ) -> AsyncIterator[AsyncConnection]:
        """One transaction as `role` of an org; commits at the end, rolls back on an error.

        `sub` is the signed-in user's id; further claims (user_role…) are what policies read.
        """
        async with self.engine.begin() as db:
            await enter(db, org_id, role=role, sub=sub, **claims)
            yield db

    async def again(self, org_id: int, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """`work` in one tenant transaction, anew (thrice at most) where another took a key or a lock meanwhile."""
        for _ in range(TRIES - 1):
            try:
                async with self.tenant(org_id) as db:
                    return await work(db)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in PASSING:
                    raise
        async with self.tenant(org_id) as db:
            return await work(db)

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[AsyncConnection]:
        """One transaction as the login user, over all tenants: upgrades, sweeps over orgs, health."""
        async with self.engine.begin() as db:
            await db.execute(_TIME, {"now": _now()})
            yield db

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside any transaction, as the login user: session locks, REFRESH … CONCURRENTLY."""
        async with self.engine.connect() as raw:
            yield await raw.execution_options(isolation_level="AUTOCOMMIT")

    async def org_ids(self) -> list[int]:
        """All tenants."""
        async with self.owner() as db:
            return list((await db.execute(text("select id from app.orgs order by id"))).scalars())

    async def close(self) -> None:
        await self.engine.dispose()


async def enter(db: AsyncConnection, org_id: int, *, role: str, sub: str | None = None, **claims: Any) -> None:
    """Make the rest of the transaction that of an org and role; undone by commit or rollback."""
    everything = {"role": role, "org_id": org_id, **({"sub": sub} if sub else {}), **claims}
    await db.execute(_ENTER, {"role": role, "org": str(org_id), "claims": json.dumps(everything), "now": _now()})


def _now() -> str:
    held = clock.held()
    return held.isoformat() if held else ""


async def rows(db: AsyncConnection, sql: Executable, /, **params: Any) -> list[RowMapping]:
    """All rows of a query, as mappings."""
    return list((await db.execute(sql, params)).mappings())


async def one(db: AsyncConnection, sql: Executable, /, **params: Any) -> RowMapping | None:
    """The first row, or None."""
    return (await db.execute(sql, params)).mappings().first()


async def scalar(db: AsyncConnection, sql: Executable, /, **params: Any) -> Any:
    """The first column of the first row, or None."""
    return (await db.execute(sql, params)).scalar()


async def execute(db: AsyncConnection, sql: Executable, /, **params: Any) -> int:
    """Run a statement; gives how many rows it touched."""
    return (await db.execute(sql, params)).rowcount


async def many(db: AsyncConnection, sql: Executable, params: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement for each set of parameters, in one round trip per batch."""
    if params:
        await db.execute(sql, [dict(p) for p in params])


async def driver(db: AsyncConnection) -> psycopg.AsyncConnection[Any]:
    """The psycopg connection below, inside the same transaction."""
    raw = (await db.get_raw_connection()).driver_connection
    assert isinstance(raw, psycopg.AsyncConnection)
    return raw


async def copy_in(db: AsyncConnection, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]) -> int:
    """COPY rows into a table within the transaction; gives how many.

    `table` may be `schema.name`; temp tables have no RLS.
    """
    connection = await driver(db)
    target = psycopg.sql.SQL(".").join(psycopg.sql.Identifier(p) for p in table.split("."))
    names = psycopg.sql.SQL(",").join(psycopg.sql.Identifier(c) for c in columns)
    count = 0
    async with (
        connection.cursor() as cursor,
        cursor.copy(psycopg.sql.SQL("copy {} ({}) from stdin").format(target, names)) as copy,
    ):
        for record in records:
            await copy.write_row(record)
            count += 1
    return count
