"""What a journal says, whatever became of the file."""

from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from keyturn.domain import journal
from keyturn.domain.journal import Admitted, Record, Served, cut, frame, read

NAMES = st.text(max_size=12)
COUNTS = st.integers(0, 2**62)

_SHAPES: dict[type[Any], st.SearchStrategy[Any]] = {str: NAMES, int: COUNTS, bool: st.booleans()}


def shaped(tag: int, record: type[Record]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Make tuples as ``gateway.exchange`` encodes them: the tag, then the fields in order."""
    fields = msgspec.structs.fields(record)
    return st.tuples(st.just(tag), *(_SHAPES[field.type] for field in fields))


ADMITTED, SERVED = shaped(journal.ADMITTED, Admitted), shaped(journal.SERVED, Served)


@settings(max_examples=80, derandomize=True)
@given(fields=ADMITTED | SERVED)
def test_a_tuple_decodes_as_the_record_of_its_tag(fields: tuple[Any, ...]) -> None:
    """The gateway writes tuples, because they are made faster."""
    (record, end), *more = read(frame(msgspec.msgpack.encode(fields)))

    assert not more
    assert end > 0
    assert type(record) is (Admitted if fields[0] == journal.ADMITTED else Served)
    assert msgspec.structs.astuple(record) == fields[1:]


@settings(max_examples=80, derandomize=True)
@given(many=st.lists(ADMITTED | SERVED, max_size=5), length=st.integers(0, 2000), zeros=st.integers(0, 40))
def test_a_journal_cut_short_anywhere_says_the_first_of_its_records(
    many: list[tuple[Any, ...]], length: int, zeros: int
) -> None:
    """A worker may be killed between any two bytes."""
    frames = [frame(msgspec.msgpack.encode(fields)) for fields in many]
    whole = b"".join(frames)
    data = whole[: length % (len(whole) + 1)] + bytes(zeros)

    found = list(read(data))

    expected = []
    end = 0
    for one in frames:
        end += len(one)
        if end <= len(data) - zeros or data[:end] == whole[:end]:
            expected.append(end)
    assert [position for _, position in found] == expected
    assert [msgspec.structs.astuple(record) for record, _ in found] == [one[1:] for one in many[: len(found)]]
    assert cut(data) == (
        [one[journal.HEADER_LENGTH :] for one in frames[: len(found)]],
        expected[-1] if expected else 0,
    )


@settings(max_examples=80, derandomize=True)
@given(
    many=st.lists(ADMITTED | SERVED, min_size=1, max_size=4),
    place=st.integers(0, 2000),
    flip=st.integers(1, 255),
)
def test_a_damaged_byte_never_makes_another_record(
    many: list[tuple[Any, ...]], place: int, flip: int
) -> None:
    """The checksum finds it; what stands before it is read."""
    frames = [frame(msgspec.msgpack.encode(fields)) for fields in many]
    data = bytearray(b"".join(frames))
    data[place % len(data)] ^= flip

    found = [msgspec.structs.astuple(record) for record, _ in read(bytes(data))]

    assert found == [one[1:] for one in many[: len(found)]]
    assert len(found) < len(many)
