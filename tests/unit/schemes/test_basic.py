"""HTTP Basic."""

import base64
import json
from pathlib import Path

import pytest

from keyturn.schemes.basic import key_in

NAUGHTY: list[str] = json.loads((Path(__file__).parents[2] / "data/blns.json").read_text())


@pytest.mark.parametrize(
    ("text", "key"),
    [(b"key:", b"key"), (b"key", b"key"), (b"user:key", b"key"), (b":key", b"key"), (b"user:a:b", b"a:b")],
)
def test_the_key_is_the_password_or_else_the_user(text: bytes, key: bytes) -> None:
    """`curl -u KEY:` sends it as the user."""
    assert key_in(base64.b64encode(text)) == key


@pytest.mark.parametrize("token", [b"?", b"a", b"sk-not-base64", b"\xff\xff", b"YQ==YQ=="])
def test_what_cannot_be_decoded_comes_back_as_it_is(token: bytes) -> None:
    """It is refused as malformed then; a decoder's error is not an answer."""
    assert key_in(token) == token


@pytest.mark.parametrize("text", [text for text in NAUGHTY if text])
def test_any_text_can_be_sent(text: str) -> None:
    """Never an exception, encoded or not."""
    password = text.encode()

    assert key_in(base64.b64encode(b"user:" + password)) == password
    assert isinstance(key_in(password), bytes)
