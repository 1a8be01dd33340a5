"""The way through a proxy; what a whole node makes of it is tested in tests/gateway."""

import asyncio

import pytest

from fakes.origin import BODY, origin_server
from fakes.proxy import proxy_server
from keyturn.gateway.proxy import tunnel
from support.wire import request


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        self.got = b""
        self.whole = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data
        if self.got.endswith(BODY):
            self.whole.set()


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://user@127.0.0.1:{}/"])
async def test_a_proxy_is_found_however_its_address_is_written(form: str) -> None:
    """``HTTPS_PROXY=host:port`` works everywhere else."""
    with proxy_server() as proxy, origin_server() as origin:
        client = _Client()
        async with asyncio.timeout(10):
            await tunnel(form.format(proxy.port), "provider", origin.port, None, lambda: client)
            client.transport.write(request("GET", "/v1/models"))
            await client.whole.wait()
        client.transport.close()

    assert proxy.heads[0].startswith(
        f"CONNECT provider:{origin.port} HTTP/1.1\r\nhost: provider:{origin.port}\r\n"
    )
    assert ("proxy-authorization" in proxy.heads[0]) == ("@" in form)


@pytest.mark.parametrize("address", ["https://127.0.0.1:1", "socks5://127.0.0.1:1", "http://", "http://:80"])
async def test_a_proxy_of_another_kind_is_an_error(address: str) -> None:
    """Speaking plain HTTP to it would send the credentials for it in the clear, or to nobody."""
    with pytest.raises(OSError, match=r"relay\.proxy"):
        await tunnel(address, "provider", 443, None, asyncio.Protocol)
