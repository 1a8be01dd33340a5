"""Checks answers against the schemas in OpenAI's API description, as far as JSON Schema is used there."""

import json
from pathlib import Path
from typing import Any

SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "openai_schema.json").read_text())[
    "$defs"
]

EVENTS: dict[str, str] = {
    SCHEMAS[name]["properties"]["type"]["enum"][0]: name
    for name in (one["$ref"].removeprefix("#/$defs/") for one in SCHEMAS["ResponseStreamEvent"]["anyOf"])
}
"""The schemas of the events of a streamed response, by their type."""

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(value: object, schema_name: str) -> list[str]:
    """Return what is wrong with ``value``, one sentence each; empty when it conforms."""
    return _problems(value, SCHEMAS[schema_name], "$")


def _problems(value: object, schema: dict[str, Any], path: str) -> list[str]:
    found: list[str] = []
    if "$ref" in schema:
        found += _problems(value, SCHEMAS[schema["$ref"].removeprefix("#/$defs/")], path)
    for part in schema.get("allOf", []):
        found += _problems(value, part, path)
    if "anyOf" in schema and all(_problems(value, part, path) for part in schema["anyOf"]):
        found.append(f"{path} fits none of the alternatives")
    if "type" in schema and not _is(value, schema["type"]):
        return [*found, f"{path} is no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path} is none of {schema['enum']}")
    return found + _inside(value, schema, path)


def _inside(value: object, schema: dict[str, Any], path: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        found += [f"{path}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, part in schema.get("properties", {}).items():
            if name in value:
                found += _problems(value[name], part, f"{path}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += _problems(item, schema["items"], f"{path}[{index}]")
    return found


def _is(value: object, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
