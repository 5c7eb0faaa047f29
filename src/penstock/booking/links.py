"""The public page on which a lead books with its broker."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.sqlfile import load

SQL = load(__package__)


def link_for(ctx: Context, *, lead_id: UUID, username: str, slug: str) -> str:
    """The booking page of a broker's event type, with the lead's id in the metadata that comes back in the webhook.

    `username` and `slug` are the broker's `calendar_username` and `calendar_event_slug`.
    """
    base = ctx.settings.vendors.calcom.booking_url.rstrip("/")
    return f"{base}/{quote(username)}/{quote(slug)}?{urlencode({'metadata[lead_id]': str(lead_id)})}"


async def links_for(ctx: Context, db: AsyncConnection, lead_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The booking page of each lead; leads whose broker has no calendar are left out."""
    found = await rows(db, SQL["calendars"], lead_ids=list(lead_ids))
    return {
        row["id"]: link_for(ctx, lead_id=row["id"], username=row["calendar_username"], slug=row["calendar_event_slug"])
        for row in found
    }
