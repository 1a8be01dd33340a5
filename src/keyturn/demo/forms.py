"""Forms with files (``multipart/form-data``), as far as clients send them to a provider.

The boundary is read off the first line: no client writes anything before it, and answers are kept by the body alone.

Source: RFC 7578; RFC 2046, section 5.1.
"""

import re
from typing import TypeVar

import msgspec

from keyturn.demo import bodies
from keyturn.demo.bodies import Invalid

_NAME = re.compile(rb'\bname="([^"]*)"')
_FILE = re.compile(rb'\bfilename="([^"]*)"')


class Upload(msgspec.Struct, frozen=True):
    """A file."""

    name: str
    content: bytes


class Form(msgspec.Struct, frozen=True):
    """A form that was read."""

    fields: dict[str, str]
    """The last value of each, by its name without ``[]``."""
    files: dict[str, list[Upload]]
    """Likewise, all of each."""


FieldsType = TypeVar("FieldsType")


def read(raw: bytes) -> Form | Invalid:
    """Read a form."""
    first, line_end, _ = raw.partition(b"\r\n")
    if not (line_end and first.startswith(b"--")):
        return Invalid("Could not parse multipart form", None, None)
    *parts, last = (line_end + raw).split(b"\r\n" + first)
    if not last.startswith(b"--"):
        return Invalid("Could not parse multipart form: it does not end", None, None)
    form = Form({}, {})
    for part in parts[1:]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        named = _NAME.search(head)
        if named is None:
            return Invalid("Could not parse multipart form: a part has no name", None, None)
        name = named[1].decode("utf-8", "replace").removesuffix("[]")
        file = _FILE.search(head)
        if file is None:
            form.fields[name] = content.decode("utf-8", "replace")
        else:
            form.files.setdefault(name, []).append(Upload(file[1].decode("utf-8", "replace"), content))
    return form


def convert(form: Form, kind: type[FieldsType]) -> FieldsType | Invalid:
    """Read a form's fields, which are texts, as the types that a body's members have."""
    try:
        return msgspec.convert(form.fields, kind, strict=False)
    except msgspec.ValidationError as error:
        return bodies.explain(str(error))
