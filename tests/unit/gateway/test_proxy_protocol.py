"""What a load balancer says before HTTP."""

import pytest
from hypothesis import given, settings, strategies as st

from keyturn.gateway.proxy_protocol import LONGEST_LINE, SIGNATURE, BadPreambleError, Preamble, read
from support.preambles import V4, V6, version_2

GOOD = [
    (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n", "203.0.113.9"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    (b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 80\r\n", "2001:db8::9"),
    (b"PROXY TCP6 " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2) + b" 65535 65535\r\n", "ffff:" * 7 + "ffff"),
    (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n", "203.0.113.9"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
    (version_2(0x21, 0x11, V4), "203.0.113.9"),
    (version_2(0x21, 0x21, V6), "2001:db8::9"),
    (version_2(0x21, 0x11, V4 + b"\x04\x00\x03abc"), "203.0.113.9"),
    (version_2(0x21, 0x21, V6 + b"\x20\x10\x00" + b"x" * 4096), "2001:db8::9"),
    (version_2(0x21, 0x00, b""), ""),
    (version_2(0x21, 0x00, b"whatever"), ""),
    (version_2(0x20, 0x00, b""), ""),
    (version_2(0x20, 0x11, V4), ""),
    (version_2(0x20, 0x11, b""), ""),
    (version_2(0x21, 0x12, V4), ""),
    (version_2(0x21, 0x31, b"/run/a".ljust(108, b"\0") * 2), ""),
]
BAD = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\r\n\r\n\r\n",
    b"proxy TCP4 203.0.113.9 10.0.0.1 1 2\r\n",
    b"PROXY  TCP4 203.0.113.9 10.0.0.1 1 2\r\n",
    b"PROXY TCP5 203.0.113.9 10.0.0.1 1 2\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.1 1\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.1 1 2 3\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.1 1 65536\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.1 -1 2\r\n",
    b"PROXY TCP4 203.0.113.999 10.0.0.1 1 2\r\n",
    b"PROXY TCP4 203.0.113.9 nobody 1 2\r\n",
    b"PROXY TCP4 2001:db8::9 2001:db8::1 1 2\r\n",
    b"PROXY TCP6 203.0.113.9 10.0.0.1 1 2\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.1 1 2\n" + b" " * 100,
    b"PROXY UNKNOWNS\r\n",
    b"PROXY \r\n",
    b"PROXY " + b"a" * LONGEST_LINE,
    b"PROXY UNKNOWN " + b"a" * LONGEST_LINE + b"\r\n",
    SIGNATURE + b"\x11\x11\x00\x0c" + V4,
    SIGNATURE + b"\x31",
    version_2(0x22, 0x11, V4),
    version_2(0x21, 0x11, V4[:-1]),
    version_2(0x21, 0x21, V4),
    version_2(0x21, 0x31, V6),
    version_2(0x21, 0x41, V4),
    version_2(0x21, 0x13, V4),
    SIGNATURE[:-1] + b"X",
]
HTTP = b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(("data", "address"), GOOD)
def test_the_client_is_named_and_http_begins_behind(data: bytes, address: str) -> None:
    """Both versions, with what load balancers attach; who speaks for itself or does not know names nobody."""
    assert read(data + HTTP) == Preamble(len(data), address)
    assert read(data) == Preamble(len(data), address)


@pytest.mark.parametrize(("data", "address"), GOOD)
def test_it_may_come_in_any_pieces(data: bytes, address: str) -> None:
    """TCP cuts where it likes."""
    early = {length: read(data[:length]) for length in range(len(data))}

    assert {length: found for length, found in early.items() if found is not None} == {}, address


@pytest.mark.parametrize("data", BAD)
def test_anything_else_is_refused(data: bytes) -> None:
    """What is guessed to be meant could be an address of the client's choice."""
    with pytest.raises(BadPreambleError):
        read(data)


@pytest.mark.parametrize("data", BAD)
def test_what_is_refused_whole_is_never_taken_in_part(data: bytes) -> None:
    """However little of it has come: it is waited for, or refused."""
    for length in range(len(data)):
        try:
            assert read(data[:length]) is None
        except BadPreambleError:
            break


@settings(max_examples=200, derandomize=True)
@given(
    data=st.binary(max_size=200),
    start=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21"]),
)
def test_no_bytes_do_harm(data: bytes, start: bytes) -> None:
    """Whatever comes, the answer is one of three; an exception of another kind would be logged for each connection."""
    try:
        found = read(start + data)
    except BadPreambleError:
        return
    assert found is None or 0 < found.length <= len(start + data)
