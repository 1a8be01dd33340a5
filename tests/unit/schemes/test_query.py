"""Keys in the URL."""

import pytest

from keyturn.schemes import query
from keyturn.schemes.presented import Presented


@pytest.mark.parametrize(
    ("text", "keys", "rest"),
    [
        (b"api_key=k", [b"k"], b""),
        (b"api_key=k&a=1", [b"k"], b"a=1"),
        (b"a=1&api_key=k&b=%20", [b"k"], b"a=1&b=%20"),
        (b"api%5Fkey=k", [b"k"], b""),
        (b"%61pi_key=sk%2D1%20", [b"sk-1"], b""),
        (b"api_key=a&api_key=b", [b"a", b"b"], b""),
        (b"api_key", [b""], b""),
        (b"api_key=a=b", [b"a=b"], b""),
        (b"a=1&&b", [], b"a=1&&b"),
        (b"API_KEY=k&key=k&xapi_key=k", [], b"API_KEY=k&key=k&xapi_key=k"),
        (b"api_key=%zz", [b"%zz"], b""),
        # encoded more than once: whoever decodes it once more would find it
        (b"%2561pi_key=k&a=1", [b"k"], b"a=1"),
        (b"%25252561pi_key=k", [b"k"], b""),
        (b"api%255Fkey=sk%252D1", [b"sk-1"], b""),
        (b"a=%2561pi_key=k", [], b"a=%2561pi_key=k"),
        # in a form, a plus is a space
        (b"api_key=+k+", [b"k"], b""),
        (b"api_key=a%2Bb", [b"a+b"], b""),
        (b"api+key=k", [], b"api+key=k"),
        # some readers cut at a semicolon
        (b"a=1;api_key=k", [b"k"], b"a=1"),
        (b"a=1;api_key=k;b=2&c=3", [b"k"], b"a=1;b=2&c=3"),
        (b"api_key=k;", [b"k"], b""),
        (b"api_key=k&a=1;b=2", [b"k"], b"a=1;b=2"),
        (b"a=1;b=2", [], b"a=1;b=2"),
        # empty and repeated
        (b"api_key=&api_key=k", [b"", b"k"], b""),
        (b"api_key&a", [b""], b"a"),
        (b"&api_key=k&", [b"k"], b"&"),
        # a fragment is nobody's
        (b"api_key=k#f", [b"k"], b""),
        (b"a=1#api_key=k", [], b"a=1"),
    ],
)
def test_a_key_is_taken_out_and_the_rest_stays_as_it_was(text: bytes, keys: list[bytes], rest: bytes) -> None:
    """What is left goes to the provider and into traces; no spelling of the name may slip through."""
    assert query.read(text) == ([Presented(key, "query") for key in keys], rest)


@pytest.mark.parametrize(
    ("text", "keys", "rest"),
    [
        (b"key=k&alt=sse", [b"k"], b"alt=sse"),
        (b"%6Bey=k", [b"k"], b""),
        (b"key=a&api_key=b", [b"a", b"b"], b""),
        (b"keys=k&xkey=k&KEY=k", [], b"keys=k&xkey=k&KEY=k"),
    ],
)
@pytest.mark.parametrize("path", [b"/v1beta/models/m:generateContent", b"/v1/models/m:generateContent"])
def test_googles_name_is_read_where_google_is_spoken(
    path: bytes, text: bytes, keys: list[bytes], rest: bytes
) -> None:
    """Its SDKs and examples put the key there."""
    names = query.names_at(path)

    assert query.read(text, names) == ([Presented(key, "query") for key in keys], rest)


@pytest.mark.parametrize("path", [b"/v1/models", b"/api/v1/keys", b"/v1beta", b"/x/v1beta/models", b""])
def test_elsewhere_key_is_a_parameter_like_any_other(path: bytes) -> None:
    """A provider may have a use for it."""
    assert query.read(b"key=k", query.names_at(path)) == ([], b"key=k")


def test_a_name_that_is_encoded_without_end_costs_little() -> None:
    """64 KiB of it would otherwise be decoded thirty thousand times."""
    text = b"%" + b"25" * 30_000 + b"61pi_key=k"

    assert query.read(text) == ([], text)
