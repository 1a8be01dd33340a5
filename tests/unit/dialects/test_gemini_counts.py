"""Questions that are counted."""

import json
from typing import Any

import pytest

from keyturn.dialects.canonical import Chat, Message, Read, Role, Text
from keyturn.dialects.gemini_counts import read_count, read_count_answer, write_count, write_count_request
from keyturn.domain.refusals import Refused

CONTENTS = [{"parts": [{"text": "The quick brown fox"}]}]


def test_both_forms_are_read() -> None:
    """Bare contents, or a whole request with instructions and tools."""
    bare = read_count(json.dumps({"contents": CONTENTS}).encode(), model="m")
    whole = read_count(
        json.dumps(
            {
                "generateContentRequest": {"model": "models/m", "contents": CONTENTS, "store": True},
                "model": "m",
            }
        ).encode(),
        model="m",
    )

    assert isinstance(bare, Read)
    assert isinstance(whole, Read)
    assert bare.chat.messages[0].path == "contents[0]"
    assert whole.chat.messages[0].path == "generateContentRequest.contents[0]"
    assert [loss.path for loss in whole.losses] == ["generateContentRequest.store"]


def test_what_has_no_place_is_a_loss() -> None:
    """As in a request."""
    found = read_count(json.dumps({"generateContentRequest": {"contents": CONTENTS}, "x": 1}).encode())

    assert isinstance(found, Read)
    assert [loss.path for loss in found.losses] == ["x"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("no", None),
        ({}, "contents"),
        ({"contents": CONTENTS, "generateContentRequest": {"contents": CONTENTS}}, "contents"),
        ({"generate_content_request": {}}, "generateContentRequest.contents"),
        ({"generateContentRequest": 3}, "generateContentRequest"),
    ],
)
def test_what_is_wrong_is_refused(body: Any, param: str | None) -> None:
    """With its path."""
    found = read_count(json.dumps(body).encode(), model="m")

    assert isinstance(found, Refused)
    assert found.param == param


def test_a_request_and_its_answer_are_written_and_read() -> None:
    """With instructions, which bare contents can't hold."""
    chat = Chat(
        model="m",
        instructions=(Text("Be brief."),),
        messages=(Message(Role.SYSTEM, (Text("x"),), "messages[0]"), Message(Role.USER, (Text("Hi"),))),
    )

    written = write_count_request(chat)

    assert [loss.path for loss in written.losses] == ["messages[0]"]
    assert json.loads(written.body) == {
        "generateContentRequest": {
            "model": "models/m",
            "contents": [{"parts": [{"text": "Hi"}], "role": "user"}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
        }
    }
    assert read_count_answer(write_count(31)) == 31
    assert [read_count_answer(body) for body in (b"{}", b"no", b'{"totalTokens":-1}')] == [None] * 3
