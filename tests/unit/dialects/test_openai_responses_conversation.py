"""Items of ``input`` as messages."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import (
    Loss,
    Media,
    Message,
    Part,
    Read,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.openai_responses_request import read_request
from keyturn.domain.refusals import Reason, Refused

PNG = "data:image/png;base64,aGk="


def _read(items: Any) -> Read:
    found = read_request(msgspec.json.encode({"model": "m", "input": items}))
    assert isinstance(found, Read), found
    return found


def _messages(*items: dict[str, Any]) -> tuple[Message, ...]:
    found = _read(list(items))
    assert found.losses == ()
    return found.chat.messages


def _content(part: dict[str, Any]) -> tuple[tuple[Part, ...], tuple[Loss, ...]]:
    found = _read([{"role": "user", "content": [part]}])
    return found.chat.messages[0].parts, found.losses


def _refused(items: Any) -> str:
    found = read_request(msgspec.json.encode({"model": "m", "input": items}))
    assert isinstance(found, Refused)
    assert found.reason is Reason.INVALID_MEMBER
    assert found.param is not None
    assert f"'{found.param}'" in found.text
    return found.param


def test_a_text_is_a_users_message() -> None:
    """The shortest request there is."""
    assert _read("Hi").chat.messages == (Message(Role.USER, (Text("Hi", "input"),), "input"),)


def test_what_the_model_has_made_is_one_turn() -> None:
    """Dialects without items want thoughts, words and calls of a turn together, and parallel results, too."""
    messages = _messages(
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "phase": "commentary",
         "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": "call_1", "name": "weather",
         "arguments": '{"city":"Paris"}'},
        {"type": "function_call", "call_id": "call_2", "name": "time", "arguments": ""},
        {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"},
        {"type": "function_call_output", "call_id": "call_2", "status": "incomplete",
         "output": [{"type": "input_text", "text": "no clock"}, {"type": "input_image", "image_url": PNG}]},
        {"role": "user", "content": "Thanks"},
        {"role": "user", "content": "Bye"},
    )  # fmt: skip

    assert messages == (
        Message(Role.USER, (Text("Weather?", "input[0].content"),), "input[0]"),
        Message(
            Role.ASSISTANT,
            (
                Reasoning("", sealed="gAAAA", id="rs_1", path="input[1]"),
                Text("I look.", "input[2].content[0]"),
                ToolCall("call_1", "weather", '{"city":"Paris"}', path="input[3]"),
                ToolCall("call_2", "time", "{}", path="input[4]"),
            ),
            "input[1]",
        ),
        Message(
            Role.USER,
            (
                ToolResult("call_1", "weather", (Text("20 degrees", "input[5].output"),), path="input[5]"),
                ToolResult(
                    "call_2",
                    "time",
                    (
                        Text("no clock", "input[6].output[0]"),
                        Media("image/png", "aGk=", path="input[6].output[1]"),
                    ),
                    failed=True,
                    path="input[6]",
                ),
            ),
            "input[5]",
        ),
        Message(Role.USER, (Text("Thanks", "input[7].content"),), "input[7]"),
        Message(Role.USER, (Text("Bye", "input[8].content"),), "input[8]"),
    )


def test_what_the_system_says_first_are_instructions() -> None:
    """Behind the first word of the conversation it keeps its place."""
    found = _read(
        [
            {"role": "developer", "content": "Be brief."},
            {"role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "Be rude."},
        ]
    ).chat

    assert [text.text for text in found.instructions] == ["Be brief.", "Be kind."]
    assert [message.role for message in found.messages] == [Role.USER, Role.SYSTEM]


def test_instructions_are_words() -> None:
    """No dialect shows the system an image."""
    found = _read([{"role": "system", "content": [{"type": "input_image", "image_url": PNG}]}])

    assert [loss.path for loss in found.losses] == ["input[0].content[0]"]


@pytest.mark.parametrize(
    ("part", "media"),
    [
        ({"image_url": PNG}, Media("image/png", "aGk=")),
        ({"image_url": PNG, "detail": "low"}, Media("image/png", "aGk=", detail="low")),
        ({"image_url": "https://e.com/a", "detail": "auto"}, Media("", url="https://e.com/a")),
    ],
)
def test_an_image_comes_by_value_or_by_address(part: dict[str, str], media: Media) -> None:
    """What an address leads to is not known."""
    parts, losses = _content({"type": "input_image"} | part)

    assert parts == (msgspec.structs.replace(media, path="input[0].content[0]"),)
    assert losses == ()


@pytest.mark.parametrize(
    ("part", "media"),
    [
        (
            {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
            Media("application/pdf", "aGk=", name="a.pdf"),
        ),
        (
            {"filename": "a.PDF", "file_data": "aGk=", "detail": "high"},
            Media("application/pdf", "aGk=", name="a.PDF", detail="high"),
        ),
        ({"filename": "a.txt", "file_data": "data:;base64,aGk="}, Media("text/plain", "aGk=", name="a.txt")),
        ({"file_data": "aGk="}, Media("application/octet-stream", "aGk=")),
        ({"file_url": "https://e.com/a.pdf?b=c"}, Media("application/pdf", url="https://e.com/a.pdf?b=c")),
        (
            {"file_url": "https://e.com/a", "filename": "b.csv"},
            Media("text/csv", url="https://e.com/a", name="b.csv"),
        ),
    ],
)
def test_a_file_has_a_type_by_its_address_or_its_name(part: dict[str, str], media: Media) -> None:
    """Other dialects want to be told."""
    parts, losses = _content({"type": "input_file"} | part)

    assert parts == (msgspec.structs.replace(media, path="input[0].content[0]"),)
    assert losses == ()


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"type": "input_image", "file_id": "file-1"}, "file_id"),
        ({"type": "input_file", "file_id": "file-1"}, "file_id"),
        ({"type": "input_image", "image_url": PNG, "detail": "original"}, "detail"),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            "prompt_cache_breakpoint",
        ),
        ({"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}]}, "annotations"),
    ],
)
def test_what_a_part_says_beyond_is_a_loss(part: dict[str, Any], path: str) -> None:
    """By its own path."""
    assert [loss.path for loss in _content(part)[1]] == [f"input[0].content[0].{path}"]


def test_parts_and_items_of_unknown_types_are_losses_and_the_others_keep_their_places() -> None:
    """All at once, each by its path."""
    found = _read(
        [
            {"type": "item_reference", "id": "msg_1"},
            None,
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}, None, {"type": "input_text", "text": "Hi"}]},
            {"type": "function_call_output", "call_id": "a", "output": [None]},
            {"type": "reasoning", "summary": [None, {"type": "summary_text", "text": "b"}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": None},
            {"type": "function_call", "call_id": "a", "name": "b", "arguments": "{}", "namespace": "c", "caller": {"type": "direct"}},
            {"role": "user", "content": "Hi", "call_id": "a"},
        ]
    )  # fmt: skip

    assert [loss.path for loss in found.losses] == [
        "input[0]",
        "input[1]",
        "input[2].content[0]",
        "input[2].content[1]",
        "input[3].output[0]",
        "input[4].summary[0]",
        "input[7].namespace",
        "input[8].call_id",
        "input[5]",
        "input[6]",
    ]
    assert found.chat.messages[0].parts == (Text("Hi", "input[2].content[2]"),)
    assert found.chat.messages[1].parts == (ToolResult("a", "", (), path="input[3]"),)


def test_a_signature_finds_its_way_back() -> None:
    """Thoughts carry theirs; a call's comes in an item behind it, and one that fits no call is nobody's."""
    messages = _messages(
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "signature:c2ln\n"},
        {"type": "function_call", "call_id": "call_1", "name": "b", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "encrypted_content": "call-signature:call_1\nc2lo"},
        {"type": "function_call_output", "call_id": "call_1", "output": "c"},
        {"type": "reasoning", "summary": [], "encrypted_content": "call-signature:call_9\nc2lo"},
    )  # fmt: skip

    assert messages[0].parts == (
        Reasoning("a", "c2ln", path="input[0]"),
        ToolCall("call_1", "b", "{}", "c2lo", "input[1]"),
    )


def test_what_a_model_has_shown_or_thought_aloud_is_carried() -> None:
    """Open models send their thoughts back as they are."""
    messages = _messages(
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="},
    )

    assert messages[0].parts == (
        Reasoning("Hm", path="input[0]"),
        Refusal("No", "input[1].content[0]"),
        Media("image/png", "aGk=", path="input[2]"),
    )


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ("", "input"),
        ([], "input"),
        (7, "input"),
        ([7], "input[0]"),
        ([{"content": "a"}], "input[0].role"),
        ([{"role": "tool", "content": "a"}], "input[0].role"),
        ([{"role": "user"}], "input[0].content"),
        ([{"role": "user", "content": 7}], "input[0].content"),
        ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0]"),
        ([{"role": "user", "content": [{"type": 1}]}], "input[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "summary_text", "text": "a"}]}], "input[0].content[0]"),
        ([{"role": "user", "content": [{"type": "input_image"}]}], "input[0].content[0].image_url"),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}],
            "input[0].content[0].image_url",
        ),
        ([{"role": "user", "content": [{"type": "input_file"}]}], "input[0].content[0].file_data"),
        ([{"type": "function_call", "name": "a", "arguments": ""}], "input[0].call_id"),
        ([{"type": "function_call", "call_id": "a", "arguments": ""}], "input[0].name"),
        ([{"type": "function_call_output", "output": "a"}], "input[0].call_id"),
        ([{"type": "function_call_output", "call_id": "a"}], "input[0].output"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_path(items: object, path: str) -> None:
    """The client's developer has to find it."""
    assert _refused(items) == path
