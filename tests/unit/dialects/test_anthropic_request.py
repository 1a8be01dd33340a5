"""What an Anthropic client asks, as any provider can be asked."""

import base64
from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import read_count, read_request
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Media,
    Message,
    Read,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from keyturn.domain.refusals import Reason, Refused

PLAIN: dict[str, Any] = {
    "model": "claude-opus-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Hello, Claude"}],
}
WEATHER = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
EPHEMERAL = {"type": "ephemeral"}


def read(**members: Any) -> Read:
    """Read the plain request with other members."""
    found = read_request(msgspec.json.encode(PLAIN | members))
    assert isinstance(found, Read), found
    return found


def said(**members: Any) -> Chat:
    """Read a request that nothing of is lost."""
    found = read(**members)
    assert found.losses == ()
    return found.chat


def turn(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    """Return a message of blocks."""
    return {"role": role, "content": list(blocks)}


def test_a_plain_request() -> None:
    """The one of the first page of the manual."""
    assert said() == Chat(
        model="claude-opus-5",
        messages=(Message(Role.USER, (Text("Hello, Claude", "messages[0].content"),), "messages[0]"),),
        max_output_tokens=1024,
    )


def test_turns_and_instructions_keep_their_places() -> None:
    """A loss behind them is named by where the client wrote it."""
    chat = said(
        system=[
            {"type": "text", "text": "Be brief."},
            {"type": "text", "text": ""},
            {"type": "text", "text": "Rhyme."},
        ],
        messages=[
            {"role": "user", "content": "Hello there."},
            {"role": "assistant", "content": ""},
            turn({"type": "text", "text": ""}, {"type": "text", "text": "Hi, I'm Claude."}, role="assistant"),
            {"role": "system", "content": "From now on in French."},
        ],
    )

    assert chat.instructions == (Text("Be brief.", "system[0]"), Text("Rhyme.", "system[2]"))
    assert chat.messages == (
        Message(Role.USER, (Text("Hello there.", "messages[0].content"),), "messages[0]"),
        Message(Role.ASSISTANT, (Text("Hi, I'm Claude.", "messages[2].content[1]"),), "messages[2]"),
        Message(Role.SYSTEM, (Text("From now on in French.", "messages[3].content"),), "messages[3]"),
    )
    assert said(system="Be brief.").instructions == (Text("Be brief.", "system"),)
    assert said(system="").instructions == ()


def test_images_and_documents() -> None:
    """By their bytes, by an address, as text."""
    source = {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}
    plain = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    web, report = "https://upload.example/ant.jpg", "https://example.com/report.pdf"

    chat = said(
        messages=[
            turn(
                {"type": "image", "source": source},
                {"type": "image", "source": {"type": "url", "url": web}},
                {"type": "document", "source": pdf, "title": "Report"},
                {"type": "document", "source": {"type": "url", "url": report}},
                {"type": "document", "source": plain},
            )
        ]
    )

    at = "messages[0].content"
    assert chat.messages[0].parts == (
        Media("image/jpeg", "/9j/4AAQ", path=f"{at}[0]"),
        Media("", url=web, path=f"{at}[1]"),
        Media("application/pdf", "JVBERi0x", name="Report", path=f"{at}[2]"),
        Media("application/pdf", url=report, path=f"{at}[3]"),
        Media("text/plain", base64.b64encode("Grüße".encode()).decode(), path=f"{at}[4]"),
    )


def test_calls_and_their_results() -> None:
    """In parallel, with a failure and a picture; arguments are copied as they stand."""
    body = b"""{"model":"m","max_tokens":9,"messages":[
      {"role":"assistant","content":[
        {"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"b": 1.0,"a":12345678901234567890}},
        {"type":"tool_use","id":"toolu_2","name":"get_time","input":{}}]},
      {"role":"user","content":[
        {"type":"tool_result","tool_use_id":"toolu_1","content":"15 degrees"},
        {"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"content":[
          {"type":"text","text":"no clock"},{"type":"text","text":""},
          {"type":"image","source":{"type":"url","url":"https://x/y.png"}}]},
        {"type":"tool_result","tool_use_id":"toolu_3"}]}]}"""

    found = read_request(body)

    assert isinstance(found, Read)
    calls, results = found.chat.messages
    assert calls.parts == (
        ToolCall(
            "toolu_1",
            "get_weather",
            '{"b": 1.0,"a":12345678901234567890}',
            path="messages[0].content[0]",
        ),
        ToolCall("toolu_2", "get_time", "{}", path="messages[0].content[1]"),
    )
    at = "messages[1].content"
    assert results.parts == (
        ToolResult("toolu_1", "get_weather", (Text("15 degrees", f"{at}[0].content"),), path=f"{at}[0]"),
        ToolResult(
            "toolu_2",
            "get_time",
            (
                Text("no clock", f"{at}[1].content[0]"),
                Media("", url="https://x/y.png", path=f"{at}[1].content[2]"),
            ),
            failed=True,
            path=f"{at}[1]",
        ),
        ToolResult("toolu_3", "", (), path=f"{at}[2]"),
    )


def test_tools_are_declared() -> None:
    """With their schema as it stands."""
    chat = said(
        tools=[
            {"name": "get_weather", "description": "Look", "input_schema": WEATHER, "strict": True},
            {"name": "now", "type": "custom", "input_schema": {"type": "object"}},
        ]
    )

    schema = msgspec.json.encode(WEATHER).decode()
    assert chat.tools == (
        Tool("get_weather", "Look", schema, True, "tools[0]"),
        Tool("now", "", '{"type":"object"}', path="tools[1]"),
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, (None, "", None)),
        ({"type": "auto"}, (Choice.AUTO, "", None)),
        ({"type": "auto", "disable_parallel_tool_use": False}, (Choice.AUTO, "", True)),
        ({"type": "any", "disable_parallel_tool_use": True}, (Choice.REQUIRED, "", False)),
        ({"type": "tool", "name": "now"}, (Choice.NAMED, "now", None)),
        ({"type": "none"}, (Choice.NONE, "", None)),
        ({"type": "none", "disable_parallel_tool_use": True}, (Choice.NONE, "", None)),
    ],
)
def test_whether_a_tool_must_be_called(
    choice: dict[str, Any] | None, expected: tuple[Choice | None, str, bool | None]
) -> None:
    """And whether several may be."""
    chat = said(tool_choice=choice)

    assert (chat.tool_choice, chat.tool_name, chat.parallel_tool_calls) == expected


def test_settings() -> None:
    """Each has its place."""
    chat = said(
        temperature=0.5,
        top_p=1,
        top_k=40,
        stop_sequences=["\n\nHuman:", "END"],
        stream=True,
        metadata={"user_id": "u-1"},
    )

    assert (chat.temperature, chat.top_p, chat.top_k) == (0.5, 1, 40)
    assert chat.stop == ("\n\nHuman:", "END")
    assert chat.stream
    assert chat.user == "u-1"
    assert said(metadata={}).user == ""


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, (None, 2048, None)),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}}, (None, 2048, False)),
        ({"thinking": {"type": "adaptive"}}, (None, None, None)),
        (
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
            (Effort.HIGHEST, None, True),
        ),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, (Effort.LOW, 0, None)),
        ({"output_config": {"effort": "xhigh"}}, (Effort.HIGHEST, None, None)),
        ({"output_config": {}}, (None, None, None)),
    ],
)
def test_how_long_the_model_may_think(
    members: dict[str, Any], expected: tuple[Effort | None, int | None, bool | None]
) -> None:
    """In words, in tokens, as it likes, not at all."""
    chat = said(**members)

    assert (chat.effort, chat.reasoning_tokens, chat.show_reasoning) == expected


def test_thoughts_of_earlier_turns_are_kept() -> None:
    """The provider wants them back, signed or sealed."""
    chat = said(
        messages=[
            turn(
                {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCgIYAhIM"},
                {"type": "redacted_thinking", "data": "EmwKAhgB"},
                role="assistant",
            )
        ]
    )

    assert chat.messages[0].parts == (
        Reasoning("Hm.", "EqQBCgIYAhIM", path="messages[0].content[0]"),
        Reasoning("", sealed="EmwKAhgB", path="messages[0].content[1]"),
    )


def test_the_signature_of_a_call_comes_back_to_it() -> None:
    """It has travelled in a thinking block, for Anthropic's calls have none."""
    chat = said(
        messages=[
            turn(
                {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
                {"type": "thinking", "thinking": "", "signature": "keyturn-call:a:CiQB:x"},
                role="assistant",
            )
        ]
    )

    first, second = chat.messages[0].parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.signature, second.signature) == ("CiQB:x", "")


@pytest.mark.parametrize("member", ["output_config", "output_format"])
def test_a_schema_for_the_answer(member: str) -> None:
    """In its present place and in that of the beta."""
    form = {"type": "json_schema", "schema": WEATHER}

    chat = said(**{member: {"format": form} if member == "output_config" else form})

    assert (chat.format, chat.schema) == (Format.SCHEMA, msgspec.json.encode(WEATHER).decode())


def test_a_count_needs_no_maximum() -> None:
    """Nothing is answered."""
    body = msgspec.json.encode({name: value for name, value in PLAIN.items() if name != "max_tokens"})

    found = read_count(body)

    assert isinstance(found, Read)
    assert found.chat.max_output_tokens is None
    assert read_request(body) == Refused(
        Reason.INVALID_MEMBER, "Object missing required field 'max_tokens'", "max_tokens"
    )


REFUSED: list[tuple[dict[str, Any], str | None]] = [
    ({"model": 1}, "model"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
    ({"messages": [turn({"text": "x"})]}, "messages[0].content[0].type"),
    ({"messages": [turn({"type": "", "text": "x"})]}, "messages[0].content[0].type"),
    ({"messages": [turn({"type": 7})]}, "messages[0].content[0].type"),
    ({"messages": [turn({"type": "text"})]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [None]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
    (
        {"messages": [turn({"type": "tool_use", "id": "t", "name": "f", "input": []})]},
        "messages[0].content[0].input",
    ),
    (
        {"messages": [turn({"type": "tool_use", "id": "", "name": "f", "input": {}})]},
        "messages[0].content[0].id",
    ),
    (
        {"messages": [turn({"type": "tool_result", "tool_use_id": "t", "content": [None]})]},
        "messages[0].content[0].content[0]",
    ),
    ({"tools": [None]}, "tools[0]"),
    ({"tools": [{"name": "f", "input_schema": "x"}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"system": [None]}, "system[0]"),
    ({"system": 4}, "system"),
    ({"temperature": 1.5}, "temperature"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "huge"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "json_schema", "schema": 1}}}, "output_config.format.schema"),
]


@pytest.mark.parametrize(("members", "path"), REFUSED)
def test_what_is_wrong_is_refused_with_its_path(members: dict[str, Any], path: str | None) -> None:
    """Before any provider is asked."""
    found = read_request(msgspec.json.encode(PLAIN | members))

    assert isinstance(found, Refused)
    assert (found.reason, found.param) == (Reason.INVALID_MEMBER, path)
    assert "$" not in found.message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.INVALID_JSON),
        (b"[]", Reason.INVALID_MEMBER),
        (b'{"model":"m","model":"n"}', Reason.DUPLICATE_MEMBER),
        (
            b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\\ud800"}]}',
            Reason.INVALID_JSON,
        ),
        (b'{"a":' + b"[" * 100_000, Reason.INVALID_JSON),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, reason: Reason) -> None:
    """As everywhere."""
    found = read_request(body)

    assert isinstance(found, Refused)
    assert found.reason is reason
