"""Where a stream is cut that may not go on."""

import pytest

from keyturn.gateway.growth import _first_events

HELD = b"data: 1\n\ndata: 2\n\ndata: 3"


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
    ],
)
def test_whole_events_are_let_through_as_far_as_there_is_room(
    held: bytes, events: int, expected: tuple[bytes | None, int], *, whole: bool
) -> None:
    """Half an event would be charged and could not be read."""
    assert _first_events(held, events, whole=whole) == expected
