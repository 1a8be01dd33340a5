"""Whether a stream of events has ended with an error, in any dialect: where its status has said long ago that it is well.

OpenAI and Google send an event with a member ``error``, Anthropic and OpenAI's responses one of the type ``error``, the
latter also ``response.failed``.
"""

import msgspec

from keyturn.dialects.sse import Splitter

_ERROR = b"error"
_TYPES = frozenset({"error", "response.failed"})


class _Event(msgspec.Struct):
    type: str = ""
    error: object = None


_event = msgspec.json.Decoder(_Event)


def ends_in_error(tail: bytes) -> bool:
    """Say whether there is an error among the last bytes of a stream; they may begin in the middle of an event."""
    for event in Splitter().take(tail + b"\n\n"):
        if event.name == _ERROR:
            return True
        try:
            found = _event.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if found.error is not None or found.type in _TYPES:
            return True
    return False
