"""Forms of every kind are read as they were made, and no body makes the reader stumble."""

from hypothesis import given, settings, strategies as st

from gateway.forms import BOUNDARY, content_type, field, file, form
from keyturn.dialects import form_data
from keyturn.dialects.form_data import Form
from keyturn.domain.refusals import Refused

TYPE = content_type().partition(": ")[2].encode()
MARK = b"--" + BOUNDARY.encode()
NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters='"\\'), min_size=1, max_size=12)
BITS = st.sampled_from([b"\r\n", b"--", b"-", b"\r", b"\n", b'"', MARK, MARK[:-1], b"name=", b"; ", b"model"])
DATA = st.lists(BITS | st.binary(max_size=8), max_size=12).map(b"".join)


@settings(max_examples=200, derandomize=True)
@given(
    parts=st.lists(st.tuples(NAMES, DATA.filter(lambda data: MARK not in data), st.booleans()), max_size=6)
)
def test_a_form_is_read_as_it_was_made(parts: list[tuple[str, bytes, bool]]) -> None:
    """Whatever is in its files."""
    body = form(*(file(name, data) if is_file else field(name, "") + data for name, data, is_file in parts))

    found = form_data.read(body, TYPE)

    assert isinstance(found, Form)
    assert [(one.name, body[one.value : one.end], one.is_file) for one in found.parts] == parts


@settings(max_examples=200, derandomize=True)
@given(parts=st.lists(st.tuples(NAMES, DATA), min_size=1, max_size=4), value=st.binary(max_size=20))
def test_what_is_replaced_is_found_again(parts: list[tuple[str, bytes]], value: bytes) -> None:
    """And the rest is what it was."""
    body = form(*(field(name, "") + data for name, data in parts))
    found = form_data.read(body, TYPE)
    if isinstance(found, Refused) or MARK in value:
        return
    name = parts[0][0]

    again = form_data.read(found.replaced(name, value), TYPE)

    assert isinstance(again, Form)
    assert again.body[again.parts[0].value : again.parts[0].end] == value
    assert [one.name for one in again.parts] == [one.name for one in found.parts]


@settings(max_examples=300, derandomize=True)
@given(body=DATA, whole=st.booleans(), kind=st.binary(max_size=20))
def test_nothing_makes_the_reader_stumble(body: bytes, whole: bool, kind: bytes) -> None:  # noqa: FBT001 -- drawn
    """It finds a form or says why not, and what it finds lies in order inside the body."""
    text = MARK + b"\r\n" + body + (b"\r\n" + MARK + b"--" if whole else b"")

    found = form_data.read(text, TYPE)

    form_data.read(text, b"multipart/form-data;" + kind)
    if isinstance(found, Form):
        ends = [0]
        for part in found.parts:
            ends += [part.start, part.value, part.end]
        assert ends == sorted(ends)
        assert found.end <= len(text)
