"""Whoever has answered, in whichever dialect, and whoever answers next: seals go to their own makers and to nobody else."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from fakes import canonical_values as values
from keyturn.dialects import (
    anthropic_messages,
    bedrock_converse,
    gemini,
    gemini_signature,
    json_scan,
    openai_chat,
    openai_responses,
    passed_seals,
    seals,
)
from keyturn.dialects.canonical import Answer, Part, Reasoning, Stop, Text, ToolCall, Written
from keyturn.dialects.pieces import events_of
from keyturn.dialects.seals import Marker
from keyturn.dialects.translators import CLIENT_DIALECTS
from keyturn.domain.refusals import Refused

SEVERAL = settings(max_examples=8, deadline=None)
SEALS = st.binary(min_size=12, max_size=24).map(lambda data: json.loads(msgspec.json.encode(data)))
"""Long enough to stand nowhere else by chance."""
SIGNED = st.builds(Reasoning, text=values.WORDS, signature=SEALS)
SEALED = st.builds(Reasoning, text=st.just(""), sealed=SEALS)
BARE = st.builds(Reasoning, text=values.WORDS)
CALLS = st.builds(ToolCall, id=st.just("call_abc123"), name=st.just("look"), arguments=st.just('{"a":1}'))
SIGNED_CALLS = st.builds(
    ToolCall, id=st.just("call_abc123"), name=st.just("look"), arguments=st.just('{"a":1}'), signature=SEALS
)
Writes = Callable[[Any], Written]


class Maker(msgspec.Struct, frozen=True):
    """Somebody whose models answer.

    Attributes:
        codec: In which it is spoken to.
        host: The provider's id.
        model: The model.
        thoughts: What it makes.
        calls: Likewise, of calls.
        write: Writes a request.
    """

    codec: str
    host: str
    model: str
    thoughts: st.SearchStrategy[Reasoning]
    calls: st.SearchStrategy[ToolCall]
    write: Writes

    @property
    def name(self) -> str:
        """Who seals."""
        return seals.maker(self.codec, self.host, self.model)


MAKERS = [
    Maker(
        "anthropic_messages",
        "anthropic",
        "claude-x",
        SIGNED | SEALED,
        CALLS,
        lambda chat: anthropic_messages.write_request(chat, default_cap=99),
    ),
    Maker("gemini", "gemini", "gemini-x", SIGNED | BARE, SIGNED_CALLS, gemini.write_request),
    Maker("openai_responses", "openai", "gpt-x", SEALED, CALLS, openai_responses.write_request),
    Maker("openai_chat", "deepseek", "deepseek-x", BARE, CALLS, openai_chat.write_request),
    Maker(
        "openai_chat",
        "openrouter",
        "x/y",
        SIGNED | SEALED,
        SIGNED_CALLS,
        lambda chat: openai_chat.write_request(chat, thoughts="reasoning_details"),
    ),
    Maker(
        "bedrock_converse",
        "bedrock",
        "eu.anthropic.claude-x",
        SIGNED | SEALED,
        CALLS,
        bedrock_converse.write_request,
    ),
    Maker("bedrock_converse", "bedrock", "amazon.nova-x", SIGNED, CALLS, bedrock_converse.write_request),
]


def seals_in(parts: Iterable[Part]) -> list[str]:
    """Return every seal."""
    found = [getattr(part, name, "") for part in parts for name in ("signature", "sealed")]
    return [seal for seal in found if seal]


def spoken_by(maker: Maker) -> st.SearchStrategy[tuple[Part, ...]]:
    """Return what a model may answer."""
    thoughts = st.lists(maker.thoughts, min_size=1, max_size=3).map(tuple)
    calls = st.none() | maker.calls
    return (
        st.tuples(thoughts, calls)
        .map(lambda said: (*said[0], Text("yes"), *(() if said[1] is None else (said[1],))))
        .filter(lambda parts: len(seals_in(parts)) == len(set(seals_in(parts))))
    )


def given_back(client: str, body: bytes) -> bytes:
    """Return the next request of a client that sends back what it was answered, and the result of a call."""
    said = json.loads(body)
    request: dict[str, Any]
    if client == "anthropic_messages":
        result = [{"type": "tool_result", "tool_use_id": "call_abc123", "content": "ok"}]
        called = any(block["type"] == "tool_use" for block in said["content"])
        turns: list[dict[str, Any]] = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": said["content"]},
            {"role": "user", "content": result if called else "b"},
        ]
        request = {"model": "m", "max_tokens": 9, "messages": turns}
    elif client == "openai_chat":
        message = said["choices"][0]["message"]
        result = [{"role": "tool", "tool_call_id": "call_abc123", "content": "ok"}]
        last = result if message.get("tool_calls") else [{"role": "user", "content": "b"}]
        request = {"model": "m", "messages": [{"role": "user", "content": "a"}, message, *last]}
    elif client == "openai_responses":
        result = [{"type": "function_call_output", "call_id": "call_abc123", "output": "ok"}]
        called = any(item["type"] == "function_call" for item in said["output"])
        last = result if called else [{"role": "user", "content": "b"}]
        request = {
            "model": "m",
            "store": False,
            "input": [{"role": "user", "content": "a"}, *said["output"], *last],
        }
    else:
        content = said["candidates"][0]["content"]
        called = any("functionCall" in part for part in content["parts"])
        answer: dict[str, Any] = {
            "functionResponse": {"id": "call_abc123", "name": "look", "response": {"result": "ok"}}
        }
        turn = {"role": "user", "parts": [answer if called else {"text": "b"}]}
        request = {"contents": [{"role": "user", "parts": [{"text": "a"}]}, content, turn]}
    return json.dumps(request).encode()


def history(client: str, maker: Maker, parts: tuple[Part, ...]) -> bytes:
    """Return the next request after an answer that was turned into a client's dialect."""
    stop = Stop.TOOLS if isinstance(parts[-1], ToolCall) else Stop.END
    answer = Answer(id="a", model=maker.model, parts=parts, stop=stop)
    marked = Marker(client, maker.name).answer(answer)
    assert Marker(client, maker.name).events(events_of(answer)) == events_of(marked)
    return given_back(client, CLIENT_DIALECTS[client].write_answer(marked, created=1))


def written(client: str, body: bytes, target: Maker) -> bytes:
    """Return the request as a provider gets it."""
    read = CLIENT_DIALECTS[client].read_request(body, model="m")
    assert not isinstance(read, Refused), read
    chat, losses = seals.own_only(msgspec.structs.replace(read.chat, model=target.model), client, target.name)
    found = target.write(chat)
    assert all(loss.minor for loss in (*read.losses, *losses))
    return found.body


PAIRS = [
    pytest.param(client, maker, target, id=f"{client}-{maker.name}-{target.name}")
    for client in CLIENT_DIALECTS
    for maker in MAKERS
    if maker.codec != client
    for target in MAKERS
    if target.codec != client
]


@pytest.mark.parametrize(("client", "maker", "target"), PAIRS)
@SEVERAL
@given(data=st.data())
def test_a_seal_goes_to_its_maker_and_to_nobody_else(
    client: str, maker: Maker, target: Maker, data: st.DataObject
) -> None:
    """It comes back as it was given, or not at all; and nothing of ours goes out."""
    parts = data.draw(spoken_by(maker))

    body = written(client, history(client, maker, parts), target)

    for part in parts:
        signed_call = isinstance(part, ToolCall)
        own = target.codec == "gemini" if signed_call else maker.name == target.name
        for seal in seals_in([part]):
            assert (msgspec.json.encode(seal) in body) == own, (seal, body)
    assert b"keyturn:" not in body
    assert gemini_signature.PREFIX.encode() not in body


@pytest.mark.parametrize(
    ("client", "maker"),
    [
        pytest.param(client, maker, id=f"{client}-{maker.name}")
        for client in CLIENT_DIALECTS
        for maker in MAKERS
        if maker.codec != client
    ],
)
@SEVERAL
@given(data=st.data())
def test_a_body_that_passes_holds_no_seal_of_anothers(client: str, maker: Maker, data: st.DataObject) -> None:
    """What is left is a request that the dialect's own maker takes: Claude's is Claude's, wherever it runs."""
    parts = data.draw(spoken_by(maker))
    body = history(client, maker, parts)
    members = json_scan.own_members(body)

    cleaned = passed_seals.clean(client, members) if passed_seals.mark_of(client) in body else None
    if cleaned is not None:
        for name, value in cleaned.members.items():
            body = (
                json_scan.remove(body, members, name)
                if value is None
                else json_scan.replace(body, members, name, value)
            )
            members = json_scan.own_members(body)

    own = (client, maker.name) in {("anthropic_messages", "anthropic"), ("gemini", "gemini")}
    for part in parts:
        for seal in seals_in([part]):
            kept = own or (client == "gemini" and isinstance(part, ToolCall))
            assert (msgspec.json.encode(seal) in body) == kept, (seal, body)
    assert b"keyturn" not in body
    assert gemini_signature.PREFIX.encode() not in body
    assert not isinstance(CLIENT_DIALECTS[client].read_request(body, model="m"), Refused)
