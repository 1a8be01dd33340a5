"""Boxes that only the holder of a private key can open."""

import base64
import re
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from keyturn.domain.secret import Secret
from keyturn.services.delivery_sealed import seal_to

SECRET = Secret("sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38")
KEY_ID = "key_VbXhUyUBKUlzDND0IYtt"
PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/rotate-keys.md"


def open_box(private: X25519PrivateKey, key_id: str, sealed: str) -> str:
    """Open a box with the program that the page shows."""
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(program, str(PAGE), "exec"), names)  # noqa: S102 -- the page is ours
    opened = names["open_box"](private.private_bytes_raw(), key_id, sealed)  # type: ignore[operator]
    return str(opened)


def test_the_documented_program_opens_a_box() -> None:
    """Whoever copies it from the page must be able to read the new secret."""
    private = X25519PrivateKey.generate()

    sealed = seal_to(private.public_key().public_bytes_raw(), KEY_ID, SECRET)

    assert open_box(private, KEY_ID, sealed) == SECRET.reveal()


def test_nobody_else_opens_it_and_it_is_for_one_key() -> None:
    """A box that was passed off as another key's must not be taken for it."""
    private, other = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    sealed = seal_to(private.public_key().public_bytes_raw(), KEY_ID, SECRET)

    with pytest.raises(InvalidTag):
        open_box(other, KEY_ID, sealed)
    with pytest.raises(InvalidTag):
        open_box(private, "key_VbXhUyUBKUlzDND0IYtu", sealed)


def test_two_boxes_of_one_secret_have_nothing_in_common() -> None:
    """Each has a key and a nonce of its own."""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()

    first, second = (base64.b64decode(seal_to(public, KEY_ID, SECRET)) for _ in range(2))

    assert first[0] == second[0] == 1
    assert len(first) == 1 + 32 + 12 + len(SECRET.reveal()) + 16
    assert first[1:33] != second[1:33]
    assert first[33:45] != second[33:45]
