"""The PROXY protocol: what a load balancer says of the client before the first byte of HTTP.

Source: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, sections 2.1 (version 1) and 2.2 (version 2).
"""

import re
from ipaddress import IPv4Address, IPv6Address

import msgspec

from keyturn.domain.restrictions import address_of

LONGEST_LINE = 107
"""Bytes of version 1, line end included."""
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_HEAD_LENGTH = len(SIGNATURE) + 4
_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([!-~]+) ([!-~]+) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [ -~]*)?\r\n")
_LOCAL, _PROXY = 0x20, 0x21
_COMMANDS = (b"", b"\x20", b"\x21")
"""The byte behind the signature: not there yet, or one of the two."""
_ADDRESS_LENGTHS = {0x11: 12, 0x21: 36, 0x12: 12, 0x22: 36, 0x31: 216, 0x32: 216}
"""Family and transport → bytes of addresses and ports: TCP and UDP over IPv4 and IPv6, and unix sockets."""
_UNSPECIFIED = 0x00
_LARGEST_PORT = 65_535


class BadPreambleError(Exception):
    """The connection does not begin with the PROXY protocol: there is nothing to do but to close it."""


class Preamble(msgspec.Struct, frozen=True):
    """What the load balancer said."""

    length: int
    """Bytes that it takes up; HTTP begins behind them."""
    address: str
    """The client's; empty when the load balancer speaks for itself (a health check) or does not know."""


def read(data: bytes) -> Preamble | None:
    """Read the beginning of a connection; ``None``: it is not whole yet.

    Raises:
        BadPreambleError: It is something else.
    """
    if data[:1] == b"P":
        return _version_1(data)
    start = data[: len(SIGNATURE)]
    if start != SIGNATURE[: len(start)]:
        raise BadPreambleError
    if data[len(SIGNATURE) : len(SIGNATURE) + 1] not in _COMMANDS:
        raise BadPreambleError
    return _version_2(data) if len(data) >= _HEAD_LENGTH else None


def _version_1(data: bytes) -> Preamble | None:
    end = data.find(b"\r\n", 0, LONGEST_LINE) + 2
    if end < 2:
        if len(data) >= LONGEST_LINE or data[:6] != b"PROXY "[: len(data)]:
            raise BadPreambleError
        return None
    line = data[:end]
    if _UNKNOWN.fullmatch(line) is not None:
        return Preamble(end, "")
    found = _LINE.fullmatch(line)
    if found is None:
        raise BadPreambleError
    version = 4 if found[1] == b"TCP4" else 6
    client, _ = (_address(found[index].decode(), version) for index in (2, 3))
    if any(int(found[index]) > _LARGEST_PORT for index in (4, 5)):
        raise BadPreambleError
    return Preamble(end, client)


def _address(text: str, version: int) -> str:
    address: IPv4Address | IPv6Address
    try:
        address = IPv4Address(text) if version == 4 else IPv6Address(text)
    except ValueError:
        raise BadPreambleError from None
    return str(address_of(str(address)))


def _version_2(data: bytes) -> Preamble | None:
    command, family = data[12], data[13]
    length = int.from_bytes(data[14:16], "big")
    end = _HEAD_LENGTH + length
    if command == _PROXY and family != _UNSPECIFIED and length < _ADDRESS_LENGTHS.get(family, 1 << 16):
        raise BadPreambleError
    if len(data) < end:
        return None
    if command == _LOCAL:
        return Preamble(end, "")
    if family == 0x11:
        return Preamble(end, str(IPv4Address(data[16:20])))
    if family == 0x21:
        return Preamble(end, str(address_of(str(IPv6Address(data[16:32])))))
    return Preamble(end, "")
