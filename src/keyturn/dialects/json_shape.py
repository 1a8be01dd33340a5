"""What of a JSON value has no place in a shape: found and left out without touching the rest.

Typed decoders refuse a member they don't know and say the first one only. A client has to be told all of them, and what
remains has to stay as it was written (schemas, numbers), so the value is cut at the level of its bytes.
"""

from collections.abc import Mapping

import msgspec

from keyturn.dialects.canonical import Loss

UNKNOWN = "is not known here"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_NULL = b"null"
_LONGEST_HARMLESS = 64
_TYPE = "type"


class Members(msgspec.Struct, frozen=True):
    """An object.

    Attributes:
        known: Its members; ``None``: whatever that one is, it stays.
        harmless: Values of other members that may be left out without a word, as JSON; ``null`` always may.
    """

    known: Mapping[str, "Shape | None"]
    harmless: Mapping[str, tuple[object, ...]] = {}


class Several(msgspec.Struct, frozen=True):
    """A list; what stands in place of one may be a string or ``null`` too, and stays."""

    of: "Members | Typed"


class Typed(msgspec.Struct, frozen=True):
    """An object that says by its member ``type`` what it is; one of another type is left out as a whole.

    Attributes:
        kinds: By type.
        default: Of one that doesn't say it.
    """

    kinds: Mapping[str, Members]
    default: str = ""


Shape = Members | Several | Typed


def prune(raw: bytes, shape: Shape, path: str, losses: list[Loss]) -> bytes:
    """Return the value without what ``shape`` doesn't know, and add each of that to ``losses``.

    Args:
        raw: Valid JSON without white space around it.
        shape: What is known. A value of another kind (a string for an object) is left to the decoder that follows.
        path: Where the value stands.
        losses: Grows.

    Returns:
        JSON; an object of an unknown type, or ``null`` in its place, has become ``null``.
    """
    start = raw[:1]
    if isinstance(shape, Several):
        if start != b"[":
            return raw
        elements = _elements.decode(raw)
        inner = (prune(bytes(one), shape.of, f"{path}[{at}]", losses) for at, one in enumerate(elements))
        return b"[" + b",".join(inner) + b"]"
    if isinstance(shape, Typed) and raw == _NULL:
        losses.append(Loss(path, "is null"))
    if start != b"{":
        return raw
    found = _members.decode(raw)
    if isinstance(shape, Members):
        return _object(found, shape, path, losses)
    kind = shape.default
    if _TYPE in found:
        name = bytes(found[_TYPE])
        if name[:1] != b'"':
            return raw
        kind = _string.decode(name)
    if kind not in shape.kinds:
        losses.append(Loss(path, f"of type '{kind[:64]}' can't be said in another dialect"))
        return _NULL
    return _object(found, shape.kinds[kind], path, losses)


def _object(found: dict[str, msgspec.Raw], shape: Members, path: str, losses: list[Loss]) -> bytes:
    kept = []
    for name, value in found.items():
        text = bytes(value)
        if name in shape.known:
            inner = shape.known[name]
            if inner is not None and text != _NULL:
                text = prune(text, inner, f"{path}.{name}", losses)
            kept.append(msgspec.json.encode(name) + b":" + text)
        elif not is_one_of(text, shape.harmless.get(name, ())):
            losses.append(Loss(f"{path}.{name}", UNKNOWN))
    return b"{" + b",".join(kept) + b"}"


def is_one_of(raw: bytes, values: tuple[object, ...]) -> bool:
    """Whether the JSON is ``null`` or one of some short values; a long one, which may be nested deeply, is not looked at."""
    if raw == _NULL:
        return True
    return bool(values) and len(raw) <= _LONGEST_HARMLESS and msgspec.json.decode(raw) in values
