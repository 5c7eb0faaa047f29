"""Leads, campaigns and browsers for tests of the gate against the real database."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from factories import make_contactable
from penstock import compliance
from penstock.compliance import endpoints
from penstock.compliance.facts import Intent
from penstock.core.context import Context
from penstock.core.db import execute, one, rows, scalar

EMAIL = "ada@home.example"
PHONE = "+12125550123"
NEW_YORK: dict[str, Any] = {"city": "New York", "state": "NY", "postal_code": "10001"}


class Person:
    """A lead with its person and their contact points, and short ways to ask about them."""

    def __init__(self, ctx: Context, lead: UUID, contact: int, email: int, phone: int) -> None:
        self.ctx, self.lead, self.contact, self.email, self.phone = ctx, lead, contact, email, phone

    def point(self, channel: str) -> int:
        return self.email if channel == "email" else self.phone

    async def ask(self, channel: str, **more: Any) -> compliance.Decision:
        async with self.ctx.db.tenant(1) as db:
            return await compliance.decide(
                self.ctx,
                db,
                1,
                lead_id=self.lead,
                contact_point_id=self.point(channel),
                intent=await self.intent(db, channel, **more),
            )

    async def reserve(self, channel: str, reference: str = "m1", **more: Any) -> compliance.Reservation:
        async with self.ctx.db.tenant(1) as db:
            return await compliance.reserve(
                self.ctx,
                db,
                1,
                lead_id=self.lead,
                contact_point_id=self.point(channel),
                intent=await self.intent(db, channel, **more),
                reference=reference,
            )

    async def intent(self, db: Any, channel: str, **more: Any) -> Intent:
        campaign = await scalar(db, text("select min(id) from app.campaigns"))
        return Intent(channel=channel, seller_id=1, campaign_id=campaign, **more)

    async def suppress(self, **more: Any) -> compliance.Suppressed:
        values: dict[str, Any] = {"reason": "SUPP_OPT_OUT", "method": "reply", "actor": "person", "lead_id": self.lead}
        async with self.ctx.db.tenant(1) as db:
            return await compliance.suppress(self.ctx, db, 1, **(values | more))

    async def link(self) -> str:
        """The path of a fresh consent link."""
        async with self.ctx.db.tenant(1) as db:
            url = await compliance.issue_consent_link(self.ctx, db, 1, lead_id=self.lead)
        return url.removeprefix("http://127.0.0.1:8080")

    async def off_link(self) -> str:
        """The path of the unsubscribe link of the email address."""
        async with self.ctx.db.tenant(1) as db:
            url = await compliance.unsubscribe_url(self.ctx, db, 1, lead_id=self.lead, contact_point_id=self.email)
        return url.removeprefix("http://127.0.0.1:8080")

    async def row(self) -> dict[str, Any]:
        """The lead as it stands."""
        async with self.ctx.db.tenant(1) as db:
            found = await one(db, text("select * from app.leads where id = cast(:id as uuid)"), id=str(self.lead))
        assert found is not None
        return dict(found)

    async def events(self) -> list[str]:
        """The lead's diary."""
        async with self.ctx.db.tenant(1) as db:
            sql = text("select event_type from app.pipeline_events where lead_id = cast(:id as uuid) order by id")
            return [row["event_type"] for row in await rows(db, sql, id=str(self.lead))]


async def make_person(ctx: Context, **more: Any) -> Person:
    """A person in New York with a checked email and mobile, ready for a campaign."""
    values = {"email": EMAIL, "phone": PHONE, **NEW_YORK, **more}
    return await person_of(ctx, await make_contactable(ctx, **values))


async def person_of(ctx: Context, lead: UUID) -> Person:
    async with ctx.db.tenant(1) as db:
        found = await one(
            db,
            text(
                "select l.contact_id, min(p.id) filter (where kind = 'email') as email,"
                " min(p.id) filter (where kind = 'phone') as phone from app.leads l"
                " join app.contact_points p on p.contact_id = l.contact_id where l.id = cast(:id as uuid) group by 1"
            ),
            id=str(lead),
        )
    assert found is not None
    return Person(ctx, lead, found["contact_id"], found["email"], found["phone"])


async def count(ctx: Context, table: str, where: str = "true") -> int:
    async with ctx.db.tenant(1) as db:
        return int(await scalar(db, text(f"select count(*) from app.{table} where {where}")))


async def run(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


def browser(ctx: Context) -> httpx.AsyncClient:
    """A client of the pages, in process."""
    app = FastAPI()
    app.state.ctx = ctx
    app.include_router(endpoints.router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080")


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.boxes: list[str] = []
        self.checked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "input" and found.get("type") == "hidden":
            self.hidden[found["name"]] = found["value"]
        if tag == "input" and found.get("type") == "checkbox":
            self.boxes.append(found["value"])
            if "checked" in found:
                self.checked.append(found["value"])


def form_of(page: str) -> _Fields:
    reader = _Fields()
    reader.feed(page)
    return reader


async def fill_in(client: httpx.AsyncClient, link: str, **typed: Any) -> dict[str, Any]:
    """Open the link and give the fields a person would send."""
    form = form_of((await client.get(link)).text)
    values = {"channels": ["voice_ai", "sms"], "phone": "(212) 555-0123", "name": "Ada Sample"}
    return {**form.hidden, **values, **typed}


async def consent(person: Person, **typed: Any) -> httpx.Response:
    """The person opens a fresh link and sends the form."""
    async with browser(person.ctx) as client:
        return await client.post("/consent", data=await fill_in(client, await person.link(), **typed))


def receipt_number(page: str) -> str:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", page)
    assert found, page
    return found.group()
