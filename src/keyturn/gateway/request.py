"""A whole request as the edge hands it on."""

from collections.abc import Callable
from typing import Protocol

from keyturn.gateway.paths import Operation


class Handling(Protocol):
    """Whatever is answering a request; the edge tells it what the client does meanwhile."""

    def client_left(self) -> None:
        """The connection is gone: nothing more can be written."""

    def answering(self) -> bool:
        """Say whether the head of the answer has gone out, so that what it says of the connection holds."""

    def client_slow(self) -> None:
        """The client's buffer is full: stop reading from the other side."""

    def client_ready(self) -> None:
        """The client takes bytes again."""


class Transmitter(Protocol):
    """The client's connection as those who answer see it."""

    write: Callable[[bytes], None]
    """Send bytes of the answer; dropped when the client has left."""

    proxied: bool
    """Whether a trusted proxy stands in between, so that its headers are believed."""

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- once a request: a keyword costs 40 ns
        """Say that the answer is complete; close unless ``keep_alive``."""

    def abort(self) -> None:
        """Cut the connection, so that the client can't take what it has for a whole answer."""


class Duplex(Transmitter, Protocol):
    """The client's connection when it can leave HTTP."""

    def switch(self, take: Callable[[bytes], None]) -> None:
        """Give what the client sends from here on to ``take``; the answer that was written says 101."""

    def pause(self) -> None:
        """Stop reading what the client sends."""

    def resume(self) -> None:
        """Read on."""


class Plan:
    """What is the same for every request with one head, worked out once.

    Attributes:
        headers: As in ``Request``.
        operation: What the path stands for; the handler's own type.
        credential: The secret as presented in ``Authorization: Bearer``.
        digest: Its SHA-256.
        forwarded: The header lines that go upstream, by provider.
    """

    __slots__ = ("credential", "digest", "forwarded", "headers", "method", "operation", "path")

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    operation: Operation
    credential: bytes
    digest: bytes
    forwarded: dict[str, bytes]


class Request:
    """Method, target, headers and body of one request, complete.

    Attributes:
        headers: Lower-case name → value; repeated fields are joined with a comma.
        repeated: Credential headers that came again with another value.
        keep_alive: Whether the connection may carry another request.
        http_10: The client speaks HTTP/1.0: no chunked answer.
        plan: Made by the handler of an ordinary request; given to the next ones with the same head.
        received: ``system.monotonic`` when the last byte had arrived, in seconds.
    """

    __slots__ = (
        "address",
        "body",
        "client",
        "handling",
        "headers",
        "http_10",
        "keep_alive",
        "method",
        "path",
        "plan",
        "query",
        "received",
        "repeated",
    )

    client: Transmitter
    method: bytes
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    repeated: list[tuple[bytes, bytes]] | None
    body: bytes
    keep_alive: bool
    http_10: bool
    address: str
    received: float
    handling: Handling | None
    plan: Plan | None


class Switching(Request):
    """A request to go on in another protocol, the last on its connection: whoever answers 101 takes that over."""

    __slots__ = ()

    client: Duplex
