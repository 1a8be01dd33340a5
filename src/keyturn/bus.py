"""Frames between a worker and the control process.

Over a unix socket: four bytes of length (big-endian), then a MessagePack array whose first element
names the message. Both directions are ordered; the meaning of each message leans on that.

Revocation rests on two rules. The control process sends ``Invalidate`` after the change is committed
and answers its caller only when every live worker has sent ``Confirmed``. A worker that finds in a
``Found`` a sequence older than the last invalidation it has seen asks again instead of remembering it.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from keyturn.dialects.help import NO_HELP, Help
from keyturn.domain.attempts import Answer, Fate
from keyturn.domain.bodies import Exchanged
from keyturn.domain.events import Notice
from keyturn.domain.journal import Refused
from keyturn.domain.keys import KeyRecord
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import Bound
from keyturn.domain.models import Target
from keyturn.domain.refusals import Refused as Refusal

_LENGTH = struct.Struct(">I")
LARGEST_FRAME = 64 << 20


class Upstream(msgspec.Struct, frozen=True):
    """How to reach a provider."""

    name: str
    base_url: str
    """``https://host[:port]/prefix`` without a trailing slash; operations are appended (``/chat/completions``)."""
    credential: str = ""
    """The first of ``credentials``; empty for none. In the clear: the socket is private to the node."""
    provider: str = "compatible"
    """A name of ``providers.catalog``: says how the credential is shown, and in which dialects it is asked."""
    credentials: tuple[str, ...] = ()
    """All of them; the next is used when one is refused or used up."""
    max_concurrency: int = 0
    """Requests under way there, of all workers together; 0: as many as come."""
    requests_per_minute: int = 0
    """Of all workers together; 0: as many as come."""

    @property
    def every_credential(self) -> tuple[str, ...]:
        """All of them, one at least: an empty one where none is needed."""
        return self.credentials or (self.credential,)


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A worker introduces itself; the first message on a connection."""

    worker: str
    """Unique to this run of this worker; also the stem of its journal files."""
    pid: int
    under_way: list[tuple[Bound, int]] = []
    """How many of its requests are under way, for each limit of concurrency. It holds no leases any more."""


class Look(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Who holds the secret with this SHA-256 digest?"""

    call: int
    digest: bytes


class Confirmed(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The worker has applied everything up to this sequence."""

    sequence: int


class Counted(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The worker's counters since it started; each message replaces the last.

    Attributes:
        requests: ``[operation, status, count]``.
        refusals: ``[reason, count]``.
        tokens: ``[direction, count]``.
        durations: Upper-bound index of ``telemetry.metrics.BUCKETS_S`` → count, cumulative within the worker only.
        gauges: Name → value, now.
    """

    requests: list[tuple[str, int, int]]
    refusals: list[tuple[str, int]]
    tokens: list[tuple[str, int]]
    durations: list[int]
    duration_sum_s: float
    gauges: dict[str, float]


class Traced(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The answer to ``Trace``: what the worker remembers of a refused request, or ``None``."""

    call: int
    found: Refused | None


class FirstUse(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A pending secret was used; sent again with every use until the worker is told to forget the key."""

    secret_id: str


class Noticed(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """The worker saw something that somebody should know of."""

    notices: list[Notice]


class Take(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """May I have this much of these limits? From all of them, or from none."""

    call: int
    asks: list[Ask]


class Give(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """This is what I have not used of what I took."""

    returns: list[Return]


class Attempt(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """May I make this call, or was it made before? Answered by ``Proceed``, ``Repeat`` or ``Refrain``."""

    attempt_id: bytes
    fingerprint: bytes
    request_id: str


class AttemptEnded(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """This is what became of a call; sent again until it is ``Noted``."""

    attempt_id: bytes
    request_id: str
    fate: Fate | None
    """``None``: nothing was charged, so that it may be made anew."""
    answer: Answer | None = None
    """To be given again; ``None``: it is not kept."""


class Bodies(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """What was asked and answered, for a project that wants it kept; lost where it does not arrive."""

    exchanged: Exchanged


class Access(msgspec.Struct, frozen=True):
    """What the node's settings say of those who come, as they are now."""

    locations: frozenset[str] = frozenset({"header", "query", "body"})
    """Where credentials are accepted."""
    anonymous: bool = False
    """Whether calls of models need no key."""
    support: Help = NO_HELP


class Snapshot(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """The whole configuration a worker needs; sent after ``Hello`` and after every change.

    A worker forgets every cached key when it gets one and answers ``Confirmed``.
    """

    sequence: int
    models: dict[str, Target]
    upstreams: dict[str, Upstream]
    locations: frozenset[str]
    """Where credentials are accepted: ``header``, ``query``, ``body``."""
    foreign_shapes: frozenset[tuple[str, int]] = frozenset()
    """Prefix and length of imported secrets: such texts are looked up beside our own."""
    others: dict[str, tuple[Target, ...]] = {}
    """The further targets of models that have several."""
    anonymous: bool = False
    """Whether calls of models need no key."""
    support: Help = NO_HELP


class Found(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """The answer to ``Look``."""

    call: int
    sequence: int
    """The last invalidation sent before the store was asked."""
    record: KeyRecord | None
    failed: bool = False
    """The store could not be asked: say 503, never 401."""


class Invalidate(msgspec.Struct, frozen=True, array_like=True, tag=18):
    """Forget these keys (by id) and every digest known as unknown; answer ``Confirmed``."""

    sequence: int
    key_ids: list[str]


class Trace(msgspec.Struct, frozen=True, array_like=True, tag=19):
    """Do you remember refusing this request?"""

    call: int
    request_id: str


class Granted(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """The answer to ``Take``: one grant for each ask."""

    call: int
    grants: list[Grant]


class Denied(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """The other answer to ``Take``: nothing was taken; without ``denial``, because nobody can count at the moment."""

    call: int
    denial: Denial | None


class Recount(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Let go of the leases on these owners' limits, without giving them back; answer ``Confirmed``."""

    sequence: int
    owner_ids: list[str]


class Recall(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """Give back what is left of your lease on this counter: somebody else needs it. Answer ``Give``, if with nothing."""

    counter: str


class Proceed(msgspec.Struct, frozen=True, array_like=True, tag=24):
    """An answer to ``Attempt``: make the call. Given again to who asks again for the same request."""

    attempt_id: bytes
    request_id: str


class Repeat(msgspec.Struct, frozen=True, array_like=True, tag=25):
    """An answer to ``Attempt``: give this answer again."""

    request_id: str
    first_id: str
    """The request that it was the answer to."""
    answer: Answer


class Refrain(msgspec.Struct, frozen=True, array_like=True, tag=26):
    """An answer to ``Attempt``: refuse the call."""

    request_id: str
    refused: Refusal


class Noted(msgspec.Struct, frozen=True, array_like=True, tag=27):
    """The answer to ``AttemptEnded``: it is in the store."""

    request_id: str


FromWorker = (
    Hello
    | Look
    | Confirmed
    | Counted
    | Traced
    | FirstUse
    | Noticed
    | Take
    | Give
    | Attempt
    | AttemptEnded
    | Bodies
)
OfAttempts = Proceed | Repeat | Refrain | Noted
FromControl = Snapshot | Found | Invalidate | Trace | Granted | Denied | Recount | Recall | OfAttempts

T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()


def encode(message: FromWorker | FromControl) -> bytes:
    """Return a message as one frame."""
    payload = _encoder.encode(message)
    return _LENGTH.pack(len(payload)) + payload


class Frames(Generic[T]):
    """Cuts a byte stream into messages; feed it what arrives."""

    def __init__(self, message_type: type[T]) -> None:
        self._decoder = msgspec.msgpack.Decoder(message_type)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[T]:
        """Take in bytes, return the messages they complete, in order.

        Raises:
            ValueError: A frame is larger than any message or not a message; the connection is lost.
        """
        buffer = self._buffer
        buffer += data
        messages, position = [], 0
        while position + _LENGTH.size <= len(buffer):
            (length,) = _LENGTH.unpack_from(buffer, position)
            if length > LARGEST_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            end = position + _LENGTH.size + length
            if end > len(buffer):
                break
            messages.append(self._decoder.decode(bytes(buffer[position + _LENGTH.size : end])))
            position = end
        del buffer[:position]
        return messages


class Conversation(asyncio.StreamReaderProtocol, Generic[T]):
    """One end of a connection, which hands on each message as it arrives.

    A task that waits for bytes would hear of them a turn of the loop later, and requests wait for answers. The reader that
    ``connected`` is given reads nothing: it is at its end when the connection is, and raises what a message has raised.
    """

    def __init__(
        self,
        message_type: type[T],
        hear: Callable[[T], None],
        connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None],
    ) -> None:
        """Prepare it.

        Args:
            message_type: What the other end says.
            hear: Takes a message. What it raises ends the conversation.
            connected: Told when there is a connection, before any message.
        """
        self._reader = asyncio.StreamReader()
        super().__init__(self._reader, connected)
        self._frames = Frames(message_type)
        self._hear = hear

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are complete now."""
        if self._reader.exception() is not None:
            return
        try:
            for message in self._frames.feed(data):
                self._hear(message)
        except Exception as error:  # noqa: BLE001 -- raised where the end of the connection is waited for
            self._reader.set_exception(error)


async def connect(
    path: str, message_type: type[T], hear: Callable[[T], None]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin a conversation at a unix socket; return what comes to its end with it, and what to write to."""
    ends: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def conversation() -> Conversation[T]:
        return Conversation(message_type, hear, lambda *both: ends.append(both))

    await asyncio.get_running_loop().create_unix_connection(conversation, path)
    return ends[0]
