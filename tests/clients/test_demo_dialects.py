"""The demo's models in all three dialects, through a node that nobody has configured."""

from typing import Any

import pytest

from support.node import Node

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


@pytest.mark.parametrize("model", ["demo-chat", "demo-claude", "demo-gemini"])
def test_a_new_node_reaches_a_model_in_every_dialect(node: Node, model: str) -> None:
    """Whoever tries Keyturn sees translation at work before they have an account with anybody."""
    words = node.chat("hello big world", model=model, max_tokens=100).json()
    called = node.chat("get_weather", model=model, tools=TOOLS, max_tokens=100).json()

    assert words["choices"][0]["message"]["content"].startswith("You sent 3 words about world.")
    assert words["usage"]["prompt_tokens"] == 3
    (call,) = called["choices"][0]["message"]["tool_calls"]
    assert (call["function"]["name"], call["function"]["arguments"]) == ("get_weather", '{"city":"city"}')
