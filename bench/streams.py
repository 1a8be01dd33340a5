"""Load generator for streams, a process of its own: ``python -m bench.streams '{…}'``.

It keeps ``concurrent`` connections open, each asking for one stream after another until ``streams``
have been read, and prints one JSON object. With ``hold`` it opens one stream per connection, prints
``open`` when all have begun, reads until standard input ends, and then reports.
"""

import asyncio
import gc
import statistics
import sys
import time
from typing import cast

import msgspec
import uvloop

END = b"\r\n0\r\n\r\n"
RAMP_BATCH = 50
RAMP_PAUSE_S = 0.01


class Order(msgspec.Struct, frozen=True):
    """What to do."""

    port: int
    key: str
    concurrent: int
    streams: int
    words: int
    interval_ms: int
    hold: bool = False
    model: str = "demo-chat"


class Outcome(msgspec.Struct, frozen=True):
    """What happened."""

    streams: int
    """Read to their end; with ``hold``, those still open at the end."""
    pieces: int
    """Times that data arrived."""
    seconds: float
    first_byte_p50_ms: float
    errors: int


class Run:
    """One order under way."""

    def __init__(self, order: Order) -> None:
        self.order = order
        members: dict[str, object] = {
            "model": order.model,
            "messages": [{"role": "user", "content": "Tell me a story."}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if order.words:  # these only the demo upstream knows, in OpenAI's dialect
            members |= {"demo_words": order.words, "demo_interval_ms": order.interval_ms}
        body = msgspec.json.encode(members)
        self.request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
            f"Authorization: Bearer {order.key}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nUser-Agent: OpenAI/Python 3.52.0\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.asked = self.finished = self.begun = self.pieces = self.errors = 0
        self.first_bytes: list[float] = []
        self.all_begun = asyncio.Event()
        self.all_finished = asyncio.Event()

    def may_ask(self) -> bool:
        """Take one stream from those still to be asked for."""
        if self.asked == self.order.streams:
            return False
        self.asked += 1
        return True

    def began(self, took_s: float) -> None:
        """Note a stream's first byte."""
        self.first_bytes.append(took_s * 1_000)
        self.begun += 1
        if self.begun == self.order.concurrent:
            self.all_begun.set()

    def ended(self) -> None:
        """Note a stream's end."""
        self.finished += 1
        if self.finished == self.order.streams:
            self.all_finished.set()

    def failed(self) -> None:
        """Note a stream that broke; the run ends with it, for its numbers would mean nothing."""
        self.errors += 1
        self.all_begun.set()
        self.all_finished.set()


class Reader(asyncio.Protocol):
    """One connection; one stream at a time."""

    __slots__ = ("_asked_at", "_run", "_tail", "_transport")

    _transport: asyncio.Transport

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tail = b""
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first stream."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Read on; at the end ask for the next."""
        run = self._run
        run.pieces += 1
        if self._asked_at:
            run.began(time.perf_counter() - self._asked_at)
            self._asked_at = 0.0
            if not data.startswith(b"HTTP/1.1 200"):
                run.failed()
                self._transport.close()
                return
        self._tail = (self._tail + data[-len(END) :])[-len(END) :]
        if self._tail == END:
            self._tail = b""
            run.ended()
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """A connection that ends in a stream is an error."""
        if self._asked_at or self._tail:
            self._run.failed()

    def _ask(self) -> None:
        if self._run.may_ask():
            self._asked_at = time.perf_counter()
            self._transport.write(self._run.request)
        else:
            self._transport.close()


async def perform(order: Order) -> Outcome:
    """Carry out an order."""
    loop = asyncio.get_running_loop()
    run = Run(order)
    began = time.perf_counter()
    for number in range(order.concurrent):
        await loop.create_connection(lambda: Reader(run), "127.0.0.1", order.port)
        if number % RAMP_BATCH == 0:
            await asyncio.sleep(RAMP_PAUSE_S)
    if order.hold:
        await run.all_begun.wait()
        print("open", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
    else:
        await run.all_finished.wait()
    streams = order.concurrent - run.errors - run.finished if order.hold else run.finished
    return Outcome(
        streams=streams,
        pieces=run.pieces,
        seconds=time.perf_counter() - began,
        first_byte_p50_ms=statistics.median(run.first_bytes or [0.0]),
        errors=run.errors,
    )


def main() -> None:
    """Carry out the order given as JSON."""
    gc.disable()
    outcome = uvloop.run(perform(msgspec.json.decode(sys.argv[1], type=Order)))
    print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    main()
