"""What stands in an answer besides its long strings: images in base64 go by, and how many they were can still be read.

An answer is cut at its quotes, which base64 doesn't have, so that megabytes of it cost one look for a byte that isn't
there. A stretch between two quotes that is longer than ``LONGEST`` is left out, but for a backslash at its end that
makes the quote behind it a part of the string.
"""

LONGEST = 1_024
"""Bytes between two quotes that are kept."""
MOST_KEPT = 65_536
"""An answer with more besides its long strings has no outline."""
_QUOTE, _BACKSLASH = b'"', b"\\"


class Outline:
    """Follows an answer, plain JSON or events."""

    __slots__ = ("_escapes", "_is_long", "_kept", "_open", "_room")

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._open = b""
        self._is_long = self._escapes = False
        self._room = MOST_KEPT

    def take(self, piece: bytes) -> None:
        """Let a piece go by."""
        self._room -= piece.count(_QUOTE)
        if self._room < 0:
            self._kept.clear()
            self._open = b""
            return
        first, *others = piece.split(_QUOTE)
        self._extend(first)
        for other in others:
            kept = self._stretch()
            self._room -= len(kept)
            self._kept.append(kept)
            self._open, self._is_long, self._escapes = b"", False, False
            self._extend(other)

    def _extend(self, part: bytes) -> None:
        if not self._is_long:
            self._open += part
            if len(self._open) <= LONGEST:
                return
            self._is_long, part, self._open = True, self._open, b""
        slashes = len(part) - len(part.rstrip(_BACKSLASH))
        before = self._escapes and slashes == len(part)
        self._escapes = before != (slashes % 2 == 1)

    def _stretch(self) -> bytes:
        if self._is_long:
            return _BACKSLASH if self._escapes else b""
        return self._open

    @property
    def text(self) -> bytes:
        """What is left, as far as it has come; empty when it is too much."""
        return b"" if self._room < 0 else _QUOTE.join([*self._kept, self._stretch()])
