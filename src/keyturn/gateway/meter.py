"""The meter: what a request used, from the bytes that go by.

A stream is not decoded while it runs: its last ``TAIL_LENGTH`` bytes are kept and read once at the end, and its
events are counted, so that a stream that ends without saying can be estimated.
"""

from collections.abc import Callable

from keyturn.dialects.openai_usage import TAIL_LENGTH
from keyturn.domain.usage import NOTHING, Source, Usage, streamed_output_tokens, tokens_in

UsageOfAnswer = Callable[[bytes], Usage | None]
"""Reads a whole answer."""
UsageOfStream = Callable[[bytes, bytes], Usage | None]
"""Reads the first and the last bytes of a stream."""
REPORTED, ESTIMATED = Source.REPORTED.value, Source.ESTIMATED.value

_EVENT = b"data:"
_NEWLINE = 10
_DONE = b"data: [DONE]"
_BOUNDARIES = (b"\n\n", b"\r\n\r\n", b"\r\r")


class StreamMeter:
    """Follows a streamed answer."""

    __slots__ = ("_cut", "_events", "_head", "_length", "_odd", "_overhead", "_read", "_tail", "_tail_length")

    def __init__(self, read: UsageOfStream) -> None:
        """Begin; ``read`` reads what the provider says of it."""
        self._read = read
        self._tail: list[bytes] = []
        self._tail_length = self._length = self._events = self._overhead = 0
        self._head = self._cut = b""
        self._odd = True

    def take(self, pieces: list[bytes]) -> None:
        """Let pieces of the body go by."""
        for piece in pieces:
            length = len(piece)
            if self._odd or piece[-1] != _NEWLINE:
                self._take_odd(piece)
            self._events += piece.count(_EVENT)
            self._length += length
            self._tail.append(piece)
            self._tail_length += length
        while self._tail_length - len(self._tail[0]) > TAIL_LENGTH:
            self._tail_length -= len(self._tail.pop(0))

    def _take_odd(self, piece: bytes) -> None:
        """Look closer at the first events, for their length, and at events cut in two, to count them all the same."""
        measuring = self._events < 2 and self._length < TAIL_LENGTH
        if measuring:
            self._head += piece
        self._events += (self._cut + piece[: len(_EVENT) - 1]).count(_EVENT)
        self._cut = b"" if piece[-1] == _NEWLINE else (self._cut + piece)[1 - len(_EVENT) :]
        self._odd = measuring or bool(self._cut)

    @property
    def made(self) -> int:
        """How many output tokens have gone by, as far as can be told from the outside."""
        return streamed_output_tokens(
            events=self._events, length=self._length, event_overhead=self.overhead or self._length
        )

    @property
    def overhead(self) -> int:
        """How many bytes of an event are no text, as far as can be told from the first one; 0: not yet."""
        if not self._overhead:
            self._overhead = self._first_length() if self._events > 1 else 0
        return self._overhead

    @property
    def head(self) -> bytes:
        """The first events, as far as they were looked at."""
        return self._head

    @property
    def tail(self) -> bytes:
        """The last bytes."""
        return b"".join(self._tail)[-TAIL_LENGTH:]

    def before(self, length: int) -> bytes:
        """Return what came before the last ``length`` bytes, as far as it is kept."""
        kept = b"".join(self._tail)
        return kept[: max(0, len(kept) - length)]

    def ended_at_boundary(self, length: int) -> bool:
        """Say whether an event ended before the last ``length`` bytes."""
        before = self.before(length)
        return before.endswith(_BOUNDARIES) if before else self._length == length

    def usage(self, request_length: int, *, whole: bool) -> tuple[Usage, str]:
        """Say what the stream used.

        Args:
            request_length: Bytes of the request body, for estimating the input.
            whole: The stream came to its own end.
        """
        tail = self.tail
        found = self._read(self._head, tail)
        if found is not None and (whole or found.output_tokens):
            return found, REPORTED
        events = self._events - (1 if _DONE in tail else 0)
        made = streamed_output_tokens(events=events, length=self._length, event_overhead=self._first_length())
        return Usage(tokens_in(request_length), made), ESTIMATED

    def _first_length(self) -> int:
        """Return the length of the first event, which carries no text in most dialects; 0 when there was none."""
        head = self._head[:TAIL_LENGTH]
        first = head.find(_EVENT)
        if first < 0:
            return 0
        second = head.find(_EVENT, first + 1)
        return second if second > 0 else len(head)


def of_answer(
    status: int, body: bytes, request_length: int, read: UsageOfAnswer, *, writes: bool
) -> tuple[Usage, str]:
    """Say what a plain answer used, as ``read`` finds it; an error used nothing.

    Args:
        status: Of the answer.
        body: Of the answer.
        request_length: Bytes of the request body, for estimating the input.
        read: Reads what the provider says of it.
        writes: What is answered is text that the model has made, and not vectors or the like.
    """
    if status >= 400:
        return NOTHING, REPORTED
    found = read(body)
    if found is not None:
        return found, REPORTED
    return Usage(tokens_in(request_length), tokens_in(len(body)) if writes else 0), ESTIMATED
