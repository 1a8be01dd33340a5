"""How an Anthropic stream ends that was passed through and may not go on."""

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import cut_short

START = b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
CHANGE = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'


def block(kind: str, index: int) -> bytes:
    """Return an event of a block."""
    return b'event: content_block_%b\ndata: {"type":"content_block_%b","index":%d}\n\n' % (
        kind.encode(),
        kind.encode(),
        index,
    )


def kinds(data: bytes) -> list[tuple[str, int | None]]:
    """Return the types of events, and the blocks they are about."""
    found = [msgspec.json.decode(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: ")]
    return [(event["type"], event.get("index")) for event in found]


END: list[tuple[str, int | None]] = [("message_delta", None), ("message_stop", None)]


@pytest.mark.parametrize(
    ("begun", "tail", "expected"),
    [
        (START, START, END),
        (START, START + block("start", 0), [("content_block_stop", 0), *END]),
        (START, START + block("start", 0) + block("stop", 0), END),
        (START + block("start", 0), block("delta", 3), [("content_block_stop", 3), *END]),
        (
            START + block("start", 0),
            b'lta":{}}\n\n' + block("stop", 2) + block("start", 3),
            [("content_block_stop", 3), *END],
        ),
        (START + block("start", 0), b"x" * 100, [("content_block_stop", 0), *END]),
        (START, START + block("start", 0) + block("stop", 0) + CHANGE, [("message_stop", None)]),
        (START, START + CHANGE + STOP, []),
        (START, START + b'event: error\ndata: {"type":"error"}\n\n', []),
        (b"", b"", [("message_start", None), *END]),
        (b"data: nonsense\n\n", b"data: nonsense\n\n", END),
        (b'data: {"type":"message_start"}\n\n', b"", END),
        (
            START.replace(b"\n", b"\r\n"),
            block("start", 0).replace(b"\n", b"\r\n"),
            [("content_block_stop", 0), *END],
        ),
    ],
)
def test_what_is_open_is_closed(begun: bytes, tail: bytes, expected: list[tuple[str, int | None]]) -> None:
    """As far as it can be told from both ends."""
    assert kinds(cut_short(begun, tail)) == expected


def test_the_reason_is_that_it_has_become_long_enough() -> None:
    """Clients know this end; an error event would make the SDK throw away what it has."""
    last = cut_short(START, START)

    assert b'"stop_reason":"max_tokens"' in last
    assert b'"input_tokens":9' in last
