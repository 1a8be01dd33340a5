"""Typed reading that tells what it passes over: members that no type declares, each by its path.

A body is decoded strictly first, which costs what any typed decoding does. Only one that fails is decoded leniently and
walked for what the strict decoder stumbled on. A member that is null says nothing, known or not.
"""

import types
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import inspect

from keyturn.dialects.json_scan import members
from keyturn.domain.refusals import Reason, Refused

MOST_UNKNOWN = 50
"""More unknown members than these are not told."""

T = TypeVar("T", bound=msgspec.Struct)


class Reader(Generic[T]):
    """Reads JSON objects of one shape.

    Args:
        kind: A struct that lets unknown members pass, as its inner structs do; none holds its own kind.
    """

    __slots__ = ("_lenient", "_place", "_strict")

    def __init__(self, kind: type[T]) -> None:
        self._lenient = msgspec.json.Decoder(kind)
        self._strict = cast("msgspec.json.Decoder[T]", msgspec.json.Decoder(_strict(kind)))
        self._place = _place(inspect.type_info(kind))

    def read(self, body: bytes) -> tuple[T, tuple[str, ...]] | Refused:
        """Return the value and the paths of the members it has no place for, ``MOST_UNKNOWN`` of them at most.

        Refuses what is not a JSON object, what has a top-level member twice, and a member of the wrong type.
        """
        found = members(body)
        if isinstance(found, Refused):
            return found
        try:
            return self._strict.decode(body), ()
        except msgspec.ValidationError:
            pass
        try:
            value = self._lenient.decode(body)
        except msgspec.ValidationError as error:
            return _wrong(str(error))
        unknown: list[str] = []
        _walk(msgspec.json.decode(body), self._place, "", unknown)
        return value, tuple(unknown)


def _wrong(text: str) -> Refused:
    what, _, where = text.partition(" - at `$")
    path = where.rstrip("`").removeprefix(".")
    if what.startswith("Object missing required field"):
        name = what.split("`")[1]
        path = f"{path}.{name}" if path else name
        return Refused(Reason.INVALID_MEMBER, f"'{path}' is missing", path)
    what = what[:1].lower() + what[1:].replace("`", "")
    return Refused(Reason.INVALID_MEMBER, f"'{path}' is not valid: {what}", path)


def _strict(kind: Any) -> Any:  # noqa: ANN401 -- types are values here
    """Return the type with every struct inside replaced by a subclass that refuses unknown members."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = [
            (field.name, _strict(field.type), _default(field)) for field in msgspec.structs.fields(kind)
        ]
        return msgspec.defstruct(
            kind.__name__, fields, bases=(kind,), forbid_unknown_fields=True, kw_only=True, module=__name__
        )
    arguments = tuple(_strict(argument) for argument in get_args(kind))
    if get_origin(kind) in {Union, types.UnionType}:
        return Union[arguments]  # noqa: UP007 -- it is made of values
    if get_origin(kind) is list:
        return list[arguments]  # type: ignore[valid-type]
    return kind


def _default(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401 -- of any type
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default


class _Place(msgspec.Struct, gc=False):
    """What may stand at a place: the members of an object that are known there, what a list holds.

    Attributes:
        members: ``None``: whatever an object has is welcome.
        item: ``None``: the same of a list.
    """

    members: "dict[str, _Place] | None" = None
    item: "_Place | None" = None


def _place(info: inspect.Type) -> _Place:
    place = _Place()
    for one in info.types if isinstance(info, inspect.UnionType) else (info,):
        if isinstance(one, inspect.StructType):
            place.members = {field.encode_name: _place(field.type) for field in one.fields}
        elif isinstance(one, inspect.ListType):
            place.item = _place(one.item_type)
    return place


def _walk(value: object, place: _Place, path: str, unknown: list[str]) -> None:
    if isinstance(value, list) and place.item is not None:
        for index, inner in enumerate(value):
            _walk(inner, place.item, f"{path}[{index}]", unknown)
    elif isinstance(value, dict) and place.members is not None:
        for name, inner in value.items():
            known = place.members.get(name)
            if known is not None:
                if isinstance(inner, list | dict):
                    _walk(inner, known, f"{path}.{name}" if path else name, unknown)
            elif inner is not None and len(unknown) < MOST_UNKNOWN:
                unknown.append(f"{path}.{name}" if path else name)
