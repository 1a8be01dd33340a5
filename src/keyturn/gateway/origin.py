"""Where connections to the other side go, and how they are dialled."""

import asyncio
import ssl
from collections.abc import Callable

from keyturn.gateway.proxy import tunnel


class Origin:
    """Where connections go."""

    def __init__(
        self,
        name: str,
        *,
        host: str = "",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        path: str = "",
        proxy: str = "",
    ) -> None:
        """Describe an origin.

        Args:
            name: For logs; holds no credential.
            host: Name or address.
            port: TCP port.
            tls: For ``https``.
            path: A unix socket instead of host and port.
            proxy: ``http://[user:password@]host:port`` of a proxy to tunnel through.
        """
        self.name = name
        self.host = host
        self.port = port
        self.tls = tls
        self.path = path
        self.proxy = proxy

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Dial; raises ``OSError`` (which TLS errors and time-outs are) when nobody answers."""
        loop = asyncio.get_running_loop()
        if self.path:
            await loop.create_unix_connection(protocol, self.path)
        elif self.proxy:
            await tunnel(self.proxy, self.host, self.port, self.tls, protocol)
        else:
            server_hostname = self.host if self.tls else None
            await loop.create_connection(
                protocol, self.host, self.port, ssl=self.tls, server_hostname=server_hostname
            )
