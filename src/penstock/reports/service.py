"""Showing, sending on and withdrawing reports."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import booking, compliance, journey
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load
from penstock.reports import page, paper
from penstock.reports.links import report_link
from penstock.reports.view import Image, Links

SQL = load(__package__)
LARGEST_PICTURE = 250_000  # bytes; a larger one is left out
LASTS_A_WHILE = timedelta(minutes=30)  # a consent link must still be good for the time it takes to fill in its page


@dataclass(frozen=True, slots=True)
class Shown:
    """A report that may be shown, with all it takes to draw it."""

    id: UUID
    lead_id: UUID
    content: Mapping[str, Any]
    links: Links
    pdf: bytes | None
    logo: Image | None
    picture: Image | None

    async def as_pdf(self) -> bytes:
        """The page as PDF, set on another thread unless it was set before."""
        if self.pdf is not None:
            return self.pdf
        return await asyncio.to_thread(paper.pdf, self.content, self.links, logo=self.logo, picture=self.picture)

    def as_html(self, *, with_pdf: bool = True) -> str:
        """The page as HTML."""
        return page.html(self.content, self.links, logo=self.logo, picture=self.picture, with_pdf=with_pdf)


async def open_report(ctx: Context, db: AsyncConnection, org_id: int, report_id: UUID) -> Shown | None:
    """A report ready to be drawn; None when it was withdrawn. Raises NotFound."""
    row = await one(db, SQL["report"], id=report_id)
    if row is None or row["lead_id"] is None:
        raise NotFound("There is no such report.")
    if row["withdrawn_at"] is not None:
        return None
    return Shown(
        id=row["id"],
        lead_id=row["lead_id"],
        content=row["content"],
        links=await _links(ctx, db, org_id, row),
        pdf=bytes(row["pdf"]) if row["pdf"] is not None else None,
        logo=Image(bytes(row["logo"]), row["logo_type"]) if row["logo"] is not None else None,
        picture=await _picture(db, row["content"]),
    )


async def _links(ctx: Context, db: AsyncConnection, org_id: int, row: RowMapping) -> Links:
    """Lasting addresses of our own, so that paper leads where the mails lead, whenever it is picked up."""
    home = await report_link(ctx, db, org_id, row["id"])
    barred = await scalar(db, SQL["way_out"], lead_id=row["lead_id"])
    bookable = bool(await booking.links_for(ctx, db, [row["lead_id"]]))
    return Links(
        page=home,
        stop=f"{home}/stop",
        consent=None if barred else f"{home}/consent",
        booking=f"{home}/book" if bookable else None,
    )


async def _picture(db: AsyncConnection, content: Mapping[str, Any]) -> Image | None:
    for told in content["pictures"]:
        found = await one(db, SQL["picture"], id=told["id"], sha256=told["sha256"])
        if found is not None and len(found["content"]) <= LARGEST_PICTURE:
            return Image(bytes(found["content"]), found["media_type"])
    return None


async def keep_pdf(db: AsyncConnection, report_id: UUID, made: bytes) -> None:
    """Store the PDF of a report, so that it is given as it was; the first one stays."""
    await execute(db, SQL["keep_pdf"], id=report_id, pdf=made)


async def note_opened(db: AsyncConnection, org_id: int, report_id: UUID) -> None:
    """Count that somebody, or their mail scanner, opened the page. That is no sign of interest."""
    row = await one(db, SQL["opened"], id=report_id)
    if row is not None and row["first"] and row["lead_id"] is not None:
        event = journey.Event("report_opened", row["lead_id"], stage="reports", details={"by": "link"})
        await journey.announce(db, org_id, [event])


async def way(ctx: Context, db: AsyncConnection, org_id: int, report_id: UUID, where: str) -> str:
    """Where a link of a report (`consent`, `book` or `stop`) leads now. Raises NotFound.

    The consent link of the lead's mails is given again as long as it is good, so that opening a report ends none.
    """
    shown = await open_report(ctx, db, org_id, report_id)
    if shown is None:
        raise NotFound("This report was withdrawn.")
    if where == "stop":
        return await compliance.unsubscribe_url(ctx, db, org_id, lead_id=shown.lead_id, contact_point_id=None)
    if where == "book" and shown.links.booking:
        return (await booking.links_for(ctx, db, [shown.lead_id]))[shown.lead_id]
    if where == "consent" and shown.links.consent:
        return await compliance.issue_consent_link(ctx, db, org_id, lead_id=shown.lead_id, lasts=LASTS_A_WHILE)
    raise NotFound("This is not offered any more.")


async def withdraw(db: AsyncConnection, report_id: UUID) -> bool:
    """Show a report no more; False when it was withdrawn before. Raises NotFound."""
    if await one(db, SQL["shown"], id=report_id) is None:
        raise NotFound("There is no such report.")
    return await one(db, SQL["withdraw"], id=report_id) is not None


async def of_lead(db: AsyncConnection, lead_id: UUID) -> UUID:
    """The report of a lead. Raises NotFound."""
    found = await scalar(db, SQL["current_of_lead"], lead_id=lead_id)
    if found is None:
        raise NotFound("This lead has no report.", fix="make one: penstock report make LEAD")
    return UUID(str(found))
