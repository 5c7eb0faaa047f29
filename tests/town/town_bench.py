"""A town in this process, and a small product for its people to talk to: the bench that the tests work on."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl

import aiosmtplib
import httpx
import uvicorn
from aiosmtpd.smtp import SMTP
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from penstock.town import places
from penstock.town.app import make_app
from penstock.town.mail_server import MailServer
from penstock.town.people import Household, Person
from penstock.town.server import Server
from penstock.town.state import TownState, Webhooks, new_state

MONDAY = datetime(2026, 11, 30, 17, tzinfo=UTC)  # noon in New York
CONSENT_PAGE = """<!doctype html><html lang=en><title>Permission</title><form action="{action}" method="post">
<input type=hidden name=csrf value="abc123"><label>Phone <input type=tel name=phone></label>
<label><input type=checkbox name=voice value=yes> You may call me</label>
<label>Name <input name=signature></label><button type=submit>I agree</button></form></html>"""


class Product:
    """What the town sees of us: pages and webhooks that write down what they get."""

    def __init__(self) -> None:
        self.url = ""
        self.town_url = ""
        self.status = 200  # of every answer; 503 plays a product that is ill
        self.opened: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.browsers: list[tuple[str, str]] = []  # origin and cookie of each form sent
        self.off_list: list[str] = []
        self.mails: list[dict[str, Any]] = []
        self.voice: list[dict[str, Any]] = []
        self.voice_headers: list[dict[str, str]] = []
        self.bookings: list[tuple[bytes, dict[str, str]]] = []
        self.tool_answer: Any = None  # a function of the arguments, or None to say yes

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/consent/{token}", self.consent, methods=["GET", "POST"]),
                Route("/unsubscribe/{token}", self.unsubscribe, methods=["GET", "POST"]),
                Route("/mail", self.mail, methods=["POST"]),
                Route("/voice", self.hear, methods=["POST"]),
                Route("/cal", self.calendar, methods=["POST"]),
            ]
        )

    async def consent(self, request: Request) -> Response:
        if request.method == "GET":
            self.opened.append(request.url.path)
            page = HTMLResponse(CONSENT_PAGE.format(action=request.url.path), status_code=self.status)
            page.set_cookie("visit", f"v{len(self.opened)}")
            return page
        self.browsers.append((request.headers.get("origin", ""), request.headers.get("cookie", "")))
        if self.status == 200:
            self.forms.append(dict(parse_qsl((await request.body()).decode())))
        return HTMLResponse("thanks", status_code=self.status)

    async def unsubscribe(self, request: Request) -> Response:
        if request.method == "GET":
            self.opened.append(request.url.path)
            return HTMLResponse("<form method=post><button name=go value=1>Unsubscribe</button></form>")
        if self.status == 200:
            self.off_list.append((await request.body()).decode())
        return HTMLResponse("done", status_code=self.status)

    async def mail(self, request: Request) -> Response:
        if self.status == 200:
            self.mails.append(await request.json())
        return Response(status_code=self.status)

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        message = json.loads(body)["message"]
        if self.status != 200:
            return Response(status_code=self.status)
        self.voice.append(message)
        self.voice_headers.append(dict(request.headers) | {"raw": body.decode()})
        if message["type"] != "tool-calls":
            return Response(status_code=200)
        call = message["toolCallList"][0]
        arguments = json.loads(call["function"]["arguments"])
        answer = await self.tool_answer(arguments, message) if self.tool_answer else {"result": "booked"}
        return JSONResponse({"results": [{"toolCallId": call["id"], **answer}]})

    async def calendar(self, request: Request) -> Response:
        if self.status == 200:
            self.bookings.append((await request.body(), dict(request.headers)))
        return Response(status_code=self.status)

    def intents(self) -> list[str]:
        return [message["type"] for message in self.voice]


@dataclass
class Bench:
    """The town's state, a client for its front doors, its SMTP port, and the product."""

    state: TownState
    client: httpx.AsyncClient
    smtp_port: int
    product: Product
    sent: int = field(default=0)

    def household(self, street: str = "100 Oak St", postal: str = "33602") -> Household:
        found = self.state.world.household(places.address(street, postal=postal))
        assert found is not None
        return found

    def someone(self, state: str = "live", role: str = "owner", **more: Any) -> Person:
        """The first person of that role whose first mailbox is in that state (and alive, with a plain number)."""
        for house in range(1, 5000):
            person = self.household(f"{house} Oak St").by_role(role)
            if person is None or person.deceased != more.get("deceased", False):
                continue
            box = person.mailboxes[0]
            if (
                box.state == state
                and box.catch_all == more.get("catch_all", False)
                and person.own_number().number[-2:] > "06"
            ):
                return person
        raise AssertionError("nobody like that")

    async def write(self, to: str, *, subject: str = "About your home", text: str = "", **headers: str) -> Any:
        """One marketing mail with all its links, by SMTP."""
        self.sent += 1
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "Grace Lee <grace+tag7@outreach.example>", to, subject
        message["Message-ID"] = f"<mail-{self.sent}@outreach.example>"
        if headers.pop("plain", "") != "yes":
            message["List-Unsubscribe"] = f"<{self.product.url}/unsubscribe/u1>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        url = self.product.url
        message.set_content(
            text
            or f"Hello,\n\nmay we call you? {url}/consent/c1\nBook: {self.product.town_url}/calcom/book/grace/intro"
            f"?metadata[lead_id]=42\nStop: {url}/unsubscribe/u1\n"
        )
        return await aiosmtplib.send(
            message, sender="bounce+7@outreach.example", hostname="127.0.0.1", port=self.smtp_port, start_tls=False
        )

    async def advance(self, **delta: float) -> int:
        """Move the town on by a timedelta."""
        return await self.state.timetable.advance(self.state.clock.now() + timedelta(**delta))


@asynccontextmanager
async def served(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """The app on a loopback port for the length of the block; gives its URL."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await server.up.wait()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.stop()
        await task


@asynccontextmanager
async def a_bench(product: Product, seed: int = 7) -> AsyncIterator[Bench]:
    """A town on Monday noon (New York) that knows the product's webhooks."""
    state = new_state(seed, patience=0.3)
    state.clock.put(MONDAY)
    state.webhooks = Webhooks(f"{product.url}/mail", f"{product.url}/cal", "cal-secret", "vapi-secret")
    loop = asyncio.get_running_loop()
    connection = functools.partial(SMTP, MailServer(state), hostname="mx.town.example", enable_SMTPUTF8=True, loop=loop)
    smtp = await loop.create_server(connection, "127.0.0.1", 0)
    transport = httpx.ASGITransport(make_app(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://town.test") as client:
        yield Bench(state, client, smtp.sockets[0].getsockname()[1], product)
    smtp.close()
    await state.post.close()
