"""Where a key may be used: allow-lists of models, endpoints, addresses and origins. An empty list allows everything."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit

_PATTERN = re.compile(r"[!-~]{1,200}")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(rf"(https?)://((\*\.)?({_LABEL}\.)*{_LABEL}|\[[0-9a-f:.]+\])(:\d{{1,5}})?")
_CACHED = 8_192

NO_PATH = "?"
"""Stands where servers would not agree which path is meant; only a pattern that begins with a star matches it."""
_DIVIDED = re.compile(r"\\|//|%2f|%5c|[\x00-\x1f\x7f#]|/\.\.?(;[^/]*)?(/|$)", re.IGNORECASE)

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def address_of(text: str) -> Address | None:
    """Read an address; IPv4 inside IPv6 (``::ffff:192.0.2.1``) is IPv4. ``None``: it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_of(text: str) -> Network | None:
    """Read an address or a network in CIDR notation; ``None``: it is none, or has host bits set."""
    try:
        network = ip_network(text)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        if network.prefixlen < 96:
            return None
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


@lru_cache(maxsize=_CACHED)
def allows_address(networks: tuple[str, ...], text: str) -> bool:
    """Say whether an address lies in one of the networks; one that can't be read lies in none."""
    if not networks:
        return True
    address = address_of(text)
    return address is not None and any(address in network for network in _networks(networks))


@lru_cache(maxsize=_CACHED)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    found = [network_of(text) for text in texts]
    return tuple(network for network in found if network is not None)


def allows_name(patterns: tuple[str, ...], name: str) -> bool:
    """Say whether a model or a path matches one of the patterns, in which ``*`` stands for any characters."""
    return not patterns or _patterns(patterns).fullmatch(name) is not None


@lru_cache(maxsize=_CACHED)
def _patterns(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_expression, texts)), re.DOTALL)


def _expression(text: str) -> str:
    """Return a regular expression that never goes back over what it has found: many stars must not cost time."""
    first, *rest = text.split("*")
    if not rest:
        return re.escape(first)
    middle = "".join(f"(?>.*?{re.escape(part)})" for part in rest[:-1])
    return f"{re.escape(first)}{middle}.*{re.escape(rest[-1])}"


def path_meant(text: str) -> str:
    """Return the path of a request to somebody else, decoded, or ``NO_PATH``.

    Servers read dot segments, empty segments, backslashes and encoded slashes in different ways, some after decoding
    twice: with any of these a request could pass for another path than the one it is served at.
    """
    once = unquote(text)
    if any(_DIVIDED.search(one) for one in (text, once, unquote(once))):
        return NO_PATH
    return once


def is_pattern(text: str) -> bool:
    """Say whether ``text`` can stand in a list of models or endpoints: 1 to 200 visible ASCII characters."""
    return _PATTERN.fullmatch(text) is not None


def origin_of(text: str) -> str | None:
    """Write an origin (or the origin of a URL) in its one form: lower case, no default port; ``None``: it is none."""
    try:
        url = urlsplit(text.strip().lower())
        port = url.port
    except ValueError:
        return None
    if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc:
        return None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    default = 443 if url.scheme == "https" else 80
    origin = f"{url.scheme}://{host}" + (f":{port}" if port is not None and port != default else "")
    return origin if _ORIGIN.fullmatch(origin) else None


def allows_origin(origins: tuple[str, ...], text: str) -> bool:
    """Say whether an origin is one of these: scheme, host and port; ``*.`` stands for one label."""
    if not origins:
        return True
    origin = origin_of(text)
    if origin is None or "*" in origin:
        return False
    scheme, _, rest = origin.partition("://")
    label, _, parent = rest.partition(".")
    return origin in origins or bool(label and parent and f"{scheme}://*.{parent}" in origins)
