"""Letters as they are sent, and what a mail server may do to them."""

import ssl
from pathlib import Path

import pytest

from fakes.authority import Authority, found
from fakes.smtp_server import PASSWORD, USER, mail_server
from keyturn.config.sections import Smtp
from keyturn.services.letters import Letter, Letters, PostError
from keyturn.services.smtp import message_of, post_for

SENDER = "keys@example.com"


@pytest.mark.parametrize(
    "letter",
    [
        Letter("kim@example.com\r\nBcc: eve@evil.example", "Hello", "text"),
        Letter("kim@example.com, eve@evil.example", "Hello", "text"),
        Letter("kim@example.com", "Hello\r\nBcc: eve@evil.example", "text"),
        Letter("kim@example.com", "Hello\nX: y", "text"),
        Letter("", "Hello", "text"),
        Letter("@", "Hello", "text"),
    ],
    ids=lambda one: repr((one.to, one.subject)),
)
def test_nothing_becomes_another_header(letter: Letter) -> None:
    """What people type is in letters; where they go is not up to it."""
    with pytest.raises(ValueError, match=r".+"):
        message_of(letter, SENDER)


def test_a_text_stays_a_text() -> None:
    """Whatever stands in it, in whatever script."""
    text = "Ünïcode 鍵\r\n.\r\nBcc: eve@evil.example\n"

    message = message_of(Letter("kim@example.com", "Grüße", text), SENDER)

    assert message["bcc"] is None
    assert message["subject"] == "Grüße"
    assert message.get_content().split() == text.split()
    assert message.get_content_type() == "text/plain"


async def test_a_mail_server_takes_a_letter_after_the_password() -> None:
    """Over a plain connection, where the operator says so."""
    with mail_server() as mail:
        post = post_for(Smtp("127.0.0.1", mail.port, USER, PASSWORD, SENDER, "none"))
        assert await Letters(post).send(Letter("kim@example.com", "Hello", "text\n.\ndots"))

        assert mail.next_letter().get_content().split() == ["text", ".", "dots"]
        assert mail.envelopes[0][0].startswith(f"FROM:<{SENDER}>")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority."""
    return found(tmp_path)


def speaks(authority: Authority) -> ssl.SSLContext:
    """Return what a server speaks that has a certificate of that authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.certificate, authority.key)
    return context


async def test_the_connection_is_encrypted_where_the_certificate_is_good(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the password is said."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    with mail_server(speaks(authority)) as mail:
        post = post_for(Smtp("127.0.0.1", mail.port, USER, PASSWORD, SENDER, "starttls"))

        assert await Letters(post).send(Letter("kim@example.com", "Hello", "text"))

        assert mail.encrypted == [True]


async def test_a_password_goes_to_nobody_who_can_not_show_who_they_are(authority: Authority) -> None:
    """STARTTLS checks the certificate; a server without it gets nothing either."""
    with mail_server(speaks(authority)) as mail, mail_server() as plain:
        for port in (mail.port, plain.port):
            post = post_for(Smtp("127.0.0.1", port, USER, PASSWORD, SENDER, "starttls"))
            assert post is not None
            with pytest.raises(PostError):
                await post(Letter("kim@example.com", "Hello", "text"))
            assert not await Letters(post).send(Letter("kim@example.com", "Hello", "text"))
        assert mail.envelopes == plain.envelopes == []


async def test_without_a_mail_server_nothing_is_sent() -> None:
    """And who asks is told."""
    letters = Letters(post_for(Smtp()))

    assert not letters.possible
    assert not await letters.send(Letter("kim@example.com", "Hello", "text"))
