"""Streams that come to the end of what their key may use: nothing more goes to the client, whoever sends it and how."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from fakes.aws_frames import frame
from fakes.origin import Origin, floods, hangs_up, origin_server, watches_it_leave
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.providers import UPSTREAM_SECRET, unharmed
from support.conversations import HELLO
from support.limits import limited
from support.node import Node, until
from support.wire import CHAT, Answer, Wire, call, request

PROVIDERS = {
    "claude": "anthropic",
    "bard": "gemini",
    "plain": "compatible",
    "nova": "bedrock",
    "sonar": "perplexity",
}
"""Who runs a model."""
MOST = 1_500
FRAMES = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Of an event of Bedrock's, so that its length says nothing of what is in it."""


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Origin]]:
    """A node with one server behind it that stands for every provider."""
    node = Node(tmp_path_factory.mktemp("budgets"), workers=1, demo=False, routing__retries="0")
    with unharmed(node), origin_server() as origin:
        for model, provider in PROVIDERS.items():
            url = "https://bedrock-runtime.us-east-1.test" if provider == "bedrock" else origin.url
            body = {"name": provider, "provider": provider, "base_url": url, "api_key": UPSTREAM_SECRET}
            node.manage("POST", "/api/v1/upstreams", body=body | {"models": [model]})
        with closing(sqlite3.connect(node.data / "keyturn.db")) as database, database:
            # Bedrock's address names a region, which no address of this machine does.
            address = origin.url.removesuffix("/v1")
            database.execute("UPDATE upstreams SET base_url = ? WHERE name = 'bedrock'", (address,))
        node.manage("PATCH", "/api/v1/upstreams/bedrock", body={"max_concurrency": 50})
        yield node, origin


@pytest.fixture
def node(connected: tuple[Node, Origin]) -> Node:
    """The node."""
    return connected[0]


@pytest.fixture
def origin(connected: tuple[Node, Origin]) -> Origin:
    """The server, with no memory of earlier tests."""
    connected[1].forget()
    connected[1].hang_up()
    return connected[1]


@pytest.fixture
def held(node: Node, request: pytest.FixtureRequest) -> str:
    """A key that may have so many tokens of output."""
    return limited(node, request.node.name, {"metric": "output_tokens", "window": "lifetime", "max": MOST})[1]


def gemini_event(word: str) -> bytes:
    """Return an event of Google's, who ends lines with both characters."""
    return (
        b'data: {"candidates":[{"content":{"parts":[{"text":"%b"}],"role":"model"},"index":0}]}\r\n\r\n'
        % word.encode()
    )


def bedrock_delta(word: str) -> bytes:
    """Return a frame of Amazon's."""
    said = {"contentBlockIndex": 0, "delta": {"text": word}, "p": PADDING}
    return frame("event", "contentBlockDelta", said)


BEDROCK_START = frame("event", "messageStart", {"role": "assistant"})


def ask(node: Node, wire_request: bytes) -> Answer:
    """Return the answer of a stream that ends by itself."""
    with Wire(node.port) as wire:
        wire.send(wire_request)
        head = wire.head()
        body = b"".join(wire.chunks()) if "transfer-encoding" in head.headers else wire.rest()
        return msgspec.structs.replace(head, body=body)


def noted(node: Node, answer: Answer) -> dict[str, Any]:
    """Return what was noted of a request."""
    path = f"/api/v1/requests/{answer.headers['x-request-id']}"
    found: dict[str, Any] = until(lambda: node.manage("GET", path)["data"], what="the request in the log")
    return found


def chunks_of(body: bytes) -> list[dict[str, Any]]:
    """Return the pieces of a chat that a client of OpenAI's has got."""
    events = [event.removeprefix(b"data: ") for event in body.split(b"\n\n")]
    return [msgspec.json.decode(event) for event in events if event.startswith(b"{")]


def words_of(body: bytes) -> int:
    """Return how many words they bring."""
    said = [one["choices"][0]["delta"].get("content") or "" for one in chunks_of(body)]
    return len("".join(said).split())


def test_a_stream_in_frames_ends_at_the_budget(node: Node, origin: Origin, held: str) -> None:
    """Bedrock's are no events, and hold as well."""
    piece = chunk(b"".join(bedrock_delta("say ") for _ in range(40)))
    origin.arrange(FRAMES + CHUNKED + chunk(BEDROCK_START), floods(piece, 100), watches_it_leave)

    answer = ask(node, call("nova", held, stream=True))

    assert chunks_of(answer.body)[-1]["choices"][0]["finish_reason"] == "length"
    assert 1_000 < words_of(answer.body) <= MOST
    assert answer.body.endswith(b"data: [DONE]\n\n")
    story = noted(node, answer)
    assert 1_000 < story["output_tokens"] <= MOST
    assert story["outcome"] == "quota_exceeded"


def test_events_that_end_lines_with_both_characters_are_told_apart(
    node: Node, origin: Origin, held: str
) -> None:
    """As Google's do: what has come and is within the budget goes to the client, and then the end."""
    origin.arrange(SSE + CHUNKED, floods(chunk(gemini_event("say ") * 40), 100), watches_it_leave)

    path = "/v1beta/models/bard:streamGenerateContent?alt=sse"
    body = msgspec.json.encode({"contents": [{"parts": [{"text": "hello"}]}]})
    asked = request("POST", path, key=held, headers=("Content-Type: application/json",), body=body)
    answer = ask(node, asked)
    events = answer.body.split(b"\r\n\r\n")

    assert events[-1] == b""
    assert (
        msgspec.json.decode(events[-2].removeprefix(b"data: "))["candidates"][0]["finishReason"]
        == "MAX_TOKENS"
    )
    assert 1_000 < len(events) - 2 <= MOST
    assert set(events[:-2]) == {gemini_event("say ").strip()}


@pytest.mark.parametrize("model", ["plain", "nova"])
def test_a_client_of_http_1_0_is_held_to_the_budget(
    node: Node, origin: Origin, held: str, model: str
) -> None:
    """Its stream ends with its connection, and not before everything has come."""
    if model == "nova":
        piece = chunk(b"".join(bedrock_delta("say ") for _ in range(40)))
        origin.arrange(FRAMES + CHUNKED + chunk(BEDROCK_START), floods(piece, 100), watches_it_leave)
    else:
        word = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"say "}}]}\n\n'
        origin.arrange(SSE + CHUNKED, floods(chunk(word * 40), 100), watches_it_leave)

    body = msgspec.json.encode({"model": model, "messages": HELLO, "stream": True})
    headers = ("Content-Type: application/json",)
    answer = ask(node, request("POST", CHAT, key=held, headers=headers, body=body, version="HTTP/1.0"))

    assert 1_000 < words_of(answer.body) <= MOST
    assert chunks_of(answer.body)[-1]["choices"][0]["finish_reason"] == "length"
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_stream_in_frames_that_is_cut_off_is_charged_for_what_it_said(node: Node, origin: Origin) -> None:
    """Its frames are padded and have headers: their bytes are ten times as many."""
    said = b"".join(bedrock_delta(word) for word in ("Good ", "day", " to you and to all of yours"))
    origin.arrange(FRAMES + CHUNKED + chunk(BEDROCK_START + said), hangs_up)

    answer = ask(node, call("nova", node.key, stream=True))

    assert b'"upstream_closed"' in answer.body
    story = noted(node, answer)
    assert (story["output_tokens"], story["usage_source"]) == (9, "estimated")


def test_a_whole_anthropic_stream_that_comes_at_once_is_ended_where_the_budget_ends(
    node: Node, origin: Origin
) -> None:
    """Its own end is not passed on, and so must not be taken for one that the client has."""
    _, held = limited(node, "short", {"metric": "output_tokens", "window": "day", "max": 100})
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}\n\n'
    begin = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    delta = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"say "}}\n\n'
    stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    end = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}\n\n'
    last = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    whole = start + begin + delta * 200 + stop + end + last
    origin.arrange(SSE + CHUNKED + chunk(whole), watches_it_leave)

    body = msgspec.json.encode({"model": "claude", "max_tokens": 100, "messages": HELLO, "stream": True})
    asked = request("POST", "/v1/messages", key=held, headers=("Content-Type: application/json",), body=body)
    answer = ask(node, asked)

    assert answer.body.count(b"message_stop") == 2
    assert b'"stop_reason":"max_tokens"' in answer.body
    assert answer.body.count(b"text_delta") <= 100


def test_the_least_that_a_provider_makes_is_reserved(node: Node, origin: Origin) -> None:
    """OpenAI's responses take no cap below 16: a client that asks for less may get as much."""
    secret = limited(node, "little", {"metric": "output_tokens", "window": "day", "max": 15})[1]

    with Wire(node.port) as wire:
        wire.send(call("sonar", secret, max_tokens=1))
        answer = wire.head()

    assert answer.status == 429
    assert origin.received == []
