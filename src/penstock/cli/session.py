"""How a command gets a Context: settings, keys, database, tenant; and lets all of it go again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Literal

import psycopg

from penstock import assembly, demo, onboarding
from penstock.cli import nearby
from penstock.core import embedded
from penstock.core.context import Context
from penstock.core.errors import NotConfigured, NotFound
from penstock.core.settings import Logging, Settings, load_settings

# Set by `penstock --demo …`: the command looks at what the last demo left, not at the installation.
of_demo: ContextVar[bool] = ContextVar("of_demo", default=False)

# Who a private installation is until somebody says otherwise. Production has to say: these words reach people by law.
LOCAL = onboarding.OrgProfile(
    slug="local",
    name="Local",
    legal_name="Local installation",
    postal_address="",
    support_email="nobody@localhost.example",
    support_phone="+15555550100",
    from_domain="localhost.example",
    public_url="http://127.0.0.1:8080",
)


def quiet(settings: Settings, level: Literal["WARNING", "ERROR"] = "WARNING") -> Settings:
    """Settings that log from `level` on, unless somebody chose another: the log must not drown the answer."""
    if "logging" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"logging": Logging(level=level)})


@asynccontextmanager
async def session() -> AsyncIterator[Context]:
    """A Context on the installation's database, which is started if it is ours and brought up to date.

    Raises NotConfigured in production as long as there is no tenant, NotFound when there is no demo to look at,
    Conflict where a town's inventions would reach people.
    """
    settings = quiet(load_settings())
    if of_demo.get():
        settings = nearby.closed(settings)
        with _demo_database(settings) as (settings, url):
            async with assembly.context(settings, url) as ctx:
                yield ctx
        return
    settings = assembly.with_keys(settings)
    with assembly.database_url(settings) as url:
        async with assembly.context(settings, url) as ctx:
            await ensure_tenant(ctx)
            await onboarding.keep_apart(ctx)
            yield await nearby.in_its_town(ctx, url)


@contextmanager
def _demo_database(settings: Settings) -> Iterator[tuple[Settings, str]]:
    if settings.database_url:
        yield _as_in_demo(settings, settings.database_url), settings.database_url
        return
    with embedded.embedded_server(settings.home) as server:
        url = server.url(demo.DATABASE)
        yield _as_in_demo(settings, url), url


def _as_in_demo(settings: Settings, url: str) -> Settings:
    """Settings with the key of the demo that ran on `url`. Raises NotFound when none did."""
    try:
        with psycopg.connect(url) as connection:
            found = connection.execute("select seed from app.simulation").fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        found = None
    if found is None:
        raise NotFound("There is no demo to look at.", fix="run: penstock demo")
    return demo.demo_settings(settings, int(found[0]))


async def ensure_tenant(ctx: Context) -> None:
    """Make the local tenant, 1, on an empty database. Raises NotConfigured for another one, and in production."""
    org_id = ctx.settings.org_id
    known = await ctx.db.org_ids()
    if org_id in known:
        return
    if ctx.settings.environment == "production" or org_id != 1 or known:  # a number typed wrong makes nobody
        raise NotConfigured(f"There is no tenant {org_id}.", fix="make it with: penstock org add --help")
    await onboarding.ensure_org(ctx, org_id, LOCAL)
