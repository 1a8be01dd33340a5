"""Requests of OpenAI's responses, but their conversation."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects import openai_responses_request
from keyturn.dialects.canonical import Chat, Choice, Effort, Format, Message, Read, Role, Text, Tool
from keyturn.dialects.openai_responses_request import read_request
from keyturn.domain.refusals import Reason, Refused

WEATHER = {"type": "function", "name": "weather", "description": "How it is", "strict": True}
TIME = {"type": "function", "name": "time"}


def _read(**members: Any) -> Read:
    found = read_request(msgspec.json.encode({"model": "m", "input": "Hi"} | members))
    assert isinstance(found, Read), found
    return found


def _chat(**members: Any) -> Chat:
    found = _read(**members)
    assert found.losses == ()
    return found.chat


def _lost(**members: Any) -> list[str]:
    return [loss.path for loss in _read(**members).losses]


def test_a_whole_request_is_read() -> None:
    """Every member that has a place."""
    body = b"""{"model": "gpt-5", "input": "Hi", "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "weather", "description": "How it is",
                   "parameters": {"type": "object",  "properties": {}}, "strict": true}],
        "tool_choice": {"type": "function", "name": "weather"}, "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "n", "description": "d", "schema": {"a": 1.0}, "strict": true},
                 "verbosity": "medium"},
        "reasoning": {"effort": "high", "summary": "auto"}, "max_output_tokens": 100, "temperature": 1, "top_p": 0.5,
        "stream": true, "safety_identifier": "u1"}"""

    found = read_request(body)

    assert found == Read(
        Chat(
            model="gpt-5",
            instructions=(Text("Be brief.", "instructions"),),
            messages=(Message(Role.USER, (Text("Hi", "input"),), "input"),),
            tools=(
                Tool(
                    "weather",
                    "How it is",
                    '{"type": "object",  "properties": {}}',
                    strict=True,
                    path="tools[0]",
                ),
            ),
            tool_choice=Choice.NAMED,
            tool_name="weather",
            parallel_tool_calls=False,
            format=Format.SCHEMA,
            schema='{"a": 1.0}',
            schema_name="n",
            schema_description="d",
            schema_strict=True,
            max_output_tokens=100,
            temperature=1.0,
            top_p=0.5,
            effort=Effort.HIGH,
            show_reasoning=True,
            stream=True,
            user="u1",
        )
    )


@pytest.mark.parametrize(
    "members",
    [
        {"store": False, "background": False, "truncation": "disabled", "service_tier": "auto", "metadata": {}},
        {"store": None, "previous_response_id": None, "conversation": None, "prompt": None, "reasoning": None},
        {"text": None, "tools": None, "tool_choice": None, "instructions": None, "user": None, "stream": None},
        {"include": ["reasoning.encrypted_content"], "top_logprobs": 0, "stream_options": {"include_obfuscation": False}},
        {"prompt_cache_key": "a", "max_tool_calls": 3, "include": None, "instructions": "", "user": ""},
        {"reasoning": {"context": "auto", "mode": "standard", "effort": None, "summary": None}},
        {"text": {"format": {"type": "text"}, "verbosity": None}, "reasoning": {}},
        {"text": {"format": None}},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_is_no_loss(members: dict[str, Any]) -> None:
    """SDKs send defaults and nulls."""
    assert _chat(**members) == _chat()


@pytest.mark.parametrize(
    ("members", "paths"),
    [
        ({"store": True}, ["store"]),
        ({"previous_response_id": "resp_1", "conversation": "conv_1"}, ["previous_response_id", "conversation"]),
        ({"prompt": {"id": "pmpt_1"}, "background": True}, ["prompt", "background"]),
        ({"truncation": "auto", "service_tier": "flex", "metadata": {"a": "b"}}, ["truncation", "service_tier", "metadata"]),
        ({"include": ["message.output_text.logprobs", "reasoning.encrypted_content"], "top_logprobs": 3}, ["include[0]", "top_logprobs"]),
        ({"include": "all"}, ["include"]),
        ({"text": {"verbosity": "low", "stop": "x"}}, ["text.stop", "text.verbosity"]),
        ({"reasoning": {"mode": "pro"}}, ["reasoning.mode"]),
        ({"tools": [{"type": "web_search"}, None, TIME | {"defer_loading": True}]}, ["tools[0]", "tools[1]", "tools[2].defer_loading"]),
        ({"tools": [None]}, ["tools[0]"]),
        ({"input": [None]}, ["input[0]"]),
        ({"input": [{"content": "Hi", "role": "user"}, {"type": "item_reference", "id": "a"}]}, ["input[1]"]),
        ({"input": [{"role": "user", "content": [None]}]}, ["input[0].content[0]"]),
        ({"input": [{"type": "reasoning", "summary": [None], "encrypted_content": "a"}]}, ["input[0].summary[0]"]),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [None]}}, ["tool_choice.tools[0]"]),
        ({"tool_choice": {"type": "web_search"}}, ["tool_choice"]),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [None, {"type": "mcp"}]}}, ["tool_choice.tools[0]", "tool_choice.tools[1]"]),
        ({"text": {"format": {"type": "grammar"}}}, ["text.format"]),
        ({"user": "a", "safety_identifier": "b"}, ["user"]),
        ({"stop": ["a"], "seed": 1}, ["stop", "seed"]),
    ],
)  # fmt: skip
def test_what_no_other_dialect_can_say_is_a_loss_by_its_path(
    members: dict[str, Any], paths: list[str]
) -> None:
    """Nothing is lost in silence."""
    assert _lost(**members) == paths


def test_only_the_tools_that_may_be_called_are_told() -> None:
    """Others know no list beside the list."""
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "time"}]}

    chat = _chat(tools=[WEATHER, TIME], tool_choice=choice)

    assert chat.tools == (Tool("time", path="tools[1]"),)
    assert chat.tool_choice is Choice.REQUIRED


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_choice_is_a_word(choice: str) -> None:
    """The same in both."""
    assert _chat(tools=[TIME], tool_choice=choice).tool_choice == choice


def test_json_of_any_form_is_a_format() -> None:
    """The older of two."""
    assert _chat(text={"format": {"type": "json_object"}}).format is Format.JSON


@pytest.mark.parametrize(
    ("told", "effort"), [("none", Effort.NONE), ("xhigh", Effort.HIGHEST), ("max", Effort.HIGHEST)]
)
def test_the_highest_effort_is_the_highest_there_is(told: str, effort: Effort) -> None:
    """OpenAI has two words for it."""
    assert _chat(reasoning={"effort": told}).effort is effort


def test_a_summary_by_its_old_name_is_one_too() -> None:
    """Older SDKs ask for it so."""
    assert _chat(reasoning={"generate_summary": "concise"}).show_reasoning is True


def test_the_path_may_name_model_and_stream() -> None:
    """As it may in every dialect."""
    found = read_request(b'{"input":"Hi"}', model="m", stream=True)

    assert isinstance(found, Read)
    assert (found.chat.model, found.chat.stream) == ("m", True)


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"max_output_tokens": 10**20}, "max_output_tokens"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [{"name": "a", "parameters": []}]}, "tools[0].parameters"),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": None}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": 1}}}, "text.format.schema"),
        ({"tool_choice": {"type": "function", "function": {"name": "a"}}}, "tool_choice"),
        ({"reasoning": {"effort": "much"}}, "reasoning.effort"),
        ({"instructions": ["a"]}, "instructions"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_path(members: dict[str, Any], path: str) -> None:
    """A wrong type is the client's mistake, no loss."""
    found = read_request(msgspec.json.encode({"model": "m", "input": "Hi"} | members))

    assert isinstance(found, Refused)
    assert (found.reason, found.param) == (Reason.INVALID_MEMBER, path)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.INVALID_JSON),
        (b"[]", Reason.INVALID_MEMBER),
        (b'{"model":"m","model":"n","input":"Hi"}', Reason.DUPLICATE_MEMBER),
        (b'{"model":"m","input":"\\ud800"}', Reason.INVALID_JSON),
    ],
)
def test_what_is_no_request_at_all_is_refused(body: bytes, reason: Reason) -> None:
    """As everywhere."""
    found = read_request(body)

    assert isinstance(found, Refused)
    assert found.reason is reason


@pytest.mark.parametrize("error", [RecursionError(), msgspec.DecodeError("invalid character")])
def test_a_decoder_that_gives_up_is_no_fault(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """How deep one goes depends on how deep it was called, and a typed one may look closer than the first."""

    class Shallow:
        def read(self, _body: bytes) -> None:
            raise error

    monkeypatch.setattr(openai_responses_request, "_reader", Shallow())

    found = read_request(b'{"model":"m","input":"Hi"}')

    assert isinstance(found, Refused)
    assert found.reason is Reason.INVALID_JSON


def test_deep_nesting_is_refused_and_never_a_fault() -> None:
    """A decoder gives up a little earlier than the one before it, so that the edge has to be tried closely."""
    seen = set()
    for depth in range(1, 1200):
        schema = b'{"a":' * depth + b"1" + b"}" * depth
        body = b'{"model":"m","input":"Hi","tools":[{"name":"a","x":1,"parameters":%b}],"more":%b}' % (
            schema,
            schema,
        )
        seen.add(type(read_request(body)))

    assert seen == {Read, Refused}
