"""Mail: hand one finished message to a mail server."""

from penstock.providers.mail.smtp import MailboxRefused, MailServer, send

__all__ = ["MailServer", "MailboxRefused", "send"]
