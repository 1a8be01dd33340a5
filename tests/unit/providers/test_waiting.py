"""What a provider says of how long to wait."""

import pytest

from keyturn.providers.waiting import LONGEST_S, retry_after_s

NOON = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT."""


def lines(*fields: tuple[bytes, bytes]) -> list[bytes]:
    """Return header fields as the relay keeps them."""
    return [piece for name, value in fields for piece in (name, b": ", value, b"\r\n")]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"2", 2.0),
        (b" 0 ", 0.0),
        (b"1.5", 1.5),
        (b"Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        (b"Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        (b"99999999", LONGEST_S),
        (b"soon", None),
        (b"-1", None),
        (b"1.x", None),
        (b"1" * 400, None),
        (b"Wed, 99 Oct 2015 07:28:30 GMT", None),
        (b"\xff", None),
    ],
)
def test_seconds_and_dates_are_read_and_nothing_else(value: bytes, seconds: float | None) -> None:
    """A provider's header decides how long a client waits: it must not be for ever."""
    assert retry_after_s(lines((b"content-type", b"x"), (b"retry-after", value)), NOON) == seconds


def test_milliseconds_are_the_closer_word() -> None:
    """OpenAI sends both."""
    assert retry_after_s(lines((b"retry-after", b"1"), (b"retry-after-ms", b"250")), NOON) == 0.25


def test_a_value_is_no_name() -> None:
    """Only names are looked for."""
    assert retry_after_s(lines((b"x-next", b"retry-after"), (b"y", b"7")), NOON) is None
    assert retry_after_s([], NOON) is None
