"""How much of a translated stream may go on."""

from typing import cast

import pytest

from keyturn.dialects.canonical import Chat
from keyturn.gateway.translation import Asked, Translation
from keyturn.gateway.ways import Way
from keyturn.providers.provider import Codec


class _Way:
    """From a client of OpenAI's to Google."""

    client, provider = Codec.OPENAI_CHAT, Codec.GEMINI


def event(text: str) -> bytes:
    """Return an event of Google's."""
    said = b'{"candidates":[{"content":{"parts":[{"text":"%b"}],"role":"model"},"index":0}]}'
    return b"data: " + said % text.encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("held", "tokens", "expected", "made"),
    [
        ([event("one"), event("two") + event("six")], 2, ["one", "two"], 2),
        ([event("one"), event("two")], 9, ["one", "two"], 2),
        ([event("one")], 0, [], 0),
        ([event("a longer text, of many tokens"), event("one")], 3, [], 0),
        ([event("a longer text, of many tokens"), event("more")], 8, ["a longer text, of many tokens"], 8),
        ([event("one"), b"data: {garbage\n\n", event("two")], 9, ["one"], 1),
        ([], 9, [], 0),
    ],
)
def test_only_the_first_tokens_are_passed_on(
    held: list[bytes], tokens: int, expected: list[str], made: int
) -> None:
    """The others are not paid for."""
    asked = Asked(b"", Chat(model="m", messages=()), (), "openai")
    translation = Translation(cast("Way", _Way()), asked, bytes, created=1, request_id="req_1", model="m")
    translation.begin()

    said, counted = translation.first(held, tokens)

    assert [
        one.split(b'"')[0].decode() for one in said.split(b'"content":"')[1:] if one[:1] != b'"'
    ] == expected
    assert counted == made
