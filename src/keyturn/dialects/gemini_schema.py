"""The schemas of Gemini's older members (``parameters``, ``responseSchema``) as JSON Schema.

They are a subset of OpenAPI 3.0: types in capitals, ``nullable`` beside the type, whole numbers sometimes as strings.
Source: https://ai.google.dev/api/caching#Schema and https://spec.openapis.org/oas/v3.0.3#schema-object.
"""

from typing import Any

import msgspec

_NAMES = {
    "any_of": "anyOf",
    "one_of": "oneOf",
    "max_items": "maxItems",
    "min_items": "minItems",
    "max_length": "maxLength",
    "min_length": "minLength",
    "max_properties": "maxProperties",
    "min_properties": "minProperties",
    "property_ordering": "propertyOrdering",
    "additional_properties": "additionalProperties",
    "defs": "$defs",
    "ref": "$ref",
}
_WHOLE = frozenset({"maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"})
_ONE = frozenset({"items", "additionalProperties", "not"})
_MANY = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "$defs"})


def json_schema(raw: bytes) -> str:
    """Return the JSON Schema of an OpenAPI one, as text.

    Raises:
        msgspec.ValidationError: It is no object.
        RecursionError: It is nested too deeply.
    """
    return msgspec.json.encode(_convert(msgspec.json.decode(raw, type=dict[str, Any]))).decode()


def _convert(schema: Any) -> Any:  # noqa: ANN401 -- JSON is of any type
    return _object(schema) if isinstance(schema, dict) else schema


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    found = {_NAMES.get(name, name): value for name, value in schema.items() if value is not None}
    nullable = found.pop("nullable", False) is True
    order = found.pop("propertyOrdering", None)
    if "example" in found:
        found["examples"] = [found.pop("example")]
    if found.get("format") == "enum":  # a word of OpenAPI's that says what ``enum`` says already
        del found["format"]
    made = {name: _value(name, value) for name, value in found.items()}
    if made.get("type") == "type_unspecified":
        del made["type"]
    if isinstance(order, list) and isinstance(made.get("properties"), dict):
        made["properties"] = _ordered(made["properties"], order)
    return _with_null(made) if nullable else made


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 -- JSON is of any type
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name in _WHOLE and isinstance(value, str) and value.isdecimal():
        return int(value)
    if name in _ONE:
        return _convert(value)
    if name in _MANY and isinstance(value, list):
        return [_convert(one) for one in value]
    if name in _NAMED and isinstance(value, dict):
        return {inner: _convert(one) for inner, one in value.items()}
    return value


def _ordered(properties: dict[str, Any], order: list[Any]) -> dict[str, Any]:
    first = {name: properties[name] for name in order if isinstance(name, str) and name in properties}
    return first | properties


def _with_null(made: dict[str, Any]) -> dict[str, Any]:
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("enum"), list) and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    if isinstance(made.get("anyOf"), list):
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    return made
