"""Simulated time: move to the next due instant, run what is due there, until the last one.

The same code as ever runs, over real HTTP, SMTP and PostgreSQL; only the clock is held. Where the run stands is kept in
the database, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import uvicorn

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import InvalidInput
from penstock.core.jobs import Queue
from penstock.core.sqlfile import load
from penstock.sweep import next_slot, sweep
from penstock.worker import drain

SQL = load(__package__, "simulate.sql")
GRID = timedelta(minutes=15)
Progress = Callable[[datetime, str], None]


@dataclass(frozen=True)
class Plan:
    """A run: from when to when, in which town."""

    seed: int
    starts_at: datetime
    ends_at: datetime
    rows: int | None = None


class TownControl:
    """The knobs of a running town that a simulation turns: its clock and where it posts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, timeout=180)

    async def set_clock(self, at: datetime) -> None:
        (await self._http.put("/town/clock", json={"now": at.isoformat()})).raise_for_status()

    async def next(self) -> datetime | None:
        """The next instant at which somebody in the town does something."""
        return _instant((await self._http.get("/town/next")).raise_for_status().json()["next"])

    async def advance(self, to: datetime) -> int:
        """Let everything happen that is due up to `to`; gives how much did, after our endpoints have answered."""
        return int(
            (await self._http.post("/town/advance", json={"to": to.isoformat()})).raise_for_status().json()["performed"]
        )

    async def post_to(
        self, base: str, *, mail_token: str, calcom_secret: str, vapi_secret: str, stripe_secret: str = ""
    ) -> None:
        """Tell the town where our endpoints are."""
        hooks = {
            "mail_inbound": f"{base}/webhooks/mail/{mail_token}",
            "calcom": {"url": f"{base}/webhooks/calcom", "secret": calcom_secret},
            "vapi": {"secret": vapi_secret},
            "stripe": {"url": f"{base}/webhooks/stripe", "secret": stripe_secret},
        }
        (await self._http.put("/town/webhooks", json=hooks)).raise_for_status()

    async def enter_card(self, url: str) -> None:
        """What a customer does on the payment service's page; it tells us by webhook when time moves on."""
        answer = await self._http.post(url)
        if answer.status_code != httpx.codes.SEE_OTHER:
            answer.raise_for_status()
            raise InvalidInput(f"{url.partition('?')[0]} is no page to pay on")

    async def employ(self, emails: list[str]) -> None:
        """Mailboxes of our own people: they take mail and are not graded."""
        (await self._http.put("/town/staff", json={"emails": emails})).raise_for_status()

    async def misbehave(self, faults: dict[str, dict[str, float]]) -> None:
        """Make vendors misbehave, by vendor and kind of fault, at these rates."""
        answer = await self._http.put("/town/faults", json=faults)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise InvalidInput(f"the town knows no such fault: {answer.text}", fix="rates go from 0 to 1")
        answer.raise_for_status()

    async def records(self, count: int) -> bytes:
        """A county's list of properties, as CSV."""
        return (await self._http.get("/town/records", params={"rows": count})).raise_for_status().content

    async def places(self, count: int, city: str = "Austin") -> bytes:
        """A county's list of the houses of a city whose town hall has a portal, as CSV."""
        query: dict[str, str | int] = {"rows": count, "city": city}
        return (await self._http.get("/town/places", params=query)).raise_for_status().content

    async def companies(self, count: int) -> bytes:
        """A chamber of commerce's list of companies, as CSV."""
        return (await self._http.get("/town/companies", params={"rows": count})).raise_for_status().content

    async def truth(self) -> dict[str, Any]:
        """What really happened, as the town saw it."""
        found: dict[str, Any] = (await self._http.get("/truth")).raise_for_status().json()
        return found

    async def close(self) -> None:
        await self._http.aclose()


async def begin(ctx: Context, plan: Plan) -> datetime:
    """Start a run, or find where it stands; the clock is held there. Gives the instant."""
    async with ctx.db.owner() as db:
        await execute(db, SQL["begin"], seed=plan.seed, rows=plan.rows, starts_at=plan.starts_at, ends_at=plan.ends_at)
        state = await one(db, SQL["state"])
    assert state is not None
    clock.hold(state["now_at"])
    return clock.now()


async def remember(ctx: Context, **facts: Any) -> dict[str, Any]:
    """Keep facts about the run (the port of our endpoints, the upload…); gives all of them."""
    async with ctx.db.owner() as db:
        await execute(db, SQL["remember"], facts=json.dumps(facts))
        state = await one(db, SQL["state"])
    assert state is not None
    return dict(state["state"])


async def run(ctx: Context, queue: Queue, town: TownControl, plan: Plan, progress: Progress) -> None:
    """From where the run stands to its end.

    Tenants' stages, timetable and the town's people take turns at each instant.
    """
    while True:
        now = clock.now()
        await town.set_clock(now)
        await sweep(ctx)
        await drain(queue, ctx)
        if await town.advance(now):
            await drain(queue, ctx)
        progress(now, "")
        following = await next_instant(ctx, town, plan)
        if following is None:
            return
        async with ctx.db.owner() as db:
            await execute(db, SQL["move"], now_at=following)
        clock.hold(following)


async def next_instant(ctx: Context, town: TownControl, plan: Plan) -> datetime | None:
    """The earliest instant after now at which anything is due; None at the end of the plan."""
    now = clock.now()
    async with ctx.db.owner() as db:
        ours = [row["at"] for row in await rows(db, SQL["due_later"], now=now)]
        zones = [(row["timezone"]) for row in await rows(db, SQL["zones"])]
    slots = [next_slot(slot, now, ZoneInfo(zone)) for zone in zones for slot in journey.TIMETABLE]
    theirs = await town.next()
    candidates = [at for at in (*ours, *slots, theirs) if at is not None and at > now]
    earliest = _on_the_grid(min(candidates)) if candidates else None
    return earliest if earliest is not None and earliest <= plan.ends_at else None


def _on_the_grid(at: datetime) -> datetime:
    """Up to the next quarter of an hour: what becomes due within one is done together, never early."""
    since_midnight = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at + (-since_midnight) % GRID


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:  # signals belong to the command that runs us
        return nullcontext()


@asynccontextmanager
async def served(ctx: Context, port: int) -> AsyncIterator[str]:
    """Our HTTP endpoints on a loopback port for the length of a block; gives the base URL."""
    from penstock.api.app import create_app  # half a second, which only those wait for who serve

    config = uvicorn.Config(
        create_app(ctx), host="127.0.0.1", port=port, log_level="warning", access_log=False, log_config=None
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                await serving  # shows why it did not start
                raise RuntimeError(f"our endpoints did not start on port {port}")
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving


def _instant(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
