"""The PROXY protocol as load balancers write it."""

import ipaddress

from keyturn.gateway.proxy_protocol import SIGNATURE

CLIENT, CLIENT_V6 = "203.0.113.9", "2001:db8::9"
_PORTS = b"\x12\x67\x00\x50"
V4 = ipaddress.IPv4Address(CLIENT).packed + ipaddress.IPv4Address("10.0.0.1").packed + _PORTS
V6 = ipaddress.IPv6Address(CLIENT_V6).packed + ipaddress.IPv6Address("2001:db8::1").packed + _PORTS


def version_1(client: str = CLIENT) -> bytes:
    """Return a line of version 1."""
    return f"PROXY TCP4 {client} 10.0.0.1 4711 80\r\n".encode()


def version_2(command: int, family: int, rest: bytes) -> bytes:
    """Return a header of version 2; ``rest`` is the addresses and what is attached to them."""
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest
