"""Gemini's stream as one JSON array, which is what a client gets that does not ask for events (``alt=sse``).

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from keyturn.dialects.sse import Splitter


class ArrayFraming:
    """Turns events into the elements of an array; what stands in them is not touched."""

    __slots__ = ("_events", "_next")

    def __init__(self) -> None:
        self._events = Splitter()
        self._next = b"["

    def take(self, pieces: list[bytes]) -> list[bytes]:
        """Return what the client gets of these pieces."""
        found: list[bytes] = []
        for piece in pieces:
            for event in self._events.take(piece):
                found += (self._next, event.data)
                self._next = b",\r\n"
        return found

    def end(self) -> list[bytes]:
        """Return the end of the array."""
        return [b"[]" if self._next == b"[" else b"]"]
