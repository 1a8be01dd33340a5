"""OpenAI's SDK for Python."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam

from clients.matrix import samples
from clients.matrix.cells import Check, Place, Sdk
from support.conversations import user
from support.node import NO_TLS

TOOLS: list[ChatCompletionToolUnionParam] = [
    {"type": "function", "function": {"name": samples.TOOL, "parameters": samples.PARAMETERS}}
]


@contextmanager
def connected(
    place: Place, *, key: str = "", timeout_s: float = samples.PATIENT_S
) -> Iterator[openai.OpenAI]:
    """Yield a client that does not retry."""
    plain = openai.DefaultHttpxClient(verify=NO_TLS)
    with openai.OpenAI(
        base_url=f"{place.url}/v1",
        api_key=key or place.key,
        max_retries=0,
        timeout=timeout_s,
        http_client=plain,
    ) as client:
        yield client


def chat(place: Place) -> None:
    """An answer and what it took."""
    with connected(place) as client:
        answer = client.chat.completions.create(model=place.model("chat"), messages=user(samples.HELLO))

    assert (answer.choices[0].message.content or "").startswith(samples.GREETING)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3


def stream(place: Place) -> None:
    """The same in pieces."""
    with connected(place) as client:
        chunks = list(
            client.chat.completions.create(
                model=place.model("chat"),
                messages=user(samples.HELLO),
                stream=True,
                stream_options={"include_usage": True},
            )
        )

    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(words).startswith(samples.GREETING)
    assert len(words) > 10
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 3


def tools(place: Place) -> None:
    """A call in a stream, its result, and the answer to that."""
    asked: list[ChatCompletionMessageParam] = user(samples.CALL)
    with connected(place) as client:
        with client.chat.completions.stream(model=place.model("chat"), messages=asked, tools=TOOLS) as events:
            first = events.get_final_completion().choices[0]
        assert first.message.tool_calls is not None
        (call,) = first.message.tool_calls
        turn: list[ChatCompletionMessageParam] = [
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": samples.RESULT},
        ]
        second = client.chat.completions.create(
            model=place.model("chat"), messages=[*asked, *turn], tools=TOOLS
        )

    assert first.finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == (samples.TOOL, samples.ARGUMENTS)
    assert second.choices[0].message.content == samples.QUOTED


def vision(place: Place) -> None:
    """An image goes in."""
    url = f"data:image/png;base64,{base64.b64encode(samples.PNG).decode()}"
    with connected(place) as client:
        answer = client.chat.completions.create(
            model=place.model("chat"),
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": samples.LOOK},
                        {"type": "image_url", "image_url": {"url": url}},
                    ],
                }
            ],
        )

    assert (answer.choices[0].message.content or "").startswith(samples.SEEN)


def structured(place: Place) -> None:
    """An answer of a type of the caller's."""
    with connected(place) as client:
        answer = client.chat.completions.parse(
            model=place.model("chat"), messages=user(samples.HELLO), response_format=samples.Forecast
        )

    assert answer.choices[0].message.parsed == samples.Forecast(city="city", days=1)


def embeddings(place: Place) -> None:
    """A vector for each text."""
    with connected(place) as client:
        answer = client.embeddings.create(model=place.model("embed"), input=["one", "two"])

    first, second = (item.embedding for item in answer.data)
    assert first != second
    assert len(first) == len(second) > 100


def images(place: Place) -> None:
    """An image comes out."""
    with connected(place) as client:
        answer = client.images.generate(model=place.model("image"), prompt="a cat")

    assert answer.data is not None
    assert base64.b64decode(answer.data[0].b64_json or "").startswith(b"\x89PNG")


def speech(place: Place) -> None:
    """Sound comes out."""
    with connected(place) as client:
        sound = client.audio.speech.create(
            model=place.model("speech"), voice="alloy", input=samples.HELLO, response_format="wav"
        ).content

    assert sound.startswith(b"RIFF")


def transcription(place: Place) -> None:
    """Sound goes in."""
    with connected(place) as client:
        heard = client.audio.transcriptions.create(model=place.model("hear"), file=("sound.wav", samples.WAV))

    assert heard.text.startswith(samples.HEARD)


def errors(place: Place) -> None:
    """Each failure is the class that programs catch."""
    ask = user(samples.HELLO)
    with (
        connected(place, key="sk-wrong") as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.chat.completions.create(model=place.model("chat"), messages=ask)
    assert caught.value.code == "invalid_api_key"
    with connected(place) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="nobody", messages=ask)
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model=place.model("busy"), messages=ask)
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model=place.model("chat"), messages=[])
    assert missing.value.code == "model_not_found"


def time_out(place: Place) -> None:
    """A client that has waited for long enough leaves."""
    with (
        connected(place, timeout_s=samples.IMPATIENT_S) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model=place.model("slow"), messages=user(samples.HELLO))


def abort(place: Place) -> None:
    """A client leaves in the middle of a stream."""
    with (
        connected(place) as client,
        client.chat.completions.create(
            model=place.model("long"), messages=user(samples.LONG), stream=True
        ) as pieces,
    ):
        for _, _ in zip(range(samples.ENOUGH), pieces, strict=False):
            pass


SDK = Sdk(
    name="openai",
    version=openai.__version__,
    refusal=openai.APIStatusError,
    status_of=attrgetter("status_code"),
    checks={
        Check.CHAT: chat,
        Check.STREAM: stream,
        Check.TOOLS: tools,
        Check.VISION: vision,
        Check.JSON: structured,
        Check.EMBEDDINGS: embeddings,
        Check.IMAGES: images,
        Check.SPEECH: speech,
        Check.TRANSCRIPTION: transcription,
        Check.ERRORS: errors,
        Check.TIME_OUT: time_out,
        Check.ABORT: abort,
    },
)
