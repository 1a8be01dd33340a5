"""The official OpenAI SDK against the demo upstream: what works here works against OpenAI."""

import base64
import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from pydantic import BaseModel

from fakes.demo_upstream import DemoUpstream

SCHEMA: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}}
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello big world"}]


@pytest.fixture
def client(upstream: DemoUpstream) -> Iterator[openai.OpenAI]:
    """An SDK client that does not retry."""
    with openai.OpenAI(base_url=upstream.url, api_key=upstream.key, max_retries=0, timeout=20) as made:
        yield made


def test_chat_completions(client: openai.OpenAI) -> None:
    """The main job."""
    answer = client.chat.completions.create(model="echo", messages=HELLO, temperature=0.5)

    assert answer.choices[0].message.content == "hello big world"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 6


def test_chat_streams(client: openai.OpenAI) -> None:
    """The SDK's own accumulator reads the chunks, and the usage at the end."""
    stream = client.chat.completions.create(
        model="demo-chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("You sent 3 words about world.")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 3


def test_completions(client: openai.OpenAI) -> None:
    """The legacy endpoint, plain and streamed."""
    answer = client.completions.create(model="echo", prompt="once upon a time", max_tokens=2)
    stream = client.completions.create(model="echo", prompt="once upon", stream=True)

    assert answer.choices[0].text == "once upon"
    assert answer.choices[0].finish_reason == "length"
    assert "".join(chunk.choices[0].text for chunk in stream) == "once upon"


def test_responses(client: openai.OpenAI) -> None:
    """The Responses API, plain and streamed."""
    answer = client.responses.create(model="echo", input="hello big world", instructions="Be brief.")
    with client.responses.stream(model="echo", input=[{"role": "user", "content": "hi there"}]) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert answer.output_text == "hello big world"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 3)
    assert deltas == ["hi ", "there"]
    assert final.output_text == "hi there"


def test_embeddings(client: openai.OpenAI) -> None:
    """The SDK asks for base64 unless told otherwise; both are the same vector."""
    encoded = client.embeddings.create(model="demo-embed", input=["a", "b"])
    plain = client.embeddings.create(model="demo-embed", input="a", encoding_format="float")

    assert [len(item.embedding) for item in encoded.data] == [256, 256]
    assert encoded.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)
    assert len(client.embeddings.create(model="demo-embed", input="a", dimensions=8).data[0].embedding) == 8


@pytest.mark.parametrize("model", ["demo-chat", "demo-claude"])
def test_a_tool_is_called_and_its_result_quoted(client: openai.OpenAI, model: str) -> None:
    """The loop of an agent, streamed, with two calls at once."""
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "get_weather and get_time"}]
    tools: list[ChatCompletionToolUnionParam] = [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
        for name in ("get_weather", "get_time")
    ]
    with client.chat.completions.stream(model=model, messages=asked, tools=tools) as stream:
        first = stream.get_final_completion().choices[0]
    calls = first.message.tool_calls
    assert calls is not None
    turn: ChatCompletionMessageParam = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in calls
        ],
    }
    results: list[ChatCompletionMessageParam] = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result {index}"}
        for index, call in enumerate(calls)
    ]
    second = client.chat.completions.create(model=model, messages=[*asked, turn, *results], tools=tools)

    assert first.finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[0].function.arguments) == {"city": "city"}
    assert second.choices[0].message.content == (
        "The tool get_weather answered: result 0 The tool get_time answered: result 1"
    )


def test_structured_answers_parse(client: openai.OpenAI) -> None:
    """Chat completions and responses, from the type that the SDK makes the schema of."""

    class Place(BaseModel):
        city: str
        people: int

    chat = client.chat.completions.parse(model="demo-chat", messages=HELLO, response_format=Place)
    response = client.responses.parse(model="demo-chat", input="hello", text_format=Place)

    assert chat.choices[0].message.parsed == Place(city="city", people=1)
    assert response.output_parsed == Place(city="city", people=1)


def test_a_response_calls_a_tool(client: openai.OpenAI) -> None:
    """Streamed, and its arguments parse."""
    with client.responses.stream(
        model="demo-chat",
        input="get_weather",
        tools=[{"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}],
    ) as stream:
        final = stream.get_final_response()

    (call,) = final.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "city"}


def test_images(client: openai.OpenAI) -> None:
    """Made, edited and varied."""
    made = client.images.generate(model="demo-image", prompt="a cat", size="256x256", n=2)
    edited = client.images.edit(
        model="demo-image", image=[b"1", b"2"], prompt="a dog", response_format="b64_json"
    )
    with pytest.deprecated_call():
        varied = client.images.create_variation(model="demo-image", image=b"1", size="256x256")

    for answer, count in ((made, 2), (edited, 1), (varied, 1)):
        assert answer.data is not None
        assert len(answer.data) == count
        assert answer.data[0].b64_json is not None
        assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def test_speech_is_heard_again(client: openai.OpenAI, upstream: DemoUpstream) -> None:
    """What is spoken can be written down; both are logged in what they are billed in."""
    before = len(upstream.served())
    spoken = client.audio.speech.create(
        model="demo-speech", voice="alloy", input="x" * 50, response_format="wav"
    ).content

    heard = client.audio.transcriptions.create(
        model="demo-transcribe", file=("a.wav", spoken), response_format="verbose_json"
    )
    with pytest.deprecated_call():
        translated = client.audio.translations.create(model="demo-transcribe", file=("a.wav", spoken))

    assert heard.duration == 3.0
    assert heard.usage is not None
    assert heard.usage.seconds == 3.0
    assert translated.text == heard.text
    lines = upstream.served()[before:]
    assert [line.get("characters", line.get("audio_ms")) for line in lines] == [50, 3_000, 3_000]


def test_moderations(client: openai.OpenAI) -> None:
    """A text that names a category is of it."""
    answer = client.moderations.create(model="demo-moderation", input="violence")

    assert answer.results[0].flagged
    assert answer.results[0].categories.violence


def test_models(client: openai.OpenAI) -> None:
    """The list that a client shows to choose from."""
    assert "demo-chat" in [model.id for model in client.models.list()]
    assert client.models.retrieve("echo").id == "echo"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("demo-429", openai.RateLimitError),
        ("demo-503", openai.InternalServerError),
        ("nobody", openai.NotFoundError),
        ("demo-cut", openai.APIConnectionError),
    ],
)
def test_failures_raise_the_errors_of_the_sdk(
    client: openai.OpenAI, model: str, error: type[Exception]
) -> None:
    """Error handling written for OpenAI is tried out with these models."""
    with pytest.raises(error):
        client.chat.completions.create(model=model, messages=HELLO)


def test_a_wrong_key_raises_authentication_error(upstream: DemoUpstream) -> None:
    """Like at OpenAI."""
    with (
        openai.OpenAI(base_url=upstream.url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


async def test_the_asynchronous_client_streams(upstream: DemoUpstream) -> None:
    """The other half of the SDK."""
    async with openai.AsyncOpenAI(base_url=upstream.url, api_key=upstream.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="echo", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hello big world"
