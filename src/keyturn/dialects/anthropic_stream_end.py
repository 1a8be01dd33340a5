"""How an Anthropic stream ends that was passed through and may not go on: as one that has reached ``max_tokens``."""

import msgspec

from keyturn.dialects.anthropic_stream_writing import STOP, beginning, closing, ending
from keyturn.dialects.anthropic_usage import WireUsage, convert
from keyturn.dialects.canonical import Stop
from keyturn.domain.usage import NOTHING


class _Message(msgspec.Struct, gc=False):
    usage: WireUsage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    index: int = 0
    message: _Message | None = None


_event = msgspec.json.Decoder(_Event)
_BLOCKS = ("content_block_start", "content_block_delta")


def cut_short(begun: bytes, tail: bytes) -> bytes:
    """Return the last events of a stream that ends because no more output is allowed.

    Args:
        begun: The first bytes of the stream.
        tail: The last bytes that the client has got, up to the end of an event. Where they begin in mid-event, the
            block that this event belongs to can't be read; the block that ``begun`` leaves open is closed then.
    """
    first, last = _events(begun), _events(tail)
    if any(event.type in ("message_stop", "error") for event in last):
        return b""
    found = next((event for event in first if event.type == "message_start"), None)
    usage = (convert(found.message.usage) if found and found.message else None) or NOTHING
    if any(event.type == "message_delta" for event in last):
        return STOP
    out = b"" if begun else beginning("", "", usage)
    open_blocks = _open(first + last)
    return out + b"".join(closing(index) for index in sorted(open_blocks)) + ending(Stop.LENGTH, "", usage)


def _open(events: list[_Event]) -> set[int]:
    """Return the blocks that have begun and not ended; the latest event about one counts."""
    found: set[int] = set()
    for event in events:
        if event.type in _BLOCKS:
            # Blocks follow each other: one that is heard of ends all before it, whose end may not be at hand.
            found = {event.index}
        elif event.type == "content_block_stop":
            found.discard(event.index)
    return found


def _events(data: bytes) -> list[_Event]:
    found = []
    for line in data.splitlines():
        if line.startswith(b"data:"):
            try:
                found.append(_event.decode(line[5:]))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
    return found
