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
    ],
)
def test_a_key_is_taken_out_and_the_rest_stays_as_it_was(text: bytes, keys: list[bytes], rest: bytes) -> None:
    """What is left goes to the provider and into traces; no spelling of the name may slip through."""
    assert query.read(text) == ([Presented(key, "query") for key in keys], rest)
