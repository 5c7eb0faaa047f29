"""Mail through a real SMTP server on localhost, and signed webhooks checked by the standard's own library."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from aiosmtpd.smtp import SMTP as SmtpProtocol
from aiosmtpd.smtp import Envelope, Session
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.providers.mail import MailboxRefused, MailServer, send
from penstock.providers.mail.smtp import Encryption, enhanced_code
from penstock.providers.webhook import Target, build_request, deliver

MESSAGE = b"From: us@example.org\r\nTo: ada@example.com\r\nSubject: Hi\r\n\r\nHello.\r\n.\r\nBye.\r\n"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Mailboxes:
    """A mail server's opinions: which recipients and messages it takes, and what it took."""

    def __init__(self, *, rcpt: str = "250 OK", data: str = "250 taken") -> None:
        self.rcpt, self.data, self.taken = rcpt, data, []  # type: ignore[var-annotated]

    async def handle_RCPT(
        self, server: SmtpProtocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SmtpProtocol, session: Session, envelope: Envelope) -> str:
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.data


@asynccontextmanager
async def mail_server(mailboxes: Mailboxes) -> AsyncIterator[MailServer]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SmtpProtocol(mailboxes, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield MailServer("127.0.0.1", port, encryption=Encryption.NONE, local_name="penstock.example", timeout_s=5)
    finally:
        server.close()
        await server.wait_closed()


async def give(server: MailServer) -> None:
    await send(server, sender="us@example.org", recipient="ada@example.com", message=MESSAGE)


async def test_a_message_arrives_as_it_was_given() -> None:
    mailboxes = Mailboxes()
    async with mail_server(mailboxes) as server:
        await give(server)
    ((sender, recipients, content),) = mailboxes.taken
    assert (sender, recipients) == ("us@example.org", ["ada@example.com"])
    assert content == MESSAGE


async def test_an_unknown_mailbox_is_refused_with_its_codes() -> None:
    async with mail_server(Mailboxes(rcpt="550 5.1.1 no such user")) as server:
        with pytest.raises(MailboxRefused) as caught:
            await give(server)
    assert (caught.value.smtp_code, caught.value.enhanced) == (550, "5.1.1")


async def test_a_mailbox_in_letters_that_plain_mail_does_not_carry_is_refused_without_asking() -> None:
    nowhere = MailServer("127.0.0.1", 9)
    with pytest.raises(MailboxRefused) as caught:
        await send(nowhere, sender="us@example.org", recipient="jörg@example.com", message=MESSAGE)
    assert (caught.value.smtp_code, caught.value.enhanced) == (553, "5.6.7")


async def test_a_policy_refusal_condemns_no_mailbox() -> None:
    async with mail_server(Mailboxes(rcpt="550 5.7.1 blocked by policy")) as server:
        with pytest.raises(ProviderRefused) as caught:
            await give(server)
    assert not isinstance(caught.value, MailboxRefused)


@pytest.mark.parametrize("mailboxes", [Mailboxes(rcpt="451 4.7.1 greylisted"), Mailboxes(data="452 4.2.2 full")])
async def test_a_temporary_answer_is_busy_and_means_not_taken(mailboxes: Mailboxes) -> None:
    async with mail_server(mailboxes) as server:
        with pytest.raises(ProviderBusy) as caught:
            await give(server)
    assert not isinstance(caught.value, ProviderUnclear)


async def test_a_refused_message_is_a_lasting_refusal() -> None:
    async with mail_server(Mailboxes(data="554 5.6.0 no")) as server:
        with pytest.raises(ProviderRefused):
            await give(server)


async def test_a_server_that_is_not_there_is_busy() -> None:
    async with mail_server(Mailboxes()) as server:
        pass
    with pytest.raises(ProviderBusy) as caught:
        await give(server)
    assert not isinstance(caught.value, ProviderUnclear)


async def test_a_server_that_hangs_up_after_the_text_leaves_the_sending_unclear() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            if line == b".\r\n":
                break
            if line.upper().startswith((b"EHLO", b"MAIL", b"RCPT")):
                writer.write(b"250 ok\r\n")
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go\r\n")
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProviderUnclear):
            await give(MailServer("127.0.0.1", port, encryption=Encryption.NONE, local_name="us", timeout_s=5))
        await gone.wait()


@pytest.mark.parametrize(("reply", "code"), [("5.1.1 no such user", "5.1.1"), ("no such user", None), ("", None)])
def test_the_enhanced_code_is_read_where_there_is_one(reply: str, code: str | None) -> None:
    assert enhanced_code(reply) == code


async def test_a_signed_webhook_passes_the_standard_check_and_keeps_its_id() -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: Request) -> Response:
        got.append((dict(request.headers), await request.body()))
        return Response(status_code=500 if len(got) == 1 else 204, headers={"Retry-After": "0"})

    app = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    target = Target("http://crm.example/hook", SECRET, headers={"X-Api-Key": "k"})
    async with make_client(transport=httpx.ASGITransport(app)) as client:
        await deliver(client, target, message_id="msg_1", at=datetime.now(UTC), payload={"name": "Zoë"})
    assert [headers["webhook-id"] for headers, _ in got] == ["msg_1", "msg_1"]
    headers, body = got[1]
    assert Webhook(SECRET).verify(body, headers) == {"name": "Zoë"}
    assert headers["x-api-key"] == "k"


def test_a_webhook_without_a_secret_is_not_signed() -> None:
    request = build_request(Target("http://crm.example"), message_id="m", at=datetime.now(UTC), payload={})
    assert "webhook-signature" not in request.headers
