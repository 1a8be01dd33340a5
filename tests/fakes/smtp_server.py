"""A mail server that keeps what it gets: enough of RFC 5321 for a client to hand a letter over, with STARTTLS."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue

USER, PASSWORD = "keyturn", "postman's secret"
WAIT_S = 10.0


class MailServer:
    """A server in a thread of its own.

    Attributes:
        port: Where it listens.
        letters: What it took, in order.
        envelopes: From whom and to whom, as the client said, in the same order.
        encrypted: Whether they came encrypted, in the same order.
        refuses: It takes no recipient.
        refused: Those that it did not take.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.letters: Queue[EmailMessage] = Queue()
        self.envelopes: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.refuses = False
        self.refused: Queue[str] = Queue()
        self._tls = tls
        self._speaking: set[asyncio.Task[None]] = set()

    async def hang_up(self) -> None:
        """End the conversations that clients have not ended."""
        for one in self._speaking:
            one.cancel()
        await asyncio.gather(*self._speaking, return_exceptions=True)

    def next_letter(self) -> EmailMessage:
        """Return the next letter, once it is there."""
        return self.letters.get(timeout=WAIT_S)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client."""
        speaking = asyncio.current_task()
        assert speaking is not None
        self._speaking.add(speaking)
        try:
            await self._speak(reader, writer)
        finally:
            self._speaking.discard(speaking)
            writer.close()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        envelope = {"MAIL": "", "RCPT": ""}
        encrypted = False
        writer.write(b"220 mail.example.com ESMTP\r\n")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            if verb == "STARTTLS" and self._tls is not None:
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self._tls)
                encrypted = True
                continue
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self._take(await reader.readuntil(b"\r\n.\r\n"))
                self.envelopes.append((envelope["MAIL"], envelope["RCPT"]))
                self.encrypted.append(encrypted)
            if verb in envelope:
                envelope[verb] = rest
            writer.write(f"{self._answer(verb, rest, encrypted=encrypted)}\r\n".encode())
            if verb == "QUIT":
                break

    def _answer(self, verb: str, rest: str, *, encrypted: bool) -> str:
        if verb == "EHLO":
            offers = ["AUTH PLAIN", *(["STARTTLS"] if self._tls and not encrypted else [])]
            return "\r\n".join(["250-mail.example.com", *(f"250-{one}" for one in offers), "250 8BITMIME"])
        if verb == "AUTH":
            given = base64.b64decode(rest.partition(" ")[2]).split(b"\0")
            return "235 welcome" if given[1:] == [USER.encode(), PASSWORD.encode()] else "535 who are you"
        if verb == "RCPT" and self.refuses:
            self.refused.put(rest)
            return "550 nobody of that name"
        return "221 bye" if verb == "QUIT" else "250 OK"

    def _take(self, data: bytes) -> None:
        text = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        self.letters.put(message_from_bytes(text, _class=EmailMessage, policy=policy.default))


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Run a server until the block ends."""
    found, loop, ready = MailServer(tls), asyncio.new_event_loop(), threading.Event()

    async def run() -> None:
        server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
        found.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await ended.wait()
            await found.hang_up()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(WAIT_S)
        yield found
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
