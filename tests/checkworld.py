"""A mail server, name servers and a ZeroBounce that say what a test wants, and a Context that asks them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from pydantic import SecretStr

from penstock.core.context import Context
from penstock.core.http import make_client
from penstock.core.settings import Settings
from probehouse import House, running

VALID = {"status": "valid", "sub_status": ""}
UNKNOWN = {"status": "unknown", "sub_status": "timeout_exceeded"}


@dataclass
class World:
    """A mail server, name servers and a ZeroBounce that say what a test wants."""

    ctx: Context
    house: House
    vendor: dict[str, dict[str, Any]] = field(default_factory=dict)
    bought: list[str] = field(default_factory=list)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/dns":
            answers = [{"preference": 10, "exchange": f"mx.{request.url.params['name']}"}]
            return httpx.Response(200, json={"status": "NOERROR", "answers": answers})
        asked = [item["email_address"] for item in json.loads(request.content)["email_batch"]]
        self.bought += asked
        batch = [{"address": address, **self.vendor.get(address, VALID)} for address in asked]
        return httpx.Response(200, json={"email_batch": batch, "errors": []})


@asynccontextmanager
async def checkworld(ctx: Context) -> AsyncIterator[World]:
    """A running world; its `ctx` is the given one pointed at it."""
    async with running(House()) as house:
        made = World(ctx, house)
        async with make_client(transport=httpx.MockTransport(made.handle)) as client:
            made.ctx = replace(ctx, settings=settings_of(ctx, house), http=client)
            yield made


def settings_of(ctx: Context, house: House) -> Settings:
    given = ctx.settings
    zerobounce = given.vendors.zerobounce.model_copy(
        update={"key": SecretStr("k-0001"), "base_url": "http://zb.example"}
    )
    net = {"dns_url": "http://names.example/dns", "smtp_to": f"127.0.0.1:{house.port}"}
    probe = {"helo_name": "probe.example", "seconds_per_domain": 0.0, "timeout_s": 2.0}
    return given.model_copy(
        update={
            "vendors": given.vendors.model_copy(update={"zerobounce": zerobounce}),
            "net": given.net.model_copy(update=net),
            "probe": given.probe.model_copy(update=probe),
        }
    )
