"""Real SMTP into the town: its people get what the truth calls lawful mail, and dead mailboxes are found out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_string
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from factories import make_contactable
from penstock.compliance import endpoints as pages
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump
from penstock.replies import endpoints as inbound
from penstock.replies.tasks import pump as read

PEOPLE = 24


@asynccontextmanager
async def front_door(ctx: Context) -> AsyncIterator[str]:
    """Our pages and webhooks on a port of their own; gives the address."""
    app = FastAPI()
    app.include_router(inbound.router)
    app.include_router(pages.router)
    app.state.ctx = ctx
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def households(town: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Addresses in Tampa with the person of record who lives there and has a mailbox."""
    for number in range(1, 400):
        address = f"{number} Willow St"
        query = {"address": address, "city": "Tampa", "state": "FL", "zip": "33602"}
        home = httpx.get(f"{town.http_url}/town/people", params=query).json()
        owner = next((person for person in home["residents"] if person["id"] == home["owner_of_record"]), None)
        if owner and owner["mailboxes"]:
            yield address, owner


@pytest.mark.slow
async def test_the_towns_people_get_at_most_four_lawful_emails_and_the_dead_none(town_ctx: Context, town: Any) -> None:
    chosen = [home for home, _ in zip(households(town), range(PEOPLE), strict=False)]
    for address, owner in chosen:
        await make_contactable(
            town_ctx,
            address=address,
            first_name=owner["first"],
            last_name=owner["last"],
            email=owner["mailboxes"][0]["email"],
        )
    await feed(town_ctx, 1)
    end = clock.now() + timedelta(days=9)
    while clock.now() < end:
        httpx.put(f"{town.http_url}/town/clock", json={"now": clock.now().isoformat()}).raise_for_status()
        await pump(town_ctx, 1)
        clock.hold(clock.now() + timedelta(hours=3))
    live = {owner["mailboxes"][0]["email"] for _, owner in chosen if owner["mailboxes"][0]["state"] == "live"}
    dead = {owner["mailboxes"][0]["email"] for _, owner in chosen if owner["mailboxes"][0]["state"] == "dead"}
    for address in live:
        mails = httpx.get(f"{town.http_url}/town/mailbox", params={"email": address}).json()["mails"]
        assert len(mails) == 4
        message = message_from_string(mails[0]["raw"])
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mails[0]["envelope_from"].startswith("bounce+")
    async with town_ctx.db.tenant(1) as db:
        bounced = await rows(
            db, text("select status::text from app.contact_points where kind = 'email' and status = 'red'")
        )
    assert len(bounced) == len(dead)
    truth = httpx.get(f"{town.http_url}/truth").json()
    assert truth["contacted_against_rule"] == 0
    assert truth["emails"]["over_cap"] == truth["emails"]["outside_hours"] == truth["emails"]["wrong_party"] == 0


@pytest.mark.slow
async def test_five_days_of_mail_in_town_break_no_rule_and_leave_nothing_unread(town_ctx: Context, town: Any) -> None:
    for address, owner in [home for home, _ in zip(households(town), range(40), strict=False)]:
        await make_contactable(
            town_ctx,
            address=address,
            first_name=owner["first"],
            last_name=owner["last"],
            email=owner["mailboxes"][0]["email"],
        )
    async with front_door(town_ctx) as url, httpx.AsyncClient(base_url=town.http_url, timeout=60) as control:
        async with town_ctx.db.owner() as db:
            await db.execute(text("update app.orgs set public_url = :url"), {"url": url})
        token = town_ctx.settings.mail.inbound_token.get_secret_value()
        await control.put("/town/webhooks", json={"mail_inbound": f"{url}/webhooks/mail/{token}"})
        await control.put("/town/staff", json={"emails": ["bea@acme.example", "ops@acme.example"]})
        await feed(town_ctx, 1)
        end = clock.now() + timedelta(days=5)
        while clock.now() < end:
            (await control.post("/town/advance", json={"to": clock.now().isoformat()})).raise_for_status()
            await read(town_ctx, 1)
            await pump(town_ctx, 1)
            clock.hold(clock.now() + timedelta(hours=2))
        truth = (await control.get("/truth")).json()
    async with town_ctx.db.tenant(1) as db:
        outcomes = await rows(db, text("select outcome, count(*) as n from app.webhook_receipts group by 1"))
        waiting = await rows(db, text("select 1 from app.message_log where state in ('sending', 'in_doubt')"))
    assert truth["contacted_against_rule"] == 0, truth
    assert sum(truth["replies"].values()) > 0
    assert None not in {row["outcome"] for row in outcomes} and not waiting
