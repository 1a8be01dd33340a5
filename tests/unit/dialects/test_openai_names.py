"""Names in requests to OpenAI."""

import hashlib

from keyturn.dialects.canonical import Media
from keyturn.dialects.openai_names import name_of_file, name_of_user


def test_a_long_name_of_a_user_is_its_hash() -> None:
    """OpenAI takes 64 characters, and some clients have more; all that counts is that it stays the same."""
    long = "u" * 65

    assert name_of_user("u" * 64) == "u" * 64
    assert name_of_user(long) == hashlib.sha256(long.encode()).hexdigest()


def test_a_file_without_a_name_gets_one_by_its_type() -> None:
    """OpenAI goes by the ending."""
    assert name_of_file(Media("application/pdf", "AAAA")) == "document.pdf"
    assert name_of_file(Media("application/zip", "AAAA")) == "document.bin"
    assert name_of_file(Media("application/pdf", "AAAA", name="a.pdf")) == "a.pdf"
