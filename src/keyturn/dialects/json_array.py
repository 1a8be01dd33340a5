"""The objects of a JSON array, cut out of bytes that may break anywhere: Google's streams, where nobody asks for events."""

import re

import msgspec

from keyturn.dialects.sse import LARGEST_EVENT, EventTooLargeError

_OUTSIDE = re.compile(rb'"[^"\\]*"|["{}\[\]]')
"""A string that is whole and plain, or where something begins or ends."""
_SPACE = b" \t\r\n"
_BETWEEN = _SPACE + b","
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_INSIDE = re.compile(rb'["\\]')


class ArraySplitter:
    """Cuts an array into the objects in it, looking at every byte once.

    Attributes:
        ended: Its closing bracket has come.
    """

    __slots__ = ("_at", "_buffer", "_depth", "_quoted", "_start", "ended")

    def __init__(self) -> None:
        self.ended = False
        self._buffer = bytearray()
        self._at = 0
        self._start = 0
        self._depth = 0
        self._quoted = False

    def take(self, data: bytes) -> list[bytes]:
        """Return the objects that are whole now.

        Raises:
            EventTooLargeError: One is larger than ``LARGEST_EVENT``; nothing more can be read.
        """
        if not self._buffer and not self._quoted and self._depth < 2:
            at_once = self._at_once(data)
            if at_once is not None:
                return at_once
        self._buffer += data
        whole: list[bytes] = []
        while self._at < len(self._buffer):
            if self._quoted:
                self._through_string()
            else:
                self._between(whole)
        if self._depth < 2:
            self._start = len(self._buffer)
        if self._start:
            del self._buffer[: self._start]
            self._at -= self._start
            self._start = 0
        if len(self._buffer) > LARGEST_EVENT:
            raise EventTooLargeError
        return whole

    def _at_once(self, data: bytes) -> list[bytes] | None:
        """Return the objects in bytes that hold whole ones only, as they mostly come; ``None``: they don't."""
        text = data.strip(_SPACE)
        if not self._depth:
            if not text.startswith(b"["):
                return None
            text = text[1:]
        ended = text.endswith(b"]")
        if ended:
            text = text[:-1]
        text = text.strip(_BETWEEN)
        if not text.startswith(b"{"):
            return None
        try:
            whole = [bytes(one) for one in _elements.decode(b"[" + text + b"]")]
        except (msgspec.DecodeError, RecursionError):
            return None
        self._depth, self.ended = 0 if ended else 1, ended
        return whole

    def _through_string(self) -> None:
        found = _INSIDE.search(self._buffer, self._at)
        if found is None:
            self._at = len(self._buffer)
        elif found[0] == b'"':
            self._quoted, self._at = False, found.end()
        else:
            self._at = found.end() + 1  # beyond the end of the buffer if need be: what is escaped comes later

    def _between(self, whole: list[bytes]) -> None:
        for found in _OUTSIDE.finditer(self._buffer, self._at):
            mark = found[0]
            if mark in {b"{", b"["}:
                self._depth += 1
                if self._depth == 2:
                    self._start = found.start()
            elif mark in {b"}", b"]"}:
                self._depth -= 1
                if self._depth == 1:
                    whole.append(bytes(self._buffer[self._start : found.end()]))
                    self._start = found.end()
                elif not self._depth:
                    self.ended = True
            elif mark == b'"':
                self._quoted, self._at = True, found.end()
                return
        self._at = len(self._buffer)
