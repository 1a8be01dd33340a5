"""JSON as Google's servers take it, brought into the one form that a strict decoder reads.

Protocol buffers are lenient: a member may be called ``maxOutputTokens`` or ``max_output_tokens``, ``null`` stands for
nothing, and Google's front end takes a single value where a list is asked for. Few requests make use of that, so this
is the second try, for those that a strict decoder has refused; what is of no known name comes out beside it.
Source: https://protobuf.dev/programming-guides/json/.
"""

import re
from typing import Any, get_args, get_origin

import msgspec

from keyturn.domain.refusals import Reason, Refused

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_CAPITAL = re.compile("[A-Z]")
_PLACE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


class Shape(msgspec.Struct, frozen=True):
    """What an object may hold.

    Attributes:
        members: By each name it may go by: the name that is decoded, the shape of what is inside if that is an object
            (or a list of them), and whether it is a list.
    """

    members: "dict[str, tuple[str, Shape | None, bool]]"


def shape_of(struct: type[msgspec.Struct]) -> Shape:
    """Return the shape that a decoder of ``struct`` reads."""
    members: dict[str, tuple[str, Shape | None, bool]] = {}
    for field in msgspec.structs.fields(struct):
        kind: Any = next((one for one in get_args(field.type) if one is not type(None)), field.type)
        many = get_origin(field.type) is list
        inner = shape_of(kind) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None
        entry = (field.encode_name, inner, many)
        members[field.encode_name] = entry
        members[_CAPITAL.sub(lambda found: "_" + found[0].lower(), field.encode_name)] = entry
    return Shape(members)


class Twice(Exception):
    """A member stands there under both of its names, or twice under one."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def tidied(raw: bytes, shape: Shape, path: str = "") -> tuple[bytes, list[str]]:
    """Return the object in its strict form, and the paths of the members that ``shape`` doesn't know.

    Paths go by the names that are decoded, the unknown one at the end by its own.

    Values that the shape leaves open are taken over byte for byte. What is of another type than the shape says is left
    as it is, for the decoder to complain about.

    Args:
        raw: JSON of the object.
        shape: What is known of it.
        path: That of the object, with the dot behind it.

    Raises:
        Twice: A member is there twice.
        msgspec.DecodeError: It is not JSON.
    """
    unknown: list[str] = []
    return _tidied(raw, shape, path, unknown), unknown


def _tidied(raw: bytes, shape: Shape, path: str, unknown: list[str]) -> bytes:
    try:
        members = _members.decode(raw)
    except msgspec.ValidationError:
        return raw
    kept: dict[str, bytes] = {}
    for name, value in members.items():
        text = bytes(value)
        if text == b"null":
            continue
        known = shape.members.get(name)
        if known is None:
            if text != b"[]":  # says nothing either
                unknown.append(path + name)
            continue
        proper, inner, many = known
        if proper in kept:
            raise Twice(path + name)
        if many:
            text = _list(text, inner, path + proper, unknown)
        elif inner is not None:
            text = _tidied(text, inner, f"{path}{proper}.", unknown)
        kept[proper] = text
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in kept.items()) + b"}"


def _list(text: bytes, inner: Shape | None, path: str, unknown: list[str]) -> bytes:
    if not text.startswith(b"["):
        text = b"[" + text + b"]"
    if inner is None:
        return text
    elements = [
        _tidied(bytes(one), inner, f"{path}[{index}].", unknown)
        for index, one in enumerate(_elements.decode(text))
    ]
    return b"[" + b",".join(elements) + b"]"


def wrong_type(error: Exception, prefix: str = "") -> Refused:
    """Return the refusal for what a decoder has said of a value: its type is wrong, or it is nested too deeply."""
    found = _PLACE.match(str(error))
    what, path = (found[1], found[2] or "") if found else ("", "")
    path = (prefix + path).removesuffix(".")
    what = what.replace("`", "")
    return Refused(Reason.INVALID_MEMBER, f"'{path}': {what}" if path else what, path or None)
