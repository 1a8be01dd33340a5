"""Who is asking, behind proxies."""

import pytest

from keyturn.gateway.client_address import Proxies, address_in, of_peer, scheme_and_host

PROXIES = Proxies({"10.0.0.0/8", "192.168.1.1", "2001:db8:1::/48", "127.0.0.1"})
PEER = "10.0.0.1"


def client(**headers: str) -> str:
    """Return the client of a request that a trusted proxy hands on; ``x_forwarded_for="…"`` is a header."""
    return PROXIES.client(
        PEER, {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    ("listed", "address"),
    [
        # one proxy
        ("203.0.113.9", "203.0.113.9"),
        ("  203.0.113.9\t", "203.0.113.9"),
        # what the client had written itself stands further left
        ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.7, 203.0.113.9", "203.0.113.9"),
        ("8.8.8.8,1.1.1.1,  203.0.113.9", "203.0.113.9"),
        ("<script>, 203.0.113.9", "203.0.113.9"),
        # several proxies
        ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9, 192.168.1.1, 10.0.0.2", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9, 10.0.0.3, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9, 192.168.1.2, 10.0.0.2", "192.168.1.2"),
        # nobody but proxies: the one that is furthest away
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # IPv6
        ("2001:db8::9", "2001:db8::9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("203.0.113.9, 2001:db8:1::2", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:1", "fe80::1"),
        ("[fe80::1%eth0]:1", "fe80::1"),
        # IPv4 in IPv6
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
        ("203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
        # ports
        ("203.0.113.9:4711", "203.0.113.9"),
        ("203.0.113.9:4711, 10.0.0.2:80", "203.0.113.9"),
        # what is no address ends the walk: never what stands to the left of it
        ("unknown", PEER),
        ("", PEER),
        (",", PEER),
        ("203.0.113.9, ", PEER),
        ("203.0.113.9, unknown", PEER),
        ("203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.9, _hidden, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.9 10.0.0.2", PEER),
        ("203.0.113.999", PEER),
        ("010.0.0.1", PEER),
        ("3405803785", PEER),
        ("0x7f.1", PEER),
        ("localhost", PEER),
        ("203.0.113.9:port", PEER),
        ("203.0.113.9:", PEER),
        ("[203.0.113.9]", PEER),
        ("[2001:db8::9", PEER),
        ("2001:db8::9]", PEER),
        ("fe80::1%", PEER),
        ("fe80::1%a b", PEER),
        ("203.0.113.9%eth0", PEER),
        ("10.0.0.0/8", PEER),
        ('"203.0.113.9"', PEER),
        ("\xff\xfe", PEER),
        ("\u00b2\u00b3", PEER),
        ("1" * 300, PEER),
    ],
)
def test_the_client_is_the_first_hop_from_the_right_that_is_not_trusted(listed: str, address: str) -> None:
    """What stands left of it anybody can have written: an allow-list of addresses would be a formality."""
    assert client(x_forwarded_for=listed) == address


@pytest.mark.parametrize(
    ("listed", "address"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"),
        ("proto=https; for=203.0.113.9", "203.0.113.9"),
        ('for="203.0.113.9:4711"', "203.0.113.9"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="[2001:db8::1]"', "2001:db8::1"),
        ('for="\\203.0.113.9"', "203.0.113.9"),
        ("for=127.0.0.1, for=203.0.113.9", "203.0.113.9"),
        ("for=127.0.0.1;by=a, for=203.0.113.9;by=b, for=10.0.0.2", "203.0.113.9"),
        ('for="_a,b", for=203.0.113.9', "203.0.113.9"),
        ('host="a;for=127.0.0.1";for=203.0.113.9', "203.0.113.9"),
        ("for=unknown", PEER),
        ("for=_hidden", PEER),
        ('for="_hidden:_port"', PEER),
        ("for=203.0.113.9, for=unknown, for=10.0.0.2", "10.0.0.2"),
        ("for=203.0.113.9, by=10.0.0.2", PEER),
        ("proto=https", PEER),
        ("", PEER),
        ("for=127.0.0.1;for=203.0.113.9", PEER),
        ("for=203.0.113.9 for=127.0.0.1", PEER),
        ('for="203.0.113.9', PEER),
        ('for=203.0.113.9, for="127.0.0.1', PEER),
        ("for", PEER),
        ("for=", PEER),
        ("=203.0.113.9", PEER),
        ("for = 203.0.113.9", PEER),
        ("203.0.113.9", PEER),
    ],
)
def test_forwarded_is_read_by_its_own_rules(listed: str, address: str) -> None:
    """Quotes, obfuscated names and several parameters (RFC 7239); what breaks its grammar says nothing."""
    assert client(forwarded=listed) == address


def test_x_forwarded_for_goes_before_forwarded() -> None:
    """A proxy that sets the one passes on the other as the client sent it."""
    assert client(x_forwarded_for="203.0.113.9", forwarded="for=127.0.0.1") == "203.0.113.9"
    assert client(x_forwarded_for="unknown", forwarded="for=127.0.0.1") == PEER


def test_other_headers_are_not_believed() -> None:
    """X-Real-IP and its like are set by some proxies, and by any client where the proxy is another."""
    assert client(x_real_ip="127.0.0.1", client_ip="127.0.0.1", true_client_ip="127.0.0.1") == PEER


def test_a_list_without_an_end_is_not_walked_to_its_end() -> None:
    """A head of 64 KiB of trusted addresses must not cost milliseconds."""
    assert client(x_forwarded_for="203.0.113.9" + ", 10.0.0.2" * 5_000) == "10.0.0.2"


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.255.0.1", True),
        ("192.168.1.1", True),
        ("192.168.1.2", False),
        ("2001:db8:1::5", True),
        ("2001:db8:2::5", False),
        ("::ffff:10.0.0.1", True),
        ("::1", False),
        ("unix", False),
        ("", False),
    ],
)
def test_a_peer_is_trusted_by_its_network(peer: str, trusted: bool) -> None:  # noqa: FBT001
    """IPv4 that arrives on an IPv6 socket is IPv4."""
    assert PROXIES.trusts(peer) is trusted


def test_without_networks_nobody_is_trusted() -> None:
    """The default; it costs a request nothing."""
    assert not Proxies(())
    assert PROXIES
    assert not Proxies(()).trusts("127.0.0.1")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("203.0.113.9", 1), "203.0.113.9"),
        (("::ffff:203.0.113.9", 1, 0, 0), "203.0.113.9"),
        (("2001:db8::1", 1, 0, 0), "2001:db8::1"),
        (("fe80::1%lo", 1, 0, 1), "fe80::1"),
        ("", "unix"),
        (None, "unix"),
    ],
)
def test_the_peer_of_a_socket_has_one_form(name: object, address: str) -> None:
    """A node that listens on ``::`` must not call the same client by two addresses."""
    assert of_peer(name) == address


def test_an_address_is_read_without_its_surroundings() -> None:
    """The parser on its own."""
    assert address_in(" [::1]:80 ") == "::1"
    assert address_in("nowhere") is None


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ({}, b"", b""),
        ({b"x-forwarded-proto": b"https", b"x-forwarded-host": b"api.example"}, b"https", b"api.example"),
        ({b"x-forwarded-proto": b"HTTPS"}, b"https", b""),
        ({b"x-forwarded-proto": b"http, https"}, b"https", b""),
        ({b"x-forwarded-host": b"evil.example, api.example:8443"}, b"", b"api.example:8443"),
        ({b"x-forwarded-host": b"[2001:db8::1]:80"}, b"", b"[2001:db8::1]:80"),
        ({b"x-forwarded-proto": b"javascript", b"x-forwarded-host": b"a/b"}, b"", b""),
        ({b"x-forwarded-host": b'"><script>'}, b"", b""),
        ({b"forwarded": b"for=1.1.1.1;proto=https;host=api.example"}, b"https", b"api.example"),
        ({b"forwarded": b"proto=http, proto=https"}, b"https", b""),
        ({b"forwarded": b"proto=https", b"x-forwarded-for": b"1.1.1.1"}, b"", b""),
        ({b"forwarded": b"proto=https", b"x-forwarded-proto": b"http"}, b"http", b""),
    ],
)
def test_scheme_and_host_are_the_nearest_proxys(
    headers: dict[bytes, bytes], scheme: bytes, host: bytes
) -> None:
    """Links in the documentation lead where the client came from, and nowhere else."""
    assert scheme_and_host(headers) == (scheme, host)
