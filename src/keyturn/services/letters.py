"""E-mail to people: links that lead them in. Without a mail server nothing is sent, and the operator hands links over."""

from collections.abc import Awaitable, Callable

import msgspec
import structlog

Post = Callable[["Letter"], Awaitable[None]]
"""Hands a letter to a mail server; raises ``PostError`` if that does not take it."""


class PostError(Exception):
    """The mail server did not take a letter; the text says why, for the operator."""


class Letter(msgspec.Struct, frozen=True):
    """An e-mail in plain text."""

    to: str
    """One address."""
    subject: str
    text: str


class Letters:
    """Sends letters where there is a mail server."""

    def __init__(self, post: Post | None = None) -> None:
        self._post = post

    @property
    def possible(self) -> bool:
        """Say whether there is a mail server at all."""
        return self._post is not None

    async def send(self, letter: Letter) -> bool:
        """Send a letter; say whether a mail server has taken it. What goes wrong is logged here."""
        if self._post is None:
            return False
        try:
            await self._post(letter)
        except PostError as error:
            structlog.get_logger().error(
                "an e-mail could not be sent", subject=letter.subject, why=str(error)
            )
            return False
        return True
