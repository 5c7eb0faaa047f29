"""The signed link of a report: it names nobody, and opens one page and nothing else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import scalar
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load

SQL = load(__package__)
_DOMAIN = b"report-link.v1\0"
_ORG, _ID, _MAC = 4, 16, 16  # bytes


def token_of(ctx: Context, org_id: int, report_id: UUID) -> str:
    """48 letters of base64url: org, report and a signature over both. It has no end; a report can be withdrawn."""
    body = org_id.to_bytes(_ORG, "big") + report_id.bytes
    return base64.urlsafe_b64encode(body + _mac(ctx, body)).decode()


def read_token(ctx: Context, token: str) -> tuple[int, UUID]:
    """(org, report) of a genuine token. Raises NotFound."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotFound("There is no such page.") from error
    body, mac = raw[: _ORG + _ID], raw[_ORG + _ID :]
    if len(raw) != _ORG + _ID + _MAC or not hmac.compare_digest(mac, _mac(ctx, body)):
        raise NotFound("There is no such page.")
    return int.from_bytes(body[:_ORG], "big"), UUID(bytes=body[_ORG:])


async def report_link(ctx: Context, db: AsyncConnection, org_id: int, report_id: UUID) -> str:
    """The address of a report's page."""
    public_url = await scalar(db, SQL["address_of_org"], org_id=org_id)
    return f"{str(public_url).rstrip('/')}/r/{token_of(ctx, org_id, report_id)}"


async def link_of_lead(db: AsyncConnection, ctx: Context, org_id: int, lead_id: UUID | str) -> str | None:
    """The address of a lead's report; None where it has none, or it was withdrawn."""
    found = await scalar(db, SQL["current_of_lead"], lead_id=str(lead_id))
    return await report_link(ctx, db, org_id, found) if found else None


def _mac(ctx: Context, body: bytes) -> bytes:
    return hmac.digest(ctx.sealer.secret("report-links"), _DOMAIN + body, hashlib.sha256)[:_MAC]
