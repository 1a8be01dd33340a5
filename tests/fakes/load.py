"""Many clients at once, each request with a known outcome: a load generator for tests that break things meanwhile."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import httptools
import msgspec
import uvloop

PATIENCE_S = 30.0
"""How long an answer may pause; nothing here is to take that long."""
NO_ANSWER = 0
RUN = slice(len("req_") + 7, len("req_") + 12)
"""Where an identifier stands for the worker's run; before it is the time, after it a number."""


class Ask(msgspec.Struct, frozen=True):
    """What is asked."""

    kind: str
    """What the test calls it: ``plain``, ``streamed``, ``embeddings``."""
    path: str
    body: bytes
    key: str = ""
    """Asked with this one instead of the load's own."""


class Outcome(msgspec.Struct):
    """What came of one request."""

    kind: str
    started_at: float
    """``time.monotonic()`` just before its first byte was written."""
    ended_at: float = 0.0
    status: int = NO_ANSWER
    """0 while there is no head of an answer."""
    request_id: str = ""
    whole: bool = False
    """The answer came to its proper end."""
    body: bytes = b""
    error: str = ""
    """``refused`` (the connection), ``cut`` (it ended without the whole answer), ``slow`` (gave up)."""

    @property
    def served(self) -> bool:
        """Whether the client got everything it asked for."""
        return self.status == 200 and self.whole

    @property
    def worker(self) -> str:
        """What the request's identifier says of the worker that answered: the same for all of one run of it."""
        return self.request_id[RUN]

    @property
    def said(self) -> str:
        """What the client was told: ``200``, the text of an error answer, or how there came to be none."""
        if self.error or self.status < 400:
            return self.error or str(self.status)
        return str(msgspec.json.decode(self.body)["error"]["message"])


def plain(content: str = "hello", *, model: str = "demo-chat", kind: str = "plain", **members: Any) -> Ask:
    """Ask for a chat completion in one piece."""
    body = {"model": model, "messages": [{"role": "user", "content": content}], **members}
    return Ask(kind, "/v1/chat/completions", msgspec.json.encode(body))


def streamed(content: str = "hello", *, model: str = "demo-chat", usage: bool = True, **members: Any) -> Ask:
    """Ask for a chat completion word by word; the demo pauses 10 ms after each."""
    options = {"stream_options": {"include_usage": True}} if usage else {}
    return plain(content, model=model, kind="streamed", stream=True, **options, **members)


def embeddings(text: str) -> Ask:
    """Ask for an embedding."""
    body = {"model": "demo-embed", "input": text}
    return Ask("embeddings", "/v1/embeddings", msgspec.json.encode(body))


def mixed(count: int) -> Iterator[Ask]:
    """Yield requests of every kind, no two alike."""
    for number in range(count):
        text = f"request {number}"
        match number % 8:
            case 0:
                yield embeddings(text)
            case 1:
                yield streamed(text, max_tokens=16)
            case 2:
                yield streamed(text, usage=False, max_tokens=16)
            case 3:
                yield plain(text, model="demo-no-usage", kind="unsaid")
            case _:
                yield plain(text, max_tokens=16 + number % 5)


class Load:
    """Clients in a thread of their own. Use as a context manager; at its end no request is begun any more.

    A client keeps its connection for a number of requests, or until it is told to close it or loses it: workers
    share out connections as they come, and not evenly. One that can't connect gives up, so that a node that is
    down ends the load instead of filling it with failures.

    Attributes:
        outcomes: Of requests that have ended, in the order they ended.
    """

    def __init__(
        self, port: int, key: str, asks: Iterable[Ask], *, clients: int, per_connection: float = 20
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._port = port
        self._key = key
        self._asks = iter(asks)
        self._clients = clients
        self._per_connection = per_connection
        self._stopped = False
        self._begun = 0
        self._thread = ThreadPoolExecutor(1)
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        self._running = self._thread.submit(lambda: uvloop.run(self._run()))
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        try:
            self.join()
        finally:
            self._thread.shutdown()

    def join(self) -> list[Outcome]:
        """Wait until every request has been asked, and answered or lost."""
        assert self._running is not None
        self._running.result(4 * PATIENCE_S)
        return self.outcomes

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._running is not None and self._running.done()

    @property
    def in_flight(self) -> int:
        """How many requests wait for the end of their answer."""
        return self._begun - len(self.outcomes)

    def since(self, moment: float) -> list[Outcome]:
        """Return what came of the requests begun after a moment (``time.monotonic()``)."""
        return [outcome for outcome in self.outcomes.copy() if outcome.started_at > moment]

    def tally(self) -> Counter[str]:
        """Count the outcomes by status or error, for messages."""
        return Counter(outcome.error or str(outcome.status) for outcome in self.outcomes)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._clients):
                group.create_task(_Client(self, self._port, self._per_connection).run())

    def next(self) -> tuple[Ask, bytes] | None:
        """Return the next request with its bytes; ``None`` at the end."""
        ask = None if self._stopped else next(self._asks, None)
        if ask is None:
            return None
        head = (
            f"POST {ask.path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {ask.key or self._key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(ask.body)}\r\n\r\n"
        )
        return ask, head.encode() + ask.body

    def begin(self, ask: Ask) -> Outcome:
        """Count a request whose first byte is about to be written."""
        self._begun += 1
        return Outcome(ask.kind, time.monotonic())

    def end(self, outcome: Outcome) -> None:
        """Take in what came of it."""
        outcome.ended_at = time.monotonic()
        self.outcomes.append(outcome)


def forever(ask: Ask) -> Iterator[Ask]:
    """Yield the same request without end."""
    return itertools.repeat(ask)


class _Client:
    """One client: one request after the other on one connection, as long as that lasts."""

    def __init__(self, load: Load, port: int, per_connection: float) -> None:
        self._load = load
        self._port = port
        self._per_connection = per_connection
        self._left = per_connection
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._outcome = Outcome("", 0.0)
        self._parser: Any = None
        self._pieces: list[bytes] = []
        self._keep = True

    async def run(self) -> None:
        while (following := self._load.next()) is not None:
            ask, request = following
            if self._writer is None and not await self._connected(ask):
                return
            self._outcome = self._load.begin(ask)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._exchange(request)
            except (ConnectionError, EOFError):
                self._hang_up("cut")
            except TimeoutError:
                self._hang_up("slow")
            self._outcome.body = b"".join(self._pieces)
            self._load.end(self._outcome)
        self._hang_up("")

    async def _connected(self, ask: Ask) -> bool:
        try:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        except ConnectionError:
            outcome = self._load.begin(ask)
            outcome.error = "refused"
            self._load.end(outcome)
            return False
        self._left = self._per_connection
        return True

    async def _exchange(self, request: bytes) -> None:
        assert self._reader is not None
        assert self._writer is not None
        self._pieces = []
        self._parser = httptools.HttpResponseParser(self)
        self._writer.write(request)
        while not self._outcome.whole:
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._parser.feed_data(data)
        self._left -= 1
        if not self._keep or self._left <= 0:
            self._hang_up("")

    def _hang_up(self, error: str) -> None:
        self._outcome.error = error
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    # ── called by the parser ────────────────────────────────────────────────

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"x-request-id":
            self._outcome.request_id = value.decode()

    def on_headers_complete(self) -> None:
        self._outcome.status = self._parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self._outcome.whole = True
        self._keep = self._parser.should_keep_alive()  # the parser forgets it afterwards
