"""One message to one recipient over SMTP, with the answers sorted into: later, never again to this mailbox, unclear."""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum

import aiosmtplib

from penstock.core.errors import ProviderBusy, ProviderRefused
from penstock.core.http import ProviderUnclear

VENDOR = "smtp"
RETRY_S = 300.0  # greylisting lets a sender in after five to fifteen minutes


class Encryption(StrEnum):
    """How the connection is protected: not at all, upgraded (587), or from the first byte (465)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mail."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    encryption: Encryption = Encryption.STARTTLS
    timeout_s: float = 30.0
    local_name: str | None = None


class MailboxRefused(ProviderRefused):
    """This mailbox will never take our message. `smtp_code` is the SMTP reply, `enhanced` is like 5.1.1."""

    def __init__(self, code: int, enhanced: str | None) -> None:
        super().__init__(f"the mail server refused the mailbox: {code} {enhanced or ''}".strip())
        self.smtp_code, self.enhanced = code, enhanced


async def send(server: MailServer, *, sender: str, recipient: str, message: bytes) -> None:
    """Give `message` (RFC 5322 bytes, CRLF or LF) to the server for `recipient`; returns when the server has taken it.

    Raises MailboxRefused (550 and its kin for the mailbox, and an address that plain SMTP cannot carry),
    ProviderRefused (our sign-in or sender), ProviderBusy (4xx: not taken, try later) and ProviderUnclear (the
    connection broke after the text was sent: it may have been taken).
    """
    if not recipient.isascii():
        raise MailboxRefused(553, "5.6.7")  # RFC 6531; what a server without SMTPUTF8 would say
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=server.local_name,
        timeout=server.timeout_s,
        use_tls=server.encryption is Encryption.TLS,
        start_tls=server.encryption is Encryption.STARTTLS,
    )
    await _sign_in(client, server)
    try:
        await _hand_over(client, sender, recipient, message)
    finally:
        await _leave(client)


async def _sign_in(client: aiosmtplib.SMTP, server: MailServer) -> None:
    """Connect and sign in. Whatever fails here, no message has left yet."""
    try:
        await client.connect()
        if server.user:
            await client.login(server.user, server.password)
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        raise _later_or_never(error.code, "the mail server refused our sign-in") from error
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        raise _later_or_never(error.code, "the mail server refused the connection") from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        client.close()
        raise ProviderBusy(
            f"the mail server cannot be reached ({type(error).__name__})", retry_after_s=60.0, reached=False
        ) from error


async def _hand_over(client: aiosmtplib.SMTP, sender: str, recipient: str, message: bytes) -> None:
    try:
        await client.mail(sender)
        await client.rcpt(recipient)
    except aiosmtplib.SMTPRecipientRefused as error:
        raise _refused_mailbox(error) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _later_or_never(error.code, "the mail server refused the sender") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise ProviderBusy("the mail server hung up", retry_after_s=60.0, reached=False) from error
    try:
        await client.data(message)
    except aiosmtplib.SMTPResponseException as error:
        raise _later_or_never(error.code, "the mail server refused the message") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise ProviderUnclear("the mail server hung up after taking the text") from error


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; a server that does not answer that changes nothing."""
    try:
        async with asyncio.timeout(5):
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        client.close()


def _refused_mailbox(error: aiosmtplib.SMTPRecipientRefused) -> ProviderBusy | ProviderRefused:
    """5.7.x is about us (policy, reputation), not about the mailbox: nobody's address is dead because of it."""
    code, enhanced = error.code, enhanced_code(error.message)
    if 400 <= code < 500:
        return ProviderBusy(f"the mail server answered {code}", retry_after_s=RETRY_S, reached=False)
    if enhanced is not None and enhanced.startswith("5.7."):
        return ProviderRefused(f"the mail server refuses us by policy: {code} {enhanced}")
    return MailboxRefused(code, enhanced)


def _later_or_never(code: int, what: str) -> ProviderBusy | ProviderRefused:
    if 400 <= code < 500:
        return ProviderBusy(f"{what}: {code}", retry_after_s=RETRY_S, reached=False)
    return ProviderRefused(f"{what}: {code}")


def enhanced_code(message: str) -> str | None:
    """The enhanced status code (RFC 3463) at the start of a reply, such as 5.1.1."""
    first = message.strip().split(" ", 1)[0]
    parts = first.split(".")
    return first if len(parts) == 3 and all(part.isdecimal() for part in parts) else None
