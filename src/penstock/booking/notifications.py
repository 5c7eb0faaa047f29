"""The outbox: what we tell brokers and operators, written with the fact it tells of and delivered by a pump.

A row holds the channel, the sealed target, and a sealed JSON payload. For `webhook` the payload is posted as it is,
signed by the Standard Webhooks scheme; for `mail` it is `{"subject": …, "text": …}`. Delivery is at least once: a retry
carries the same message id, so that a receiver can tell a copy from news.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from random import SystemRandom
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, rows
from penstock.core.errors import ProviderBusy, reason_of
from penstock.core.sqlfile import load
from penstock.providers import mail, webhook
from penstock.providers.mail.smtp import Encryption

SQL = load(__package__)
BATCH = 50
TRIES = 12
_random = SystemRandom()
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell a broker. `data` goes to the webhook and holds no personal data; `text` is the mail."""

    kind: str
    lead_id: UUID | None
    dedupe_key: str
    subject: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


async def tell_broker(ctx: Context, db: AsyncConnection, org_id: int, broker_id: UUID, notice: Notice) -> None:
    """Queue a notice to a broker, by mail and, where one is set, by webhook, in the caller's transaction."""
    broker = await one(db, SQL["broker"], broker_id=broker_id)
    if broker is None:
        return
    posted = {"type": notice.kind, "timestamp": clock.now().isoformat(), "data": notice.data}
    if broker["webhook_url"]:
        await queue(
            ctx,
            db,
            org_id,
            kind=notice.kind,
            channel="webhook",
            target=broker["webhook_url"],
            payload=posted,
            secret_sealed=broker["webhook_secret_sealed"],
            dedupe_key=f"{notice.dedupe_key}:webhook",
            lead_id=notice.lead_id,
        )
    mailed = {"subject": notice.subject, "text": notice.text}
    await queue(
        ctx,
        db,
        org_id,
        kind=notice.kind,
        channel="mail",
        target=broker["email"],
        payload=mailed,
        dedupe_key=f"{notice.dedupe_key}:mail",
        lead_id=notice.lead_id,
    )


async def queue(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    *,
    kind: str,
    channel: str,
    target: str,
    payload: dict[str, Any],
    dedupe_key: str,
    secret_sealed: str | None = None,
    lead_id: UUID | None = None,
) -> None:
    """Write one notification; the same `dedupe_key` is said once."""
    seal = ctx.sealer.seal
    await execute(
        db,
        SQL["queue_notification"],
        org_id=org_id,
        kind=kind,
        channel=channel,
        target=seal(org_id, target),
        secret=secret_sealed,
        payload=seal(org_id, json.dumps(payload)),
        dedupe_key=dedupe_key,
        lead_id=lead_id,
    )


async def pump(ctx: Context, org_id: int) -> int:
    """Deliver what is due, a batch at a time; gives how many were tried."""
    tried = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            await execute(db, SQL["revive_notifications"])
            claimed = await rows(db, SQL["claim_notifications"], limit=BATCH)
            sender = await one(db, SQL["sender"], org_id=org_id)
        if not claimed or sender is None:
            return tried
        tried += len(claimed)
        room = asyncio.Semaphore(ctx.settings.mail.connections)
        errors = await asyncio.gather(*(_deliver(ctx, org_id, row, sender, room) for row in claimed))
        await _record(ctx, org_id, list(zip(claimed, errors, strict=True)))


async def _deliver(
    ctx: Context, org_id: int, row: RowMapping, sender: RowMapping, room: asyncio.Semaphore
) -> Exception | None:
    """One delivery; gives the error instead of raising it, whatever it is, so that one bad notice holds no other."""
    async with room:
        try:
            target = ctx.sealer.open(org_id, row["target_sealed"])
            payload = json.loads(ctx.sealer.open(org_id, row["payload_sealed"]))
            if row["channel"] == "webhook":
                secret = ctx.sealer.open(org_id, row["secret_sealed"]) if row["secret_sealed"] else ""
                where = webhook.Target(url=target, secret=secret)
                await webhook.deliver(
                    ctx.http, where, message_id=f"msg_{org_id}_{row['id']}", at=clock.now(), payload=payload
                )
            else:
                message = build_mail(payload, row["id"], sender, target, at=row["created_at"])
                address = _address(sender)
                await mail.send(mail_server(ctx), sender=address, recipient=target, message=message.as_bytes())
        except Exception as error:
            return error
    return None


def build_mail(
    payload: dict[str, Any], number: int, sender: RowMapping, recipient: str, *, at: datetime
) -> EmailMessage:
    """The mail of a notification. The Message-ID is fixed by the notification, so that a second delivery is a copy."""
    message = EmailMessage()
    message["From"] = formataddr((_one_line(sender["name"]), _address(sender)))
    message["To"] = recipient
    message["Subject"] = _one_line(payload["subject"])
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<notification-{number}@{sender['from_domain']}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(payload["text"])
    return message


def mail_server(ctx: Context) -> mail.MailServer:
    """The mail server of the settings."""
    given = ctx.settings.mail
    return mail.MailServer(
        host=given.smtp_host,
        port=given.smtp_port,
        user=given.smtp_user,
        password=given.smtp_password.get_secret_value(),
        encryption=Encryption(given.smtp_tls),
    )


def _address(sender: RowMapping) -> str:
    return f"notifications@{sender['from_domain']}"


def _one_line(text: str) -> str:
    """Words fit for a header, which takes no line break: names come from files and from people as they were typed."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


async def _record(ctx: Context, org_id: int, results: Sequence[tuple[RowMapping, Exception | None]]) -> None:
    """What became of each: those that went out first, and each failure by itself, so that none undoes another's."""
    delivered = [row["id"] for row, error in results if error is None]
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["sent"], ids=delivered)
        await dlq.clear(db, org_id, stage="notifications", items=[str(id) for id in delivered])
    for row, error in results:
        if error is not None:
            async with ctx.db.tenant(org_id) as db:
                await _failed(db, org_id, row, error)


async def _failed(db: AsyncConnection, org_id: int, row: RowMapping, error: Exception) -> None:
    reason = reason_of(error)
    log.warning("notification_failed", notification=row["id"], kind=row["kind"], channel=row["channel"], error=reason)
    again = dlq.next_try(clock.now(), row["attempts"], _random.random())
    if isinstance(error, ProviderBusy) and again is not None and row["attempts"] < TRIES:
        await execute(db, SQL["postpone"], id=row["id"], at=again, error=reason)
    else:
        await _give_up(db, org_id, row, reason)


async def _give_up(db: AsyncConnection, org_id: int, row: RowMapping, reason: str) -> None:
    """The receiver says no, or has been silent for two days, or the notice cannot be sent at all: a person decides,
    with `penstock dlq retry`."""
    await execute(db, SQL["give_up"], id=row["id"], error=reason)
    payload = {"kind": row["kind"], "channel": row["channel"]}
    await dlq.put(db, org_id, stage="notifications", item=str(row["id"]), payload=payload, error=reason)
    await execute(db, SQL["hold_for_a_person"], item=str(row["id"]))
