"""Keys in headers."""

import base64

import pytest

from keyturn.schemes import headers
from keyturn.schemes.presented import Presented

KEY = b"sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"


def basic(text: bytes) -> bytes:
    """Encode credentials."""
    return b"Basic " + base64.b64encode(text)


@pytest.mark.parametrize(
    ("name", "value", "location"),
    [
        (b"authorization", b"Bearer " + KEY, "authorization"),
        (b"authorization", b"bearer " + KEY, "authorization"),
        (b"authorization", b"BEARER   " + KEY + b" ", "authorization"),
        (b"authorization", KEY, "authorization"),
        (b"authorization", basic(KEY + b":"), "basic"),
        (b"authorization", basic(KEY), "basic"),
        (b"authorization", basic(b"someone:" + KEY), "basic"),
        (b"authorization", b"basic " + base64.b64encode(KEY), "basic"),
        (b"x-api-key", KEY, "x-api-key"),
        (b"x-api-key", b"  " + KEY + b"\t", "x-api-key"),
        (b"api-key", KEY, "api-key"),
        (b"x-goog-api-key", KEY, "x-goog-api-key"),
    ],
)
def test_a_key_is_found_where_clients_put_it(name: bytes, value: bytes, location: str) -> None:
    """Each SDK has its habit."""
    assert headers.read({name: value}) == [Presented(KEY, location)]


@pytest.mark.parametrize("found", [{}, {b"authorization": b"  "}, {b"x-api-key": b""}, {b"cookie": KEY}])
def test_no_key_is_no_credential(found: dict[bytes, bytes]) -> None:
    """A missing key is told apart from a bad one."""
    assert headers.read(found) == []


@pytest.mark.parametrize(
    "value", [b"Bearer", b"Basic", b"Digest abc", b"Bearer\t" + KEY, b"Token " + KEY, b"Bearer," + KEY]
)
def test_what_is_no_scheme_of_ours_is_presented_as_it_stands(value: bytes) -> None:
    """It is then refused as malformed, with a hint."""
    assert headers.read({b"authorization": value}) == [Presented(value, "authorization")]


def test_a_key_is_found_in_headers_that_the_operator_names() -> None:
    """Clients of another gateway keep its header; without being named it is not looked at."""
    sent = {b"x-gateway-key": b" " + KEY + b" ", b"x-other": b""}

    assert headers.read(sent) == []
    assert headers.read(sent, (b"x-other", b"x-gateway-key")) == [Presented(KEY, "x-gateway-key")]
    assert headers.read({b"x-api-key": b"a"} | sent, (b"x-gateway-key",)) == [
        Presented(b"a", "x-api-key"),
        Presented(KEY, "x-gateway-key"),
    ]


def test_every_credential_is_found() -> None:
    """Two different ones have to be refused, so the first must not hide the second."""
    found = headers.read({b"x-api-key": b"b", b"authorization": b"Bearer a", b"api-key": b"c"})

    assert found == [
        Presented(b"a", "authorization"),
        Presented(b"b", "x-api-key"),
        Presented(b"c", "api-key"),
    ]
