"""Targets of one model whose providers speak different dialects."""

from typing import Any

import httpx
import msgspec
import pytest

from fakes.origin import plain
from gateway.forms import TRANSCRIPTIONS, field, file, form, post, wave
from gateway.messages import ENDED, MESSAGE, STARTED, word
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.routed import BUSY, DOWN, REFUSED, Pair
from support.conversations import HELLO
from support.wire import Wire

UNSAYABLE = {"logit_bias": {"50256": -100}}
"""What OpenAI's dialect has and Anthropic's has not."""


class Mixed:
    """A model of a compatible provider, and then of Anthropic.

    Attributes:
        pair: The compatible provider is ``pair.first``; Anthropic listens where ``pair.second`` does.
        name: What Anthropic is called.
        claude: A target that leads to Anthropic.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.name = f"claude-{pair.names[1]}"
        body = {"name": self.name, "provider": "anthropic", "base_url": pair.second.url}
        keys = {"api_keys": ["claude-one", "claude-two"], "models": [f"large-{self.name}"]}
        pair.node.manage("POST", "/api/v1/upstreams", body=body | keys)
        self.claude = {"upstream": self.name, "model": "claude-x", "priority": 1}
        pair.route(pair.targets[0], self.claude)

    def sent(self) -> list[dict[str, Any]]:
        """Return the bodies that both providers were sent: the first one's, then Anthropic's."""
        received = [*self.pair.first.received, *self.pair.second.received]
        return [msgspec.json.decode(one.body) for one in received]

    def message(self, **members: Any) -> httpx.Response:
        """Ask the model in Anthropic's dialect."""
        pair = self.pair
        body = {"model": pair.model, "max_tokens": 9, "messages": HELLO, **members}
        return pair.node.send("POST", "/v1/messages", headers={"x-api-key": pair.node.key}, json=body)


@pytest.fixture
def mixed(pair: Pair) -> Mixed:
    """Two providers without a past that speak two dialects."""
    return Mixed(pair)


def test_what_fails_in_one_dialect_is_answered_in_another(mixed: Mixed) -> None:
    """The client's own request is said to each provider in its dialect, under its name of the model."""
    pair = mixed.pair
    pair.first.otherwise = (DOWN,)
    pair.second.arrange(plain(MESSAGE))

    answer = pair.chat(max_completion_tokens=50, stop=["!"])

    said, story = answer.json(), pair.node.story(answer)
    assert answer.status_code == 200
    assert answer.headers["x-keyturn-target"] == f"{mixed.name}/claude-x"
    assert said["choices"][0]["message"]["content"] == "Good day"
    first, again, second = mixed.sent()
    assert again == first
    assert (first["model"], first["max_completion_tokens"], first["stop"]) == ("small", 50, ["!"])
    assert (second["model"], second["max_tokens"], second["stop_sequences"]) == ("claude-x", 50, ["!"])
    assert pair.second.received[0].line == "POST /v1/messages HTTP/1.1"
    assert pair.second.received[0].values("x-api-key") == ["claude-one"]
    assert not pair.second.received[0].values("authorization")
    assert (story["input_tokens"], story["output_tokens"], story["usage_source"]) == (14, 3, "reported")
    assert [one["outcome"] for one in story["attempts"]] == ["503", "503", "ok"]


def test_a_stream_that_fails_in_one_dialect_comes_from_another(mixed: Mixed) -> None:
    """In the client's dialect, with its own end and the usage that Anthropic tells."""
    pair = mixed.pair
    pair.first.otherwise = (DOWN,)
    pair.second.arrange(
        SSE + CHUNKED + chunk(STARTED + word("Good ")), chunk(word("day") + ENDED) + chunk(b"")
    )

    answer = pair.chat(stream=True)

    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    parts = [msgspec.json.decode(one) for one in events[:-1]]
    text = "".join(one["choices"][0]["delta"].get("content") or "" for one in parts if one["choices"])
    assert (answer.status_code, events[-1], text) == (200, "[DONE]", "Good day")
    assert answer.headers["x-keyturn-target"] == f"{mixed.name}/claude-x"
    assert answer.headers["content-type"] == "text/event-stream"
    first, again, second = mixed.sent()
    assert again == first
    assert first["stream_options"] == {"include_usage": True}
    assert (second["stream"], "stream_options" in second) == (True, False)
    story = pair.node.story(answer)
    assert (story["input_tokens"], story["output_tokens"]) == (12, 4)


def test_what_was_said_in_another_dialect_passes_as_it_is_where_that_will_do(mixed: Mixed) -> None:
    """The other way round: of the first attempt nothing is left in what Anthropic gets of its own client."""
    pair = mixed.pair
    pair.first.otherwise = (DOWN,)
    pair.second.arrange(plain(MESSAGE))

    answer = mixed.message(top_p=0.5)

    first, _, second = mixed.sent()
    assert answer.content == MESSAGE
    assert pair.first.received[0].line == "POST /v1/chat/completions HTTP/1.1"
    assert (first["model"], first["top_p"]) == ("small", 0.5)
    assert second == {"model": "claude-x", "max_tokens": 9, "messages": HELLO, "top_p": 0.5}


def test_a_target_that_cannot_be_told_the_request_is_passed_over(mixed: Mixed) -> None:
    """Whether it would be the first to be asked, or the next."""
    pair = mixed.pair
    pair.route({**mixed.claude, "priority": 0}, {**pair.targets[0], "priority": 1})

    answer = pair.chat(**UNSAYABLE)

    assert answer.status_code == 200
    assert answer.headers["x-keyturn-target"] == pair.target(0)
    assert not pair.second.received
    assert mixed.sent()[0]["logit_bias"] == UNSAYABLE["logit_bias"]


def test_a_failure_stands_when_nobody_else_can_be_told_the_request(mixed: Mixed) -> None:
    """A provider's own words say more than a refusal on behalf of another one."""
    pair = mixed.pair
    pair.first.otherwise = (DOWN,)

    answer = pair.chat(**UNSAYABLE)

    assert answer.status_code == 503
    assert "down" in answer.text
    assert answer.headers["x-keyturn-target"] == pair.target(0)
    assert not pair.second.received


def test_a_request_that_no_target_can_be_told_is_refused_by_name(mixed: Mixed) -> None:
    """As with a lone target."""
    mixed.pair.route(mixed.claude)
    alone = mixed.pair.chat(**UNSAYABLE)
    mixed.pair.route(mixed.claude, {**mixed.claude, "model": "claude-y"})

    several = mixed.pair.chat(**UNSAYABLE)

    assert alone.status_code == several.status_code == 400
    assert several.json()["error"]["param"] == alone.json()["error"]["param"] == "logit_bias"
    assert not mixed.pair.second.received


@pytest.mark.parametrize("refusal", [REFUSED, BUSY])
def test_the_next_credential_is_shown_as_the_provider_wants_it(mixed: Mixed, refusal: bytes) -> None:
    """Of Anthropic as of any other."""
    pair = mixed.pair
    pair.route(mixed.claude)
    pair.second.arrange(refusal)
    pair.second.otherwise = (plain(MESSAGE),)

    answers = [pair.chat(), mixed.message()]

    assert [one.status_code for one in answers] == [200, 200]
    shown = [one.values("x-api-key") for one in pair.second.received]
    assert shown == [["claude-one"], ["claude-two"], ["claude-two"]]


def test_a_form_goes_whole_to_the_next_target(pair: Pair) -> None:
    """Each provider gets the file, and its own name of the model."""
    pair.first.otherwise = (DOWN,)
    pair.second.arrange(plain(b'{"text":"hello"}'))
    parts = (field("model", pair.model), file("file", wave(1), "a.wav", "audio/wav"))

    with Wire(pair.node.port) as wire:
        wire.send(post(TRANSCRIPTIONS, pair.node.key, *parts))
        answer = wire.answer()

    sent = [one.body for one in (*pair.first.received, *pair.second.received)]
    assert answer.body == b'{"text":"hello"}'
    assert [body == form(field("model", "small"), parts[1]) for body in sent] == [True, True, False]
    assert sent[-1] == form(field("model", "large"), parts[1])


def test_tokens_are_counted_by_the_first_target_that_counts(mixed: Mixed) -> None:
    """Its own count is better than an estimate."""
    pair = mixed.pair
    pair.route({**mixed.claude, "priority": 0}, {**pair.targets[0], "priority": 1})
    pair.second.arrange(plain(b'{"input_tokens":7}'))
    body = {"model": pair.model, "messages": HELLO}

    answer = pair.node.send(
        "POST", "/v1/messages/count_tokens", headers={"x-api-key": pair.node.key}, json=body
    )

    assert answer.json() == {"input_tokens": 7}
    assert answer.headers["x-keyturn-target"] == f"{mixed.name}/claude-x"
    assert not pair.first.received
