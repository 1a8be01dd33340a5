"""Who is really asking, behind reverse proxies: what a trusted one says is believed, and nobody else.

Each proxy adds the address that it was connected from on the right. So the list is walked from the right, starting at
the peer of the socket, for as long as the hop that wrote an entry is trusted; the first hop that is not is the client.
What stands further left, the client may have written itself. An entry that is no address (``unknown``, ``_hidden``,
garbage) ends the walk, and the hop that wrote it counts: the last one that is known for certain.

``X-Forwarded-For`` goes before ``Forwarded``: a proxy that sets the one passes the other on as the client sent it, and
those that set ``Forwarded`` alone are few. ``X-Real-IP`` is not read.

Source: RFC 7239 (``Forwarded``); nginx ``real_ip_recursive``, Envoy ``xff_num_trusted_hops``.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from keyturn.domain.restrictions import Network, address_of, network_of

_CACHED = 8_192
_LONGEST_ENTRY = 128
"""Longer than any address with brackets, zone and port."""
_MOST_HOPS = 32

_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[0-9A-Za-z_.~-]+)?)\](?::[0-9]{1,5})?")
_V4_AND_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_ZONE = re.compile(r"%[0-9A-Za-z_.~-]+$")
_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^",;\s]*)\s*')
_ESCAPED = re.compile(r"\\(.)")
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")*')
_HOST = re.compile(rb"(?:[0-9A-Za-z._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_SCHEMES = frozenset({b"http", b"https"})


def of_peer(name: object) -> str:
    """Return the address in what the transport calls ``peername``; ``unix`` for a unix socket."""
    if not isinstance(name, tuple):
        return "unix"
    text = str(name[0])
    return address_in(text) or text


class Proxies:
    """The reverse proxies that are believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Take in addresses and networks; what is neither is left out."""
        found = [network_of(text) for text in networks]
        self._networks: tuple[Network, ...] = tuple(network for network in found if network is not None)
        self.trusts = lru_cache(_CACHED)(self._trusts)

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._networks)

    def _trusts(self, text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """Return the address of the client of a request.

        Args:
            peer: Where the connection comes from; it is trusted.
            headers: Lower-case name → value; the lines of a repeated header are joined with commas.
        """
        listed = headers.get(b"x-forwarded-for")
        if listed is not None:
            hops = listed.decode("latin-1").rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]
        else:
            listed = headers.get(b"forwarded")
            if listed is None:
                return peer
            hops = _forwarded_for(listed)[-_MOST_HOPS:]
        address = peer
        for hop in reversed(hops):
            entry = address_in(hop)
            if entry is None:
                return address
            address = entry
            if not self.trusts(address):
                return address
        return address


def address_in(text: str) -> str | None:
    """Return the address in an entry, in its one form, without port, zone and brackets; ``None``: there is none.

    IPv4 inside IPv6 comes out as IPv4, so that it is found in lists of IPv4 networks.
    """
    return None if len(text) > _LONGEST_ENTRY else _read(text.strip(" \t"))


@lru_cache(_CACHED)
def _read(text: str) -> str | None:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        text = bracketed[1]
    elif (with_port := _V4_AND_PORT.fullmatch(text)) is not None:
        text = with_port[1]
    if ":" in text:
        text = _ZONE.sub("", text)
    elif bracketed is not None:
        return None
    address = None if "%" in text else address_of(text)
    return None if address is None else str(address)


def _forwarded_for(value: bytes) -> list[str]:
    """Return the ``for`` of each element of a ``Forwarded`` header; an empty text where there is none."""
    return [pairs.get("for", "") for pairs in _elements(value.decode("latin-1"))]


def _elements(value: str) -> list[dict[str, str]]:
    """Take ``Forwarded`` apart (RFC 7239 4); an element that is malformed comes out empty, which ends every walk."""
    found: list[dict[str, str]] = []
    position = 0
    while position <= len(value):
        element = _ELEMENT.match(value, position)
        end = element.end() if element is not None else position
        if end < len(value) and value[end] != ",":  # a quote that is never closed
            return [*found, {}]
        found.append(_pairs(value[position:end]))
        position = end + 1
    return found


def _pairs(element: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    position = 0
    while position < len(element):
        pair = _PAIR.match(element, position)
        if pair is None or pair[1].lower() in pairs:
            return {}
        text = pair[2]
        pairs[pair[1].lower()] = _ESCAPED.sub(r"\1", text[1:-1]) if text[:1] == '"' else text
        position = pair.end()
        if position < len(element):
            if element[position] != ";":
                return {}
            position += 1
    return pairs


def scheme_and_host(headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return the scheme and host that a trusted proxy was called with; empty where it says nothing that can be used.

    The last value counts, which the nearest proxy has written.
    """
    scheme = _last(headers.get(b"x-forwarded-proto", b"")).lower()
    host = _last(headers.get(b"x-forwarded-host", b""))
    if not scheme and not host and b"forwarded" in headers and b"x-forwarded-for" not in headers:
        pairs = _elements(headers[b"forwarded"].decode("latin-1"))[-1]
        scheme = pairs.get("proto", "").lower().encode("latin-1")
        host = pairs.get("host", "").encode("latin-1")
    return (
        scheme if scheme in _SCHEMES else b"",
        host if _HOST.fullmatch(host) is not None else b"",
    )


def _last(value: bytes) -> bytes:
    return value.rpartition(b",")[2].strip()
