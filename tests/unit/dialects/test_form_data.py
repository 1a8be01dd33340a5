"""Forms with files: what is found in them, and what is refused because it can be read in two ways."""

import os
import time

import pytest

from gateway.forms import BOUNDARY, content_type, field, file, form
from keyturn.dialects import form_data
from keyturn.dialects.form_data import Form
from keyturn.domain.refusals import Reason, Refused

TYPE = content_type().partition(": ")[2].encode()


def read(*parts: bytes) -> Form:
    """Read a form that is well made."""
    found = form_data.read(form(*parts), TYPE)
    assert isinstance(found, Form), found
    return found


def refusal(body: bytes, kind: bytes = TYPE) -> Refused:
    """Read a form that isn't."""
    found = form_data.read(body, kind)
    assert isinstance(found, Refused)
    assert (found.reason, found.rule.status) == (Reason.INVALID_MEMBER, 400)
    return found


def test_fields_and_files_are_found() -> None:
    """In order, with their values where they lie."""
    found = read(field("model", "whisper-1"), file("file", b"\0\r\n\r\n--x", "a.wav"), field("prompt", ""))

    assert [(one.name, one.is_file) for one in found.parts] == [
        ("model", False),
        ("file", True),
        ("prompt", False),
    ]
    assert [found.body[one.value : one.end] for one in found.parts] == [
        b"whisper-1",
        b"\0\r\n\r\n--x",
        b"",
    ]
    assert [one.name for one in found.files()] == ["file"]
    assert (found.text("model"), found.text("prompt"), found.text("n")) == ("whisper-1", "", None)


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="model"',
        "form-data; name=model",
        'FORM-DATA ;  NAME="model" ; ',
        'form-data; name="model"; charset=utf-8',
    ],
)
def test_a_name_may_be_written_in_every_usual_way(disposition: str) -> None:
    """Clients differ."""
    head = (
        f"content-disposition: {disposition}\r\nContent-Type: text/plain\r\ncontent-transfer-encoding: 8BIT"
    )

    assert read(f"{head}\r\n\r\nx".encode()).text("model") == "x"


@pytest.mark.parametrize(
    "filename",
    [
        'filename="a.png"',
        r'filename="a \"b\".png"',
        'filename="größe; name=x.png"',
        'filename="%22.png"',
        "filename=grüße.png",
        "filename*=utf-8''gr%C3%B6%C3%9Fe.png",
        'filename=""',
    ],
)
def test_a_file_may_be_called_anything(filename: str) -> None:
    """Quotes, semicolons and other scripts are in names of files every day."""
    part = f'Content-Disposition: form-data; name="image"; {filename}\r\n\r\nPNG'.encode()

    found = read(part, field("model", "x"))

    assert (found.parts[0].name, found.parts[0].is_file, found.text("model")) == ("image", True, "x")


@pytest.mark.parametrize("name", ["größe", "image[]", "", "a%22b"])
def test_a_name_is_read_as_utf_8(name: str) -> None:
    """An empty one is none."""
    body = form(field(name, "x"))

    assert (refusal(body) if not name else read(field(name, "x")).text(name) == "x") is not None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (field("model", "x") + b"\xff", "UTF-8"),
        (field("model", "x" * 4_097), "too long"),
        (file("model", b"x"), "not a file"),
    ],
)
def test_a_field_that_has_to_be_read_must_be_short_text(value: bytes, message: str) -> None:
    """With its name, so that it is found."""
    found = read(value).text("model")

    assert isinstance(found, Refused)
    assert found.param == "model"
    assert message in found.text


def test_a_field_that_comes_twice_is_refused() -> None:
    """Which of the two a provider takes, nobody knows."""
    found = read(field("model", "cheap"), field("model", "dear")).text("model")

    assert found == Refused(Reason.DUPLICATE_MEMBER, "The request body has the member 'model' twice", "model")


PART = b'Content-Disposition: form-data; name="model"'
MARK = b"--" + BOUNDARY.encode()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "must begin with the boundary"),
        (b"preamble\r\n" + form(field("model", "x")), "must begin with the boundary"),
        (form(field("model", "x"))[:-4], "boundary stands inside"),
        (form(field("model", "x"))[:-20], "cut short"),
        (form(field("model", "x")) + b"more", "has ended at byte"),
        (form(field("model", "x")) + b"\r\n\r\n\r\n", ""),
        (form(file("file", b"1" + MARK + b"2")), "boundary stands inside"),
        (form(file("file", b"1\r\n" + MARK + b"2")), "boundary stands inside"),
        (form(file("file", b"1\n" + MARK + b"\n" + PART + b"\n\ndear")), "boundary stands inside"),
        (MARK + MARK + b"--", "has ended at byte"),
        (MARK + b"\r\n" + MARK + b"--", "boundary stands inside"),
        (MARK + b"\n" + PART + b"\n\nx\n" + MARK + b"--\n", "boundary stands inside"),
        (form(b""), "no end of its header fields"),
        (form(b"\r\n\r\nx"), "can't be read"),
        (form(PART), "no end of its header fields"),
        (form(PART + b"; x=" + b"y" * 8_192 + b"\r\n\r\nx"), "no end of its header fields"),
        (form(PART + b"\r\n folded: x\r\n\r\nx"), "header fields of the part"),
        (form(PART + b"\r\nno colon\r\n\r\nx"), "header fields of the part"),
        (form(PART + b"\r\n" + PART.lower() + b"\r\n\r\nx"), "header fields of the part"),
        (form(PART + b"\nx: y\r\n\r\nx"), "header fields of the part"),
        (form(PART + b"\r\nx: \0\r\n\r\nx"), "header fields of the part"),
        (form(b"Content-Type: text/plain\r\n\r\nx"), "Content-Disposition of the part"),
        (form(PART.replace(b"form-data", b"attachment") + b"\r\n\r\nx"), "Content-Disposition of the part"),
        (form(PART + b'; name="n"\r\n\r\nx'), "Content-Disposition of the part"),
        (form(PART + b'; filename="a"b"\r\n\r\nx'), "Content-Disposition of the part"),
        (form(PART + b'; filename="a\r\n\r\nx'), "Content-Disposition of the part"),
        (form(PART + b"; filename\r\n\r\nx"), "Content-Disposition of the part"),
        (form(b"Content-Disposition: form-data\r\n\r\nx"), "no name"),
        (form(b"Content-Disposition: form-data; name*=utf-8''model\r\n\r\nx"), "no name"),
        (form(PART + b"; name*=utf-8''dear\r\n\r\nx"), "no name"),
        (form(PART + b"; name*0=dear\r\n\r\nx"), "no name"),
        (form(rb'Content-Disposition: form-data; name="mod\el"' + b"\r\n\r\nx"), "no name"),
        (form(PART + b"\r\nContent-Transfer-Encoding: base64\r\n\r\neA=="), "Content-Transfer-Encoding"),
        (form(*[field("x", "")] * 1_001), "more than 1000 parts"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(body: bytes, message: str) -> None:
    """Else one model would be checked and paid for, and another one called."""
    if message:
        assert message in refusal(body).text
    else:
        assert isinstance(form_data.read(body, TYPE), Form)


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/form-data; boundary=" + b"x" * 71,
        b"multipart/form-data; boundary=a; boundary=b",
        b"multipart/form-data; boundary=a, multipart/form-data; boundary=b",
        b'multipart/form-data; boundary="a',
        b'multipart/form-data; boundary="a "',
        b'multipart/form-data; boundary="a\\b"',
        b"multipart/form-data; boundary=\xc3\xa4",
        b"multipart/form-data; boundary",
    ],
)
def test_a_boundary_that_is_none_is_refused(kind: bytes) -> None:
    """Missing, too long, twice, or with letters that no boundary has."""
    refusal(form(field("model", "x")), kind)


@pytest.mark.parametrize("boundary", ["x", "a b", "'()+_,-./:=?", "-" * 70])
def test_every_boundary_that_is_allowed_is_found(boundary: str) -> None:
    """Also one that needs quotes."""
    body = form(field("model", "m"), boundary=boundary)

    found = form_data.read(body, f'Multipart/Form-Data; charset=utf-8; boundary="{boundary}"'.encode())

    assert isinstance(found, Form)
    assert found.text("model") == "m"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(TYPE, True), (b"MULTIPART/form-data", True), (b"multipart/mixed; boundary=x", False), (b"", False)],
)
def test_a_form_is_known_by_its_type(kind: bytes, expected: bool) -> None:  # noqa: FBT001 -- a case's expectation
    """Whether its boundary is there or not."""
    assert form_data.is_form(kind) is expected


PARTS = [field("a", "1"), field("model", "x"), file("file", b"\r\n--"), field("model", "y")]


def test_one_value_is_replaced_and_nothing_else_touched() -> None:
    """Byte for byte."""
    found = read(*PARTS[:3])

    assert found.replaced("model", b"longer") == form(PARTS[0], field("model", "longer"), PARTS[2])


@pytest.mark.parametrize(
    ("name", "left"), [("model", [0, 2]), ("a", [1, 2, 3]), ("file", [0, 1, 3]), ("other", [0, 1, 2, 3])]
)
def test_a_field_is_removed_wherever_it_stands(name: str, left: list[int]) -> None:
    """What is left is a form."""
    assert read(*PARTS).without(name) == form(*(PARTS[index] for index in left))


def test_the_only_field_can_be_removed() -> None:
    """Then there is a form without parts."""
    empty = read(field("api_key", "x")).without("api_key")

    assert empty == form()
    assert form_data.read(empty, TYPE) == Form(empty, (), 0)


def test_the_same_parts_have_the_same_fingerprint_whatever_stands_between() -> None:
    """And others have another, also when all their bytes are the same."""
    other = form_data.read(form(*PARTS, boundary="other"), content_type("other").partition(": ")[2].encode())
    assert isinstance(other, Form)

    assert read(*PARTS).fingerprint(b"") == other.fingerprint(b"")
    assert read(*PARTS).fingerprint(b"") != read(*PARTS).fingerprint(b"q")
    assert read(*PARTS).fingerprint(b"") != read(*PARTS[:3]).fingerprint(b"")
    assert read(*PARTS).fingerprint(b"") != read(*reversed(PARTS)).fingerprint(b"")


@pytest.mark.parametrize(
    "pattern", [b"-", b"\r\n--", MARK[:-1] + b"!", b"\r\n"], ids=["dashes", "lines", "nearly", "ends"]
)
def test_a_large_file_costs_no_more_than_a_look_at_it(pattern: bytes) -> None:
    """32 MiB that look like a boundary at every byte must not keep a worker busy; per byte it would be seconds."""
    data = pattern * ((32 << 20) // len(pattern))
    body = form(file("file", data), field("model", "x"))

    began = time.process_time()
    found = form_data.read(body, TYPE)
    took_s = time.process_time() - began

    assert isinstance(found, Form)
    assert found.text("model") == "x"
    assert took_s < 0.5


def test_random_bytes_are_no_boundary() -> None:
    """Files are."""
    assert read(file("file", os.urandom(100_000)), field("model", "x")).text("model") == "x"
