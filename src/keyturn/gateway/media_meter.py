"""What images, speech and transcripts used: as the provider says, and as was reserved where it doesn't."""

import msgspec

from keyturn.dialects import media_usage
from keyturn.dialects.media_requests import IMAGES, SPEECH
from keyturn.dialects.outline import Outline
from keyturn.domain.usage import NOTHING, Usage
from keyturn.gateway.meter import ESTIMATED, REPORTED, StreamMeter


class Ordered(msgspec.Struct, frozen=True):
    """What a request has asked for.

    Attributes:
        operation: One of ``media_requests.OPERATIONS``.
        expected: What it will use at most.
        by_token: The model has a price by the token.
    """

    operation: str
    expected: Usage
    by_token: bool

    def settled(self, found: Usage | None) -> tuple[Usage, str]:
        """Say what it used, and how that is known.

        Args:
            found: What the provider says; ``None``: nothing.
        """
        expected = self.expected
        if self.operation == SPEECH:  # how much was to be spoken is known without the provider
            found = msgspec.structs.replace(found or NOTHING, characters=expected.characters)
        if found is None:
            return expected, ESTIMATED
        if not self.by_token or found.input_tokens or found.output_tokens or found == NOTHING:
            return found, REPORTED
        tokens = {"input_tokens": expected.input_tokens, "output_tokens": expected.output_tokens}
        return msgspec.structs.replace(found, **tokens), ESTIMATED


def of_answer(status: int, body: bytes, ordered: Ordered) -> tuple[Usage, str]:
    """Say what a plain answer used; an error used nothing."""
    if status >= 400:
        return NOTHING, REPORTED
    return ordered.settled(media_usage.of_answer(ordered.operation, body))


class MediaMeter(StreamMeter):
    """Follows a streamed answer, or a large one."""

    __slots__ = ("_ordered", "_outline")

    def __init__(self, ordered: Ordered) -> None:
        super().__init__(lambda _head, _tail: None)
        self._ordered = ordered
        self._outline = Outline() if ordered.operation in IMAGES else None

    def take(self, pieces: list[bytes]) -> None:
        """Let pieces of the body go by."""
        super().take(pieces)
        if self._outline is not None:
            for piece in pieces:
                self._outline.take(piece)

    def usage(self, request_length: int, *, whole: bool) -> tuple[Usage, str]:
        """Say what the stream used: neither the request's length nor where it broke off changes that."""
        del request_length, whole
        outline = b"" if self._outline is None else self._outline.text
        found = media_usage.of_stream(self._ordered.operation, self.head, self.tail, outline)
        return self._ordered.settled(found)
