"""Amazon's event streams."""

import struct
from zlib import crc32

import pytest

from fakes.aws_frames import frame, header, message
from keyturn.dialects import aws_event_stream
from keyturn.dialects.aws_event_stream import AwsEvent, Splitter


@pytest.mark.parametrize(
    ("vector", "payload"),
    [
        ("000000100000000005c248eb7d98c8ff", b""),
        ("0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936", b"{'foo':'bar'}"),
        (
            "0000002d0000001041c424b80a6576656e742d74797065040000a00c7b27666f6f273a27626172277d36f480a0",
            b"{'foo':'bar'}",
        ),
    ],
)
def test_the_published_vectors_are_read(vector: str, payload: bytes) -> None:
    """Those of the format's own suite: empty, a payload alone, a number as a header."""
    assert Splitter().take(bytes.fromhex(vector)) == [AwsEvent("event", "", payload)]


def test_a_stream_is_read_however_it_is_cut() -> None:
    """A connection breaks it where it likes."""
    stream = frame("event", "messageStart", {"role": "assistant"}) + frame(
        "exception", "throttlingException", {}
    )
    whole = Splitter().take(stream)

    for cut in range(len(stream) + 1):
        splitter = Splitter()
        assert splitter.take(stream[:cut]) + splitter.take(stream[cut:]) == whole
        assert splitter.rest == b""
    assert [(one.kind, one.name) for one in whole] == [
        ("event", "messageStart"),
        ("exception", "throttlingException"),
    ]


def test_what_has_not_ended_is_kept() -> None:
    """A stream that ends there was cut off."""
    stream = frame("event", "messageStart", {})
    splitter = Splitter()

    assert splitter.take(stream[:-1]) == []
    assert splitter.rest == stream[:-1]


def test_headers_of_every_kind_are_passed_over() -> None:
    """Only texts are of use."""
    others = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)]
    headers = b"".join(b"\x01x" + bytes([kind]) + b"\xff" * size for kind, size in others)
    headers += b"\x01b\x06\x00\x02\xff\xff" + header(":event-type", "metadata")

    assert Splitter().take(message(headers, b"{}")) == [AwsEvent("event", "metadata", b"{}")]


def test_an_error_has_a_code() -> None:
    """It has no type."""
    headers = header(":message-type", "error") + header(":error-code", "InternalError")

    assert Splitter().take(message(headers, b"")) == [AwsEvent("error", "InternalError", b"")]


@pytest.mark.parametrize(
    "damaged",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        frame("event", "x", {})[:-1] + b"\x00",
        frame("event", "x", {})[:20] + b"\xff" + frame("event", "x", {})[21:],
        message(b"\x01x\x63", b""),
        message(b"\x01x\x07\x00", b""),
        message(b"\x09x", b""),
        message(b"\x01\xff\x00", b""),
    ],
)
def test_damage_is_seen(damaged: bytes) -> None:
    """What stands behind it can't be found again."""
    with pytest.raises(ValueError, match=r"damaged|utf-8"):
        Splitter().take(damaged)


def _prelude(length: int, headers: int) -> bytes:
    told = struct.pack(">II", length, headers)
    return told + struct.pack(">I", crc32(told))


def test_lengths_that_can_not_be_are_refused_at_once() -> None:
    """Waiting for so many bytes would fill the memory."""
    with pytest.raises(ValueError, match="damaged beginning"):
        Splitter().take(_prelude(16, 1))
    with pytest.raises(ValueError, match="a message of"):
        Splitter().take(_prelude(aws_event_stream.LARGEST_MESSAGE + 1, 0))
