"""Reaching a provider through an HTTP proxy: CONNECT, then TLS inside the tunnel (RFC 9110 9.3.6)."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

_LARGEST_HEAD = 65_536


class _Tunnel(asyncio.Protocol):
    """Waits for the proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.established: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        """Read the proxy's answer."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if self.established.done():
            return
        if end < 0:
            if len(self._head) > _LARGEST_HEAD:
                self.established.set_exception(OSError("the proxy's answer has no end"))
            return
        status = self._head.split(b" ", 2)[1:2]
        if status and status[0][:1] == b"2" and end + 4 == len(self._head):
            self.established.set_result(None)
        else:
            line = self._head.split(b"\r\n", 1)[0].decode("latin-1")
            self.established.set_exception(OSError(f"the proxy answered {line}"))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is being waited for."""
        if not self.established.done():
            self.established.set_exception(OSError(f"the proxy closed the connection: {error}"))


async def tunnel(
    proxy: str,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    protocol: Callable[[], asyncio.Protocol],
) -> None:
    """Dial ``host:port`` through ``proxy`` and hand the connection to ``protocol``.

    Raises:
        OSError: The proxy can't be reached or does not let us through.
    """
    loop = asyncio.get_running_loop()
    where = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if where.scheme != "http" or not where.hostname:
        raise OSError("relay.proxy is not http://host:port")
    transport, waiting = await loop.create_connection(_Tunnel, where.hostname, where.port or 80)
    try:
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"host: {authority}"]
        if where.username is not None:
            user = f"{unquote(where.username)}:{unquote(where.password or '')}"
            lines.append(f"proxy-authorization: Basic {base64.b64encode(user.encode()).decode()}")
        transport.write("\r\n".join([*lines, "", ""]).encode())
        await waiting.established
        wanted = protocol()
        if tls is None:
            transport.set_protocol(wanted)
            wanted.connection_made(transport)
            return
        secured = await loop.start_tls(transport, wanted, tls, server_hostname=host)
        if secured is not None:
            wanted.connection_made(secured)
    except BaseException:
        transport.abort()
        raise
    if secured is None:
        raise OSError("the connection ended during the TLS handshake")
