"""Load generator at a fixed rate, a process of its own: ``python -m bench.open_loop '{…}'``.

Requests go out when they are due, whether or not earlier ones have been answered, so that a slow
subject can't slow down its own measurement. Each is a short stream; its time is from the request's
write to the first byte of the answer. Prints one JSON object.
"""

import asyncio
import contextlib
import gc
import statistics
import sys
import time
from typing import cast

import msgspec
import uvloop

from bench.streams import END

TICK_S = 0.001
PATIENCE_S = 5.0


class Order(msgspec.Struct, frozen=True):
    """What to do."""

    port: int
    key: str
    per_second: int
    seconds: float
    connections: int = 32
    """Opened beforehand; more are opened when all are busy."""


class Outcome(msgspec.Struct, frozen=True):
    """What happened."""

    requests: int
    p50_ms: float
    p99_ms: float
    errors: int


class Caller(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_run", "_sent_at", "_tail", "_transport")

    _transport: asyncio.Transport

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._sent_at = 0.0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be there."""
        self._transport = cast("asyncio.Transport", transport)
        self._run.opened += 1
        self._run.idle.append(self)

    def ask(self, request: bytes) -> None:
        """Send a request and start the clock."""
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Stop the clock at the first byte; be idle again after the last."""
        if self._sent_at:
            self._run.took_ms.append((time.perf_counter() - self._sent_at) * 1_000)
            self._sent_at = 0.0
            self._run.errors += not data.startswith(b"HTTP/1.1 200")
        self._tail = (self._tail + data)[-len(END) :]
        if self._tail == END:
            self._tail = b""
            self._run.rest(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Count an answer that broke off; one that never began is missing from the times."""
        if self in self._run.idle:
            self._run.idle.remove(self)
        elif not self._sent_at:
            self._run.errors += 1

    def close(self) -> None:
        """Close."""
        self._transport.close()


class Run:
    """One order under way."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.idle: list[Caller] = []
        self.took_ms: list[float] = []
        self.errors = 0
        self.opened = 0
        self.last = False
        self.quiet = asyncio.Event()
        body = b'{"model":"echo","messages":[{"role":"user","content":"ping"}],"stream":true}'
        self.request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
            f"Authorization: Bearer {order.key}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nUser-Agent: OpenAI/Python 3.52.0\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def rest(self, caller: Caller) -> None:
        """Take back a connection whose answer is complete."""
        self.idle.append(caller)
        if self.last and len(self.idle) == self.opened:
            self.quiet.set()

    def all_sent(self) -> None:
        """Set ``quiet`` as soon as nothing is unanswered."""
        self.last = True
        if len(self.idle) == self.opened:
            self.quiet.set()

    async def connect(self) -> Caller:
        """Open one more connection."""
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(lambda: Caller(self), "127.0.0.1", self.order.port)
        return caller


async def perform(order: Order) -> Outcome:
    """Carry out an order."""
    run = Run(order)
    callers = [await run.connect() for _ in range(order.connections)]
    began = time.perf_counter()
    total = int(order.per_second * order.seconds)
    sent = 0
    while sent < total:
        due = min(total, int((time.perf_counter() - began) * order.per_second))
        for _ in range(due - sent):
            if not run.idle:
                callers.append(await run.connect())
            run.idle.pop().ask(run.request)
        sent = due
        await asyncio.sleep(TICK_S)
    run.all_sent()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await run.quiet.wait()
    for caller in callers:
        caller.close()
    percentiles = statistics.quantiles(run.took_ms, n=100)
    unanswered = total - len(run.took_ms)
    return Outcome(len(run.took_ms), percentiles[49], percentiles[98], run.errors + unanswered)


def main() -> None:
    """Carry out the order given as JSON."""
    gc.disable()
    outcome = uvloop.run(perform(msgspec.json.decode(sys.argv[1], type=Order)))
    print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    main()
