"""Whose mail it is: found by what it answers, else by its sender."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.context import Context
from penstock.core.db import one
from penstock.core.sqlfile import load
from penstock.outreach import token_in, tokens_in_ids
from penstock.replies.inbound import Inbound

SQL = load(__package__)


async def by_reference(db: AsyncConnection, org_id: int, inbound: Inbound) -> RowMapping | None:
    """The outbound message that a mail refers to by plus address, In-Reply-To, References or the mail it returns.

    Our tokens are keyed hashes: a match proves that the sender has seen our message.
    """
    tokens = list(dict.fromkeys(_tokens(inbound)))
    domains = {address.rpartition("@")[2] for address in inbound.recipients} | {
        part.rstrip(">").rpartition("@")[2] for part in _references(inbound)
    }
    ids = [f"<{token}@{domain}>" for token in tokens for domain in domains if domain]
    return await one(db, SQL["message_by_id"], org_id=org_id, message_ids=ids) if ids else None


async def by_sender(ctx: Context, db: AsyncConnection, org_id: int, inbound: Inbound) -> RowMapping | None:
    """The lead whose address sent the mail."""
    if not inbound.sender:
        return None
    return await one(db, SQL["lead_by_sender"], org_id=org_id, values=ctx.sealer.forms(org_id, inbound.sender))


def _references(inbound: Inbound) -> Iterable[str]:
    return (*inbound.in_reply_to.split(), *inbound.references, inbound.original_id)


def _tokens(inbound: Inbound) -> Iterable[str]:
    yield from (token for address in inbound.recipients if (token := token_in(address)))
    for reference in _references(inbound):
        yield from tokens_in_ids(reference)
