"""Values that satisfy schemas."""

import json
from typing import Any

import pytest

from keyturn.demo.examples import example


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        ({"type": "object"}, {}),
        ({"type": "object", "properties": {"city": {"type": "string"}}}, {"city": "city"}),
        ({"type": "object", "required": ["city"]}, {"city": "city"}),
        ({"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}, {"n": 1}),
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": ["null", "string"]}, "text"),
        ({"type": "null"}, None),
        ({"type": "boolean"}, True),
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"enum": [None]}, None),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "string", "default": None}, "text"),
        ({"type": "string", "examples": ["e"]}, "e"),
        ({"description": "anything"}, "text"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "minimum": 2.5}, 3),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "exclusiveMinimum": 3, "minimum": 9}, 9),
        ({"type": "integer", "exclusiveMaximum": 1}, 0),
        ({"type": "integer", "minimum": 11, "multipleOf": 5}, 15),
        ({"type": "integer", "maximum": 4, "multipleOf": 5}, 0),
        ({"minimum": 2}, 2),
        ({"type": "number", "maximum": 0.5}, 0.5),
        ({"type": "number", "minimum": 0.25}, 0.25),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, 0.25),
        ({"type": "array"}, ["text"]),
        ({"items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 0}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}, [1, 2, 3]),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
            ["text", "text1"],
        ),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 2, "uniqueItems": True}, ["x", "y"]),
        (
            {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "uniqueItems": True},
            [True],
        ),
        ({"prefixItems": [{"type": "integer"}, {"type": "boolean"}]}, [1, True]),
        ({"type": "array", "items": {"type": "string"}, "minItems": "2"}, ["text", "text"]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"oneOf": [{"type": "boolean"}]}, True),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}], "required": ["b"]},
            {"a": 1, "b": "b"},
        ),
        (
            {
                "allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"const": 2}}}],
                "type": "object",
            },
            {"b": 2, "a": 1},
        ),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}}, 1),
        ({"$ref": "#/nowhere/at/all"}, {}),
        ({"allOf": [True], "type": "integer"}, 1),
        (True, {}),
    ],
)
def test_a_value_satisfies_its_schema(schema: object, value: object) -> None:
    """Clients parse arguments and answers with the types that the schema was made of."""
    assert example(json.dumps(schema)) == value


def test_no_schema_is_an_object_without_members() -> None:
    """A tool that takes nothing is called with ``{}``."""
    assert example("") == {}


@pytest.mark.parametrize(
    "node",
    [
        {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
        {"type": "object", "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/node"}}}},
        {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["next"],
        },
        {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["next"]},
        {"$ref": "#/$defs/node"},
    ],
)
def test_a_schema_that_goes_in_circles_has_an_end(node: dict[str, Any]) -> None:
    """Trees and lists are described that way."""
    found = example(json.dumps({"$ref": "#/$defs/node", "$defs": {"node": node}}))

    assert len(json.dumps(found)) < 1_000
