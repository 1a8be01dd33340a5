"""How much a request used, and what is assumed when nobody says."""

from enum import StrEnum

import msgspec

BYTES_PER_TOKEN = 4
"""English text runs at about four bytes a token with the common tokenizers."""


class Source(StrEnum):
    """Where the figures of a request come from."""

    REPORTED = "reported"
    """The upstream said so."""
    ESTIMATED = "estimated"
    """The upstream said nothing or was cut off: counted from the bytes."""
    RECOVERED = "recovered"
    """A process died in mid-request: the reservation stands in for the usage."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What one request used. ``input_tokens`` includes the cached and written, ``output_tokens`` the reasoning ones."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input that came from the provider's cache."""
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    """Input that went into the provider's cache, where that has a price; none of it is ``cached_tokens``."""
    images: int = 0
    audio_ms: int = 0
    characters: int = 0
    """Of text that was spoken."""


NOTHING = Usage()


def tokens_in(length: int) -> int:
    """Estimate the tokens in ``length`` bytes of text, at least one when there are any."""
    return -(-length // BYTES_PER_TOKEN)


def streamed_output_tokens(*, events: int, length: int, event_overhead: int) -> int:
    """Estimate the output of a stream that ended without saying.

    Args:
        events: Server-sent events seen.
        length: Their bytes altogether.
        event_overhead: The bytes of one event that carries no text.

    Most providers send about one token an event; some send several, so that the bytes beyond the
    envelope count too. The larger of the two is taken: an estimate must not give output away.
    """
    return max(events, tokens_in(max(0, length - events * event_overhead)))
