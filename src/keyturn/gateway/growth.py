"""What a stream does that makes more than was reserved: finds room for more, or ends.

Only limits that are hard by nature are asked: budgets, credit, and quotas of tokens. A rate takes the surplus as a
debt, and the next request waits for it. What is on its way while the authority is asked is held back; the provider is
not read from meanwhile.
"""

import re

from keyturn import system
from keyturn.domain.leases import Denial
from keyturn.domain.limits import METRICS, Metric
from keyturn.domain.overuse import refused_by_limit
from keyturn.domain.refusals import Reason
from keyturn.domain.usage import Usage, streamed_output_tokens, tokens_in
from keyturn.gateway import answers
from keyturn.gateway.allowance import Lease
from keyturn.gateway.booking import STREAMING
from keyturn.gateway.meter import ESTIMATED
from keyturn.gateway.relay import Upstream
from keyturn.gateway.reservation import Reservation

STEP, LEAST_STEP = 256, 16
"""Output tokens that are asked for at once: fewer when there is no room for so many."""
SLACK = 8
"""Events that may carry no token: the first, the last, the one with the usage."""
_MADE = frozenset(METRICS.index(one) for one in (Metric.TOKENS, Metric.OUTPUT_TOKENS, Metric.COST))
_BOUNDARY = re.compile(rb"\n\n|\r\n\r\n|\r\r")


class Growth(Reservation):
    """A reservation that can grow while its stream runs.

    Attributes:
        room: Output tokens that may be streamed before more has to be found; ``None``: as many as come.
    """

    __slots__ = ("_chunked", "_hard", "_held", "_passed", "_status", "_step", "_upstream", "room")

    room: int | None
    _chunked: bool
    _hard: tuple[Lease, ...]
    _held: list[bytes] | None
    _passed: int
    """Output tokens that the client has got."""
    _step: int
    _status: int
    _upstream: Upstream

    def watch(self, *, events: bool) -> None:
        """Begin to watch a stream, if a limit of its key is hard.

        Args:
            events: It comes in events or frames, so that it can be followed.
        """
        self._held = None
        self.room = None
        if self.allowance is None or self._status >= 400 or self.expected is not None:
            return
        self._hard = tuple(
            lease
            for lease in self.allowance.leases
            if lease.metric in _MADE and not lease.bound.is_rate and not lease.bound.limit.shadow
        )
        if self._hard and events:
            self.room = self.cap
            self._passed, self._step = 0, STEP

    def may_pass(self, pieces: list[bytes]) -> bool:
        """Say whether pieces may go on to the client now; if not, they are held until there is room, or for ever."""
        assert self.meter is not None  # noqa: S101 -- made with the stage
        if self._held is not None:
            self._held += pieces
            return False
        assert self.room is not None  # noqa: S101 -- else nobody asks
        if self._grow():
            self._passed = self.meter.made
            return True
        self._held = list(pieces)
        self._upstream.pause()
        # Not at once: the answer may come before this returns, and the provider's connection is in the middle of a read.
        self.plane.leases.soon(self._search)
        return False

    def take_held(self) -> list[bytes]:
        """Return what is held, now that the stream has come to its own end."""
        held, self._held = self._held, None
        return held or []

    def _more(self) -> tuple[int, ...]:
        """Return what has to be taken for the next output tokens."""
        step = self._step
        return (0, step, 0, step, self.route.ceiling(0, step), 0)

    def _grow(self) -> bool:
        """Take room for what has come, each step from all leases or from none; ``False``: there is not enough."""
        assert self.meter is not None  # noqa: S101 -- made with the stage
        assert self.room is not None  # noqa: S101 -- else nobody asks
        made = self.meter.made
        while made > self.room + SLACK:
            more, now = self._more(), system.monotonic()
            if any(lease.left < more[lease.metric] or now >= lease.until for lease in self._hard):
                return False
            for lease in self._hard:
                lease.left -= more[lease.metric]
            self.taken_more(self._hard, more)
            self.room += self._step
        return True

    def _search(self) -> None:
        if self.stage == STREAMING and self._held is not None:
            self.plane.leases.ask(self._hard, self._more(), _Search(self))

    # ── the authority's answers ─────────────────────────────────────────────

    def found_room(self) -> None:
        """Go on with what was held."""
        if self.stage != STREAMING or self._held is None:
            return
        held, self._held = self._held, None
        if self.may_pass(held):
            self.pass_held(held)
            self._upstream.resume()

    def pass_held(self, pieces: list[bytes]) -> None:
        """Send what was held."""
        raise NotImplementedError

    def last_words(self, held: list[bytes], fitting: int) -> tuple[bytes | None, int]:
        """Return the end of a stream that may not go on, and how many of its output tokens were held.

        Args:
            held: What has come and has not been passed on.
            fitting: How many tokens of that may be passed on. ``None`` stands for what can't be ended well.
        """
        raise NotImplementedError

    def found_none(self, reason: Reason) -> None:
        """Try with less, and in the end do without."""
        if self._step > LEAST_STEP:
            self._step >>= 2
            self._search()
        else:
            self.end_early(reason)

    def end_early(self, reason: Reason) -> None:
        """End the stream as one that has become long enough, and charge what the client has got."""
        if self.stage != STREAMING or self._held is None:
            return
        held, self._held = self._held, None
        self._upstream.cancel()
        last, made = self.last_words(held, max(0, (self.room or 0) - self._passed))
        made = min(self._passed + made, self.room or 0)
        self.settle(self._status, Usage(tokens_in(self.length), made), ESTIMATED, reason.value)
        client = self.request.client
        if last is None or not (self._chunked or self.request.http_10):
            client.abort()
            return
        client.write(answers.last_chunk(last) if self._chunked else last)
        client.finish(self.request.keep_alive)


class _Search:
    """Waits for room for more output."""

    def __init__(self, stream: Growth) -> None:
        self._stream = stream

    def granted(self) -> None:
        """Go on."""
        self._stream.found_room()

    def denied(self, lease: Lease, denial: Denial) -> None:
        """End the stream."""
        self._stream.found_none(refused_by_limit(lease.bound, denial, 1, 0.0).reason)

    def unanswered(self) -> None:
        """End the stream: whoever can't count lets nothing more through."""
        self._stream.end_early(Reason.LIMITS_UNAVAILABLE)


def first_events(held: bytes, tokens: int, *, overhead: int, whole: bool) -> tuple[bytes | None, int]:
    """Return the first events of what is held, and how many output tokens they bring by estimate.

    Args:
        held: Where to take them from.
        tokens: How many, at most.
        overhead: The bytes of an event that carries no text.
        whole: It begins with an event; otherwise with the rest of one that the client has the beginning of: that
            comes first, and where it is not there ``None`` stands for what can't be ended well.
    """
    end, made = 0, 0
    if not whole:
        boundary = _BOUNDARY.search(held)
        if boundary is None:
            return None, 0
        end = boundary.end()
    begin = end
    for events, boundary in enumerate(_BOUNDARY.finditer(held, begin), start=1):
        length = boundary.end() - begin
        grown = streamed_output_tokens(events=events, length=length, event_overhead=overhead)
        if grown > tokens:
            break
        end, made = boundary.end(), grown
    return held[:end], made
