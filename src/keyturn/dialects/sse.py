"""Server-sent events, cut out of bytes that may break anywhere.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

import re

import msgspec

LARGEST_EVENT = 32 << 20
"""Images come inside events."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventTooLargeError(Exception):
    """An event that doesn't end."""


class ServerEvent(msgspec.Struct, frozen=True, gc=False):
    """One event.

    Attributes:
        name: What stands behind ``event:``; empty: none.
        data: What stands behind ``data:``, several lines joined by a line feed.
    """

    name: bytes
    data: bytes


class Splitter:
    """Cuts a stream into its events, whatever pieces it comes in. Comments, ids and retry times are passed over.

    A piece is looked at once: an event that comes in many costs no more than its length.
    """

    __slots__ = ("_at_line_start", "_begun", "_late", "_length", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0
        self._at_line_start = False
        self._late = b""
        """A carriage return, which may be half a line end."""
        self._begun = False

    @property
    def rest(self) -> bytes:
        """The beginning of an event that has not ended; a stream that ends with one was cut off."""
        return b"".join((*self._pieces, self._late))

    def take(self, data: bytes) -> list[ServerEvent]:
        """Return the events that are whole now.

        Raises:
            EventTooLargeError: One is larger than ``LARGEST_EVENT``; nothing more can be read.
        """
        if self._late or b"\r" in data:
            data = self._late + data
            self._late = b"\r" if data.endswith(b"\r") else b""
            data = _LINE_END.sub(b"\n", data[: len(data) - len(self._late)])
        if b"\n\n" not in data and not (self._at_line_start and data.startswith(b"\n")):
            self._keep(data)
            return []
        if self._pieces:
            data = b"".join((*self._pieces, data))
            self._pieces, self._length = [], 0
        if not self._begun:
            self._begun = True
            data = data.removeprefix(_BYTE_ORDER_MARK)
        blocks = data.split(b"\n\n")
        self._keep(blocks.pop())
        return [event for block in blocks if (event := _read(block)) is not None]

    def _keep(self, data: bytes) -> None:
        self._at_line_start = data.endswith(b"\n") if data else self._at_line_start and bool(self._pieces)
        if data:
            self._pieces.append(data)
            self._length += len(data)
        if self._length > LARGEST_EVENT:
            raise EventTooLargeError


def _read(block: bytes) -> ServerEvent | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return ServerEvent(b"", block[6:])
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return ServerEvent(name, b"\n".join(data)) if data else None
