"""Keeps what is asked and answered, for projects that want it, and hands it to the control process in the end.

Nobody waits for it: what finds no room here, or no control process that takes it, is lost.
"""

from collections.abc import Callable

from keyturn import bus
from keyturn.domain.bodies import LONGEST_BODY, Body, Exchanged
from keyturn.gateway.recorder import is_chunked, unframed
from keyturn.gateway.request import Transmitter

MOST_HELD = 32 << 20
"""Bytes of bodies of requests under way that this worker holds; beyond them bodies are cut shorter."""


class Bodies:
    """The bodies that one worker holds."""

    def __init__(self, send: Callable[[bus.FromWorker], bool]) -> None:
        """Take in how to reach the control process: ``False`` where a message is lost."""
        self._send = send
        self._room = MOST_HELD

    @property
    def held(self) -> int:
        """How many bytes."""
        return MOST_HELD - self._room

    def hold(self, data: bytes, most: int) -> Body:
        """Take room for as much of something as is kept of it."""
        kept = data[: max(0, min(most, self._room))]
        self._room -= len(kept)
        return Body(kept, len(kept) < len(data))

    def let_go(self, held: Body) -> None:
        """Give room back."""
        self._room += len(held.data)

    def tell(self, exchanged: Exchanged) -> None:
        """Hand over what was held."""
        self._room += len(exchanged.request.data) + len(exchanged.answer.data)
        self._send(bus.Bodies(exchanged))


class BodyRecorder:
    """The client, as an exchange sees it whose bodies are kept: a ``Transmitter``."""

    __slots__ = (
        "_bodies",
        "_chunked",
        "_client",
        "_cut",
        "_held",
        "_key_id",
        "_over",
        "_pieces",
        "_request",
        "_request_id",
        "proxied",
        "write",
    )

    def __init__(
        self, client: Transmitter, bodies: Bodies, request_id: str, key_id: str, request: bytes
    ) -> None:
        """Take in who gets the answer, and what was asked.

        Args:
            client: Gets all that is written before it is kept.
            bodies: Where there is room, and where they go in the end.
            request_id: Of the request.
            key_id: Of the key that it came with.
            request: Its body as it goes upstream.
        """
        self._client = client
        self._bodies = bodies
        self._request_id = request_id
        self._key_id = key_id
        self._request = bodies.hold(request, LONGEST_BODY)
        self._pieces: list[bytes] = []
        self._held = 0
        self._chunked: bool | None = None
        """``None`` before the head."""
        self._cut = self._over = False
        self.proxied = client.proxied
        self.write: Callable[[bytes], None] = self._write

    def _write(self, data: bytes) -> None:
        self._client.write(data)
        if self._cut or self._over:
            return
        if self._chunked is None:
            head, _, data = data.partition(b"\r\n\r\n")
            self._chunked = is_chunked(head + b"\r\n")
        kept = self._bodies.hold(unframed(data) if self._chunked else data, LONGEST_BODY - self._held)
        self._held += len(kept.data)
        self._pieces.append(kept.data)
        self._cut = kept.cut

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- see ``Transmitter``
        """Take the end of the answer."""
        self._client.finish(keep_alive)
        self.end()

    def abort(self) -> None:
        """Take the end of an answer that is not whole."""
        self._client.abort()
        self.end()

    def end(self) -> None:
        """Hand the bodies over: nothing more is written. Only the first time counts."""
        if not self._over:
            self._over = True
            answer = Body(b"".join(self._pieces), self._cut)
            self._pieces = []
            self._bodies.tell(Exchanged(self._request_id, self._key_id, self._request, answer))
