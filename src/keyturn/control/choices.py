"""What may stand where an enumeration is asked for, because the decoder says only what may not."""

import re
from enum import Enum
from typing import Any

from msgspec import inspect

_NONE_OF = re.compile(r"(?s)Invalid enum value (?P<value>.*)")


def explained(message: str, wanted: Any, path: str = "") -> str:  # noqa: ANN401 -- a type
    """Return a decoder's message, with what would have been right where that is a short list.

    Args:
        message: The decoder's own, without the place.
        wanted: The type that was decoded.
        path: Where in it, such as ``rotation.every_days`` or ``permissions[0]``; empty: the whole.
    """
    found = _NONE_OF.fullmatch(message)
    if found is None:
        return message
    kinds = _alternatives(inspect.type_info(wanted))
    for step in path.replace("[", ".[").split(".") if path else []:
        kinds = [kind for one in kinds for kind in _inside(one, step)]
    names = [str(member.value) for kind in kinds for member in _members(kind)]
    return f"{found['value']} is none of {', '.join(names)}" if names else message


def _inside(kind: inspect.Type, step: str) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        return [
            one for field in kind.fields if field.encode_name == step for one in _alternatives(field.type)
        ]
    if isinstance(kind, inspect.CollectionType) and step.startswith("["):
        return _alternatives(kind.item_type)
    return []


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return _alternatives(kind.type)
    return (
        [one for part in kind.types for one in _alternatives(part)]
        if isinstance(kind, inspect.UnionType)
        else [kind]
    )


def _members(kind: inspect.Type) -> list[Enum]:
    return list(kind.cls) if isinstance(kind, inspect.EnumType) else []
