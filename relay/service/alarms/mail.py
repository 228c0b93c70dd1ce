"""Alarms by e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit

import msgspec

TIMEOUT_S = 20.0


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed in. `tls`: from the first byte (smtps); else STARTTLS wherever the server offers it."""

    host: str
    port: int
    tls: bool
    username: str = ""
    password: str = ""


def mail_server(address: str) -> MailServer:
    """`smtp://user:password@mail.example.com:587` or `smtps://...`. Raises ValueError with a sentence, without the
    password."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("expected smtp://[user:password@]host[:port] or smtps://...")
    tls = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        tls=tls,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


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
