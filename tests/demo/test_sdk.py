"""The official OpenAI SDK against the demo upstream: what works here works against OpenAI."""

from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from fakes.demo_upstream import DemoUpstream

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
