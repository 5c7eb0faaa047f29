"""A mail server on 127.0.0.1 that is asked about mailboxes, and answers as a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class House:
    """A mail server that answers each local part as told; `*` is everybody else."""

    words: dict[str, str] = field(default_factory=lambda: {"*": "550 5.1.1 no such user"})
    port: int = 0
    asked: list[str] = field(default_factory=list)
    data: int = 0
    open_now: int = 0
    most_open: int = 0
    mail: str = "250 OK"

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        return answers

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        self.open_now -= 1
        return "221 Bye"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.mail

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.asked.append(address)
        word = self.words.get(address.partition("@")[0], self.words["*"])
        if word == "hang up":
            server.transport.abort()
            return "421 gone"
        if word.startswith("25"):
            envelope.rcpt_tos.append(address)
        return word

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.data += 1
        return "250 taken"


@asynccontextmanager
async def running(house: House) -> AsyncIterator[House]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(house, hostname="mx.example", loop=loop), "127.0.0.1", 0)
    house.port = server.sockets[0].getsockname()[1]
    try:
        yield house
    finally:
        server.close()
        await server.wait_closed()
