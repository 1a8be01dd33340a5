"""The official Anthropic SDK against the demo upstream."""

import json
from collections.abc import Iterator

import anthropic
import pytest
from anthropic.types import Message, MessageParam, ToolParam

from fakes.demo_upstream import DemoUpstream

HELLO: list[MessageParam] = [{"role": "user", "content": "hello big world"}]
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "Tells the weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city"],
    },
}


@pytest.fixture
def client(upstream: DemoUpstream) -> Iterator[anthropic.Anthropic]:
    """An SDK client that does not retry."""
    base_url = upstream.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=base_url, api_key=upstream.key, max_retries=0, timeout=20) as made:
        yield made


def test_messages(client: anthropic.Anthropic) -> None:
    """The main job."""
    answer = client.messages.create(model="echo", max_tokens=100, messages=HELLO)

    assert [block.text for block in answer.content if block.type == "text"] == ["hello big world"]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 3)
    assert answer.stop_reason == "end_turn"
    assert answer._request_id is not None


def test_messages_stream_with_thoughts(client: anthropic.Anthropic) -> None:
    """The SDK's own accumulator reads the events."""
    with client.messages.stream(
        model="demo-claude",
        max_tokens=2_048,
        messages=HELLO,
        thinking={"type": "enabled", "budget_tokens": 1_024},
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    thought, said = final.content
    assert thought.type == "thinking"
    assert thought.thinking.startswith("They wrote 3 words")
    assert thought.signature
    assert said.type == "text"
    assert said.text == text
    assert text.startswith("You sent 3 words about world.")
    assert final.usage.output_tokens > 20


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_quoted(client: anthropic.Anthropic, *, stream: bool) -> None:
    """The loop of an agent."""
    asked: list[MessageParam] = [{"role": "user", "content": "get_weather please"}]
    if stream:
        with client.messages.stream(
            model="demo-claude", max_tokens=100, messages=asked, tools=[WEATHER]
        ) as events:
            first: Message = events.get_final_message()
    else:
        first = client.messages.create(model="demo-claude", max_tokens=100, messages=asked, tools=[WEATHER])
    (call,) = first.content
    assert call.type == "tool_use"
    second = client.messages.create(
        model="demo-claude",
        max_tokens=100,
        tools=[WEATHER],
        messages=[
            *asked,
            {"role": "assistant", "content": first.content},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny"}],
            },
        ],
    )

    assert (first.stop_reason, second.stop_reason) == ("tool_use", "end_turn")
    assert (call.name, call.input) == ("get_weather", {"city": "city", "days": 2})
    assert second.content[0].type == "text"
    assert second.content[0].text == "The tool get_weather answered: Sunny"
    assert second.usage.cache_read_input_tokens


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    """Before they are spent."""
    assert client.messages.count_tokens(model="demo-claude", messages=HELLO).input_tokens == 3


def test_models(client: anthropic.Anthropic) -> None:
    """The list that a client shows to choose from, over several pages."""
    names = [model.id for model in client.models.list(limit=2)]

    assert {"demo-claude", "demo-chat"} < set(names)
    assert client.models.retrieve("demo-claude").display_name == "demo-claude"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("demo-429", anthropic.RateLimitError),
        ("demo-503", anthropic.InternalServerError),
        ("nobody", anthropic.NotFoundError),
        ("demo-cut", anthropic.APIConnectionError),
    ],
)
def test_failures_raise_the_errors_of_the_sdk(
    client: anthropic.Anthropic, model: str, error: type[Exception]
) -> None:
    """Error handling written for Anthropic is tried out with these models."""
    with pytest.raises(error):
        client.messages.create(model=model, max_tokens=10, messages=HELLO)


def test_a_wrong_key_raises_authentication_error(upstream: DemoUpstream) -> None:
    """Like at Anthropic."""
    base_url = upstream.url.removesuffix("/v1")
    with (
        anthropic.Anthropic(base_url=base_url, api_key="wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.models.list()


def test_what_was_served_is_logged_with_its_usage(
    client: anthropic.Anthropic, upstream: DemoUpstream
) -> None:
    """The gateway's usage is compared with it."""
    before = len(upstream.served())

    with client.messages.stream(model="echo", max_tokens=2, messages=HELLO) as stream:
        usage = stream.get_final_message().usage

    (line,) = upstream.served()[before:]
    assert (
        (line["input_tokens"], line["output_tokens"]) == (usage.input_tokens, usage.output_tokens) == (3, 2)
    )
    assert json.dumps(line).startswith('{"request_id": "", "model": "echo"')
