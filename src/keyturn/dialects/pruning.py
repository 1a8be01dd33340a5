"""Takes out of a request's JSON what no other dialect knows, and says what that was.

A strict decoder has said no, so this is the slow path. The shape says which members are known at which level;
everything else is cut out as it stands and named by its path. Free JSON (schemas, arguments) is copied byte for byte,
and what is left out of a list leaves ``null`` behind, so that paths of the others stay what they were.
"""

import msgspec

from keyturn.dialects.canonical import Loss

NO_COUNTERPART = "no other provider's API has a counterpart"
_NULL = b"null"
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)


class NullItemError(Exception):
    """The client itself has written ``null`` into a list.

    Attributes:
        path: Where.
    """

    def __init__(self, path: str) -> None:
        self.path = path


class Whole(msgspec.Struct, frozen=True):
    """Any value; it is the decoder's to judge."""


class Fields(msgspec.Struct, frozen=True):
    """An object.

    Attributes:
        known: What is read.
        harmless: Members that change nothing when they have one of these values, as JSON; ``null`` never does.
        core: The member without which nothing is left of the object.
    """

    known: dict[str, "Shape"]
    harmless: dict[str, tuple[bytes, ...]] = {}
    core: str = ""


class Items(msgspec.Struct, frozen=True):
    """A list of objects, or something shorter in its place."""

    of: "Shape"


class Tagged(msgspec.Struct, frozen=True):
    """An object that says its ``type``.

    Attributes:
        types: What is read.
        default: The type of one that says none; empty: it has to say one.
    """

    types: dict[str, Fields]
    default: str = ""


Shape = Whole | Fields | Items | Tagged


def prune(body: bytes, shape: Shape, losses: list[Loss]) -> bytes:
    """Return valid JSON without what the shape doesn't know, and note that in ``losses``.

    Raises:
        NullItemError: A list has a ``null`` in it.
    """
    return _prune(body.strip(), shape, "", losses) or _NULL


def _prune(raw: bytes, shape: Shape, path: str, losses: list[Loss]) -> bytes | None:
    if isinstance(shape, Items):
        return _prune_items(raw, shape, path, losses) if raw.startswith(b"[") else raw
    if isinstance(shape, Whole) or not raw.startswith(b"{"):
        return raw
    members = _object.decode(raw)
    if isinstance(shape, Tagged):
        kind = bytes(members.get("type", _NULL))
        word = shape.default if kind == _NULL else _string.decode(kind) if kind.startswith(b'"') else ""
        if word not in shape.types:
            if word:
                losses.append(Loss(path, f"for the type '{word[:100]}', {NO_COUNTERPART}"))
                return None
            return raw
        shape = shape.types[word]
    return _prune_members(members, shape, path, losses)


def _prune_members(
    members: dict[str, msgspec.Raw], shape: Fields, path: str, losses: list[Loss]
) -> bytes | None:
    kept = []
    for name, value in members.items():
        raw = bytes(value)
        inner = f"{path}.{name}" if path else name
        known = shape.known.get(name)
        if known is None:
            if raw != _NULL and raw not in shape.harmless.get(name, ()):
                losses.append(Loss(inner[:200], NO_COUNTERPART))
            continue
        pruned = _prune(raw, known, inner, losses)
        if pruned is not None:
            kept.append(msgspec.json.encode(name) + b":" + pruned)
        elif name == shape.core:
            return None
    return b"{" + b",".join(kept) + b"}"


def _prune_items(raw: bytes, shape: Items, path: str, losses: list[Loss]) -> bytes:
    kept = []
    for index, value in enumerate(_list.decode(raw)):
        item, inner = bytes(value), f"{path}[{index}]"
        if item == _NULL:
            raise NullItemError(inner)
        kept.append(_prune(item, shape.of, inner, losses) or _NULL)
    return b"[" + b",".join(kept) + b"]"
