"""Answers in another dialect than the client's, of a provider that does not name them."""

from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from fakes.aws_frames import frame
from keyturn.dialects.canonical import Chat
from keyturn.gateway.translation import Asked, Translation
from keyturn.gateway.ways import Way

WHOLE = msgspec.json.encode(
    {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn", "usage": {}}
)
PIECES = [
    frame("event", "messageStart", {"role": "assistant"}),
    frame("event", "contentBlockDelta", {"delta": {"text": "Hi"}}),
]


def translation(client: str) -> Translation:
    """Return one from Bedrock to a client."""
    way = cast("Way", SimpleNamespace(client=client, provider="bedrock_converse"))
    asked = Asked(b"", Chat(model="amazon.nova"), (), "bedrock")
    return Translation(way, asked, bytes, created=1, request_id="req_1", model="fast")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("client", "identity"),
    [
        ("openai_chat", b'"id":"chatcmpl-1"'),
        ("openai_responses", b'"id":"resp_1"'),
        ("anthropic_messages", b'"id":"msg_1"'),
        ("gemini", b'"responseId":"1"'),
    ],
)
def test_a_whole_answer_has_an_id_and_a_model(client: str, identity: bytes, stream: bool) -> None:  # noqa: FBT001 -- drawn
    """Official SDKs want both, and Bedrock gives neither."""
    body = translation(client).answer(WHOLE, stream=stream)

    assert body is not None
    assert identity in body
    assert b'"fast"' in body


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic_messages", "gemini"])
def test_a_stream_has_an_id_and_a_model(client: str, cut: int) -> None:
    """Wherever it is cut short, also before its first piece."""
    found = translation(client)
    found.begin()

    told = found.pieces(PIECES[:cut]) + found.cut_short()

    assert b'1"' in told
    assert b'"fast"' in told
    assert b'"id":""' not in told
    assert b'"model":""' not in told
    assert told.count(b"response.created") == 2 * (client == "openai_responses")


def test_what_is_no_answer_has_no_name() -> None:
    """It is told as the provider's fault."""
    assert translation("openai_chat").answer(b"{}") is None
