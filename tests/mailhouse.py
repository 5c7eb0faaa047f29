"""A small mail server on 127.0.0.1 that takes mail and answers as a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP

from penstock.core.context import Context


@dataclass
class Mailhouse:
    """What arrived, and the reply to each recipient that is not taken (`rcpt`) or to the text (`data`)."""

    port: int = 0
    arrived: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "250 2.0.0 taken"
    raw: list[bytes] = field(default_factory=list)
    asked: int = 0
    ctx: Context = field(init=False)  # sends through it

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.asked += 1
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data == "cut":  # takes the text, then hangs up before it says so
            self._keep(envelope)
            server.transport.abort()
            return "421 gone"
        if self.data.startswith("2"):
            self._keep(envelope)
        return self.data

    def _keep(self, envelope: Any) -> None:
        self.raw.append(envelope.content)
        message = message_from_bytes(envelope.content, policy=default)
        self.arrived += [(envelope.mail_from, rcpt, message) for rcpt in envelope.rcpt_tos]


@asynccontextmanager
async def mailhouse(ctx: Context) -> AsyncIterator[tuple[Context, Mailhouse]]:
    """A running mail server and a Context that sends through it (with the same worker id)."""
    house = Mailhouse()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(house, hostname="mailhouse.example", loop=loop), "127.0.0.1", 0)
    house.port = server.sockets[0].getsockname()[1]
    mail = ctx.settings.mail.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": house.port, "smtp_tls": "none", "connections": 4}
    )
    settings = ctx.settings.model_copy(update={"mail": mail})
    pointed = Context(
        settings=settings, db=ctx.db, sealer=ctx.sealer, http=ctx.http, playbooks=ctx.playbooks, worker_id=ctx.worker_id
    )
    house.ctx = pointed
    try:
        yield pointed, house
    finally:
        server.close()
        await server.wait_closed()
