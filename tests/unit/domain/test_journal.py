"""How records stand in a journal."""

import msgspec

from keyturn.domain import journal
from keyturn.domain.journal import HEADER_LENGTH, Admitted, Attempt, Served, attempts_of, cut, frame, read

ADMITTED = Admitted("req_1", "key_1", "gpt-4o", "demo", "chat", 1, 2, 3, 4, "127.0.0.1")
SERVED = Served(
    request_id="req_1",
    key_id="key_1",
    model="gpt-4o",
    upstream="demo",
    upstream_model="demo-chat",
    operation="chat",
    status=200,
    started_us=1,
    auth_us=2,
    sent_us=3,
    first_byte_us=4,
    total_us=5,
    input_tokens=6,
    output_tokens=7,
    cached_tokens=0,
    reasoning_tokens=0,
    cost_nano_usd=8,
    priced=True,
    source="reported",
    streamed=False,
    outcome="ok",
    location="authorization",
    address="127.0.0.1",
)
FRAMES = [frame(msgspec.msgpack.encode(record)) for record in (ADMITTED, SERVED)]


def test_records_come_back_with_the_offset_behind_each() -> None:
    """Ingest stores the offset in the transaction that stores the record."""
    data = b"".join(FRAMES)

    assert list(read(data)) == [(ADMITTED, len(FRAMES[0])), (SERVED, len(data))]


def test_a_record_is_an_array_led_by_its_tag() -> None:
    """The gateway encodes tuples of this shape without making a record."""
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ADMITTED))[0] == journal.ADMITTED
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(SERVED))[0] == journal.SERVED


def test_reading_stops_at_the_zeros_behind_the_last_record() -> None:
    """Segments are allocated ahead."""
    assert [record for record, _ in read(FRAMES[0] + bytes(64))] == [ADMITTED]


def test_reading_stops_at_a_wrong_checksum() -> None:
    """What a worker was writing when it died is not usage."""
    torn = bytearray(b"".join(FRAMES))
    torn[-1] ^= 1

    assert [record for record, _ in read(bytes(torn))] == [ADMITTED]
    assert cut(bytes(torn))[1] == len(FRAMES[0])


def test_reading_stops_at_an_impossible_length() -> None:
    """A torn length must not make the reader take the rest of the file for one record."""
    huge = (journal.LARGEST_FRAME + 1).to_bytes(4, "little") + bytes(journal.LARGEST_FRAME + 64)

    assert list(read(FRAMES[0] + huge)) == [(ADMITTED, len(FRAMES[0]))]
    assert cut(FRAMES[0] + huge)[1] == len(FRAMES[0])


def test_cut_finds_the_same_records_as_read_without_decoding_them() -> None:
    """Ingest keeps the payload as it is."""
    data = b"".join(FRAMES) + bytes(3)

    assert cut(data) == ([one[HEADER_LENGTH:] for one in FRAMES], len(data) - 3)
    assert cut(data + bytes(64)) == ([one[HEADER_LENGTH:] for one in FRAMES], len(data) - 3)


def test_a_memory_view_can_be_read_too() -> None:
    """A mapped file is read without a copy."""
    assert [record for record, _ in read(memoryview(FRAMES[1]))] == [SERVED]


def test_attempts_are_read_back() -> None:
    """A model's name may hold colons; an entry that was cut off says nothing."""
    text = "lab/llama3:8b:429:120ms openai/gpt-4o:ok:80ms spare/x:clo"

    assert attempts_of(text) == [Attempt("lab/llama3:8b", "429", 120), Attempt("openai/gpt-4o", "ok", 80)]
    assert attempts_of("x:7ms") == []
    assert attempts_of("") == []
