"""WebSocket frames, read and written."""

import pytest
from hypothesis import given, strategies as st

from keyturn.dialects import websocket
from keyturn.dialects.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, Reader

MASK = b"\x01\x02\x03\x04"


def read(
    data: bytes, *, masked: bool = False, limit: int = 1 << 20
) -> tuple[list[tuple[int, bytes]], Reader]:
    """Read what comes in one piece."""
    reader = Reader(masked=masked, limit=limit)
    return [(one.opcode, one.payload) for one in reader.take(data)], reader


def fragment(opcode: int, payload: bytes) -> bytes:
    """Return a frame that is not the last of its message."""
    whole = websocket.frame(opcode, payload)
    return bytes([whole[0] & 0x7F]) + whole[1:]


def test_the_answer_to_a_handshake_is_that_of_the_rfc() -> None:
    """The example of RFC 6455 1.3."""
    assert websocket.accepts(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert websocket.is_key(b"dGhlIHNhbXBsZSBub25jZQ==")
    assert not websocket.is_key(b"dGhlIHNhbXBsZSBub25jZQ")


def test_the_names_of_protocols_are_cut_out_of_the_header() -> None:
    """Empty ones are none."""
    assert websocket.protocols(b" realtime,,openai-beta.realtime-v1 ") == [
        b"realtime",
        b"openai-beta.realtime-v1",
    ]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [b"", MASK])
def test_a_message_of_any_length_is_read_as_it_was_written(length: int, mask: bytes) -> None:
    """The length has three forms."""
    payload = bytes(index % 251 for index in range(length))
    raw = websocket.frame(BINARY, payload, mask)

    reader = Reader(masked=bool(mask), limit=1 << 20)
    for byte in raw[:12]:
        assert length < 12 or not reader.take(bytes([byte]))
    found = reader.take(raw[12:]) if length >= 12 else reader.take(raw)
    (message,) = found

    assert (message.opcode, message.payload, message.raw) == (BINARY, payload, raw)


@given(
    st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), st.binary(max_size=120)), max_size=5), st.data()
)
def test_it_does_not_matter_where_the_bytes_are_cut(
    messages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """A read may end anywhere."""
    raw = b"".join(websocket.frame(opcode, payload, MASK) for opcode, payload in messages)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=8)))
    reader = Reader(masked=True, limit=1 << 20)

    found = [
        message
        for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)
        for message in reader.take(raw[start:end])
    ]

    assert [(one.opcode, one.payload) for one in found] == messages
    assert b"".join(one.raw for one in found) == raw


def test_fragments_are_one_message_and_a_ping_may_come_between() -> None:
    """It goes on as the frames it came in."""
    parts = [fragment(TEXT, b"he"), fragment(CONTINUATION, b"ll"), websocket.frame(CONTINUATION, b"o")]
    ping = websocket.frame(PING, b"?")
    reader = Reader(masked=False, limit=100_000)

    found = reader.take(parts[0] + ping + parts[1] + parts[2])

    assert [(one.opcode, one.payload) for one in found] == [(PING, b"?"), (TEXT, b"hello")]
    assert found[1].raw == b"".join(parts)
    assert [one.payload for one in reader.take(websocket.frame(TEXT, b"next"))] == [b"next"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x00", 1002),  # compressed, and nobody has agreed to that
        (b"\x83\x00", 1002),  # an opcode of nobody's
        (b"\x81\x80\x00\x00\x00\x00", 1002),  # a server does not mask
        (b"\x09\x00", 1002),  # a ping in fragments
        (b"\x89\x7e\x00\x7e", 1002),  # a ping that is too long
        (b"\x80\x00", 1002),  # the rest of nothing
        (fragment(TEXT, b"a") + websocket.frame(TEXT, b"b"), 1002),  # one inside of another
        (b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 1009),
        (fragment(TEXT, b"a" * 600) + fragment(CONTINUATION, b"a" * 600), 1009),
    ],
)
def test_what_is_against_the_rules_stops_the_reading(data: bytes, code: int) -> None:
    """What was whole before it is still taken, nothing after it."""
    found, reader = read(websocket.frame(TEXT, b"good") + data + websocket.frame(TEXT, b"lost"), limit=1000)

    assert found == [(TEXT, b"good")]
    assert reader.fault is not None
    assert reader.fault[0] == code
    assert reader.take(websocket.frame(TEXT, b"lost")) == []


def test_a_client_has_to_mask() -> None:
    """The other way around."""
    assert read(websocket.frame(TEXT, b"a"), masked=True)[1].fault == (1002, "a frame is not masked")


def test_a_reason_is_cut_to_what_fits() -> None:
    """Between two characters."""
    (message,) = Reader(masked=False, limit=1000).take(websocket.close(1008, "ä" * 100))

    assert message.opcode == CLOSE
    assert message.payload[:2] == (1008).to_bytes(2, "big")
    assert message.payload[2:].decode() == "ä" * 61
