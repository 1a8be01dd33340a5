"""Forms with files (``multipart/form-data``): find their fields, read the short ones, replace or remove one.

A body is looked at where it lies: delimiters are found by ``bytes.find``, files are never copied or walked through.
Whoever reads the form behind us must not find another model in it than we did, so what parsers are known to read in
different ways is refused: a delimiter without its line ends, a preamble, a folded or doubled header field, a name that
is escaped or written as ``name*``, a coded value, a field of ours that comes twice.
Source: RFC 7578, RFC 2046 5.1.1, and the WHATWG's "multipart/form-data encoding algorithm".
"""

import re
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from keyturn.domain.refusals import Reason, Refused

MEDIA_TYPE = b"multipart/form-data"
LONGEST_BOUNDARY = 70
MOST_PARTS = 1_000
LONGEST_HEAD = 8_192
"""Bytes of the header fields of one part."""
LONGEST_VALUE = 4_096
"""Bytes of a field that is read here; any other may have any length."""

_LINE_END = b"\r\n"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([^\s"=;]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=;,]+))', re.ASCII)
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)")
_UNCODED = frozenset({"7bit", "8bit", "binary"})


class Part(msgspec.Struct, frozen=True):
    """One part of a form.

    Attributes:
        name: Of the field.
        start: Where its delimiter begins; it ends where the next begins.
        value: Where its value begins.
        end: Where that ends.
        is_file: It has a file name.
    """

    name: str
    start: int
    value: int
    end: int
    is_file: bool


class Form(msgspec.Struct, frozen=True):
    """A form, as positions in its body.

    Attributes:
        body: All of it.
        parts: In order.
        end: Where the last delimiter begins.
    """

    body: bytes
    parts: tuple[Part, ...]
    end: int

    def text(self, name: str) -> str | Refused | None:
        """Return the value of a field, ``None`` where there is none; refuses what can't be read in one way only."""
        found = [part for part in self.parts if part.name == name]
        if not found:
            return None
        if len(found) > 1:
            return Refused(Reason.DUPLICATE_MEMBER, f"The request body has the member '{name}' twice", name)
        part = found[0]
        if part.is_file:
            return _invalid(f"'{name}' must be text, not a file", name)
        if part.end - part.value > LONGEST_VALUE:
            return _invalid(f"'{name}' is too long: at most {LONGEST_VALUE} bytes are read", name)
        try:
            return self.body[part.value : part.end].decode()
        except UnicodeDecodeError:
            return _invalid(f"'{name}' must be UTF-8", name)

    def files(self) -> list[Part]:
        """Return the parts that are files."""
        return [part for part in self.parts if part.is_file]

    def replaced(self, name: str, value: bytes) -> bytes:
        """Return the body with the value of a field replaced; there has to be one."""
        part = next(part for part in self.parts if part.name == name)
        whole = memoryview(self.body)
        return b"".join((whole[: part.value], value, whole[part.end :]))

    def without(self, name: str) -> bytes:
        """Return the body without a field."""
        whole, kept, at = memoryview(self.body), [], 0
        ends = [*(part.start for part in self.parts[1:]), self.end]
        for part, end in zip(self.parts, ends, strict=True):
            if part.name == name:
                kept.append(whole[at : part.start])
                at = end
        return b"".join((*kept, whole[at:]))

    def fingerprint(self, before: bytes) -> bytes:
        """Return what is the same for forms with the same parts, whatever stands between them; 32 bytes.

        Args:
            before: What else has to be the same.
        """
        hashed, whole = sha256(before + b"\nform\n"), memoryview(self.body)
        ends = [*(part.start for part in self.parts[1:]), self.end]
        for part, end in zip(self.parts, ends, strict=True):
            head = self.body.index(b"\r\n", part.start)
            hashed.update(b"%d\n" % (end - head))
            hashed.update(whole[head:end])
        return hashed.digest()


def _invalid(message: str, param: str | None = None) -> Refused:
    return Refused(Reason.INVALID_MEMBER, message, param)


def is_form(content_type: bytes) -> bool:
    """Say whether a ``Content-Type`` names a form."""
    return content_type.partition(b";")[0].strip().lower() == MEDIA_TYPE


def read(body: bytes, content_type: bytes) -> Form | Refused:
    """Find the parts of a form.

    Args:
        body: All of it.
        content_type: The header field, for the boundary.
    """
    boundary = _boundary(content_type)
    if isinstance(boundary, Refused):
        return boundary
    delimiter = b"--" + boundary
    if not body.startswith(delimiter):
        return _invalid("The request body must begin with the boundary that its Content-Type names")
    parts: list[Part] = []
    start = 0
    while not body.startswith(b"--", start + len(delimiter)):
        if len(parts) == MOST_PARTS:
            return _invalid(f"The form has more than {MOST_PARTS} parts")
        part = _part(body, start, delimiter)
        if isinstance(part, Refused):
            return part
        parts.append(part)
        start = part.end + len(_LINE_END)
    end = start + len(delimiter) + 2
    if body[end : end + 5].strip(_LINE_END):
        return _invalid(f"The form has ended at byte {end}, but the request body has not")
    return Form(body, tuple(parts), start)


def _inside(at: int) -> str:
    return f"The boundary stands inside a part, at byte {at}: choose one that the files don't have"


def _boundary(content_type: bytes) -> bytes | Refused:
    parameters = _parameters(content_type.decode("latin-1"))
    if parameters is None:
        return _invalid("The Content-Type of the form can't be read")
    boundary = parameters.get("boundary", "")
    if not boundary:
        return _invalid("The Content-Type of a form must name its boundary")
    if len(boundary) > LONGEST_BOUNDARY or _BOUNDARY.fullmatch(boundary) is None:
        return _invalid(f"The boundary of a form has 1 to {LONGEST_BOUNDARY} letters, digits or '()+_,-./:=?")
    return boundary.encode()


def _parameters(value: str) -> dict[str, str] | None:
    """Read what follows the first semicolon; ``None``: it can't be, or one comes twice. Escapes stay."""
    position = value.find(";")
    found: dict[str, str] = {}
    end = len(value.rstrip(" \t"))
    while 0 <= position < end:
        match = _PARAMETER.match(value, position)
        if match is None:
            # An empty parameter at the end is what some clients leave behind.
            return found if value[position:].strip(" \t;") == "" else None
        name = match[1].lower()
        if name in found:
            return None
        found[name] = match[3] if match[2] is None else match[2]
        position = match.end()
    return found


def _part(body: bytes, start: int, delimiter: bytes) -> Part | Refused:
    """Read the part whose delimiter begins at ``start``."""
    head = start + len(delimiter) + len(_LINE_END)
    if not body.startswith(_LINE_END, head - len(_LINE_END)):
        return _invalid(_inside(start))
    following = body.find(delimiter, head)
    if following < 0:
        return _invalid("The form is cut short: its last boundary is missing")
    end = following - len(_LINE_END)
    if end < head or not body.startswith(_LINE_END, end):
        return _invalid(_inside(following))
    return _described(body, start, head, end)


def _described(body: bytes, start: int, head: int, end: int) -> Part | Refused:
    """Read the head of the part that lies between ``head`` and ``end``."""
    blank = body.find(b"\r\n\r\n", head, min(end, head + LONGEST_HEAD))
    if blank < 0:
        return _invalid(f"The part at byte {start} has no end of its header fields, or too many of them")
    fields = _fields(body[head:blank].decode("latin-1"))
    if fields is None:
        return _invalid(f"The header fields of the part at byte {start} can't be read")
    disposition = fields.get("content-disposition", "")
    parameters = _parameters(disposition)
    if parameters is None or disposition.partition(";")[0].strip().lower() != "form-data":
        return _invalid(f"The Content-Disposition of the part at byte {start} can't be read")
    name = _name(parameters)
    if name is None:
        return _invalid(f"The part at byte {start} has no name that can be read in one way only")
    if fields.get("content-transfer-encoding", "binary").strip().lower() not in _UNCODED:
        return _invalid("The parts of a form are not coded: leave Content-Transfer-Encoding out", name)
    return Part(name, start, blank + 4, end, any(one.startswith("filename") for one in parameters))


def _fields(head: str) -> dict[str, str] | None:
    """Read header fields; ``None``: one of them can't be read, or comes twice."""
    fields: dict[str, str] = {}
    for line in head.split("\r\n"):
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in fields:
            return None
        fields[match[1].lower()] = match[2]
    return fields


def _name(parameters: Mapping[str, str]) -> str | None:
    name = parameters.get("name", "")
    if not name or "\\" in name or any(one.startswith("name*") for one in parameters):
        return None
    return name.encode("latin-1").decode(errors="replace")
