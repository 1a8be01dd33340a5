"""Typed reading of requests that tells what it passes over: members and objects that have no place, each by its path.

A body is decoded strictly first, which costs what any typed decoding does. Only one that fails is cut down to what its
shape knows and decoded once more. Cutting happens at the level of bytes, so that free JSON (schemas, arguments, numbers)
stays as it was written; what is cut out of a list leaves ``null`` behind, so that the others keep their paths.

Google's servers take JSON of protocol buffers, which is lenient: a member may be called ``maxOutputTokens`` or
``max_output_tokens``, ``null`` stands for nothing, and a single value may stand where a list is asked for. Shapes know that
too, and the cut brings it into the one form that a strict decoder reads.
Source: https://protobuf.dev/programming-guides/json/.
"""

import re
import types
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from keyturn.dialects import json_scan
from keyturn.domain.refusals import Reason, Refused

MOST_UNKNOWN = 50
"""More unknown members than these are not told."""

_NULL = b"null"
_TYPE = "type"
_LONGEST_HARMLESS = 64
_LONGEST_PATH = 200
_LONGEST_KIND = 64
_CAPITAL = re.compile("[A-Z]")
_MISSING = re.compile("^Object missing required field `(.*)`$")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)

T = TypeVar("T", bound=msgspec.Struct)


# ── what is known ───────────────────────────────────────────────────────────


class Members(msgspec.Struct, frozen=True):
    """An object.

    Attributes:
        known: Its members by the names that are decoded; ``None``: whatever that one is, it stays.
        harmless: By other members, the values that may be left out without a word; ``null`` always may. ``None``: all
            others may, somebody else looks at them.
        core: The member without which nothing is left of the object.
        names: Of a message of protocol buffers, the known members by their other names; ``None``: it is no such message.
    """

    known: Mapping[str, "Shape | None"]
    harmless: Mapping[str, tuple[object, ...]] | None = {}
    core: str = ""
    names: Mapping[str, str] | None = None


class Several(msgspec.Struct, frozen=True):
    """A list; what stands in place of one (a string, ``null``) stays.

    Attributes:
        of: What it holds.
        single: What stands in place of one is made a list of one.
        fits: Whether an item has nothing in it that would be cut out, which is true of most and found sooner than by
            looking at each of its members.
    """

    of: "Members | Typed | None"
    single: bool = False
    fits: Callable[[bytes], bool] | None = None


class Typed(msgspec.Struct, frozen=True):
    """An object that says by its member ``type`` what it is; one of another type is cut out as a whole.

    Attributes:
        kinds: By type.
        default: Of one that doesn't say it; empty: it has to.
    """

    kinds: Mapping[str, Members]
    default: str = ""


Shape = Members | Several | Typed


def shape_of(struct: type[msgspec.Struct], *, proto: bool = False) -> Members:
    """Return the shape that a decoder of ``struct`` reads.

    Args:
        struct: It refuses unknown members, and so do those inside of it; they hold none of their own kind, and no union
            of two of them.
        proto: It is a message of protocol buffers.
    """
    fields = msgspec.structs.fields(struct)
    known = {field.encode_name: _shape_of(field.type, proto=proto) for field in fields}
    names = {_CAPITAL.sub(lambda found: "_" + found[0].lower(), name): name for name in known}
    return Members(known, names=names if proto else None)


def _shape_of(kind: Any, *, proto: bool) -> Shape | None:  # noqa: ANN401 -- types are values here
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return shape_of(kind, proto=proto)
    arguments = get_args(kind)
    inner = [_shape_of(one, proto=proto) for one in arguments]
    found = next((shape for shape in inner if shape is not None), None)
    if get_origin(kind) is list and not isinstance(found, Several):
        fits = is_read_by(arguments[0]) if found is not None else None
        return Several(found, proto, fits) if found is not None or proto else None
    return found if get_origin(kind) in {Union, types.UnionType} else None


def is_read_by(kind: Any) -> Callable[[bytes], bool]:  # noqa: ANN401 -- types are values here
    """Return a function that says whether JSON is of this type, which refuses unknown members."""
    decode = msgspec.json.Decoder(kind).decode

    def is_read(raw: bytes) -> bool:
        try:
            decode(raw)
        except msgspec.ValidationError:
            return False
        return True

    return is_read


def strict(kind: Any) -> Any:  # noqa: ANN401 -- types are values here
    """Return the type with every struct inside replaced by a subclass that refuses unknown members."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = [(field.name, strict(field.type), _default(field)) for field in msgspec.structs.fields(kind)]
        return msgspec.defstruct(
            kind.__name__, fields, bases=(kind,), forbid_unknown_fields=True, kw_only=True, module=__name__
        )
    arguments = tuple(strict(argument) for argument in get_args(kind))
    if get_origin(kind) in {Union, types.UnionType}:
        return Union[arguments]  # noqa: UP007 -- it is made of values
    if get_origin(kind) is list:
        return list[arguments]  # type: ignore[valid-type]
    return kind


def _default(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401 -- of any type
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default


# ── reading ─────────────────────────────────────────────────────────────────


class Unknown(msgspec.Struct, frozen=True):
    """Something that has no place.

    Attributes:
        path: Where it stands, by the names that are decoded and at the end by its own.
        kind: The type of an object of a list, or of a member; empty: ``null``, in a list; ``None``: it is a member whose
            name is not known.
    """

    path: str
    kind: str | None = None


class RefusedError(Exception):
    """A request can't be meant.

    Attributes:
        refused: Why.
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


ERRORS = (RefusedError, msgspec.DecodeError, RecursionError)
"""What reading raises; ``refusal`` puts it into words."""


class Reader(Generic[T]):
    """Reads JSON objects of one kind.

    Args:
        kind: Refuses unknown members, and takes ``None`` wherever something may be cut out.
        shape: What is cut down to it, ``kind`` reads.
        fits: Whether an object that was decoded has nothing in it that ``shape`` would cut out.
        nulls: A client may write ``null`` into a list of objects that say their type.
        lax: Where the strict form fails, numbers may be written as strings, as in JSON of protocol buffers.
    """

    __slots__ = ("_cut", "_fits", "_nulls", "_shape", "_strict")

    def __init__(
        self,
        kind: type[T],
        shape: Members,
        *,
        fits: Callable[[T], bool] | None = None,
        nulls: bool = True,
        lax: bool = False,
    ) -> None:
        self._strict = msgspec.json.Decoder(kind)
        self._cut = msgspec.json.Decoder(kind, strict=not lax)
        self._shape, self._fits, self._nulls = shape, fits, nulls

    def read(self, body: bytes, path: str = "") -> tuple[T, tuple[Unknown, ...]]:
        """Return the value and what of the body has no place in it, ``MOST_UNKNOWN`` at most.

        Args:
            body: An object that ``json_scan.members`` has found nothing wrong with, or a value inside of one.
            path: Of that value.

        Raises:
            RefusedError: A member is there under both of its names, or a ``null`` where none may be.
            msgspec.ValidationError: A member is of the wrong type, or is missing.
            msgspec.DecodeError: It is not JSON in a place where only a typed decoder looks.
            RecursionError: It is nested too deeply.
        """
        try:
            value = self._strict.decode(body)
        except msgspec.ValidationError:
            pass
        else:
            if self._fits is None or self._fits(value):
                return value, ()
        cut = _Cut(nulls=self._nulls)
        return self._cut.decode(cut.whole(body, self._shape, path)), tuple(cut.unknown)


def refusal(error: Exception, path: str = "") -> Refused:
    """Put into words what was raised while the value at ``path`` was read."""
    if isinstance(error, RefusedError):
        return error.refused
    if not isinstance(error, msgspec.ValidationError):
        return json_scan.invalid(error)
    what, inner = place_of(error)
    path = f"{path}.{inner}" if path and inner else path or inner
    missing = _MISSING.match(what)
    if missing is not None:
        path = f"{path}.{missing[1]}" if path else missing[1]
        return Refused(Reason.INVALID_MEMBER, f"'{path}' is missing", path)
    what = what[:1].lower() + what[1:].replace("`", "")
    name = f"'{path}'" if path else "The request body"
    return Refused(Reason.INVALID_MEMBER, f"{name} is not valid: {what}", path or None)


def place_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what is wrong, in the decoder's words, and the path where it is; both as they stand in the error."""
    what, _, where = str(error).partition(" - at `$")
    return what, where.removesuffix("`").removeprefix(".")


def is_one_of(raw: bytes, values: tuple[object, ...]) -> bool:
    """Whether the JSON is ``null`` or one of some short values; a long one, which may be nested deeply, is not looked at."""
    if raw == _NULL:
        return True
    if not values or len(raw) > _LONGEST_HARMLESS:
        return False
    try:
        return msgspec.json.decode(raw) in values
    except msgspec.DecodeError:  # a number that is too large
        return False


class _Cut:
    """One body on its way through its shape."""

    __slots__ = ("_nulls", "unknown")

    def __init__(self, *, nulls: bool) -> None:
        self.unknown: list[Unknown] = []
        self._nulls = nulls

    def whole(self, body: bytes, shape: Members, path: str) -> bytes:
        return self._object(_members.decode(body), shape, path) or _NULL

    def _note(self, path: str, kind: str | None = None) -> None:
        if len(self.unknown) < MOST_UNKNOWN:
            self.unknown.append(Unknown(path[:_LONGEST_PATH], kind))

    def _value(self, raw: bytes, shape: Shape, path: str) -> bytes | None:
        """Return what is left; ``None``: nothing. Of another JSON type than the shape, it is the decoder's to judge."""
        if isinstance(shape, Several):
            return self._list(raw, shape, path)
        if raw[:1] != b"{":
            return raw
        found = _members.decode(raw)
        if isinstance(shape, Members):
            return self._object(found, shape, path)
        kind = _kind(found, shape)
        if not kind:
            return raw
        if kind not in shape.kinds:
            self._note(path, kind[:_LONGEST_KIND])
            return None
        return self._object(found, shape.kinds[kind], path)

    def _object(self, found: dict[str, msgspec.Raw], shape: Members, path: str) -> bytes | None:
        kept: dict[str, bytes] = {}
        base = f"{path}." if path else ""
        for name, value in found.items():
            raw, proper = bytes(value), name
            if shape.names is not None:
                if raw == _NULL:
                    continue
                proper = shape.names.get(name, name)
            if proper not in shape.known:
                if not _says_nothing(name, raw, shape):
                    self._note(base + name)
                continue
            if proper in kept:
                text = f"The request body has '{base}{name}' twice"
                raise RefusedError(Refused(Reason.DUPLICATE_MEMBER, text, base + name))
            inner = shape.known[proper]
            left = raw if inner is None else self._value(raw, inner, base + proper)
            if left is not None:
                kept[proper] = left
            elif proper == shape.core:
                return None
        return b"{" + b",".join([b'"%b":%b' % (name.encode(), raw) for name, raw in kept.items()]) + b"}"

    def _list(self, raw: bytes, shape: Several, path: str) -> bytes:
        if raw[:1] != b"[":
            if not shape.single:
                return raw
            raw = b"[" + raw + b"]"
        if shape.of is None:
            return raw
        kept = []
        for index, element in enumerate(_elements.decode(raw)):
            inner, item = f"{path}[{index}]", bytes(element)
            if item == _NULL and isinstance(shape.of, Typed):
                if not self._nulls:
                    raise RefusedError(
                        Refused(Reason.INVALID_MEMBER, f"'{inner}' is null, which no item may be", inner)
                    )
                self._note(inner, "")
            if shape.fits is not None and shape.fits(item):
                kept.append(item)
                continue
            kept.append(self._value(item, shape.of, inner) or _NULL)
        return b"[" + b",".join(kept) + b"]"


def _kind(found: dict[str, msgspec.Raw], shape: Typed) -> str:
    """Return the type that an object says; empty where the decoder will refuse it."""
    raw = bytes(found.get(_TYPE, _NULL))
    if raw == _NULL:
        return shape.default
    return _string.decode(raw) if raw[:1] == b'"' else ""


def _says_nothing(name: str, raw: bytes, shape: Members) -> bool:
    if shape.harmless is None or (raw == b"[]" and shape.names is not None):
        return True
    return is_one_of(raw, shape.harmless.get(name, ()))
