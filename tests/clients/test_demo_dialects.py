"""The demo's models in all three dialects, through a node that nobody has configured."""

from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

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


def test_each_sdk_finds_the_models_in_its_own_words(node: Node) -> None:
    """All three ask at ``/v1/models``: who asks is told by headers."""
    google = types.HttpOptions(base_url=node.url)
    with (
        openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key) as of_openai,
        anthropic.Anthropic(base_url=node.url, api_key=node.key) as of_anthropic,
        genai.Client(api_key=node.key, http_options=google) as of_google,
    ):
        listed = [
            {model.id for model in of_openai.models.list()},
            {model.id for model in of_anthropic.models.list()},
            {(model.name or "").removeprefix("models/") for model in of_google.models.list()},
        ]
        one = (
            of_openai.models.retrieve("demo-chat").object,
            of_anthropic.models.retrieve("demo-chat").display_name,
            of_google.models.get(model="demo-chat").name,
        )

    assert all({"demo-chat", "demo-claude", "demo-gemini"} < names for names in listed)
    assert one == ("model", "demo-chat", "models/demo-chat")
