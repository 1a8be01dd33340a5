"""Usage as Anthropic's answers report it, plain and streamed.

``input_tokens`` leaves out what came from the cache and what went into it; the figures in a stream are totals so far,
the input's in ``message_start`` and, with the present API, once more in ``message_delta``.

Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching ("Tracking cache performance"),
https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

import msgspec

from keyturn.domain.usage import Usage

LARGEST = 10**9
"""More tokens are nonsense, and could not be stored."""


class Details(msgspec.Struct, gc=False):
    """Of the output."""

    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct, gc=False):
    """What ``usage`` says; ``None``: nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: Details | None = None

    def updated(self, later: "WireUsage") -> "WireUsage":
        """Return these figures with the later ones over them."""
        return WireUsage(
            self.input_tokens if later.input_tokens is None else later.input_tokens,
            self.output_tokens if later.output_tokens is None else later.output_tokens,
            self.cache_read_input_tokens
            if later.cache_read_input_tokens is None
            else later.cache_read_input_tokens,
            self.cache_creation_input_tokens
            if later.cache_creation_input_tokens is None
            else later.cache_creation_input_tokens,
            later.output_tokens_details or self.output_tokens_details,
        )


class _Message(msgspec.Struct, gc=False):
    usage: WireUsage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    message: _Message | None = None
    usage: WireUsage | None = None


_answer = msgspec.json.Decoder(_Message)
_event = msgspec.json.Decoder(_Event)


def convert(found: WireUsage | None) -> Usage | None:
    """Return the usage; ``None`` when it says nothing usable."""
    if found is None or (found.input_tokens is None and found.output_tokens is None):
        return None
    cached = max(0, found.cache_read_input_tokens or 0)
    written = max(0, found.cache_creation_input_tokens or 0)
    given = max(0, found.input_tokens or 0) + cached + written
    made = max(0, found.output_tokens or 0)
    details = found.output_tokens_details
    thought = min(made, max(0, details.thinking_tokens or 0)) if details else 0
    if max(given, made) > LARGEST:
        return None
    return Usage(given, made, cached, thought, written)


def write(usage: Usage | None) -> WireUsage:
    """Write a usage; zeros, where it is not known."""
    if usage is None:
        return WireUsage(0, 0, 0, 0)
    plain = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
    return WireUsage(
        plain,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        Details(usage.reasoning_tokens),
    )


def usage_of_answer(body: bytes) -> Usage | None:
    """Read the usage of a whole answer; ``None`` when it says nothing usable."""
    try:
        return convert(_answer.decode(body).usage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def usage_of_stream(head: bytes, tail: bytes) -> Usage | None:
    """Read the usage of a stream; ``None`` when its end or its beginning doesn't say it.

    Args:
        head: The first bytes, with ``message_start`` among them.
        tail: The last bytes, with ``message_delta`` among them.
    """
    first = _first(head)
    last = _last(tail)
    if last is None:
        return None
    found = last if first is None else first.updated(last)
    # An input that nobody has told of must not be taken for none.
    return None if found.input_tokens is None else convert(found)


def usage_of_tail(tail: bytes) -> Usage | None:
    """Read the usage in the final bytes of a stream; ``None`` when they don't tell the input, too."""
    return usage_of_stream(tail, tail)


def _first(head: bytes) -> WireUsage | None:
    for line in head.splitlines():
        if line.startswith(b"data:") and b"message_start" in line:
            found = _read(line)
            if found is not None and found.type == "message_start":
                return found.message.usage if found.message else None
    return None


def _last(tail: bytes) -> WireUsage | None:
    for line in reversed(tail.splitlines()):
        if line.startswith(b"data:") and b"message_delta" in line:
            found = _read(line)
            if found is not None and found.type == "message_delta" and found.usage is not None:
                return found.usage
    return None


def _read(line: bytes) -> _Event | None:
    try:
        return _event.decode(line[5:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
