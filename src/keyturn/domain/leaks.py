"""Find keys in bytes, whatever they are part of.

A key is found by the rare ``-`` with 32 letters and digits behind it, and is one when the prefix stands before it
and the checksum is right: two random texts in 10**10 pass. So nothing has to stand around it, and nothing that merely
looks like a key is shown. UTF-16 is found as well: there each of the characters has a zero byte beside it.
"""

import re

import msgspec

from keyturn.domain import key_text
from keyturn.domain.secret import Secret

ALLOW = b"keyturn:allow"
"""Whoever writes this into a line has looked at the key in it."""
LONGEST_LINE = 1 << 20
"""Bytes; of a longer line, a part of this length counts as the line."""
PREFIXES = ("sk", "pk", "ak", "ck", "cs", "tk")
PATTERN = rf"(?:{'|'.join(PREFIXES)})-[0-9A-Za-z]{{{key_text.RANDOM_LENGTH + key_text.CHECKSUM_LENGTH}}}"
"""What a key looks like, for programs that can't compute its checksum."""

_CANDIDATE = re.compile(rb"-(?:[0-9A-Za-z]{32}|(?:\x00[0-9A-Za-z]){32})")
_OVERLAP = 128
"""Bytes; more than a key in UTF-16 has."""


class Leak(msgspec.Struct, frozen=True):
    """A key that was found."""

    secret: Secret
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""

    @property
    def display(self) -> str:
        """What may be shown of it."""
        return key_text.display(self.secret)


class Scanner:
    """Finds keys in bytes that come piece by piece, in whole lines as far as they are not too long."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 1
        self._column = 0
        """Bytes of the line that were looked at before ``_rest``."""

    def feed(self, piece: bytes) -> list[Leak]:
        """Take in bytes, return the keys in the lines that they complete."""
        data = self._rest + piece if self._rest else piece
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) <= LONGEST_LINE:
            self._rest = data
            return []
        if end == 0:
            end = len(data) - _OVERLAP
        found = self._look(data, end)
        self._rest = data[end:]
        return found

    def finish(self) -> list[Leak]:
        """Return the keys in what is left."""
        found = self._look(self._rest, len(self._rest))
        self._rest = b""
        return found

    def _look(self, data: bytes, end: int) -> list[Leak]:
        """Find the keys that begin before ``end``, and count the lines up to there."""
        found = []
        line, begin = self._line, 0
        for candidate in _CANDIDATE.finditer(data):
            position = candidate.start()
            if position >= end:
                break
            secret = _key_at(data, position, candidate.end())
            if secret is None or _is_allowed(data, position):
                continue
            line += data.count(b"\n", begin, position)
            begin = position
            found.append(Leak(secret, line, self._column_of(data, position, candidate.end() - position)))
        self._count(data, end)
        return found

    def _column_of(self, data: bytes, position: int, length: int) -> int:
        wide = length > key_text.LENGTH
        begin = data.rfind(b"\n", 0, position) + 1
        key_begin = position - (4 if wide else 2)
        before = self._column if begin == 0 else 0
        text = data[begin:key_begin]
        if wide:
            return (before + len(text)) // 2 + 1
        return before + len(text.decode("utf-8", "replace")) + 1

    def _count(self, data: bytes, end: int) -> None:
        last = data.rfind(b"\n", 0, end)
        self._line += data.count(b"\n", 0, end)
        self._column = end - last - 1 if last >= 0 else self._column + end


def keys_in(text: bytes) -> list[Leak]:
    """Return the keys in a whole text."""
    scanner = Scanner()
    return [*scanner.feed(text), *scanner.finish()]


def _key_at(data: bytes, hyphen: int, end: int) -> Secret | None:
    """Return the key around this hyphen, if it is one and not a published example."""
    wide = end - hyphen > key_text.LENGTH
    begin = hyphen - (4 if wide else 2)
    if begin < 0:
        return None
    raw = data[begin:end].replace(b"\x00", b"") if wide else data[begin:end]
    text = raw.decode("latin-1")
    if len(text) != key_text.LENGTH or text in key_text.EXAMPLES or not key_text.is_well_formed(text):
        return None
    return Secret(text)


def _is_allowed(data: bytes, position: int) -> bool:
    begin = data.rfind(b"\n", 0, position) + 1
    end = data.find(b"\n", position)
    line = data[max(begin, position - LONGEST_LINE) : len(data) if end < 0 else end]
    return ALLOW in line or ALLOW in line.replace(b"\x00", b"")
