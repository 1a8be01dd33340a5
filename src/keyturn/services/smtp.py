"""Hands letters to a mail server."""

import ssl
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import aiosmtplib

from keyturn import system
from keyturn.config.sections import Smtp
from keyturn.services.letters import Letter, Post, PostError

TIMEOUT_S = 20.0


def post_for(settings: Smtp) -> Post | None:
    """Return what hands letters to the mail server of the settings; ``None``: there is none."""
    if not settings.host:
        return None

    async def post(letter: Letter) -> None:
        try:
            await aiosmtplib.send(
                message_of(letter, settings.sender),
                hostname=settings.host,
                port=settings.port,
                username=settings.user or None,
                password=settings.password or None,
                use_tls=settings.tls == "tls",
                start_tls=settings.tls == "starttls",
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as error:
            raise PostError(f"{type(error).__name__}: {error}") from None

    return post


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """Return a letter as it is sent: plain text, nothing of it a header but the address and the subject.

    Raises:
        ValueError: An address or the subject could become another header.
    """
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address("Keyturn", addr_spec=sender)
        message["To"] = Address(addr_spec=letter.to)
    except (MessageError, IndexError) as error:
        raise ValueError(f"an address can't be written into a letter: {error}") from None
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(system.now(), UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
