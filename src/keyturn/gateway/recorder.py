"""Stands between an exchange and its client and keeps the answer, so that it can be given again.

The client may leave: the answer is kept to its end all the same.
"""

from collections.abc import Callable
from typing import Protocol

from keyturn.domain.attempts import LONGEST_ANSWER, Answer
from keyturn.gateway.request import Transmitter

_STATUS = slice(9, 12)
_OURS = b"\r\nx-request-id: "
"""Where the provider's header lines end; what stands behind it in the head of an exchange's answer is our own."""
_CHUNKED = b"\r\ntransfer-encoding: chunked\r\n"


class Recorded(Protocol):
    """The exchange whose answer is kept."""

    def hold(self, length: int) -> bool:
        """Take room for a part of the answer."""

    def let_go(self, length: int) -> None:
        """Give it back."""

    def too_long(self) -> None:
        """Learn that the answer will not be kept."""

    def answered(self, status: int, answer: Answer | None, held: int) -> None:
        """Learn that the answer is whole."""

    def broke_off(self) -> None:
        """Learn that there will be no whole answer."""


class Recorder:
    """The client, as the exchange sees it: a ``Transmitter``."""

    __slots__ = ("_client", "_exchange", "_held", "_pieces", "_status", "left", "proxied", "write")

    def __init__(self, client: Transmitter, exchange: Recorded) -> None:
        """Take in who gets the answer and whose it is."""
        self._client = client
        self._exchange = exchange
        self._pieces: list[bytes] | None = []
        self._held = 0
        self._status = 0
        self.left = False
        """The client is gone."""
        self.proxied = client.proxied
        self.write: Callable[[bytes], None] = self._write

    def _write(self, data: bytes) -> None:
        if not self.left:
            self._client.write(data)
        if not self._status:
            self._status = int(data[_STATUS])
        if self._pieces is None:
            return
        if self._held + len(data) <= LONGEST_ANSWER and self._exchange.hold(len(data)):
            self._held += len(data)
            self._pieces.append(data)
        else:
            self._forget()
            self._exchange.too_long()

    def _forget(self) -> None:
        self._exchange.let_go(self._held)
        self._pieces, self._held = None, 0

    @property
    def keeps(self) -> bool:
        """Whether the answer will be kept as far as one can tell."""
        return self._pieces is not None

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- see ``Transmitter``
        """Take the end of the answer."""
        answer = None
        if self._pieces is not None and self._status < 400:
            answer = read_answer(b"".join(self._pieces))
        self._exchange.answered(self._status, answer, self._held)
        if not self.left:
            self._client.finish(keep_alive)

    def abort(self) -> None:
        """Take the end of an answer that is not whole."""
        if self._pieces is not None:
            self._forget()
        self._exchange.broke_off()
        if not self.left:
            self._client.abort()

    def close(self) -> None:
        """Keep nothing: the exchange has ended without a word."""
        if self._pieces is not None:
            self._forget()


def read_answer(raw: bytes) -> Answer:
    """Take an answer of an exchange apart: what was the provider's, and the body without its framing."""
    head, _, body = raw.partition(b"\r\n\r\n")
    head += b"\r\n"
    begin = head.index(b"\r\n") + 2
    end = head.find(_OURS, begin - 2)
    lines = head[begin : end + 2] if end >= begin else b""
    return Answer(int(head[_STATUS]), lines, unframed(body) if is_chunked(head) else body)


def is_chunked(head: bytes) -> bool:
    """Say whether an exchange's answer with this head, up to the end of its last line, comes in chunks."""
    return _CHUNKED in head[max(head.find(_OURS), 0) :]


def unframed(body: bytes) -> bytes:
    """Return what stands in chunks, each of them whole; the last one may be missing."""
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        line = body.index(b"\r\n", start)
        length = int(body[start:line], 16)
        if not length:
            break
        start = line + 2
        pieces.append(body[start : start + length])
        start += length + 2
    return b"".join(pieces)
