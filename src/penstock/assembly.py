"""Puts the pieces together: settings in, a working Context out. Entry points start here."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pydantic import SecretStr

from penstock import playbooks
from penstock.core import embedded, log
from penstock.core.context import Context
from penstock.core.db import Database
from penstock.core.errors import NotConfigured
from penstock.core.http import make_client
from penstock.core.sealing import Sealer
from penstock.core.settings import Settings
from penstock.schema import migrate


@contextmanager
def database_url(settings: Settings, database: str = "penstock") -> Iterator[str]:
    """The database to work on, up to date: DATABASE_URL, or the embedded server for as long as the block runs."""
    if settings.database_url:
        _bring_up_to_date(settings.database_url)
        yield settings.database_url
        return
    with embedded.embedded_server(settings.home) as server:
        url = server.ensure_database(database)
        _bring_up_to_date(url)
        yield url


def _bring_up_to_date(url: str) -> None:
    """Upgrade only where something differs: laying the faces anew takes locks that running workers would feel."""
    if not migrate.is_current(url):
        migrate.upgrade(url)


def with_keys(settings: Settings) -> Settings:
    """Settings that hold a master key: the given one, or outside production one made at first use.

    The made one is kept in the home folder.
    Raises NotConfigured in production without a key, and for a placeholder anywhere.
    """
    if settings.master_key.get_secret_value():
        settings.keys()
        return settings
    if settings.environment == "production":
        raise NotConfigured("PENSTOCK_MASTER_KEY is missing", fix="set it to the output of: openssl rand -hex 32")
    return settings.model_copy(update={"master_key": SecretStr(_kept_key(settings.home / "master.key"))})


def _kept_key(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x") as new:
            file.chmod(0o600)
            new.write(secrets.token_hex(32))
    except FileExistsError:
        pass  # made before
    return file.read_text("utf-8").strip()


TOWN_PATHS = {
    "socrata": "socrata",
    "census": "census",
    "naip": "naip",
    "google_maps": "google_maps",
    "mapbox": "mapbox",
    "nearmap": "nearmap",
    "openai": "openai/v1",
    "anthropic": "anthropic",
}


def pointed_at_town(settings: Settings, http_url: str, smtp_host: str, smtp_port: int) -> Settings:
    """Settings whose vendors and mail server are those of a town: the same code, another address."""
    vendors = settings.vendors
    key = SecretStr("town-key-0001")
    return settings.model_copy(
        update={
            "town_url": http_url,
            "vendors": vendors.model_copy(
                update={
                    "melissa": vendors.melissa.model_copy(
                        update={"base_url": f"{http_url}/melissa", "email_base_url": f"{http_url}/melissa", "key": key}
                    ),
                    "batchdata": vendors.batchdata.model_copy(update={"base_url": f"{http_url}/batchdata", "key": key}),
                    "vapi": vendors.vapi.model_copy(
                        update={
                            "base_url": f"{http_url}/vapi",
                            "key": key,
                            "assistant_id": "a-1",
                            "webhook_secret": SecretStr("town-vapi-0001"),
                        }
                    ),
                    "calcom": vendors.calcom.model_copy(
                        update={
                            "base_url": f"{http_url}/calcom",
                            "booking_url": f"{http_url}/calcom/book",
                            "key": key,
                            "webhook_secret": SecretStr("town-calcom-0001"),
                        }
                    ),
                    "zerobounce": vendors.zerobounce.model_copy(
                        update={"base_url": f"{http_url}/zerobounce", "key": key}
                    ),
                    "neverbounce": vendors.neverbounce.model_copy(
                        update={"base_url": f"{http_url}/neverbounce", "key": key}
                    ),
                    "millionverifier": vendors.millionverifier.model_copy(
                        update={"base_url": f"{http_url}/millionverifier", "key": key}
                    ),
                    **{
                        name: getattr(vendors, name).model_copy(
                            update={"base_url": f"{http_url}/{path}", "key": key, "requests_per_s": 1000.0}
                        )
                        for name, path in TOWN_PATHS.items()
                    },
                    "stripe": vendors.stripe.model_copy(
                        update={
                            "base_url": f"{http_url}/stripe",
                            "key": key,
                            "webhook_secret": SecretStr("whsec_town0001"),
                        }
                    ),
                    "apify": vendors.apify.model_copy(
                        update={
                            "base_url": f"{http_url}/apify",
                            "key": key,
                            "webhook_token": SecretStr("town-apify-0001"),
                        }
                    ),
                }
            ),
            "net": settings.net.model_copy(
                update={
                    "connect_to": http_url.rpartition("/")[2],
                    "dns_url": f"{http_url}/town/dns",
                    "smtp_to": f"{smtp_host}:{smtp_port}",
                    "requests_per_s_per_host": 1000.0,
                    "page_seconds": 4.0,
                }
            ),
            "probe": settings.probe.model_copy(
                update={
                    "helo_name": "probe.penstock.example",
                    "mail_from": "probe@penstock.example",
                    "seconds_per_domain": 0.0,
                }
            ),
            "mail": settings.mail.model_copy(
                update={
                    "smtp_host": smtp_host,
                    "smtp_port": smtp_port,
                    "smtp_tls": "none",
                    "inbound_token": SecretStr("town-mail-0001"),
                }
            ),
        }
    )


def reached_at(settings: Settings, base: str) -> Settings:
    """Settings that say in links and webhooks that our endpoints are at `base`."""
    return settings.model_copy(update={"api": settings.api.model_copy(update={"public_url": base})})


@asynccontextmanager
async def context(settings: Settings, url: str) -> AsyncIterator[Context]:
    """A Context on the database at `url`; closed at the end."""
    log.configure(settings.logging)
    ctx = Context(
        settings=settings,
        db=Database(url, pool_size=settings.database_pool_size),
        sealer=Sealer(settings.keys()),
        http=make_client(),
        playbooks=playbooks.load_all(settings.playbook_packages()),
    )
    try:
        yield ctx
    finally:
        await ctx.close()
