"""Server-sent events, cut out of bytes that may break anywhere.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

import re

import msgspec

LARGEST_EVENT = 32 << 20
"""Images come inside events."""
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
    """Cuts a stream into its events, whatever pieces it comes in. Comments, ids and retry times are passed over."""

    __slots__ = ("_length", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    @property
    def rest(self) -> bytes:
        """The beginning of an event that has not ended; a stream that ends with one was cut off."""
        return b"".join(self._pieces)

    def take(self, data: bytes) -> list[ServerEvent]:
        """Return the events that are whole now.

        Raises:
            EventTooLargeError: One is larger than ``LARGEST_EVENT``; nothing more can be read.
        """
        if (
            b"\n" not in data and b"\r" not in data
        ):  # no event ends here; joining each time would be quadratic
            self._keep(data)
            return []
        data = b"".join((*self._pieces, data))
        if b"\r" not in data:
            blocks = data.split(b"\n\n")
        else:
            # A carriage return at the end may be half a line end.
            whole = data[:-1] if data.endswith(b"\r") else data
            late = data[len(whole) :]
            blocks = _LINE_END.sub(b"\n", whole).split(b"\n\n")
            blocks[-1] += late
        self._pieces, self._length = [], 0
        self._keep(blocks.pop())
        return [event for block in blocks if (event := _read(block)) is not None]

    def _keep(self, data: bytes) -> None:
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
