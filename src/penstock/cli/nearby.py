"""The town that `penstock up` runs, for commands on the same database: who answers its worker answers them too.

Where it does not run, nobody is asked: what a real portal says has no place among what a town invented.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from penstock import assembly, onboarding
from penstock.core.context import Context
from penstock.core.settings import Settings
from penstock.town.server import Town

PATIENCE_S = 5.0


@contextmanager
def told(settings: Settings, url: str, town: Town | None) -> Iterator[None]:
    """Tell commands where the town of the database at `url` is, for the length of the block."""
    if town is None:
        yield
        return
    file = _file(settings, url)
    new = file.with_suffix(f".{os.getpid()}")
    new.touch(mode=0o600)
    places = {"http_url": town.http_url, "smtp_host": town.smtp_host, "smtp_port": town.smtp_port}
    new.write_text(json.dumps(places | {"base": settings.api.public_url}), "utf-8")
    new.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


async def in_its_town(ctx: Context, url: str) -> Context:
    """The Context of a command on the database at `url`; where that is a town's, with the running town or nobody."""
    settings = ctx.settings
    if settings.town_url or settings.reaches_people or not await onboarding.is_rehearsed(ctx):
        return ctx
    return replace(ctx, settings=await _in_town(ctx, url) or closed(settings))


def closed(settings: Settings) -> Settings:
    """Settings with which nobody outside is asked anything."""
    return settings.model_copy(update={"net": settings.net.model_copy(update={"closed": True})})


async def _in_town(ctx: Context, url: str) -> Settings | None:
    """Settings that lead into the running town; None where none runs, or one that was killed left its word."""
    try:
        places = json.loads(_file(ctx.settings, url).read_text("utf-8"))
        (await ctx.http.get(f"{places['http_url']}/town/next", timeout=PATIENCE_S)).raise_for_status()
        base = places.pop("base")
        return assembly.reached_at(assembly.pointed_at_town(ctx.settings, **places), base)
    except (OSError, ValueError, TypeError, KeyError, httpx.HTTPError, httpx.InvalidURL):
        return None


def _file(settings: Settings, url: str) -> Path:
    """Named after the database without telling its password."""
    return settings.home / f"town-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
