"""The page that the microsite_url of a lead leads to."""

from __future__ import annotations

import uuid

import httpx
from sqlalchemy import text

from factories import make_contactable
from ground import BROKER_ID
from penstock.api.app import create_app
from penstock.core.context import Context
from penstock.core.db import scalar


async def test_the_url_in_the_view_opens_a_page_that_offers_the_brokers_calendar(ctx: Context) -> None:
    lead = await make_contactable(ctx, broker_id=BROKER_ID, first_name="Ada", email="ada@home.example")
    async with ctx.db.tenant(1) as db:
        url = await scalar(db, text("select microsite_url from api.leads where id = :id"), id=lead)
    transport = httpx.ASGITransport(create_app(ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        page = await client.get(url)
        nowhere = await client.get(f"/l/{uuid.uuid4()}")
    assert page.status_code == 200 and str(lead) in page.text and "Bea Broker" in page.text
    assert "Ada" not in page.text and "ada@home" not in page.text and "Acme Home Equity LLC" in page.text
    assert nowhere.status_code == 404
