"""Parts of messages, as Google's documentation and client show them."""

from fakes.gemini_bodies import of_parts, read
from keyturn.dialects.canonical import (
    Media,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)


def test_images_and_files_are_read_in_either_alphabet_of_base64() -> None:
    """Google's Python client sends the one for addresses, which no other provider reads."""
    found = read(
        of_parts(
            {"inlineData": {"mimeType": "image/png", "data": "_-A"}},
            {"inline_data": {"mime_type": "application/pdf", "data": "AAAA", "display_name": "a.pdf"}},
            {"fileData": {"fileUri": "https://example.com/a.png", "mimeType": "image/png"}},
            {
                "fileData": {"fileUri": "https://example.com/b"},
                "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
            },
        )
    )

    assert found.losses == ()
    assert found.chat.messages[0].parts == (
        Media("image/png", "/+A=", path="contents[0].parts[0]"),
        Media("application/pdf", "AAAA", name="a.pdf", path="contents[0].parts[1]"),
        Media("image/png", url="https://example.com/a.png", path="contents[0].parts[2]"),
        Media("", url="https://example.com/b", detail="low", path="contents[0].parts[3]"),
    )


CALLS = {
    "contents": [
        {"role": "user", "parts": [{"text": "Weather in Paris and London?"}]},
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"name": "weather", "args": {"city": "Paris"}},
                    "thoughtSignature": "c2ln",
                },
                {"functionCall": {"name": "weather", "args": {"city": "London"}}},
                {"functionCall": {"name": "time"}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "time", "response": {"output": "noon"}}},
                {"functionResponse": {"name": "weather", "response": {"error": "no such city"}}},
                {"functionResponse": {"name": "weather", "response": {"temp_c": 12}}},
            ],
        },
    ]
}


def test_calls_without_ids_get_some_and_their_responses_find_them() -> None:
    """Other dialects tie a result to its call by nothing else."""
    _, calls, results = read(CALLS).chat.messages

    assert calls.parts == (
        ToolCall("call_1_0", "weather", '{"city":"Paris"}', "c2ln", "contents[1].parts[0]"),
        ToolCall("call_1_1", "weather", '{"city":"London"}', path="contents[1].parts[1]"),
        ToolCall("call_1_2", "time", "{}", path="contents[1].parts[2]"),
    )
    where = "contents[2].parts[{}].functionResponse.response"
    assert results.role is Role.USER
    assert results.parts == (
        ToolResult("call_1_2", "time", (Text("noon", where.format(0)),), path="contents[2].parts[0]"),
        ToolResult(
            "call_1_0",
            "weather",
            (Text("no such city", where.format(1)),),
            failed=True,
            path="contents[2].parts[1]",
        ),
        ToolResult(
            "call_1_1", "weather", (Text('{"temp_c":12}', where.format(2)),), path="contents[2].parts[2]"
        ),
    )


def test_calls_with_ids_keep_them_and_name_their_results() -> None:
    """Newer models give every call an id."""
    _, result = read(
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"id": "fc_1", "name": "f", "args": None}}]},
                {
                    "role": "user",
                    "parts": [
                        {
                            "functionResponse": {
                                "id": "fc_1",
                                "response": {},
                                "parts": [
                                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                                    {"fileData": {"fileUri": "https://example.com/a"}},
                                    {},
                                ],
                            }
                        },
                        {"functionResponse": {"name": "unasked", "response": None}},
                    ],
                },
            ]
        }
    ).chat.messages

    where = "contents[1].parts[0].functionResponse.parts"
    assert result.parts == (
        ToolResult(
            "fc_1",
            "f",
            (
                Media("image/png", "AAAA", path=f"{where}[0]"),
                Media("", url="https://example.com/a", path=f"{where}[1]"),
            ),
            path="contents[1].parts[0]",
        ),
        ToolResult("call_1_1", "unasked", (), path="contents[1].parts[1]"),
    )


def test_thoughts_and_signatures_are_read() -> None:
    """A text's signature stands behind it, as a thought without words."""
    (turn,) = read(
        of_parts(
            {"text": "Hm.", "thought": True},
            {"text": "Well.", "thought": True, "thoughtSignature": "AAAA"},
            {"text": "Yes", "thoughtSignature": "BBBB"},
            {"thoughtSignature": "CC-_"},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "DDDD"},
            role="model",
        )
    ).chat.messages

    where = "contents[0].parts[{}]"
    assert turn.parts == (
        Reasoning("Hm.", path=where.format(0)),
        Reasoning("Well.", "AAAA", path=where.format(1)),
        Text("Yes", where.format(2)),
        Reasoning("", "BBBB", path=where.format(2)),
        Reasoning("", "CC+/", path=where.format(3)),
        Media("image/png", "AAAA", path=where.format(4)),
        Reasoning("", "DDDD", path=where.format(4)),
    )


def test_an_answer_that_a_client_kept_in_pieces_is_one_turn() -> None:
    """Google's client hands back every piece of a stream as a content of its own."""
    pieces = [
        {"text": "Hm", "thought": True},
        {"text": ", yes", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "AAAA"},
        {"text": "He"},
        {"text": "llo"},
        {"text": "", "thoughtSignature": "BBBB"},
        {"text": "", "thought": True},
        {"functionCall": {"id": "c", "name": "f"}},
        {"text": ""},
    ]
    contents = [{"role": "model", "parts": [piece]} for piece in pieces]
    empty = {"role": "model", "parts": [{"text": ""}]}

    turn, asked = read(
        {"contents": [empty, *contents, {"role": "user", "parts": [{"text": ""}]}]}
    ).chat.messages

    assert turn.parts == (
        Reasoning("Hm, yes", "AAAA", path="contents[1].parts[0]"),
        Text("Hello", "contents[4].parts[0]"),
        Reasoning("", "BBBB", path="contents[6].parts[0]"),
        ToolCall("c", "f", "{}", path="contents[8].parts[0]"),
    )
    assert asked.parts == (Text("", "contents[10].parts[0]"),)


def test_a_thought_is_signed_by_the_part_behind_it() -> None:
    """As streams write it, whose thoughts are told before they are signed."""
    proof = {"text": "", "thought": True, "thoughtSignature": "AAAA"}

    (turn,) = read(of_parts({"text": "Hm", "thought": True}, proof, proof, role="model")).chat.messages

    where = "contents[0].parts[{}]"
    assert turn.parts == (
        Reasoning("Hm", "AAAA", path=where.format(0)),
        Reasoning("", "AAAA", path=where.format(2)),
    )
    (alone,) = read(of_parts(proof, {"text": "x"}, proof, role="model")).chat.messages
    assert [type(part) for part in alone.parts] == [Reasoning, Text, Reasoning]
