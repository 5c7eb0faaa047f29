"""Brokers are told: signed, once per message id, and again when their side was down."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
import uvicorn
from aiosmtpd.controller import Controller
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.booking import notifications
from penstock.core import clock, dlq
from penstock.core.context import Context
from penstock.core.db import one, rows, scalar

SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Inbox:
    """A mail server that keeps what it gets, and can be told to refuse."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(envelope.content)
        return self.answer


class FreePort(Controller):
    """A controller on a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def inbox(ctx: Context) -> Iterator[Inbox]:
    """A real SMTP server; the Context's mail goes there."""
    kept = Inbox()
    controller = FreePort(kept, hostname="127.0.0.1", port=0)
    controller.start()
    mail = ctx.settings.mail.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": controller.port, "smtp_tls": "none", "smtp_user": ""}
    )
    object.__setattr__(ctx, "settings", ctx.settings.model_copy(update={"mail": mail}))
    yield kept
    controller.stop()


class Receiver:
    """A broker's endpoint: what it got, and what it answers next."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.says = ""
        self.url = ""

    async def take(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.body()))
        return Response(self.says, status_code=self.status)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    kept = Receiver()
    app = Starlette(routes=[Route("/hook", kept.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    kept.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/hook"
    try:
        yield kept
    finally:
        server.should_exit = True
        await serving


async def queue_mail(ctx: Context, key: str = "k", *, subject: str = "New appointment: Tuesday") -> None:
    payload = {"subject": subject, "text": "Ada Sample\n"}
    async with ctx.db.tenant(1) as db:
        await notifications.queue(
            ctx, db, 1, kind="alert", channel="mail", target="bea@acme.example", payload=payload, dedupe_key=key
        )


async def queue_webhook(ctx: Context, url: str, *, key: str = "k", secret: str = SIGNING_SECRET) -> None:
    async with ctx.db.tenant(1) as db:
        await notifications.queue(
            ctx,
            db,
            1,
            kind="alert",
            channel="webhook",
            target=url,
            payload={"type": "alert", "data": {"n": 1}},
            dedupe_key=key,
            secret_sealed=ctx.sealer.seal(1, secret),
        )


async def row(ctx: Context) -> Any:
    async with ctx.db.tenant(1) as db:
        return await one(db, text("select * from app.notifications"))


async def test_a_mail_reaches_the_broker_once(ctx: Context, inbox: Inbox) -> None:
    await queue_mail(ctx)
    await queue_mail(ctx)
    assert await notifications.pump(ctx, 1) == 1
    assert await notifications.pump(ctx, 1) == 0
    (mail,) = [message_from_bytes(raw) for raw in inbox.mails]
    assert mail["Subject"] == "New appointment: Tuesday"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"].endswith("<notifications@mail.acme.example>")
    assert (await row(ctx))["state"] == "sent"


async def test_a_webhook_verifies_with_the_standard_library_of_the_receiver(ctx: Context) -> None:
    async with receiver() as broker:
        with clock.held_at(clock.now()):
            clock.release()  # the receiver's library compares with the real clock
            await queue_webhook(ctx, broker.url)
            await notifications.pump(ctx, 1)
    ((headers, body),) = broker.got
    assert Webhook(SIGNING_SECRET).verify(body, headers) == {"type": "alert", "data": {"n": 1}}


async def test_a_receiver_that_is_down_is_tried_again_under_the_same_message_id(ctx: Context) -> None:
    async with receiver() as broker:
        broker.status = 503
        await queue_webhook(ctx, broker.url)
        await notifications.pump(ctx, 1)
        waiting = await row(ctx)
        assert (waiting["state"], waiting["attempts"]) == ("waiting", 1)
        assert waiting["next_attempt_at"] > clock.now()
        broker.status = 200
        clock.hold(waiting["next_attempt_at"] + timedelta(seconds=1))
        await notifications.pump(ctx, 1)
    assert (await row(ctx))["state"] == "sent"
    assert len({headers["webhook-id"] for headers, _ in broker.got}) == 1


async def test_a_receiver_that_refuses_is_left_to_a_person_who_may_retry(ctx: Context) -> None:
    async with receiver() as broker:
        broker.status = 410
        await queue_webhook(ctx, broker.url)
        await notifications.pump(ctx, 1)
        assert (await row(ctx))["state"] == "failed"
        clock.hold(clock.now() + timedelta(days=30))
        assert await notifications.pump(ctx, 1) == 0
        broker.status = 200
        async with ctx.db.tenant(1) as db:
            await dlq.retry(db, None)
        assert await notifications.pump(ctx, 1) == 1
    assert (await row(ctx))["state"] == "sent"
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.dlq")) == 0


async def test_a_full_mailbox_holds_nobody_else(ctx: Context, inbox: Inbox) -> None:
    inbox.answer = "452 4.2.2 mailbox full"
    await queue_mail(ctx)
    async with receiver() as broker:
        await queue_webhook(ctx, broker.url)  # the same key: not queued twice
        async with ctx.db.tenant(1) as db:
            payload = {"type": "other"}
            await notifications.queue(
                ctx, db, 1, kind="alert", channel="webhook", target=broker.url, payload=payload, dedupe_key="other"
            )
        await notifications.pump(ctx, 1)
    assert [json.loads(body) for _, body in broker.got] == [{"type": "other"}]
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.notifications where state = 'waiting'")) == 1


async def test_two_workers_deliver_a_notification_once(ctx: Context, inbox: Inbox) -> None:
    for n in range(6):
        await queue_mail(ctx, f"k{n}")
    tried = await asyncio.gather(*(notifications.pump(ctx, 1) for _ in range(3)))
    assert sum(tried) == len(inbox.mails) == 6


async def test_a_notice_that_cannot_be_sent_is_given_up_alone_and_keeps_only_the_type_of_its_error(
    ctx: Context, inbox: Inbox
) -> None:
    await queue_mail(ctx)
    await queue_webhook(ctx, "http://127.0.0.1:9/hook", key="odd", secret="whsec_Ada12")
    for _ in range(3):
        await notifications.pump(ctx, 1)
        clock.hold(clock.now() + timedelta(minutes=6))
    assert len(inbox.mails) == 1
    async with ctx.db.tenant(1) as db:
        told = await rows(db, text("select channel, state, attempts, last_error from app.notifications order by id"))
        waiting = await one(db, text("select error, retry_after from app.dlq where stage = 'notifications'"))
    assert [tuple(row.values()) for row in told] == [("mail", "sent", 1, None), ("webhook", "failed", 1, "Error")]
    assert waiting is not None and tuple(waiting.values()) == ("Error", None)


async def test_what_a_receiver_says_never_undoes_what_was_delivered_beside_it(ctx: Context, inbox: Inbox) -> None:
    await queue_mail(ctx)
    async with receiver() as broker:
        broker.status, broker.says = 400, json.dumps({"error": "gone\0 \ud800"})
        await queue_webhook(ctx, broker.url, key="odd")
        await notifications.pump(ctx, 1)
    async with ctx.db.tenant(1) as db:
        told = await rows(db, text("select state, last_error from app.notifications order by id"))
    assert [tuple(row.values()) for row in told] == [("sent", None), ("failed", "webhook answered 400: gone ")]


async def test_a_name_with_line_breaks_still_makes_one_subject_and_one_sender(ctx: Context, inbox: Inbox) -> None:
    async with ctx.db.tenant(1) as db:
        await db.exec_driver_sql("update app.orgs set name = E'Acme\nHome' where id = 1")
    await queue_mail(ctx, subject="Ada\nMarie\r\n\x07 is  interested")
    await notifications.pump(ctx, 1)
    (mail,) = [message_from_bytes(raw) for raw in inbox.mails]
    assert mail["Subject"] == "Ada Marie is interested"
    assert mail["From"] == "Acme Home <notifications@mail.acme.example>"
