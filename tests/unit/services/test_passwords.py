"""Which passwords are refused."""

import pytest

from keyturn.domain.secret import Secret
from keyturn.services.passwords import problem_with

KNOWN = ("kim@example.com", "Kim Sommerfeld")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!",
        "P@ssw0rd1234",
        "passwordpassword",
        "qwertyuiop123",
        "1234567890123",
        "abcdefghijklm",
        "1q2w3e4r5t6y",
        "iloveyou1234",
        "Welcome12345!",
        "keyturnadmin1",
        "admin sommerfeld",
        "987654321098",
    ],
)
def test_what_is_guessed_first_is_no_password(password: str) -> None:
    """Lists of what people choose begin with a word and a row of digits, also where a letter is a sign."""
    refused = problem_with(Secret(password), *KNOWN)

    assert refused is not None
    assert refused.param == "password"
    assert "guessed" in refused.text


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "a long walk by the sea",
        "839201746592",
        "Tr0ub4dor&3x",
        "welcome to my garden",
        "passport wolf linden",
        "xK9#mQ2$vL7p",
        "海の近くを長く歩いた夏の日",
    ],
)
def test_what_is_not_guessed_is_fine_whatever_it_is_made_of(password: str) -> None:
    """A common word among others does no harm."""
    assert problem_with(Secret(password), *KNOWN) is None


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "at least 12 characters"),
        ("x" * 1_001, "up to 1000 characters"),
        ("aaaabbbbccccdddd", "repeats itself"),
        ("kim@example.com1", "your name or address"),
    ],
)
def test_what_is_too_short_too_long_or_known_says_so(password: str, says: str) -> None:
    """Whoever chooses one must know what is wrong with it."""
    refused = problem_with(Secret(password), *KNOWN)

    assert refused is not None
    assert says in refused.text
