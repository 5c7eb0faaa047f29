"""A customer of ours and the town's Stripe, in one process: real bytes both ways, no sockets."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from ground import BROKER_ID
from penstock import billing
from penstock.api.app import create_app
from penstock.assembly import pointed_at_town
from penstock.billing import checkout, usage
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.http import make_client
from penstock.town.app import make_app
from penstock.town.post import Post
from penstock.town.state import TownState, Webhooks, new_state
from penstock.town.wire import ABORT

MAKE = text(
    "insert into app.leads (org_id, playbook, assigned_broker_id, source, vendor_record_id)"
    " select 1, 'roofing', cast(:broker as uuid), 'test', 'r' || gen_random_uuid() from generate_series(1, :count)"
    " returning id"
)


@dataclass
class House:
    """The product on a town whose Stripe may lose answers after it has done what was asked."""

    ctx: Context
    town: TownState
    lose: Callable[[str], bool] = field(default=lambda path: False)  # the answer to this path is lost on the way back

    async def move(self, **delta: float) -> None:
        """Time goes on for both, from one instant at which the town does something to the next."""
        until = clock.now() + timedelta(**delta)
        while clock.now() < until:
            due = self.town.timetable.next()
            clock.hold(min(max(due, clock.now()), until) if due else until)
            await self.town.timetable.advance(clock.now())

    async def leads(self, count: int) -> list[UUID]:
        """New leads, given to the broker and written down."""
        async with self.ctx.db.tenant(1) as db:
            made = [row["id"] for row in await rows(db, MAKE, broker=str(BROKER_ID), count=count)]
            playbook = self.ctx.playbooks["roofing"]
            await billing.record_leads(db, 1, broker_id=BROKER_ID, playbook=playbook, lead_ids=made)
        return made

    async def subscribe(self, tier: str = "professional", *, trial: int = 0) -> str:
        """The broker goes through Checkout, the webhooks arrive and are acted on; gives the customer's id."""
        url = await checkout.start_checkout(self.ctx, 1, BROKER_ID, tier=tier, actor="test")
        answer = await self.ctx.http.post(url)
        assert answer.status_code == 303, answer.text
        await self.move(minutes=15)
        await usage.pump(self.ctx, 1)
        async with self.ctx.db.tenant(1) as db:
            await execute(db, text("update app.subscriptions set trial_leads_remaining = :left"), left=trial)
            return str(await scalar(db, text("select stripe_customer_id from app.subscriptions")))

    async def states(self) -> dict[str, int]:
        """How many lines of usage are in which state."""
        async with self.ctx.db.tenant(1) as db:
            found = await rows(db, text("select meter_state, count(*) as n from app.usage_events group by 1"))
        return {row["meter_state"]: row["n"] for row in found}

    async def counted(self) -> Decimal:
        """What the town's Stripe counts for the broker."""
        vendor = checkout.service(self.ctx)
        async with self.ctx.db.tenant(1) as db:
            customer = await scalar(db, text("select stripe_customer_id from app.subscriptions"))
        meter = await vendor.meter("leads_generated")
        assert meter is not None and customer is not None
        midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        since, until = midnight - timedelta(days=40), midnight + timedelta(days=1)
        return sum(
            (one.quantity for one in await vendor.counted(meter, customer, since=since, until=until)), Decimal(0)
        )

    def other_worker(self) -> Context:
        """The same installation in another process."""
        return dataclasses.replace(self.ctx, worker_id=uuid4())


class _Doorbell(Post):
    """Deliveries of the town go straight into our application."""

    def __init__(self, app: Any) -> None:
        super().__init__(patience=0.0)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app))


@asynccontextmanager
async def open_house(ctx: Context, at: datetime) -> AsyncIterator[House]:
    """A house whose clocks stand at `at`."""
    town = new_state(7)
    town.clock.put(at)
    app = make_app(town)
    settings = pointed_at_town(ctx.settings, "http://town", "127.0.0.1", 25)
    house = House(dataclasses.replace(ctx, settings=settings, http=make_client()), town)

    async def wired(scope: Any, receive: Any, send: Any) -> None:
        scope[ABORT] = _cut
        lost = house.lose(scope["path"])
        await app(scope, receive, _nowhere if lost else send)
        if lost:
            _cut()

    await house.ctx.http.aclose()
    client = make_client(transport=httpx.ASGITransport(wired))
    house.ctx = dataclasses.replace(house.ctx, http=client)
    product = create_app(house.ctx)
    town.post = _Doorbell(product)
    secret = house.ctx.settings.vendors.stripe.webhook_secret.get_secret_value()
    town.webhooks = Webhooks(stripe_url="http://us/webhooks/stripe", stripe_secret=secret)
    try:
        yield house
    finally:
        await client.aclose()
        await town.post.close()


def _cut() -> None:
    raise httpx.ReadError("the connection is gone")


async def _nowhere(_: Any) -> None:
    return


def every(nth: int) -> Callable[[], bool]:
    """True at each n-th call."""
    count = itertools.count(1)
    return lambda: next(count) % nth == 0
