"""A provider's ``/models``, answering what a test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Provider:
    """A tiny HTTP server.

    Attributes:
        answer: The whole answer, head and body; empty: none ever comes.
        requests: The heads received.
        asked: Set when there is one.
        hold: Answers wait for it, if there is one.
    """

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[bytes] = []
        self.base_url = ""
        self.asked = asyncio.Event()
        self.hold: asyncio.Event | None = None
        self._serving: list[asyncio.Task[None]] = []

    def says(self, body: bytes, status: str = "200 OK") -> None:
        """Set the answer."""
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.answer = head.encode() + body

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self._serving.append(asyncio.get_running_loop().create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked.set()
            if self.hold is not None:
                await self.hold.wait()
            if self.answer:
                writer.write(self.answer)
                await writer.drain()
            else:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def end(self, server: asyncio.Server) -> None:
        """Wait until every connection is closed, also one that a caller gave up before it was heard of here."""
        # They are heard of in order, so whatever came before a last one is known when that one has its end.
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write_eof()
        await reader.read()
        writer.close()
        server.close()
        await asyncio.gather(writer.wait_closed(), *self._serving)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Run a provider on a port of its own."""
    found = Provider()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield found
    finally:
        await found.end(server)
