"""Takes the usage out of a stream whose client has not asked for it: only we had.

With ``stream_options.include_usage`` a provider adds ``"usage":null`` to every event and one more event at the end that
has no choices. Some hosts put the figures into the last event that has choices.

Source: ``ChatCompletionStreamOptions`` of the OpenAI API description.
"""

import re

import msgspec

from keyturn.dialects import json_scan
from keyturn.domain.refusals import Refused

HELD_LIMIT = 16_384
"""Bytes of an event that is not whole yet."""
_MEMBER = b'"usage"'
_DATA = b"data:"
_END = re.compile(rb"\r?\n\r?\n")
_USUAL_NULL = b',"usage":null'
_NULL = re.compile(rb',[ \t]*"usage"[ \t]*:[ \t]*null')


class UnaskedUsage:
    """Lets a stream by, event by event, without what was not asked for. An event that is cut in two waits for its rest, if it is short."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def take(self, pieces: list[bytes]) -> list[bytes]:
        """Return what goes on to the client of these pieces and what waited."""
        data = b"".join((self._rest, *pieces))
        end = data.rfind(b"\n\n") + 2
        if end < 2 or b"\r" in data:
            ends = [found.end() for found in _END.finditer(data)]
            end = ends[-1] if ends else 0
        if (
            len(data) - end > HELD_LIMIT
        ):  # no event with usage is that long, and whoever reads slowly must be noticed
            end = len(data)
        self._rest = data[end:]
        whole = data[:end]
        if _MEMBER in whole:
            # Quotes inside of strings are escaped: this can't be text of the answer.
            whole = whole.replace(_USUAL_NULL, b"")
            if _MEMBER in whole:
                whole = _without_usage(whole)
        return [whole] if whole else []

    def end(self) -> list[bytes]:
        """Return what still waits when the stream is over."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def _without_usage(data: bytes) -> bytes:
    kept = []
    position = 0
    for found in _END.finditer(data):
        kept.append(_event(data[position : found.end()]))
        position = found.end()
    return b"".join(kept)


def _event(event: bytes) -> bytes:
    if _MEMBER not in event:
        return event
    shorter = _NULL.sub(b"", event)
    start = shorter.find(b"{")
    if _MEMBER not in shorter or not shorter.startswith(_DATA) or start < 0:
        return shorter
    body = shorter[start:].rstrip()
    members = json_scan.members(body)
    if isinstance(members, Refused) or "usage" not in members:
        return shorter
    try:
        choices = msgspec.json.decode(members.get("choices", b"null"))
    except msgspec.DecodeError:
        return shorter
    if choices == []:
        return b""
    return shorter[:start] + json_scan.remove(body, members, "usage") + shorter[start + len(body) :]
