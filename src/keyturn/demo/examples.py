"""A value that a JSON Schema is satisfied with: the same one for the same schema.

Everything that shapes a value in the schemas of tools and structured answers is understood; ``pattern``, ``not``, ``if``
and what else can only be tried out is not. Properties are all given, but those that are not required stop where a
schema goes in circles.
"""

import math
from typing import Any

import msgspec

Json = Any

_DEPTH = 12
"""How deep a value may go before whatever is not required is left out."""
_DEFAULT_LENGTH = 1
_LONGEST = 1_000
"""Of texts and arrays, whatever the schema wants."""

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: str) -> Json:
    """Return the value.

    Args:
        schema: JSON Schema as JSON text; empty: an object without properties.
    """
    root = msgspec.json.decode(schema) if schema else {}
    return _Maker(root).make(root, "", 0)


class _Maker:
    """Makes values of one document, which its references point into."""

    def __init__(self, root: Json) -> None:
        self._root = root

    def make(self, schema: Json, name: str, depth: int) -> Json:
        """Return a value; ``name`` is that of its property, which texts repeat."""
        if not isinstance(schema, dict):
            return {}
        schema = self._whole(schema, depth)
        given = _given(schema)
        if given:
            return given[0]
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "string":
            return _text(schema, name)
        if kind in {"integer", "number"}:
            return _number(schema, whole=kind == "integer")
        return True if kind == "boolean" else None

    def _whole(self, schema: dict[str, Json], depth: int) -> dict[str, Json]:
        """Return a schema with what it refers to, and the first of its alternatives, in it."""
        for _ in range(_DEPTH):
            more: list[Json] = []
            rest = dict(schema)
            if "$ref" in rest:
                more.append(self._found(rest.pop("$ref")))
            more += rest.pop("allOf", [])
            for choice in ("anyOf", "oneOf"):
                alternatives = rest.pop(choice, [])
                if alternatives:
                    more.append(alternatives[-1] if depth > _DEPTH else alternatives[0])
            if not more:
                break
            schema = rest
            for part in more:
                schema = _joined(schema, part)
        return schema

    def _found(self, reference: str) -> Json:
        place = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.get(key, {}) if isinstance(place, dict) else {}
        return place

    def _object(self, schema: dict[str, Json], depth: int) -> dict[str, Json]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        names = [*properties, *(name for name in required if name not in properties)]
        if depth >= _DEPTH:
            names = [name for name in names if name in required] if depth < 2 * _DEPTH else []
        return {name: self.make(properties.get(name, {"type": "string"}), name, depth + 1) for name in names}

    def _array(self, schema: dict[str, Json], name: str, depth: int) -> list[Json]:
        given = schema.get("prefixItems") or []
        length = max(_size(schema, "minItems", 0 if depth >= _DEPTH else _DEFAULT_LENGTH), len(given))
        length = min(length, _size(schema, "maxItems", _LONGEST), _LONGEST)
        item = schema.get("items", {"type": "string"})
        made = [self.make(given[at] if at < len(given) else item, name, depth + 1) for at in range(length)]
        if schema.get("uniqueItems") and isinstance(item, dict):
            return [_different(value, at, item) for at, value in enumerate(made)]
        return made


def _joined(one: dict[str, Json], other: Json) -> dict[str, Json]:
    if not isinstance(other, dict):
        return one
    joined = other | one
    if "properties" in one and "properties" in other:
        joined["properties"] = other["properties"] | one["properties"]
    if "required" in one and "required" in other:
        joined["required"] = [*other["required"], *one["required"]]
    return joined


def _kind(schema: dict[str, Json]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "object" if "properties" in schema or "required" in schema or not schema else "string"


def _size(schema: dict[str, Json], name: str, otherwise: int) -> int:
    found = schema.get(name)
    return int(found) if isinstance(found, int | float | str) and str(found).isdigit() else otherwise


def _text(schema: dict[str, Json], name: str) -> str:
    text = _FORMATS.get(schema.get("format", ""), name or "text")
    shortest = min(_size(schema, "minLength", 0), _LONGEST)
    return text.ljust(shortest, "x")[: _size(schema, "maxLength", _LONGEST)]


def _number(schema: dict[str, Json], *, whole: bool) -> float:
    """Return the least number that is allowed; the largest where there is no least, or 1."""
    step = schema.get("multipleOf") or 1
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if not whole and above is not None and "multipleOf" not in schema:
        ceiling = min(end for end in (high, below, above + 2) if end is not None)
        return float(above + ceiling) / 2
    if above is not None:
        low = max(low if low is not None else above, math.floor(above / step + 1) * step)
    if low is None:
        tops = [
            end
            for end in (high, below if below is None else math.ceil(below / step - 1) * step)
            if end is not None
        ]
        value = min([step, *tops])
        value = math.floor(value / step) * step if whole or "multipleOf" in schema else value
    else:
        value = math.ceil(low / step) * step if whole or "multipleOf" in schema else low
    return int(value) if whole else value


def _given(schema: dict[str, Json]) -> list[Json]:
    """Return the values that a schema names itself."""
    if "const" in schema:
        return [schema["const"]]
    named = schema.get("enum") or schema.get("examples")
    if isinstance(named, list) and named:
        return named
    return [] if schema.get("default") is None else [schema["default"]]


def _different(value: Json, at: int, item: dict[str, Json]) -> Json:
    """Return the ``at``-th of values that must all differ."""
    if item.get("enum"):
        return item["enum"][at % len(item["enum"])]
    if isinstance(value, str):
        return f"{value}{at}" if at else value
    return value + at if isinstance(value, int | float) and not isinstance(value, bool) else value
