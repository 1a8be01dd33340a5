"""What images, audio and moderations cost, through a node to a provider that does what a test says."""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from fakes.origin import JSON, Origin, hangs_up, is_read, plain, waits_for, watches_it_leave
from gateway.forms import EDITS, PNG, TRANSCRIPTIONS, field, file, post, used, wave
from gateway.media import IMAGE, SPEECH, ask, asked, body, images, limited, media_node, story
from keyturn.domain.usage import Usage
from support.node import Node, until
from support.wire import Answer, Wire, request


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Origin]]:
    """A node with that provider."""
    with media_node(tmp_path_factory.mktemp("node")) as both:
        yield both


@pytest.fixture
def node(connected: tuple[Node, Origin]) -> Node:
    """The node."""
    return connected[0]


@pytest.fixture
def origin(connected: tuple[Node, Origin]) -> Origin:
    """The provider, with no memory of earlier tests."""
    connected[1].forget()
    return connected[1]


# ── images ──────────────────────────────────────────────────────────────────


TOKENS = {"input_tokens": 50, "output_tokens": 272, "input_tokens_details": {"image_tokens": 0}}


def test_images_are_counted_in_the_answer(node: Node, origin: Origin) -> None:
    """What was asked for is not what is paid for."""
    origin.arrange(images(2))

    answer = asked(node, IMAGE, model="dall-e", prompt="a cat", n=3)

    told = story(node, answer)
    assert answer.headers["x-keyturn-cost"] == "0.080000000"
    assert used(told) == Usage(images=2)
    assert (told["usage_source"], told["cost_usd"]) == ("reported", "0.08")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_images_are_counted_as_they_go_by(node: Node, origin: Origin, *, chunked: bool) -> None:
    """Megabytes of base64 are neither kept nor read, and the usage may stand before them."""
    document = body(usage=TOKENS, data=[{"b64_json": "QUJD" * 100_000}] * 3, created=1)
    if chunked:
        steps = [b"%x\r\n%b\r\n" % (len(one), one) for one in (document[:500_000], document[500_000:])]
        origin.arrange(JSON + b"transfer-encoding: chunked\r\n\r\n", *steps, b"0\r\n\r\n")
    else:
        origin.arrange(plain(document))

    answer = asked(node, IMAGE, model="gpt-image", prompt="a cat", n=3)

    told = story(node, answer)
    assert answer.body == document
    assert used(told) == Usage(50, 272, images=3)
    assert told["usage_source"] == "reported"
    assert told["cost_usd"] == "0.01113"


def test_an_image_that_comes_in_pieces_is_one_image(node: Node, origin: Origin) -> None:
    """Partial images are none."""
    events = [
        b"data: " + body(type="image_generation.partial_image", b64_json="QUJD" * 9_000) + b"\n\n",
        b"data: " + body(type="image_generation.completed", b64_json="QUJD" * 9_000, usage=TOKENS) + b"\n\n",
    ]
    origin.arrange(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        *(step for event in events for step in (event, is_read)),
        hangs_up,
    )

    answer = asked(node, IMAGE, model="gpt-image", prompt="a cat", stream=True)

    assert answer.body == b"".join(events)
    assert used(story(node, answer)) == Usage(50, 272, images=1)


def test_what_an_image_takes_is_estimated_where_the_provider_does_not_say(node: Node, origin: Origin) -> None:
    """A model that is sold by the token must not be free because its host counts none."""
    origin.arrange(images(1))

    answer = asked(node, IMAGE, model="gpt-image", prompt="a cat", quality="low")

    told = story(node, answer)
    assert (told["usage_source"], told["images"], told["output_tokens"]) == ("estimated", 1, 408)


@pytest.mark.parametrize("shape", ["json", "form"])
def test_a_budget_has_to_reach_for_all_the_images_that_are_asked_for(
    node: Node, origin: Origin, shape: str
) -> None:
    """They are reserved before the provider is asked: afterwards it would be too late."""
    key = limited(node, f"painter {shape}", "cost_usd", "0.1")

    def asks(count: int) -> Answer:
        origin.arrange(images(count))
        if shape == "json":
            return asked(node, IMAGE, key, model="painter", prompt="x", n=count)
        return ask(
            node, post(EDITS, key, field("model", "painter"), field("n", str(count)), file("image", PNG))
        )

    first, too_many, second, third = asks(1), asks(2), asks(1), asks(1)

    assert [one.status for one in (first, too_many, second, third)] == [200, 429, 200, 429]
    assert too_many.code == third.code == "insufficient_quota"
    assert len(origin.received) == 2


def test_an_image_does_not_end_early_for_its_length(node: Node, origin: Origin) -> None:
    """Its base64 is not a text that has become longer than its budget."""
    key = limited(node, "streamer", "cost_usd", "0.3")
    begun = b"data: " + body(type="image_generation.partial_image", b64_json="QUJD") + b"\n\n"
    whole = body(type="image_generation.completed", b64_json="QUJD" * 50_000, usage=TOKENS)
    event = begun + b"data: " + whole + b"\n\n"
    origin.arrange(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event),
    )

    answer = asked(node, IMAGE, key, model="gpt-image", prompt="a cat", stream=True)

    assert answer.body == event


# ── audio ───────────────────────────────────────────────────────────────────


def test_speech_costs_its_characters_and_passes_as_it_comes(node: Node, origin: Origin) -> None:
    """A player must not wait for the end."""
    audio = bytes(range(256)) * 300
    heard = threading.Event()
    with Wire(node.port) as wire:
        origin.arrange(
            b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n",
            b"%x\r\n%b\r\n" % (len(audio), audio),
            waits_for(heard),
            b"3\r\nend\r\n0\r\n\r\n",
        )
        sent = body(model="tts", input="Grüße! " * 100, voice="alloy")
        wire.send(
            request("POST", SPEECH, key=node.key, headers=("Content-Type: application/json",), body=sent)
        )
        head = wire.head()
        pieces = wire.chunks()
        first = next(pieces)
        heard.set()
        rest = b"".join(pieces)

    told = story(node, head)
    assert first + rest == audio + b"end"
    assert head.headers["content-type"] == "audio/mpeg"
    assert used(told) == Usage(characters=700)
    assert (told["usage_source"], told["cost_usd"]) == ("reported", "0.0105")


def test_speech_that_tells_its_tokens_costs_those(node: Node, origin: Origin) -> None:
    """``stream_format: sse`` ends with what was used."""
    events = (
        b'data: {"type":"speech.audio.delta","audio":"QUJD"}\n\n'
        b'data: {"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}\n\n'
    )
    origin.arrange(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + events, hangs_up
    )

    answer = asked(node, SPEECH, model="speaker", input="Hello", voice="alloy", stream_format="sse")

    told = story(node, answer)
    assert answer.body == events
    assert used(told) == Usage(14, 101, characters=5)
    assert told["usage_source"] == "reported"


def test_speech_that_does_not_is_estimated_where_tokens_have_a_price(node: Node, origin: Origin) -> None:
    """Nobody says how many tokens a sound has."""
    origin.arrange(plain(b"ID3").replace(b"application/json", b"audio/mpeg"))

    told = story(node, asked(node, SPEECH, model="speaker", input="Hello there", voice="alloy"))

    assert (told["usage_source"], used(told)) == ("estimated", Usage(3, 17, characters=11))


def test_a_budget_has_to_reach_for_all_the_characters(node: Node, origin: Origin) -> None:
    """1,000 of them cost 1.5 cents."""
    key = limited(node, "speaker", "cost_usd", "0.02")

    answers = [asked(node, SPEECH, key, model="tts", input="x" * 1_000, voice="alloy") for _ in range(2)]

    assert [one.status for one in answers] == [200, 429]
    assert len(origin.received) == 1


@pytest.mark.parametrize(
    ("model", "said", "expected"),
    [
        (
            "whisper",
            body(text="hi", usage={"type": "duration", "seconds": 9}),
            (Usage(audio_ms=9_000), "reported"),
        ),
        ("whisper", body(task="transcribe", duration=8.47, text="hi"), (Usage(audio_ms=8_470), "reported")),
        ("whisper", b"hi", (Usage(audio_ms=3_006), "estimated")),
        (
            "transcribe",
            body(text="hi", usage={"type": "tokens", "input_tokens": 14, "output_tokens": 4}),
            (Usage(14, 4), "reported"),
        ),
        ("transcribe", b"hi", (Usage(43, 20, audio_ms=3_006), "estimated")),
    ],
    ids=["seconds", "verbose", "text", "tokens", "text for tokens"],
)
def test_a_transcript_costs_what_was_listened_to(
    node: Node, origin: Origin, model: str, said: bytes, expected: tuple[Usage, str]
) -> None:
    """As the answer says, or else as the recording's own length does."""
    origin.arrange(plain(said))

    answer = ask(
        node,
        post(TRANSCRIPTIONS, node.key, field("model", model), file("file", wave(3), "a.wav", "audio/wav")),
    )

    told = story(node, answer)
    assert answer.body == said
    assert (used(told), told["usage_source"]) == expected


def test_a_transcript_that_comes_in_pieces_tells_its_tokens_at_the_end(node: Node, origin: Origin) -> None:
    """``stream`` stands in the form."""
    events = (
        b'data: {"type":"transcript.text.delta","delta":"hi"}\n\n'
        b'data: {"type":"transcript.text.done","text":"hi","usage":{"type":"tokens","input_tokens":14,'
        b'"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":2,"total_tokens":16}}\n\n'
    )
    origin.arrange(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + events, hangs_up
    )

    answer = ask(
        node,
        post(
            TRANSCRIPTIONS,
            node.key,
            field("model", "transcribe"),
            field("stream", "true"),
            file("file", wave(1), "a.wav"),
        ),
    )

    assert answer.body == events
    assert used(story(node, answer)) == Usage(14, 2)


def test_a_client_that_leaves_an_image_alone_pays_for_what_it_ordered(node: Node, origin: Origin) -> None:
    """It is being made by then."""
    key_id, key = node.new_key("gone")
    origin.arrange(watches_it_leave)
    with Wire(node.port) as wire:
        sent = body(model="dall-e", prompt="x", n=2)
        wire.send(request("POST", IMAGE, key=key, headers=("Content-Type: application/json",), body=sent))
        origin.has_received(1)
        wire.reset()
    until(lambda: origin.left, what="the gateway's leaving")

    def rows() -> list[dict[str, Any]]:
        found = node.manage("GET", "/api/v1/usage?by=key")["data"]["rows"]
        return [row for row in found if row["key_id"] == key_id]

    (row,) = until(rows, what="the use of the key")
    assert row["cost_usd"] == "0.08"


# ── moderations ─────────────────────────────────────────────────────────────


def test_a_moderation_uses_nothing(node: Node, origin: Origin) -> None:
    """It is free, and no guess of its tokens may stand in a report."""
    origin.arrange(plain(body(id="modr-1", model="moderation", results=[])))
    key = limited(node, "moderator", "tokens", 10)

    answer = asked(node, "/v1/moderations", key, model="moderation", input="x" * 1_000)

    told = story(node, answer)
    assert (answer.status, used(told), told["usage_source"]) == (200, Usage(), "reported")


def test_a_moderation_need_not_name_a_model(node: Node, origin: Origin) -> None:
    """Most callers don't, and OpenAI has a default."""
    alias = {"name": "omni-moderation-latest", "upstream": "origin", "upstream_model": "moderation"}
    node.manage("POST", "/api/v1/models", body=alias)

    answer = asked(node, "/v1/moderations", input="x")

    assert answer.status == 200
    assert msgspec.json.decode(origin.received[0].body) == {"model": "moderation", "input": "x"}
