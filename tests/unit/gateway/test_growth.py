"""Where a stream is cut that may not go on."""

import pytest

from keyturn.gateway.growth import first_events

HELD = b"data: 1\n\ndata: 2\n\ndata: 3"
CRLF = HELD.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("held", "events", "whole", "expected"),
    [
        (HELD, 0, True, (b"", 0)),
        (HELD, 1, True, (b"data: 1\n\n", 1)),
        (HELD, 2, True, (b"data: 1\n\ndata: 2\n\n", 2)),
        (HELD, 9, True, (b"data: 1\n\ndata: 2\n\n", 2)),
        (b"rest\n\n" + HELD, 0, False, (b"rest\n\n", 0)),
        (b"rest\n\n" + HELD, 1, False, (b"rest\n\ndata: 1\n\n", 1)),
        (b"rest without end", 1, False, (None, 0)),
        (b"", 1, True, (b"", 0)),
        (CRLF, 1, True, (b"data: 1\r\n\r\n", 1)),
        (CRLF, 9, True, (b"data: 1\r\n\r\ndata: 2\r\n\r\n", 2)),
        (b"rest\r\n\r\n" + CRLF, 0, False, (b"rest\r\n\r\n", 0)),
        (HELD.replace(b"\n", b"\r"), 1, True, (b"data: 1\r\r", 1)),
    ],
)
def test_whole_events_are_let_through_as_far_as_there_is_room(
    held: bytes, events: int, expected: tuple[bytes | None, int], *, whole: bool
) -> None:
    """Half an event would be charged and could not be read."""
    assert first_events(held, events, overhead=9, whole=whole) == expected


def test_long_events_are_as_many_tokens_as_they_bring() -> None:
    """Google sends sentences: as many of those as there is room for tokens would be a present."""
    held = b"".join(b"data: %b\n\n" % (b"x" * 41) for _ in range(5))

    assert first_events(held, 25, overhead=9, whole=True) == (held[:98], 20)
    assert first_events(held, 9, overhead=9, whole=True) == (b"", 0)
