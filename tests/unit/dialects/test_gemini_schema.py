"""Schemas, in the words of either standard."""

import json

from fakes.gemini_bodies import HELLO, read
from keyturn.dialects import gemini
from keyturn.dialects.canonical import (
    Format,
    Read,
)

SCHEMA = '{"type":"object","properties":{"b":{"type":"string"},"a":{"$ref":"#/x"}},"oneOf":[1.50]}'


def test_a_json_schema_passes_untouched() -> None:
    """What a number looks like, and the order of members, is the client's."""
    body = (
        b'{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","description":"d",'
        b'"parametersJsonSchema":%b}]}],"generationConfig":{"responseMimeType":"application/json",'
        b'"responseJsonSchema":%b}}'
    ) % (SCHEMA.encode(), SCHEMA.encode())

    found = gemini.read_request(body, model="m")

    assert isinstance(found, Read)
    assert found.chat.tools[0].schema == found.chat.schema == SCHEMA
    assert found.chat.format is Format.SCHEMA
    assert gemini.write_request(found.chat).body.count(SCHEMA.encode()) == 2


def test_a_schema_in_openapis_words_becomes_json_schema() -> None:
    """Types in capitals and ``nullable`` mean nothing to other providers."""
    parameters = {
        "type": "OBJECT",
        "properties": {
            "type": {
                "type": "STRING",
                "format": "enum",
                "enum": ["a", "b"],
                "nullable": True,
                "example": "a",
            },
            "tags": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1", "max_items": 3},
            "either": {"anyOf": [{"type": "NUMBER"}, {"ref": "#/$defs/n"}], "nullable": True, "title": None},
        },
        "required": ["type"],
        "propertyOrdering": ["tags", "type", "unknown", 1],
        "defs": {"n": {"type": "TYPE_UNSPECIFIED", "minItems": "many"}},
        "additionalProperties": False,
        "nullable": False,
        "oneOf": True,
    }

    found = read(
        {
            **HELLO,
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}],
            "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY"}},
        }
    ).chat

    assert found.schema == '{"type":"array"}'
    schema = json.loads(found.tools[0].schema)
    assert list(schema["properties"]) == ["tags", "type", "either"]
    assert schema == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", "b", None], "examples": ["a"]},
            "tags": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
            "either": {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/n"}, {"type": "null"}]},
        },
        "required": ["type"],
        "$defs": {"n": {"minItems": "many"}},
        "additionalProperties": False,
        "oneOf": True,
    }
