"""Forms with files."""

import pytest

from keyturn.demo import forms
from keyturn.demo.bodies import Invalid
from support.demo_answers import form


def test_a_file_may_hold_anything() -> None:
    """Line ends and dashes, even what looks like a boundary."""
    content = b"\r\n--edg\r\n\r\n--\x00\xff--edge\r\n"

    read = forms.read(form(("file", content), a="1", b="x\r\ny"))

    assert not isinstance(read, Invalid)
    assert read.files["file"] == [forms.Upload("f", content)]
    assert read.fields == {"a": "1", "b": "x\r\ny"}


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"--edge\r\n", b'--edge\r\nname="a"\r\n\r\n1', b"--edge\r\nx: y\r\n\r\n1\r\n--edge--"]
)
def test_what_is_no_form_is_refused(raw: bytes) -> None:
    """A form that does not end was cut off."""
    assert isinstance(forms.read(raw), Invalid)
