"""Alarms by e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from relay.config.alarms import MailServer

TIMEOUT_S = 20.0


def message(sender: str, to: Sequence[str], subject: str, text: str) -> EmailMessage:
    """A plain-text mail. Subjects are one line: whatever a stranger's words brought with them."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = " ".join(subject.split())[:150]
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "relay.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


async def send(server: MailServer, mail: EmailMessage) -> None:
    """Hand it in. Raises OSError or aiosmtplib.SMTPException."""
    import aiosmtplib  # noqa: PLC0415 - only a relay that sends mail needs it

    await aiosmtplib.send(
        mail,
        hostname=server.host,
        port=server.port,
        username=server.username or None,
        password=server.password or None,
        use_tls=server.tls,
        timeout=TIMEOUT_S,
    )
