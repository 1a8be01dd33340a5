"""Anthropic's SDK for Python."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter

import anthropic
import pytest
from anthropic.types import Message, MessageParam, ToolParam

from clients.matrix import samples
from clients.matrix.cells import Check, Place, Sdk
from support.node import NO_TLS

TOOLS: list[ToolParam] = [{"name": samples.TOOL, "input_schema": samples.PARAMETERS}]


@contextmanager
def connected(
    place: Place, *, key: str = "", timeout_s: float = samples.PATIENT_S
) -> Iterator[anthropic.Anthropic]:
    """Yield a client that does not retry."""
    plain = anthropic.DefaultHttpxClient(verify=NO_TLS)
    with anthropic.Anthropic(
        base_url=place.url, api_key=key or place.key, max_retries=0, timeout=timeout_s, http_client=plain
    ) as client:
        yield client


def user(text: str) -> list[MessageParam]:
    """Return a conversation of one message."""
    return [{"role": "user", "content": text}]


def words_of(message: Message) -> str:
    """Return the text of an answer."""
    return "".join(block.text for block in message.content if block.type == "text")


def chat(place: Place) -> None:
    """An answer and what it took."""
    with connected(place) as client:
        answer = client.messages.create(
            model=place.model("chat"), max_tokens=samples.MOST_TOKENS, messages=user(samples.HELLO)
        )

    assert words_of(answer).startswith(samples.GREETING)
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens == 3


def stream(place: Place) -> None:
    """The same in pieces."""
    with (
        connected(place) as client,
        client.messages.stream(
            model=place.model("chat"), max_tokens=samples.MOST_TOKENS, messages=user(samples.HELLO)
        ) as events,
    ):
        words = list(events.text_stream)
        final = events.get_final_message()

    assert len(words) > 10
    assert "".join(words) == words_of(final)
    assert words_of(final).startswith(samples.GREETING)
    assert final.usage.output_tokens > 10


def tools(place: Place) -> None:
    """A call in a stream, its result, and the answer to that."""
    asked = user(samples.CALL)
    with connected(place) as client:
        with client.messages.stream(
            model=place.model("chat"), max_tokens=samples.MOST_TOKENS, messages=asked, tools=TOOLS
        ) as events:
            first = events.get_final_message()
        (call,) = first.content
        assert call.type == "tool_use"
        result: MessageParam = {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": samples.RESULT}],
        }
        second = client.messages.create(
            model=place.model("chat"),
            max_tokens=samples.MOST_TOKENS,
            tools=TOOLS,
            messages=[*asked, {"role": "assistant", "content": first.content}, result],
        )

    assert first.stop_reason == "tool_use"
    assert (call.name, call.input) == (samples.TOOL, samples.ARGUMENTS)
    assert words_of(second) == samples.QUOTED


def vision(place: Place) -> None:
    """An image goes in."""
    with connected(place) as client:
        answer = client.messages.create(
            model=place.model("chat"),
            max_tokens=samples.MOST_TOKENS,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": base64.b64encode(samples.PNG).decode(),
                            },
                        },
                        {"type": "text", "text": samples.LOOK},
                    ],
                }
            ],
        )

    assert words_of(answer).startswith(samples.SEEN)


def structured(place: Place) -> None:
    """An answer of a type of the caller's."""
    with connected(place) as client:
        answer = client.messages.parse(
            model=place.model("chat"),
            max_tokens=samples.MOST_TOKENS,
            messages=user(samples.HELLO),
            output_format=samples.Forecast,
        )

    assert answer.parsed_output == samples.Forecast(city="city", days=1)


def errors(place: Place) -> None:
    """Each failure is the class that programs catch."""
    ask = user(samples.HELLO)
    with connected(place, key="sk-wrong") as stranger, pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model=place.model("chat"), max_tokens=9, messages=ask)
    with connected(place) as client:
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(model="nobody", max_tokens=9, messages=ask)
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model=place.model("busy"), max_tokens=9, messages=ask)
        with pytest.raises(anthropic.BadRequestError):
            client.messages.create(model=place.model("chat"), max_tokens=-1, messages=ask)


def time_out(place: Place) -> None:
    """A client that has waited for long enough leaves."""
    with (
        connected(place, timeout_s=samples.IMPATIENT_S) as client,
        pytest.raises(anthropic.APITimeoutError),
    ):
        client.messages.create(model=place.model("slow"), max_tokens=9, messages=user(samples.HELLO))


def abort(place: Place) -> None:
    """A client leaves in the middle of a stream."""
    with (
        connected(place) as client,
        client.messages.stream(
            model=place.model("long"), max_tokens=samples.MOST_TOKENS, messages=user(samples.LONG)
        ) as events,
    ):
        for _, _ in zip(range(samples.ENOUGH), events.text_stream, strict=False):
            pass


SDK = Sdk(
    name="anthropic",
    version=anthropic.__version__,
    refusal=anthropic.APIStatusError,
    status_of=attrgetter("status_code"),
    checks={
        Check.CHAT: chat,
        Check.STREAM: stream,
        Check.TOOLS: tools,
        Check.VISION: vision,
        Check.JSON: structured,
        Check.ERRORS: errors,
        Check.TIME_OUT: time_out,
        Check.ABORT: abort,
    },
)
